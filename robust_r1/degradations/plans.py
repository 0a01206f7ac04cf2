"""Degradation plans: which degradations, how strong, with which seed; in one fixed order.

A plan is sorted when it is made (stage order, then table order), holds each degradation at most
once and drops steps of intensity 0. Each step has a seed of its own, derived from the plan's seed
and the degradation's id, so adding one degradation leaves the realisation of the others alone.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from robust_r1.degradations.table import (
    LEVELS,
    SPECS,
    STAGES,
    check_intensity,
    check_seed,
    degrade,
    find,
)
from robust_r1.errors import InputError

_RANK = {spec.id: rank for rank, spec in enumerate(SPECS)}


def step_seed(plan_seed: int, id: str) -> int:
    """Return the seed of one degradation in a plan: 32 bits of SHA-256 over "seed:id"."""
    digest = hashlib.sha256(f"{check_seed(plan_seed)}:{id}".encode()).digest()
    return int.from_bytes(digest[:4], "big")


@dataclass(frozen=True)
class Step:
    """Apply one degradation of a plan: its id, its intensity in [0, 1], its own seed."""

    id: str
    intensity: float
    seed: int = 0

    def __post_init__(self) -> None:
        spec = find(self.id)
        object.__setattr__(self, "id", spec.id)
        object.__setattr__(self, "intensity", check_intensity(self.intensity, spec.id))
        object.__setattr__(self, "seed", check_seed(self.seed))


@dataclass(frozen=True)
class DegradationPlan:
    """List the steps that turn a clean picture into a degraded one, in the order they apply.

    >>> plan = DegradationPlan.parse("gaussian_noise=0.25, Lens blur=0.4", seed=7)
    >>> str(plan)
    'lens_blur=0.4,gaussian_noise=0.25'
    >>> DegradationPlan.from_json(plan.to_json()) == plan
    True
    """

    steps: tuple[Step, ...] = ()

    def __post_init__(self) -> None:
        ids = [step.id for step in self.steps]
        twice = sorted({id for id in ids if ids.count(id) > 1})
        if twice:
            raise InputError(f"{', '.join(twice)} is in the plan twice; give each at most once")
        kept = sorted((s for s in self.steps if s.intensity > 0.0), key=lambda s: _RANK[s.id])
        object.__setattr__(self, "steps", tuple(kept))

    @classmethod
    def of(cls, intensities: Mapping[str, float], seed: int = 0) -> Self:
        """Make a plan from degradation names and intensities, with seeds derived from `seed`."""
        named = [(find(name).id, value) for name, value in intensities.items()]
        return cls(tuple(Step(id, value, step_seed(seed, id)) for id, value in named))

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Self:
        """Read a plan such as "lens_blur=0.4, gaussian_noise=0.25"; empty text is no damage.

        Raises:
            InputError: a part that is not NAME=INTENSITY, an unknown name, an intensity outside
                [0, 1], or a name given twice.
        """
        steps = []
        for part in filter(None, (piece.strip() for piece in text.split(","))):
            name, equals, value = part.partition("=")
            if not equals:
                raise InputError(f"cannot read {part!r}; write NAME=INTENSITY, as in lens_blur=0.4")
            id = find(name).id
            try:
                intensity = float(value)
            except ValueError:
                raise InputError(f"intensity of {id} must be a number, got {value!r}") from None
            steps.append(Step(id, intensity, step_seed(seed, id)))
        return cls(tuple(steps))

    def apply(self, image: np.ndarray) -> np.ndarray:
        """Return the degraded copy of a picture, uint8, H x W x 3."""
        if not self.steps:
            return image.copy()
        for step in self.steps:
            image = degrade(image, step.id, step.intensity, step.seed)
        return image

    def to_json(self) -> str:
        """Return the plan as JSON text that `from_json` reads back to an equal plan."""
        steps = [{"id": s.id, "intensity": s.intensity, "seed": s.seed} for s in self.steps]
        return json.dumps({"steps": steps})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a plan from the JSON text of `to_json`.

        Raises:
            InputError: text that is not JSON, or a missing, unknown or ill-typed key.
        """
        try:
            data = json.loads(text)
        except (TypeError, ValueError):
            raise InputError("a plan must be JSON text, as to_json writes it") from None
        return cls.from_values(data)

    @classmethod
    def from_values(cls, data: object) -> Self:
        """Read a plan from what the JSON text of `to_json` holds.

        Raises:
            InputError: a missing, unknown or ill-typed key.
        """
        if not isinstance(data, dict) or set(data) != {"steps"}:
            raise InputError('a plan must be a JSON object with the one key "steps"')
        if not isinstance(data["steps"], list):
            raise InputError('"steps" of a plan must be a list')
        steps = []
        for entry in data["steps"]:
            if not isinstance(entry, dict) or set(entry) != {"id", "intensity", "seed"}:
                raise InputError(f"a step has the keys id, intensity and seed, got {entry!r}")
            steps.append(Step(**entry))
        return cls(tuple(steps))

    @property
    def total_intensity(self) -> float:
        """Return the sum of the intensities, which sets the length of a chain (paper Fig. 3)."""
        return float(sum(step.intensity for step in self.steps))

    @property
    def intensities(self) -> dict[str, float]:
        """Return intensity by id, in the order the steps apply."""
        return {step.id: step.intensity for step in self.steps}

    def __len__(self) -> int:
        return len(self.steps)

    def __str__(self) -> str:
        return ",".join(f"{step.id}={step.intensity!r}" for step in self.steps)


def sample_plan(rng: np.random.Generator, max_steps: int = 4) -> DegradationPlan:
    """Draw a plan as the paper does: along the stages in order, intensities uniform in [0, 1].

    Each stage offers one degradation, uniform among its own; a uniform number of stages from 1 to
    `max_steps` keep theirs.

    Raises:
        InputError: `max_steps` outside 1 to 4.
    """
    if not 1 <= max_steps <= len(STAGES):
        raise InputError(f"max_steps must lie in 1 to {len(STAGES)}, got {max_steps!r}")
    count = int(rng.integers(1, max_steps + 1))
    kept = sorted(rng.permutation(len(STAGES))[:count])
    intensities = {}
    for stage in (STAGES[k] for k in kept):
        ids = [spec.id for spec in SPECS if spec.stage == stage]
        intensities[ids[int(rng.integers(len(ids)))]] = float(rng.random())
    return DegradationPlan.of(intensities, seed=int(rng.integers(2**31)))


def picture_rng(seed: int, relative: str) -> np.random.Generator:
    """Return the generator of one picture, from the seed and its name (a relative path) alone.

    So neither the other pictures nor the number of workers change what is drawn for it.
    """
    digest = hashlib.sha256(f"{seed}:{relative}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def level_plan(rng: np.random.Generator, level: str) -> DegradationPlan:
    """Draw the one degradation of a corrupted-benchmark level: a stage, then one of its own.

    The same generator state gives the same degradation and realization at every level.
    """
    stage = STAGES[rng.integers(len(STAGES))]
    ids = [spec.id for spec in SPECS if spec.stage == stage]
    id = ids[rng.integers(len(ids))]
    return DegradationPlan.of({id: LEVELS[level]}, seed=int(rng.integers(2**31)))
