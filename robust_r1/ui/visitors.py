"""Who visits the page, as far as that decides what it does for them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Visitors:
    """Say who may visit the page.

    Attributes:
        public: whether others than this computer's users can reach it. Then they open runs of the
            page's own folders alone, and what a browser writes about cases is its own.
        one_notebook: whether all write into one notebook on a public page too.
    """

    public: bool = False
    one_notebook: bool = False
