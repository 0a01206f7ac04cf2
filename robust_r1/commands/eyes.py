"""The flag --eyes, the same in every command that asks: which model looks before another one."""

import argparse

from robust_r1.engine import Engine


def add_eyes(parser: argparse.ArgumentParser) -> None:
    """Add the flag; without it a model looks for itself."""
    parser.add_argument(
        "--eyes",
        metavar="M",
        help="a model that looks first, such as tiny-rl: its findings go into the prompt, and "
        "--model answers (default: none)",
    )


def open_eyes(name: str | None) -> Engine | None:
    """Load the model that looks, before the one that answers; None without a name.

    Raises as `load_engine` does, and InputError for one that was not trained to name damage.
    """
    if not name:
        return None
    from robust_r1.engine import load_engine
    from robust_r1.engine.eyes import check_eyes

    engine = load_engine(name)
    check_eyes(engine.info)
    return engine
