"""Measure a model on held-out scenes: what it perceives, and whether its answers are right."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from robust_r1.chain import Finding, findings_of
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.engine.types import Answer, Engine, GenerationSettings
from robust_r1.metrics import Matching, accuracy_score, bootstrap_interval, match_findings, mean
from robust_r1.metrics import pool as pool_matchings
from robust_r1.scenes import Item, make_item

# Below this nobody can be asked to see a degradation; it counts neither way.
VISIBLE = 0.1
_RESAMPLES = 1000


@dataclass(frozen=True)
class Figure:
    """Hold a measured value, how many cases it rests on, and its 95 % bootstrap interval."""

    value: float | None
    n: int
    low: float | None
    high: float | None

    def __str__(self) -> str:
        """Show value, interval and n: "0.812 (0.79 to 0.83, n = 300)"."""
        if self.value is None:
            return f"not scored (n = {self.n})"
        return f"{self.value:.3f} ({self.low:.2f} to {self.high:.2f}, n = {self.n})"


@dataclass(frozen=True)
class SceneReport:
    """Hold what a model did on held-out scenes under their plans and without damage.

    Attributes:
        type_f1, precision, recall: perceived against applied degradations of intensity .1 and up,
            pooled over the damaged pictures.
        intensity_mae: mean absolute error of the matched intensities.
        false_alarm: share of undamaged pictures on which any degradation was claimed.
        clean, degraded: share of right answers without damage and under the plans.
        well_formed: share of chains without any problem.
        tokens: mean number of tokens of an answer.
        recall_by_degradation: recall of each id at intensity .5 and up.
    """

    model: str
    type_f1: Figure
    precision: Figure
    recall: Figure
    intensity_mae: Figure
    false_alarm: Figure
    clean: Figure
    degraded: Figure
    well_formed: Figure
    tokens: Figure
    recall_by_degradation: dict[str, float | None]

    def to_dict(self) -> dict:
        """Return everything as plain numbers and dicts, for JSON."""
        return asdict(self)


def measure_scenes(
    engine: Engine,
    count: int = 300,
    split: str = "test",
    progress: Callable[[int, int], None] | None = None,
) -> SceneReport:
    """Ask a model about `count` scenes twice, undamaged and under each scene's plan, greedily.

    Args:
        engine: the model.
        count: number of scenes.
        split: "validation" while a recipe is tuned, "test" for what is reported.
        progress: called with (answers so far, answers in all).
    """
    items = [make_item(split, index) for index in range(count)]
    nothing = DegradationPlan.of({}, seed=0)
    clean = [item.under(nothing) for item in items]
    damaged = [item for item in items if item.plan]
    total = len(clean) + len(damaged)
    answers: list[Answer] = []
    for start in range(0, total, 32):
        batch = [*clean, *damaged][start : start + 32]
        requests = [(engine.fit(item.image()), item.question.prompt) for item in batch]
        answers += engine.generate(requests, GenerationSettings(max_new_tokens=320), batch_size=16)
        if progress:
            progress(len(answers), total)
    return _report(engine.info.name, clean, damaged, answers)


def _report(
    model: str, clean: Sequence[Item], damaged: Sequence[Item], answers: Sequence[Answer]
) -> SceneReport:
    on_clean, on_damaged = answers[: len(clean)], answers[len(clean) :]
    matchings = [_match(item, answer) for item, answer in zip(damaged, on_damaged, strict=True)]
    claimed = [float(bool(answer.parsed.chain.findings)) for answer in on_clean]
    return SceneReport(
        model=model,
        type_f1=_pooled(matchings, "f1"),
        precision=_pooled(matchings, "precision"),
        recall=_pooled(matchings, "recall"),
        intensity_mae=_pooled(matchings, "mae"),
        false_alarm=_figure(claimed),
        clean=_figure(_right(clean, on_clean)),
        degraded=_figure(_right(damaged, on_damaged)),
        well_formed=_figure([float(answer.parsed.well_formed) for answer in answers]),
        tokens=_figure([float(answer.tokens) for answer in answers]),
        recall_by_degradation=_recalls(damaged, on_damaged),
    )


def _match(item: Item, answer: Answer) -> Matching:
    """Match findings; what was applied too weakly to be seen counts neither way."""
    true = findings_of(item.plan)
    faint = {finding.name for finding in true if finding.intensity < VISIBLE}
    perceived = [f for f in answer.parsed.chain.findings if f.name not in faint]
    return match_findings(perceived, [f for f in true if f.name not in faint])


def _right(items: Sequence[Item], answers: Sequence[Answer]) -> list[float | None]:
    return [
        accuracy_score(answer.parsed.chain.answer, item.question.answer, item.question.choices)
        for item, answer in zip(items, answers, strict=True)
    ]


def _recalls(items: Sequence[Item], answers: Sequence[Answer]) -> dict[str, float | None]:
    hits: dict[str, list[float]] = {spec.id: [] for spec in SPECS}
    names = {spec.chain_name: spec.id for spec in SPECS}
    for item, answer in zip(items, answers, strict=True):
        perceived = {finding.name for finding in answer.parsed.chain.findings}
        strong: list[Finding] = [f for f in findings_of(item.plan) if f.intensity >= 0.5]
        for finding in strong:
            hits[names[finding.name]].append(float(finding.name in perceived))
    return {id: mean(values) for id, values in hits.items()}


def _figure(values: Sequence[float | None]) -> Figure:
    scored = [value for value in values if value is not None]
    low, high = bootstrap_interval(scored) or (None, None)
    return Figure(mean(scored), len(scored), low, high)


def _pooled(matchings: Sequence[Matching], name: str) -> Figure:
    """Pool over all findings; the interval resamples pictures, whose findings hang together."""
    value = getattr(pool_matchings(matchings), name)
    rng = np.random.default_rng(0)
    draws = [
        getattr(pool_matchings([matchings[index] for index in rows]), name)
        for rows in rng.integers(len(matchings), size=(_RESAMPLES, len(matchings)))
    ]
    known = [draw for draw in draws if draw is not None]
    if value is None or not known:
        return Figure(value, len(matchings), None, None)
    low, high = np.quantile(known, [0.025, 0.975])
    return Figure(value, len(matchings), float(low), float(high))
