"""The dry run of a full-size stage: everything that can be wrong, all at once, then what it takes.

No weights are read, nothing is downloaded, and no trainer is imported.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from robust_r1.errors import RobustR1Error
from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig
from train.common.bases import refuse_adapter
from train.common.config import check_recipe, load_config
from train.common.course import whole_course
from train.common.dry_run.base import Base, open_base
from train.common.dry_run.lengths import Counted, count_tokens
from train.common.dry_run.machines import Machine, parse_machine, processes_of, this_machine
from train.common.dry_run.report import Planned, write_report
from train.common.dry_run.sizes import PAPER_PICTURE, PAPER_SAMPLES, paper_sizes
from train.common.dry_run.survey import Survey, marked, survey
from train.common.flags import adapter_parser
from train.common.launch import check_devices, check_spreading
from train.common.sampling import check_sampling
from train.common.splits import part_of

_SHOWN = 20  # faults of the data that are told one by one
_Found = TypeVar("_Found")


@dataclass(frozen=True)
class _Asked:
    """Hold what a dry run is about, as far as it could be read."""

    config: AdapterConfig | None
    base: Base | None
    data: Survey | None
    machines: Sequence[Machine]


class _Faults(list[str]):
    """Collect what is wrong, a sentence each."""

    def of(self, find: Callable[[], _Found]) -> _Found | None:
        """Return what is found; None, and the fault noted, where it cannot be."""
        try:
            return find()
        except RobustR1Error as error:
            self.append(str(error))
            return None


def main(stage: str, description: str | None, words: Sequence[str] | None = None) -> int:
    """Tell what a stage would take.

    Args:
        stage: "sft" or "grpo".
        description: of its module.
        words: of the command line; None for this process's.

    Returns:
        0; 2 where something is wrong, or the memory does not do on any of the machines.
    """
    arguments = adapter_parser(f"train.{stage}", description, dry=True).parse_args(words)
    if int(os.environ.get("RANK") or 0):
        return 0  # the first of several processes tells
    faults = _Faults()
    asked = _read(stage, arguments, faults)
    planned = None if faults else faults.of(lambda: _plan(stage, arguments, asked))
    if planned is not None:
        print(write_report(planned))
        faults += planned.too_small
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    return 2 if faults else 0


def _read(stage: str, arguments: argparse.Namespace, faults: _Faults) -> _Asked:
    """Read all that a dry run is about, and go on where one part of it is wrong."""
    config = faults.of(lambda: _config(stage, arguments))
    if config is not None:
        faults.of(check_devices)
        faults.of(lambda: check_spreading(config.quantized))
        if stage == "grpo" and not arguments.machine:
            faults.of(lambda: check_sampling(config.grpo))
    base = faults.of(lambda: open_base(arguments.start))
    if base and base.adapter and config and config.updates is None:
        faults.append(str(refuse_adapter(arguments.start)))
    named = [faults.of(partial(parse_machine, text)) for text in arguments.machine]
    machines = [machine for machine in named if machine is not None]
    if not arguments.machine and (here := this_machine()):
        machines = [here]
    data = None
    if arguments.data is not None:
        data = faults.of(lambda: _surveyed(arguments.data, faults))
    if (own := getattr(arguments, "validation", None)) is not None:
        faults.of(lambda: _surveyed(own, faults))
    return _Asked(config, base, data, machines)


def _config(stage: str, arguments: argparse.Namespace) -> AdapterConfig:
    check_recipe(arguments.config, f"train.{stage}")
    return load_config(arguments.config, AdapterConfig, arguments.set)


def _surveyed(path: Path, faults: _Faults) -> Survey:
    data = survey(path)
    faults += data.faults[:_SHOWN]
    if (more := len(data.faults) - _SHOWN) > 0:
        faults.append(f"{path}: {more} more samples cannot be used")
    return data


def _plan(stage: str, arguments: argparse.Namespace, asked: _Asked) -> Planned:
    config, base = asked.config, asked.base
    assert config is not None and base is not None
    records: Sequence[Record] = ()
    if asked.data is not None:
        records = part_of(asked.data.records, stage, config.sft_share, config.split_seed)
        shapes = marked(asked.data, records)
        counted = count_tokens(base, records, shapes, config.max_pixels)
        samples = len(records)
    else:
        height, width = base.fitted(*PAPER_PICTURE, config.max_pixels)
        counted = Counted(paper_sizes(height * width // base.multiple**2), "the paper's figures")
        share = config.sft_share if stage == "sft" else 1 - config.sft_share
        samples = round(PAPER_SAMPLES * share)
    counts = [machine.count for machine in asked.machines] or [processes_of()]
    course = [whole_course(stage, samples, config, count) for count in counts][0]
    return Planned(
        stage, arguments, config, base, asked.data, records, counted, course, asked.machines
    )
