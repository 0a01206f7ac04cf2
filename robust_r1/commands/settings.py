"""The flags that say how an answer is generated, the same in every command that asks."""

import argparse
from dataclasses import fields, replace

from robust_r1.engine import GenerationSettings


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add the flags; one that is not given leaves the model's own."""
    parser.add_argument("--max-new-tokens", type=int, metavar="N", help="longest answer")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 (greedy) to 2")
    parser.add_argument("--top-p", type=float, metavar="P", help="share of probability drawn from")
    parser.add_argument("--max-pixels", type=int, metavar="N", help="smaller pixel budget")


def given_settings(args: argparse.Namespace, settings: GenerationSettings) -> GenerationSettings:
    """Return settings with the flags that were given in place of theirs, `--seed` among them.

    Raises InputError for a value out of its range.
    """
    given = {field.name: getattr(args, field.name, None) for field in fields(settings)}
    return replace(settings, **{name: v for name, v in given.items() if v is not None})
