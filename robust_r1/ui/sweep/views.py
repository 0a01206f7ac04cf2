"""A sweep as HTML: the strip of pictures, and in words what came of it."""

from collections.abc import Sequence

from robust_r1.analysis import Step, Sweep, SweepResult
from robust_r1.analysis.sweep import TOGETHER
from robust_r1.ask.pipeline import finished
from robust_r1.degradations import find
from robust_r1.engine.types import credit
from robust_r1.markup import escape
from robust_r1.ui.widgets.badges import agreement_badge, said_words, verdict_badge
from robust_r1.ui.widgets.picture import picture_tag

_ANSWER_LIMIT = 60
_NAME_LIMIT = 40
_ONSETS = ("Degradation", "First noticed", "First missed", "First flip")
_EMPTY = "Sweep, and the pictures stand here in a row, each with what was perceived and answered."


def series_label(series: str) -> str:
    """Return what people call a row of the strip."""
    if not series:
        return "Clean"
    return "All together" if series == TOGETHER else find(series).label


def step_words(sweep: Sweep, done: int) -> str:
    """Say which step comes after so many."""
    series, level, _ = list(sweep.plans())[min(done, sweep.count - 1)]
    return f"Asking about {series_label(series).lower()}" + (f" {level:.2f}" if series else "")


class Strip:
    """Draw the strip of a sweep that grows: each step is drawn once, its picture written once."""

    def __init__(self, cache: str) -> None:
        self._cache = cache
        self._drawn: list[tuple[str, str]] = []

    def draw(self, result: SweepResult) -> str:
        """Return the strip as far as it has come: a row for each series, from the clean picture."""
        for step in result.steps[len(self._drawn) :]:
            drawn = _cell(step, result.steps[0], result.sweep.ids, self._cache)
            self._drawn.append((step.series, drawn))
        begun = dict.fromkeys(series for series, _ in self._drawn if series) or {"": None}
        rows = "".join(
            f'<tr><th scope="row">{escape(series_label(series))}</th>'
            f"{''.join(cell for other, cell in self._drawn if other in ('', series))}</tr>"
            for series in begun
        )
        return (
            '<div class="rr-strip" tabindex="0" role="region" aria-label="Steps of the sweep">'
            f"<table>{rows}</table></div>"
        )


def empty_strip() -> str:
    """Return what stands in the place of the strip before there is one."""
    return f'<div class="rr-scores rr-empty"><p>{_EMPTY}</p></div>'


def summary(result: SweepResult | None) -> str:
    """Say what came of a sweep: a line for each degradation, and a paragraph."""
    if result is None or not result.damaged:
        return ""
    seen, count = result.noticed()
    told = [f"Noticed {seen} of {count} applied degradations"]
    if (bias := result.bias()) is not None:
        lean = "exaggerated" if bias > 0 else "played down"
        told[0] += f", {lean} by {abs(bias):.2f} on average" if abs(bias) >= 0.005 else ", no bias"
    told.append(_flips(result))
    lengths = [step.outcome.tokens for step in result.steps]
    told.append(f"Chains have {min(lengths)} to {max(lengths)} tokens")
    if result.case.truth:
        right = sum(bool(finished(step.outcome)[1].accuracy) for step in result.steps)
        told.append(f"{right} of {len(result.steps)} answers are right")
    if result.eyes:
        words = credit(result.eyes, result.model)
        told.append(words[0].upper() + words[1:])
    if known := sum(step.outcome.cached for step in result.steps):
        told.append(f"{known} answers were known from before")
    return f'{onsets_table(result)}<p class="rr-told">{escape(". ".join(told))}.</p>'


def onsets_table(result: SweepResult | None) -> str:
    """Draw one line a degradation: from which intensity on it is noticed, missed, and flips."""
    if result is None or not result.damaged:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(find(one.id).label)}</th>{_level(one.noticed)}'
        f"{_level(one.missed)}{_level(one.flipped)}</tr>"
        for one in result.onsets
    )
    heads = "".join(f'<th scope="col">{words}</th>' for words in _ONSETS)
    return (
        '<table class="rr-sheet rr-onsets"><caption>Lowest intensity at which each degradation was '
        "noticed, was missed, and flipped the answer; the earliest flip first</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _level(level: float | None) -> str:
    return "<td>never</td>" if level is None else f"<td><b>{level:.2f}</b></td>"


def _flips(result: SweepResult) -> str:
    if not result.flips:
        return "The answer never flipped"
    first = min(result.flips, key=lambda step: (_total(step), step.series))
    where = f"{series_label(first.series).lower()} {first.level:.2f}"
    return (
        f"The answer flipped at {len(result.flips)} of {len(result.damaged)} damaged steps, "
        f"first at {where}"
    )


def _total(step: Step) -> float:
    return step.outcome.case.plan.total_intensity


def _cell(step: Step, clean: Step, ids: Sequence[str], cache: str) -> str:
    outcome, (_, score) = step.outcome, finished(step.outcome)
    words = f"{series_label(step.series)} {step.level:.2f}" if step.series else "Clean"
    swept = ids if step.series == TOGETHER else [step.series] if step.series else []
    answer = escape(said_words(outcome), _ANSWER_LIMIT) or '<span class="rr-none">no answer</span>'
    answers = [(one.outcome.said, finished(one.outcome)[1].accuracy) for one in (step, clean)]
    marks = agreement_badge(step.flipped, answers) + verdict_badge(score.accuracy)
    picture = "" if outcome.thumbnail is None else picture_tag(outcome.thumbnail, words, cache)
    return (
        f"<td><figure>{picture}<figcaption>"
        f'<b class="rr-level">{step.level:.2f}</b>{_seen(step, swept)}'
        f'<span class="rr-line">{answer}</span><span class="rr-marks">{marks}</span>'
        f"</figcaption></figure></td>"
    )


def _seen(step: Step, swept: Sequence[str]) -> str:
    said = {finding.name: finding.intensity for finding in reversed(step.outcome.findings)}
    lines = []
    for id in swept:
        value = said.pop(find(id).chain_name, None)
        name = f"{find(id).label} " if len(swept) > 1 else ""
        told = "unnoticed" if value is None else f"seen {value:.2f}"
        lines.append(f'<span class="rr-line">{escape(name + told)}</span>')
    lines += [
        f'<span class="rr-line rr-alarm">{escape(name, _NAME_LIMIT)} {value:.2f}, '
        "not applied</span>"
        for name, value in said.items()
    ]
    if not swept and not said:
        lines.append('<span class="rr-line">nothing seen</span>')
    return "".join(lines)
