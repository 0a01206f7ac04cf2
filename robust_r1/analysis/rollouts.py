"""What a model said of one prompt while it was trained: its completions at a step, judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from robust_r1.chain import Finding, parse
from robust_r1.metrics import Matching, match_findings
from robust_r1.records import split_question
from robust_r1.records.training_run import Said, TrainingRun
from robust_r1.rewards import (
    accuracy_reward,
    degradation_reward,
    format_reward,
    length_reward,
)

# Names what each step learned from, one prompt after another, where a prompt's own name would be.
TRAINED = "trained"
# Of a group's rewards; one whose rewards are all alike teaches nothing.
_ALIKE = 1e-4


@dataclass(frozen=True)
class Prompt:
    """Name a prompt that was asked at several steps.

    Attributes:
        name: as links have it: of its sample, or `TRAINED`.
        question: in words; empty of `TRAINED`, which asks another one at each step.
        steps: at which it was asked, in order.
        split: "train", "validation", or empty.
        fixed: whether it is one of those that are asked at every checkpoint; the same prompt may be
            learned from as well, in groups of its own.
    """

    name: str
    question: str
    steps: tuple[int, ...]
    split: str = ""
    fixed: bool = False


@dataclass(frozen=True)
class Rollout:
    """Hold one completion and what it was worth.

    Attributes:
        said: the completion; its reward and its advantage are there wherever they can be known.
        findings: of its chain.
        matching: of those with the true ones.
        answer: of its chain.
    """

    said: Said
    findings: tuple[Finding, ...]
    matching: Matching
    answer: str


@dataclass(frozen=True)
class Rollouts:
    """Hold what was said of a prompt at one step.

    Attributes:
        step: optimizer steps done.
        asked: any of its rows, for question, true chain and picture.
        greedy: the likeliest completion; None where nobody asked for it.
        group: sampled completions, the most reinforced first.
        question: in words, without its options.
        choices: its options.
    """

    step: int
    asked: Said
    greedy: Rollout | None
    group: tuple[Rollout, ...]
    question: str
    choices: tuple[str, ...]

    @property
    def every(self) -> tuple[Rollout, ...]:
        """Return all completions, the likeliest one first."""
        return (*([self.greedy] if self.greedy else []), *self.group)

    @property
    def rewards(self) -> tuple[str, ...]:
        """Return the names of the rewards that were given."""
        return tuple(dict.fromkeys(name for one in self.every for name in one.said.rewards))

    @property
    def teaches(self) -> bool:
        """Tell whether the group's rewards differ, without which nothing is reinforced."""
        known = [one.said.reward for one in self.group if one.said.reward is not None]
        return bool(known) and max(known) - min(known) > _ALIKE


def prompts_of(run: TrainingRun) -> tuple[Prompt, ...]:
    """Return the prompts of a run: fixed ones, what steps learned from, and what of it came twice.

    Fixed are those that are asked at every checkpoint.
    """
    fixed, trained = list(_prompts(run, fixed=True)), list(_prompts(run, fixed=False))
    steps = tuple(sorted({step for one in trained for step in one.steps}))
    every = [Prompt(TRAINED, "", steps)] if steps else []
    known = {one.name for one in fixed}
    again = [one for one in trained if len(one.steps) > 1 and one.name not in known]
    return (*fixed, *every, *again)


def _prompts(run: TrainingRun, fixed: bool) -> Iterator[Prompt]:
    first: dict[str, Said] = {}
    steps: dict[str, set[int]] = {}
    for said in run.said:
        if (said.kind != TRAINED) == fixed:
            first.setdefault(said.sample, said)
            steps.setdefault(said.sample, set()).add(said.step)
    for name, said in first.items():
        yield Prompt(name, said.question, tuple(sorted(steps[name])), said.split, fixed)


def rollouts_at(run: TrainingRun, prompt: Prompt, place: int) -> Rollouts:
    """Return what was said of a prompt at the step of a place among its steps, judged."""
    step = prompt.steps[min(max(place, 0), len(prompt.steps) - 1)]
    rows = [said for said in _rows_of(run, prompt) if said.step == step]
    group = _weighed(run, [said for said in rows if said.kind != "greedy"])
    greedy = [said for said in rows if said.kind == "greedy"]
    ranked = sorted(group, key=lambda said: (-_order(said.advantage), -_order(said.reward)))
    return Rollouts(
        step,
        rows[0],
        _judged(_scored(run, greedy[0])) if greedy else None,
        tuple(map(_judged, ranked)),
        *split_question(rows[0].question),
    )


def course_of(run: TrainingRun, prompt: Prompt) -> tuple[float | None, ...]:
    """Return the mean reward of a prompt's completions at each of its steps.

    That of the sampled ones, or of the likeliest one at a step that has no others.
    """
    sums: dict[int, dict[bool, list[float]]] = {step: {} for step in prompt.steps}
    for said in _rows_of(run, prompt):
        reward = _scored(run, said).reward
        if reward is not None:
            sums[said.step].setdefault(said.kind == "greedy", []).append(reward)
    found = (sums[step].get(False) or sums[step].get(True) for step in prompt.steps)
    return tuple(float(np.mean(values)) if values else None for values in found)


def _rows_of(run: TrainingRun, prompt: Prompt) -> Iterator[Said]:
    """Yield the rows of a prompt; of what steps learned from a prompt a step, the first one."""
    if prompt.name != TRAINED:
        own = (said for said in run.said if said.sample == prompt.name)
        yield from (said for said in own if (said.kind != TRAINED) == prompt.fixed)
        return
    shown: dict[int, str] = {}
    for said in run.said:
        if said.kind == TRAINED and shown.setdefault(said.step, said.sample) == said.sample:
            yield said


def _scored(run: TrainingRun, said: Said) -> Said:
    """Return a completion with its rewards and their sum, where these can be known."""
    rewards = said.rewards or _rewards(said)
    reward = said.reward
    if reward is None:
        parts = [
            value * float(run.weights.get(name, 1.0))
            for name, value in rewards.items()
            if value is not None
        ]
        reward = sum(parts) if parts else None
    return replace(said, rewards=rewards, reward=reward)


def _rewards(said: Said) -> dict[str, float | None]:
    """Compute the rewards of what was said by a run that gave none."""
    if not said.solution:
        return {}
    texts, truths = [said.completion], [said.solution]
    choices = [split_question(said.question)[1]]
    return {
        "degradation": degradation_reward(texts, truths)[0],
        "length": length_reward(texts, truths)[0],
        "format": format_reward(texts)[0],
        "accuracy": accuracy_reward(texts, truths, choices=choices)[0],
    }


def _weighed(run: TrainingRun, group: Sequence[Said]) -> list[Said]:
    """Return a group with its advantages: beyond the group's mean, by its spread.

    An earlier version did not write them down. So does training compute them (GRPO, with the
    sample's deviation).
    """
    scored = [_scored(run, said) for said in group]
    known = [said.reward for said in scored if said.reward is not None]
    if len(known) < len(scored) or len(known) < 2:
        return scored
    middle, spread = float(np.mean(known)), float(np.std(known, ddof=1))
    return [
        said if said.advantage is not None or said.reward is None
        else replace(said, advantage=(said.reward - middle) / (spread + _ALIKE))
        for said in scored
    ]  # fmt: skip


def _judged(said: Said) -> Rollout:
    chain, truth = parse(said.completion).chain, parse(said.solution).chain
    return Rollout(said, chain.findings, match_findings(chain.findings, truth.findings),
                   chain.answer.strip())  # fmt: skip


def _order(value: float | None) -> float:
    return -np.inf if value is None else value
