"""What a model said of a prompt at a step of its training, drawn with the page's own chains."""

from collections.abc import Sequence
from pathlib import Path

from cachetools import LRUCache

from robust_r1 import images
from robust_r1.analysis.rollouts import TRAINED, Prompt, Rollout, Rollouts
from robust_r1.ask.case import Reply
from robust_r1.chain import SECTIONS, open_tag, parse
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.errors import ImageError
from robust_r1.markup import escape
from robust_r1.metrics import Matching, answer_words
from robust_r1.records.training_run import Said
from robust_r1.ui.analyze.runs import file_state
from robust_r1.ui.widgets.chain import chain_cards, problems_list, section_card
from robust_r1.ui.widgets.picture import file_tag, write_png
from robust_r1.ui.widgets.scores import number

_QUESTION, _ANSWER, _NAME = 600, 80, 40
_PIXELS = 120_000  # of the picture of a prompt
_WIDE, _HIGH, _EDGE = 600, 60, 6  # of the line of a prompt's rewards
_files: LRUCache[tuple, tuple[str, int, int]] = LRUCache(500)  # path, width, height
_TAGS = tuple(map(open_tag, SECTIONS))
_KINDS = {
    "trained": "sampled to learn from", "watched": "sampled for a fixed prompt",
    "greedy": "the likeliest completion for a fixed prompt",
}  # fmt: skip


def rollouts_view(
    found: Rollouts, prompt: Prompt, course: Sequence[float | None], cache: str
) -> str:
    """Draw a prompt, what each of its completions was worth, and the completions themselves.

    Args:
        found: what was said of it at a step.
        prompt: with the other steps.
        course: its mean reward at each of them.
        cache: Gradio's, which serves the picture.
    """
    truth = found.asked.solution
    cards = [_card("The true chain", "", truth, "is-true", found.choices)] if truth else []
    cards += [_said_card(one, found.choices) for one in found.every]
    return (
        f'<div class="rr-rollout">{_head(found, prompt, cache)}{_line(found, prompt, course)}'
        f'{_table(found)}<div class="rr-rollouts" role="list" aria-label="Completions" '
        f'tabindex="0">{"".join(cards)}</div></div>'
    )


def step_words(found: Rollouts, prompt: Prompt, planned: int | None) -> str:
    """Say which step is shown, for the slider's label."""
    of = f" of {planned}" if planned else ""
    place = prompt.steps.index(found.step) + 1
    return f"After step {found.step}{of} ({place} of {len(prompt.steps)} kept)"


def _head(found: Rollouts, prompt: Prompt, cache: str) -> str:
    asked = found.asked
    kinds = dict.fromkeys(one.said.kind for one in found.every)
    words = f"After step {found.step}: {' and '.join(_KINDS[kind] for kind in kinds)}"
    held = {"train": "a sample that the run learns from", "validation": "a sample held out"}
    split = f"; {held[asked.split]}" if asked.split in held else ""
    options = "".join(f"<li>{escape(choice, _ANSWER)}</li>" for choice in found.choices)
    listed = f'<ol start="0" class="rr-options">{options}</ol>' if options else ""
    name = f" <code>{escape(asked.sample, _NAME)}</code>" if prompt.name == TRAINED else ""
    return (
        f'<div class="rr-prompt">{_picture(asked, cache)}<div><p class="rr-caption">'
        f"{escape(words)}{split}.{name}</p><h4>{escape(found.question, _QUESTION)}</h4>"
        f"{listed}{_moral(found)}</div></div>"
    )


def _moral(found: Rollouts) -> str:
    """Say in a sentence what the step makes of the group."""
    group = [one for one in found.group if one.said.advantage is not None]
    if not group:
        return ""
    if not found.teaches:
        words = "All of the group earned the same, so nothing of it is reinforced."
    else:
        up = sum((one.said.advantage or 0) > 0 for one in group)
        down = sum((one.said.advantage or 0) < 0 for one in group)
        verb = ("is" if up == 1 else "are") if group[0].said.kind == TRAINED else "would be"
        words = f"Of {len(group)} completions {up} {verb} reinforced and {down} made less likely."
    return f'<p class="rr-caption">{words}</p>'


def _picture(asked: Said, cache: str) -> str:
    if not asked.picture:
        return ""
    key = (asked.picture, cache, file_state(Path(asked.picture)))
    if key not in _files or not Path(_files[key][0]).exists():
        try:
            picture = images.fit(images.load(asked.picture), _PIXELS)
        except ImageError:
            return '<p class="rr-none">Its picture is not here any more.</p>'
        height, width = picture.shape[:2]
        _files[key] = (write_png(picture, "prompt.png", cache), width, height)
    path, width, height = _files[key]
    return f"<figure>{file_tag(path, 'The picture of the prompt', width, height)}</figure>"


def _line(found: Rollouts, prompt: Prompt, course: Sequence[float | None]) -> str:
    """Draw the mean reward over the steps that were kept, the one in sight marked."""
    known = [value for value in course if value is not None]
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    first, last = prompt.steps[0], prompt.steps[-1]

    def point(step: int, value: float) -> tuple[float, float]:
        across = (step - first) / max(last - first, 1)
        up = (value - low) / ((high - low) or 1)
        return _EDGE + across * (_WIDE - 2 * _EDGE), _HIGH - _EDGE - up * (_HIGH - 2 * _EDGE)

    pairs = zip(prompt.steps, course, strict=True)
    points = {step: point(step, value) for step, value in pairs if value is not None}
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points.values())
    x, y = points.get(found.step, (-_EDGE, 0.0))
    words = (
        f"Mean reward {low:.2f} to {high:.2f}, from step {first} to {last}; here "
        f"{number(dict(zip(prompt.steps, course, strict=True))[found.step])}"
    )
    return (
        '<figure class="rr-course"><div class="rr-drawn">'
        f'<svg viewBox="0 0 {_WIDE} {_HIGH}" role="img" preserveAspectRatio="none" '
        f'aria-label="{words}"><polyline points="{path}"/>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{_HIGH}"/></svg>'
        f'<i style="left:{100 * x / _WIDE:.2f}%;top:{100 * y / _HIGH:.1f}%"></i></div>'
        f"<figcaption>{words}</figcaption></figure>"
    )


def _name(one: Rollout) -> str:
    return "Likeliest" if one.said.kind == "greedy" else f"Completion {one.said.member + 1}"


def _table(found: Rollouts) -> str:
    """Draw a row a completion: rewards by part, their sum, and what that is beyond the group."""
    heads = "".join(
        f'<th scope="col">{escape(name.capitalize(), _NAME)}</th>' for name in found.rewards
    )
    most = max((abs(one.said.advantage or 0) for one in found.group), default=0.0) or 1.0
    rows = "".join(_row(found, one, most) for one in found.every)
    last = '<th scope="col">Advantage</th>' if found.group else ""
    return (
        '<div class="rr-scroll" tabindex="0" role="group" aria-label="Rewards by part">'
        '<table class="rr-table rr-earned"><thead><tr><th scope="col">Completion</th>'
        f'<th scope="col">Answer</th><th scope="col">Findings</th>{heads}'
        f'<th scope="col">Sum</th><th scope="col">Tokens</th>{last}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _row(found: Rollouts, one: Rollout, most: float) -> str:
    said = one.said
    parts = "".join(f"<td>{number(said.rewards.get(name))}</td>" for name in found.rewards)
    words = escape(answer_words(one.answer, found.choices), _ANSWER)
    answer = words or '<span class="rr-none">none</span>'
    last = f"<td>{_bar(said.advantage, most)}</td>" if found.group else ""
    return (
        f'<tr><th scope="row">{_name(one)}</th><td>{answer}</td>'
        f"<td>{_found(one.matching)}</td>{parts}<td><b>{number(said.reward)}</b></td>"
        f"<td>{'&ndash;' if said.tokens is None else said.tokens}</td>{last}</tr>"
    )


def _found(matching: Matching) -> str:
    true = len(matching.matched) + len(matching.misses)
    alarms = len(matching.false_alarms)
    words = f"{len(matching.matched)} of {true}" if true else "none there"
    return words + (f", {alarms} false" if alarms else "")


def _bar(advantage: float | None, most: float) -> str:
    """Draw an advantage as a bar to the right of a middle line or to the left of it."""
    if advantage is None:
        return "&ndash;"
    width = 50 * min(abs(advantage) / most, 1.0)
    side, kind = ("left", "up") if advantage >= 0 else ("right", "down")
    return (
        f'<span class="rr-advantage is-{kind}"><b>{advantage:+.2f}</b><i aria-hidden="true">'
        f'<u style="{side}:50%;width:{width:.0f}%"></u></i></span>'
    )


def _said_card(one: Rollout, choices: Sequence[str]) -> str:
    said, advantage = one.said, one.said.advantage
    mark, kind = "", ""
    if advantage is not None and abs(advantage) >= 0.005:
        kind, word = ("is-up", "reinforced") if advantage > 0 else ("is-down", "made less likely")
        mark = f'<span class="rr-fate">{word}, {advantage:+.2f}</span>'
    return _card(_name(one), mark, said.completion, kind, choices)


def _card(title: str, more: str, text: str, kind: str, choices: Sequence[str]) -> str:
    parsed = parse(text)
    answer = Answer(text, parsed, 0, 0.0, None, "stop", "", GenerationSettings())
    reply = Reply(text, parsed, answer)
    return (
        f'<section class="rr-one {kind}" role="listitem"><h4>{title} {more}</h4>'
        f"{chain_cards(reply)}{section_card('ANSWER', reply, choices)}{problems_list(reply)}"
        f"{'' if any(tag in text for tag in _TAGS) else _raw(text)}</section>"
    )


def _raw(text: str) -> str:
    """Draw what was written where there is nothing of a chain in it."""
    return f'<pre class="rr-raw">{escape(text, 2000)}</pre>'
