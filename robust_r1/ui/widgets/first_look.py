"""The first look at a picture of one's own: a bundled model says at once what is wrong with it.

Then the page offers the presets that show most on this picture, and a game: can you fool the model?
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robust_r1.ask.perceive import Perceived
from robust_r1.chain import Finding
from robust_r1.degradations import SPECS, find, label_of, stage_of
from robust_r1.engine import Engine
from robust_r1.markup import escape
from robust_r1.ui.widgets.strip import Card, strip

# From here on a degradation counts as applied in the game: fainter ones nobody sees.
ENOUGH = 0.2
_TIMES = "\N{MULTIPLICATION SIGN}"


def watcher(engines: Sequence[Engine]) -> Engine | None:
    """Return the model that looks at pictures unasked: the first bundled one that names damage."""
    return next((one for one in engines if one.info.bundled and one.info.reasons), None)


def found_line(findings: Sequence[Finding], engine: Engine, size: tuple[int, int]) -> str:
    """Say what a model finds wrong with a picture that it sees at this size, (width, height)."""
    seen = f"{size[0]} {_TIMES} {size[1]}"
    who = f"<b>{escape(engine.info.label)}</b> <span>as it sees it, {seen}:</span>"
    chips = "".join(_chip(one) for one in findings)
    what = f'<span class="rr-chips">{chips}</span>' if chips else "nothing is wrong with it."
    return f'<p class="rr-look" role="status">{who} {what}</p>'


def looking_line(engine: Engine) -> str:
    """Say that a model is looking."""
    label = escape(engine.info.label)
    return f'<p class="rr-look" role="status"><b>{label}</b> <span>looks at it.</span></p>'


@dataclass(frozen=True)
class Attempt:
    """Keep one game of fooling a model: what it is done with, and the first time that it worked.

    Attributes:
        id: of the degradation.
        seed: what it was drawn by.
        fooled: the first intensity that was applied and not named; None so far.
    """

    id: str
    seed: int
    fooled: float | None = None

    @property
    def label(self) -> str:
        """Return what people call the degradation."""
        return find(self.id).label


def draw_attempt(seed: int) -> Attempt:
    """Draw the degradation of a game; the same seed draws the same one."""
    return Attempt(SPECS[int(np.random.default_rng(seed).integers(len(SPECS)))].id, seed)


def judge(
    attempt: Attempt, intensity: float, findings: Sequence[Finding]
) -> tuple[Attempt, str]:
    """Return the game after a try, and what is said about it.

    A model is fooled where the degradation is applied at `ENOUGH` or more, and not named.
    """
    named = any(one.name == find(attempt.id).chain_name for one in findings)
    at = f"{attempt.label} {intensity:.2f}"
    if named:
        words = f"{at}: named."
    elif intensity < ENOUGH:
        words = f"{at}: not named, but so little of it does not count. Go to {ENOUGH:.2f} or more."
    else:
        words = f"{at}: not named. You fooled it!"
        if attempt.fooled is None:
            attempt = Attempt(attempt.id, attempt.seed, intensity)
    if attempt.fooled is not None:
        words += f" First fooled at {attempt.fooled:.2f}."
    return attempt, words


def perceived_strip(rows: Sequence[Perceived], pictures: Sequence[str]) -> str:
    """Draw those of several pictures that can be read, each with the first thing found wrong.

    Those that cannot be read are named below. `pictures` are as for `perceived_table`.
    """
    cards = [
        Card(index, picture, row.name, _first(row), silent=True)
        for index, (row, picture) in enumerate(zip(rows, pictures, strict=True))
        if not row.problem
    ]
    unread = [row.name for row in rows if row.problem]
    drawn = strip("Your pictures: a press takes one", cards, "rr-take", "Take this picture")
    return drawn + (f'<p class="rr-notice" role="note">{_unread(unread)}</p>' if unread else "")


def _unread(names: Sequence[str]) -> str:
    *first, last = (escape(name, 80) for name in names)
    if not first:
        return f"{last} cannot be read; the table says why."
    return f"{', '.join(first)} and {last} cannot be read; the table says why."


def _first(row: Perceived) -> str:
    if row.findings:
        return _chip(row.findings[0])
    return "nothing found" if row.findings is not None else "not looked at"


def perceived_table(rows: Sequence[Perceived], waiting: int, pictures: Sequence[str]) -> str:
    """Draw what is wrong with each of several pictures, and how many are still to be looked at.

    `pictures` are image elements, one for each row; empty where a file is no picture.
    """
    drawn = "".join(
        _row(index, row, picture)
        for index, (row, picture) in enumerate(zip(rows, pictures, strict=True))
    )
    more = f"<p>{waiting} more to look at.</p>" if waiting else ""
    return (
        '<div class="rr-several"><table><caption>What is wrong with each picture</caption><thead>'
        '<tr><th scope="col">Picture</th><th scope="col">File</th><th scope="col">Found</th></tr>'
        f"</thead><tbody>{drawn}</tbody></table>{more}</div>"
    )


def _row(index: int, row: Perceived, picture: str) -> str:
    name = escape(row.name, 80)
    if row.problem:
        return f'<tr><td></td><th scope="row">{name}</th><td>{escape(row.problem, 300)}</td></tr>'
    if row.findings is None:
        told = "not looked at"
    elif row.findings:
        told = f'<span class="rr-chips">{"".join(_chip(one) for one in row.findings)}</span>'
    else:
        told = "nothing"
    return (
        f'<tr><td><button type="button" class="rr-take" data-index="{index}" '
        f'title="Take this picture">{picture}</button></td><th scope="row">{name}<br><small>'
        f"{row.width} {_TIMES} {row.height}</small></th><td>{told}</td></tr>"
    )


def _chip(finding: Finding) -> str:
    return (
        f'<span class="rr-mini rr-stage-{stage_of(finding.name)}">'
        f"{escape(label_of(finding.name), 48)} <b>{finding.intensity:.2f}</b></span>"
    )
