"""Train tiny-base: warm the vision encoder up, then teach short answers about scenes.

    python -m train.tiny.base --config cpu -o runs/base

The folder then holds a checkpoint that train.tiny.sft starts from. Interrupted, the same command
goes on where it was.
"""

import argparse
from pathlib import Path

import torch

from train.common.command import main_of, parser_of
from train.common.history import record, write_history
from train.tiny.config import TrainingConfig
from train.tiny.model import make_model, make_processor, make_tokenizer, prepare_vision
from train.tiny.photos import add_photos, open_pictures
from train.tiny.stages import freeze_vision, save_checkpoint, train_text
from train.tiny.warmup import train_encoder


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Run both stages and save the checkpoint in the folder of the run."""
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    pictures = open_pictures(arguments.photos, config, folder)
    # --- Model
    tokenizer = make_tokenizer(config.model.vocabulary)
    processor = make_processor(config.model, tokenizer)
    model = make_model(config.model, tokenizer, config.seed)
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    vision = model.model.visual
    prepare_vision(vision, processor.image_processor, config)
    # --- Encoder warm-up
    train_encoder(vision, processor.image_processor, config, folder, pictures)
    seen = record("encoder warm-up", config.warmup.samples, config.seed, folder / "warmup.jsonl")
    # --- Answers
    freeze_vision(model)
    train_text(model, processor, config.base, config, folder, "answer", pictures=pictures)
    save_checkpoint(model, processor, folder, torch.float32, answer_only=True)
    save_checkpoint(model, processor, folder / "half", torch.float16, answer_only=True)
    said = record("answers", config.base.samples, config.seed, folder / "log.jsonl")
    write_history(folder, (), seen, said)


if __name__ == "__main__":
    parser = parser_of("train.tiny.base", __doc__, "cpu")
    add_photos(parser)
    main_of(parser, run, TrainingConfig)
