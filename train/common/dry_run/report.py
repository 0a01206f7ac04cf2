"""What a dry run tells, as lines of text."""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig, AdapterStage
from train.common.course import Course
from train.common.dry_run.base import Base
from train.common.dry_run.hours import Time, time_of
from train.common.dry_run.lengths import Counted
from train.common.dry_run.machines import Machine
from train.common.dry_run.memory import SAMPLING, Memory, memory_of
from train.common.dry_run.survey import Survey

_SHOWN = 5  # samples of each kind that are named
GIB = 1 << 30


@dataclass(frozen=True)
class Planned:
    """Hold a stage that could begin.

    Attributes:
        stage: "sft" or "grpo".
        arguments: of the command line.
        config: of the recipe.
        base: what it trains.
        data: what its data file holds; None for data like the paper's.
        records: the samples of this stage.
        counted: their tokens.
        course: of the run.
        machines: it is figured for; none where there is no GPU.
    """

    stage: str
    arguments: argparse.Namespace
    config: AdapterConfig
    base: Base
    data: Survey | None
    records: Sequence[Record]
    counted: Counted
    course: Course
    machines: Sequence[Machine]

    @property
    def settings(self) -> AdapterStage:
        """Return the settings of the stage."""
        return self.config.sft if self.stage == "sft" else self.config.grpo

    def memory(self, machine: Machine) -> Memory:
        """Return what a step takes on each GPU of a machine."""
        sizes = self.counted.sizes
        return memory_of(self.stage, self.config, self.base.shape, sizes, machine)

    def time(self, machine: Machine) -> Time:
        """Return how long the run takes on a machine, on paper."""
        sizes, steps = self.counted.sizes, self.course.last_step
        return time_of(self.stage, self.config, self.base.shape, sizes, machine, steps)

    @cached_property
    def too_small(self) -> list[str]:
        """Say where the memory does not do, where it does on none of the machines."""
        if any(self.memory(machine).fits(machine) for machine in self.machines):
            return []
        return [
            f"a step takes about {self.memory(one).peak / GIB:.1f} GiB of each GPU, and {one} has "
            f"{one.memory / GIB:.1f}; {self._mend(one)}"
            for one in self.machines
        ]

    def _mend(self, machine: Machine) -> str:
        ways = []
        if self.memory(machine).fullest == SAMPLING:
            ways.append("lower grpo.global_batch or grpo.max_tokens")
        elif self.settings.batch > 1:
            ways.append(f"lower {self.stage}.batch")
        if not self.config.checkpointing:
            ways.append("set checkpointing=true")
        if self.config.updates is None:
            ways.append("spread the weights over more GPUs")
            ways.append("take a recipe with updates of 4-bit weights (qlora)")
        elif not self.config.quantized:
            ways.append("set lora.quantized=true")
        return " or ".join(ways or ["lower max_pixels"])


def write_report(planned: Planned) -> str:
    """Write everything that a dry run found; see `Planned`."""
    lines = [*_what(planned), *_samples(planned), *_steps(planned)]
    for machine in planned.machines:
        lines += ["", *_machine(planned, machine)]
    if not planned.machines:
        lines += ["", "There is no GPU here: --machine 24GB or 8x80GB tells memory and hours."]
        lines += _measured_hours(planned)
    return "\n".join([*lines, "", "Nothing was trained."])


def _what(planned: Planned) -> Iterator[str]:
    base, shape = planned.base, planned.base.shape
    known = "its configuration" if base.folder else "its known shape"
    yield (
        f"train.{planned.stage} by {planned.arguments.config}, from {base.name} "
        f"({(shape.language + shape.vision) / 1e9:.2f} billion weights, by {known})"
    )
    updates = planned.config.updates
    if updates is None:
        yield f"learns   {shape.language:,} weights of the language side"
    else:
        bits = "4" if updates.quantized else "16"
        yield (
            f"learns   {updates.rank * shape.ports:,} weights of updates of rank {updates.rank}, "
            f"beside frozen ones of {bits} bits"
        )


def _samples(planned: Planned) -> Iterator[str]:
    data, sizes = planned.data, planned.counted.sizes
    if data is None:
        yield f"data     none given: as the paper's, {planned.course.samples:,} for this stage"
    else:
        yield (
            f"data     {planned.arguments.data}: {len(data.records):,} samples, "
            f"{len(planned.records):,} for this stage; every chain parses, every picture is there, "
            f"{data.decoded:,} of them were read whole"
        )
    yield (
        f"tokens   picture {max(sizes.pictures):,} at most, prompt with it {sizes.prompt:,.0f} "
        f"({sizes.longest_prompt:,} at most), chain {sizes.chain:,.0f} ({max(sizes.chains):,} at "
        f"most), by {planned.counted.by}"
    )
    yield from _beyond(planned)


def _beyond(planned: Planned) -> Iterator[str]:
    """Name the samples that are longer than something allows."""
    sizes, positions = planned.counted.sizes, planned.base.shape.positions
    parts = list(zip(sizes.prompts, sizes.pictures, sizes.chains, strict=True))
    names = [record.image for record in planned.records] or ["a sample"] * len(parts)
    whole = [sum(part) for part in parts]
    if planned.stage == "grpo":
        most = planned.config.grpo.max_tokens
        long = [f"{name}: {part[2]:,}" for name, part in zip(names, parts, strict=True)
                if part[2] > most]  # fmt: skip
        yield from _named(f"chains beyond grpo.max_tokens, {most:,}", long)
        whole = [part[0] + part[1] + most for part in parts]
        limit = planned.config.grpo.vllm_max_model_length
        if planned.config.grpo.vllm != "off" and limit:
            positions = min(positions, limit)
    long = [f"{name}: {total:,}" for name, total in zip(names, whole, strict=True)
            if total > positions]  # fmt: skip
    yield from _named(f"samples beyond the {positions:,} tokens of the model", long)


def _named(what: str, found: Sequence[str]) -> Iterator[str]:
    if found:
        yield f"         {len(found):,} {what}:"
        yield from (f"           {one}" for one in found[:_SHOWN])


def _steps(planned: Planned) -> Iterator[str]:
    course, stage = planned.course, planned.settings
    what = "samples" if planned.stage == "sft" else f"prompts, {stage.global_batch} completions"
    warm = round(stage.warmup_share * course.last_step)
    yield (
        f"steps    {course.last_step:,} of {course.per_step} {what}, over {stage.epochs:g} "
        f"pass{'es' * (stage.epochs != 1)}; rate {stage.rate:g} after {warm:,} of warm-up; a "
        f"checkpoint every {stage.save_every}"
    )


def _machine(planned: Planned, machine: Machine) -> Iterator[str]:
    batch, passes = planned.settings.share(machine.count)
    memory = planned.memory(machine)
    yield f"On {machine}: {passes} x {batch} a step on each GPU"
    yield (
        f"memory   {memory.peak / GIB:.1f} of {machine.memory / GIB:.1f} GiB on each GPU, "
        f"{'it fits' if memory.fits(machine) else 'it does not fit'}, on paper"
    )
    for part in memory.parts:
        when = f", while {part.phase}" if part.phase else ""
        yield f"         {part.size / GIB:7.2f}  {part.name}{when}"
    if memory.fits(machine):
        yield from _hours(planned, machine)


def _hours(planned: Planned, machine: Machine) -> Iterator[str]:
    if measured := list(_measured_hours(planned)):
        yield from measured
        return
    time = planned.time(machine)
    parts = f"{time.learning:.1f} learning, {time.rest:.1f} between"
    if planned.stage == "grpo":
        parts = f"{time.sampling:.1f} sampling, {parts}"
    yield (
        f"time     {_long(time.hours)}, {time.hours * machine.count:.1f} GPU hours, on paper: "
        f"{time.step:.1f} s a step ({parts})"
    )
    if planned.stage == "grpo":
        yield (
            f"         for completions as long as the chains; {_long(time.most_hours)} where one "
            f"of each step has {planned.config.grpo.max_tokens:,} tokens"
        )


def _measured_hours(planned: Planned) -> Iterator[str]:
    if (pace := _measured(planned)) is not None:
        hours = _long(planned.course.last_step * pace / 3600)
        yield f"time     {hours}, measured: {pace:.1f} s a step in this folder"


def _long(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{max(60 * hours, 1):.0f} min"


def _measured(planned: Planned) -> float | None:
    """Return the seconds of a step as the run's folder has them, of a run on this machine."""
    folder = planned.arguments.output
    if folder is None or planned.arguments.machine or not (folder / "log.jsonl").is_file():
        return None
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "loss" in row]
    # Of the last start, whose seconds and steps rise.
    last = next((place for place in range(len(rows) - 1, 0, -1)
                 if rows[place]["seconds"] < rows[place - 1]["seconds"]), 0)  # fmt: skip
    steps = rows[-1]["step"] - rows[last]["step"] if rows else 0
    return (rows[-1]["seconds"] - rows[last]["seconds"]) / steps if steps else None
