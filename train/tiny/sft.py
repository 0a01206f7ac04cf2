"""Train tiny-sft: teach the reasoning chain by next-token loss, from a run of train.tiny.base.

    python -m train.tiny.sft --config cpu --from runs/base -o runs/sft

With `--data` the samples of a file take the place of scenes: records that `train.make_data` writes,
or the authors' format. With `--no-reasoning` the scenes teach the answer section alone: the paper's
ablation.

Vision encoder and merger stay frozen, the loss counts the chain alone (paper, training). The
folder `half` below the run is what is bundled.
"""

import argparse
from pathlib import Path

import torch

from train.common.answering import asked_of
from train.common.command import main_of, parser_of
from train.common.history import history_of, record, write_history
from train.common.rows import chain_rows, read_data
from train.tiny.config import TrainingConfig
from train.tiny.photos import add_photos, open_pictures
from train.tiny.stages import (
    freeze_vision,
    load_checkpoint,
    save_checkpoint,
    train_text,
    with_samples,
)

_SHOWN = 2  # samples of a file that the model is asked about at its checkpoints


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Train on chains and save the checkpoint in float32 and, for bundling, in float16."""
    model, processor = load_checkpoint(arguments.start)
    freeze_vision(model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    pictures = open_pictures(arguments.photos, config, arguments.output, arguments.data)
    style, stage = "answer" if arguments.no_reasoning else "chain", config.sft
    rows = asked = None
    if arguments.data:
        records = read_data(arguments.data)
        stage = with_samples(stage, len(records), arguments.data)
        rows = chain_rows(records, arguments.data.parent)
        asked = asked_of(records[:_SHOWN], arguments.data.parent, None, "train")
    train_text(model, processor, stage, config, arguments.output, style, rows, pictures, asked)
    alone = arguments.no_reasoning
    save_checkpoint(model, processor, arguments.output, torch.float32, alone)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16, alone)
    name = "answers alone" if arguments.no_reasoning else "chains"
    done = record(name, stage.samples, config.seed, arguments.output / "log.jsonl")
    write_history(arguments.output, history_of(arguments.start), done)


if __name__ == "__main__":
    parser = parser_of("train.tiny.sft", __doc__, "cpu")
    parser.add_argument(
        "--from", dest="start", required=True, type=Path, help="run of train.tiny.base"
    )
    add_photos(parser)
    parser.add_argument("--data", type=Path, help="train on this JSONL file instead of scenes")
    parser.add_argument(
        "--no-reasoning", action="store_true", help="ablation: the answer section alone"
    )
    main_of(parser, run, TrainingConfig)
