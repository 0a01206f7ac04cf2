"""Merge an adapter into its base: a checkpoint of its own, for programs that load no adapters.

    python -m train.merge runs/3b-rl -o runs/3b-rl-merged

The base is loaded whole, and the low-rank updates are added to its weights by peft; what was
trained beside 4-bit weights is added to the whole ones. `--model` takes the folder afterwards, and
so does `--from` of train.sft.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError

from robust_r1.engine import catalog
from robust_r1.engine.adapter import is_adapter
from robust_r1.engine.loading import open_checkpoint, open_processor
from robust_r1.engine.weights import load_model
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.records.lines import unwritable
from train.common.adapters import progress
from train.common.history import history_of, write_history

PRECISIONS = ("bf16", "fp16", "fp32")


def merge(adapter: Path, folder: Path, precision: str = "bf16") -> None:
    """Write the merged checkpoint, its processor and its history into a folder.

    Args:
        adapter: folder of a LoRA, as train.sft and train.grpo leave it.
        folder: must not hold a model yet.
        precision: a member of PRECISIONS: what the sum is computed and saved in.

    Raises:
        InputError: no adapter there, or a folder that holds a model.
        ModelError: a base that cannot be had, or too little memory for it.
        DataError: a disk that would not take the weights.
    """
    if not is_adapter(adapter):
        raise InputError(f"{adapter} holds no adapter; give a run of train.sft or train.grpo")
    if (folder / "config.json").exists() or is_adapter(folder):
        raise InputError(f"{folder} holds a model already; give another folder with -o")
    _, checkpoint, found = open_checkpoint(catalog.find(str(adapter)), progress())
    # On the CPU, which has room for what training needed 4 bits for.
    place = found.folder if found else None
    model = load_model(checkpoint, precision, "sdpa", place, progress(), "cpu")
    model.config.answer_only = False  # whatever the base wrote: adapters learn chains
    try:
        model.save_pretrained(folder)
        open_processor(checkpoint).save_pretrained(folder)
        write_history(folder, (), *history_of(adapter))
    except SafetensorError as error:
        raise unwritable(folder, OSError(str(error))) from error
    except OSError as error:
        raise unwritable(folder, error) from error


def main(words: Sequence[str] | None = None) -> int:
    """Run the command; bad input ends in one line and exit code 2."""
    parser = argparse.ArgumentParser(
        "python -m train.merge", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("adapter", type=Path, help="folder of the adapter")
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the checkpoint")
    parser.add_argument("--precision", choices=PRECISIONS, default="bf16", help="of the weights")
    arguments = parser.parse_args(words)
    try:
        merge(arguments.adapter, arguments.output, arguments.precision)
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
