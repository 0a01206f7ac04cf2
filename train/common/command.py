"""The command line of a stage: its flags, its settings, and faults told in one line."""

import argparse
import errno
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import torch
from safetensors import SafetensorError

from robust_r1.errors import InputError, RobustR1Error
from robust_r1.records.lines import unwritable
from train.common.config import check_recipe, load_config

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


class _Threaded(Protocol):
    """A configuration that says how many threads compute."""

    @property
    def threads(self) -> int: ...


_Config = TypeVar("_Config", bound=_Threaded)


def parser_of(
    command: str, description: str | None, config: str, output: bool = True
) -> argparse.ArgumentParser:
    """Make the command line that all stages share.

    Args:
        command: name of the stage's module, such as "train.sft".
        description: the module's docstring, whose first line is shown.
        config: the recipe that is followed where no other is asked for.
        output: whether the folder of a run must be named.
    """
    about = (description or "").partition("\n")[0]
    parser = argparse.ArgumentParser(f"python -m {command}", description=about)
    _add_config(parser, config)
    parser.add_argument(
        "--set", action="append", metavar="SECTION.KEY=VALUE", help="override one setting"
    )
    parser.add_argument("-o", "--output", required=output, type=Path, help="folder of the run")
    return parser


def main_of(
    parser: argparse.ArgumentParser,
    run: Callable[[argparse.Namespace, _Config], None],
    kind: type[_Config],
    alone: bool = True,
) -> None:
    """Parse, run, and turn bad input into one line on stderr and exit code 2.

    Args:
        parser: of `parser_of`.
        run: called with the arguments and the configuration.
        kind: of the configuration.
        alone: whether to refuse to be one of several processes.
    """
    try:
        # Before the other flags, which the command that was meant may not share.
        check_recipe(_config_of(parser), parser.prog.rpartition(" ")[2])
    except RobustR1Error as error:
        sys.exit(_complain(error))
    arguments = parser.parse_args()
    try:
        if alone:
            _refuse_ranks()
        config = load_config(arguments.config, kind, arguments.set)
        torch.set_num_threads(config.threads)
        # Before any worker is forked: one that is, while OpenCV's threads wait, hangs in OpenCV.
        cv2.setNumThreads(1)
        run(arguments, config)
    except RobustR1Error as error:
        sys.exit(_complain(error))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)
    except (OSError, RuntimeError, SafetensorError) as error:
        if (fault := _disk_fault(error)) is None:
            raise
        sys.exit(_complain(unwritable(arguments.output, fault)))


def _add_config(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("--config", default=default, help="name in train/configs, or a YAML file")


def _config_of(parser: argparse.ArgumentParser) -> str:
    """Return the recipe that a command line asks for, whatever else it says."""
    early = argparse.ArgumentParser(add_help=False)
    _add_config(early, parser.get_default("config"))
    return early.parse_known_args()[0].config


def _refuse_ranks() -> None:
    """Refuse to be one of several: each would train on all samples and on its own gradients."""
    if (count := int(os.environ.get("WORLD_SIZE") or 1)) > 1:
        raise InputError(
            f"this stage runs in one process, not in {count}; start it by python -m, without "
            "accelerate launch or torchrun"
        )


def _disk_fault(error: Exception) -> OSError | None:
    """Return what a disk has against a file; None where the error is of another kind.

    Torch and safetensors tell of it in words alone.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error if error.errno in _UNWRITABLE else None
    codes = "|".join(map(str, _UNWRITABLE))
    if re.search(rf"PytorchStreamWriter|\(os error ({codes})\)", str(error)):
        return OSError(errno.ENOSPC, "the disk would not take a checkpoint")
    return None


def _complain(error: RobustR1Error) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2
