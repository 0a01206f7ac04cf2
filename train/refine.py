"""Refine the vision encoder of a checkpoint by a second, lower swing of its warm-up.

    python -m train.refine --config cpu --from runs/sft-second --probes runs/base -o runs/refined

The probes of the first swing go on where they ended, and so does the encoder, at a lower rate and
with more undamaged pictures. The text side is left as it was; it has to see by the refined encoder
once before it reads by it again, so a swing of train.sft follows.
"""

import argparse
from pathlib import Path

import torch

from train.config import TrainingConfig
from train.history import history_of, record, write_history
from train.stages import load_checkpoint, main_of, parser_of, save_checkpoint
from train.warmup import train_encoder


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Train the encoder and save the whole checkpoint in the folder of the run."""
    folder: Path = arguments.output
    model, processor = load_checkpoint(arguments.start)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    folder.mkdir(parents=True, exist_ok=True)
    vision, pictures = model.model.visual, processor.image_processor
    train_encoder(vision, pictures, config.refine, config, folder, arguments.probes)
    save_checkpoint(model, processor, folder, torch.float32, model.config.answer_only)
    seen = record("encoder again", config.refine.samples, config.seed, folder / "warmup.jsonl")
    write_history(folder, history_of(arguments.start), seen)


if __name__ == "__main__":
    parser = parser_of(__doc__.splitlines()[0])
    parser.add_argument("--from", dest="start", required=True, type=Path, help="run of train.sft")
    parser.add_argument(
        "--probes", required=True, type=Path, help="run of train.base, whose probes go on"
    )
    main_of(parser, run)
