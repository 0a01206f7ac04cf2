"""The command line: python -m robust_r1 COMMAND ...

Each command is a module of `robust_r1.commands` with one function `add_parser(subparsers)`, which
sets `run`, a function from the parsed arguments to the exit status. Only the module of the command
that was asked for is imported, so `degrade` never waits for what `ask` needs.

Exit status: 0 on success, 1 where `perceive --fail-above` finds more, 2 on bad input, 130 when
interrupted. Bad input costs one line on stderr; `--debug` shows the traceback instead.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import robust_r1
from robust_r1.errors import RobustR1Error

COMMANDS = (
    "degrade", "ask", "perceive", "sweep", "evaluate", "merge", "judge", "report", "rbench",
    "models", "bench", "page",
)  # fmt: skip

_DEBUG_HELP = "show the traceback of an error"


class _Parser(argparse.ArgumentParser):
    """Report a wrong argument in one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {_one_line(message)}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; `argv` defaults to the process's arguments."""
    argv = list(sys.argv[1:] if argv is None else argv)
    args = _parse(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output (head, less) has gone; keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RobustR1Error, OSError) as error:
        if args.debug:
            raise
        words = str(error)
        if isinstance(error, OSError):  # such as a folder that may not be written to
            words = f"{error.filename or 'the system'}: {error.strerror or error}"
        print(f"error: {_one_line(words)}", file=sys.stderr)
        return 2


def _parse(argv: list[str]) -> argparse.Namespace:
    """Parse; one word after the options may fill what a command calls `late`, if it is empty.

    argparse gives all optional words their values at the first one that it meets: in
    `ask IMAGE --model M QUESTION` the question would be one word too many.
    """
    parser = build_parser(argv)
    args, rest = parser.parse_known_args(argv)
    late = getattr(args, "late", None)
    fits = len(rest) == 1 and not rest[0].startswith("-")
    if late and fits and getattr(args, late) is None:
        setattr(args, late, rest[0])
    elif rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return args


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """Build the parser for these arguments: of one command if they name one, else of all."""
    parser = _Parser(
        prog="python -m robust_r1",
        description="Degrade pictures, and ask models that see through the damage.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=robust_r1.__version__)
    parser.add_argument("--debug", action="store_true", help=_DEBUG_HELP)
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)
    for name in (asked,) if asked in COMMANDS else COMMANDS:
        importlib.import_module(f"robust_r1.commands.{name}").add_parser(subparsers)
        # Suppressed, or the default here would undo a --debug that stands before the command.
        subparsers.choices[name].add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=_DEBUG_HELP
        )
    return parser


def _one_line(text: str) -> str:
    return " ".join(text.split())
