"""A strip of small cards, each a button: what can be taken up again, in a row that scrolls."""

from collections.abc import Sequence
from dataclasses import dataclass

from robust_r1.markup import escape

_WORDS = 200  # characters of a line; the rest is cut by the style sheet


@dataclass(frozen=True)
class Card:
    """Describe one card.

    Attributes:
        key: tells it from the others.
        picture: an image element whose words say which picture it is.
        name: what the card is about.
        said: HTML, what is said of it.
        silent: whether the picture's words are the name already, so that it is not heard twice.
    """

    key: int
    picture: str
    name: str
    said: str
    silent: bool = False


def strip(
    title: str, cards: Sequence[Card], kind: str, hint: str, current: int | None = None
) -> str:
    """Draw cards in one row; empty without any.

    Args:
        title: says what the row holds.
        cards: in their order, from the left.
        kind: the class by which a script knows the buttons; each has its key as `data-index`.
        hint: says what a press does.
        current: the key of the card that is on the page.
    """
    if not cards:
        return ""
    drawn = "".join(_card(card, kind, hint, card.key == current) for card in cards)
    return (
        f'<div class="rr-picks"><p>{escape(title)}</p>'
        f'<ul aria-label="{escape(title)}">{drawn}</ul></div>'
    )


def _card(card: Card, kind: str, hint: str, current: bool) -> str:
    mark = ' aria-current="true"' if current else ""
    silent = ' aria-hidden="true"' if card.silent else ""
    return (
        f'<li><button type="button" class="rr-pick {kind}" data-index="{card.key}" '
        f'title="{escape(hint)}"{mark}>{card.picture}<span class="rr-pick-name"{silent}>'
        f'{escape(card.name, _WORDS)}</span><span class="rr-pick-said">{card.said}</span></button>'
        "</li>"
    )
