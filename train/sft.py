"""Train tiny-sft: teach the reasoning chain by next-token loss, from the checkpoint of train.base.

    python -m train.sft --config cpu --from runs/base -o runs/sft

With `--no-reasoning` the same scenes teach the answer section alone: the paper's ablation.

Vision encoder and merger stay frozen, the loss counts the chain alone (paper, training). The
folder `half` below the run is what is bundled.
"""

import argparse
from pathlib import Path

import torch

from train.config import TrainingConfig
from train.history import history_of, record, write_history
from train.stages import (
    freeze_vision,
    load_checkpoint,
    main_of,
    parser_of,
    save_checkpoint,
    train_text,
)


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Train on chains and save the checkpoint in float32 and, for bundling, in float16."""
    model, processor = load_checkpoint(arguments.start)
    freeze_vision(model)
    arguments.output.mkdir(parents=True, exist_ok=True)
    style = "answer" if arguments.no_reasoning else "chain"
    train_text(model, processor, config.sft, config, arguments.output, style)
    save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16)
    stage = "answers alone" if arguments.no_reasoning else "chains"
    done = record(stage, config.sft.samples, config.seed, arguments.output / "log.jsonl")
    write_history(arguments.output, history_of(arguments.start), done)


if __name__ == "__main__":
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("--from", dest="start", required=True, type=Path, help="run of train.base")
    parser.add_argument(
        "--no-reasoning", action="store_true", help="ablation: the answer section alone"
    )
    main_of(parser, run)
