"""Teach a full-size model the reasoning chain by next-token loss: LoRA or QLoRA.

    python -m train.sft --config 3b-qlora --from qwen2.5-vl-3b --data DATA -o runs/3b-sft

DATA is a JSONL file with pictures and chains, in the project's format (train.make_data) or the
authors'. `--from` takes what `--model` takes elsewhere: a catalog name, a folder, a hub id, or an
adapter's folder, which is then trained on. This stage learns from a quarter of the samples, and
train.grpo from the others (paper, training); vision encoder and merger stay frozen.

The run's folder is an adapter: `python app.py --model runs/3b-sft` loads it onto its base. On
several GPUs: `accelerate launch --config_file train/accelerate/gpus.yaml -m train.sft ...`.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from trl import SFTConfig, SFTTrainer

from robust_r1.records import Record
from train.common.adapter_config import AdapterConfig
from train.common.adapters import (
    Start,
    adapter_parser,
    begin,
    disconnect,
    open_start,
    save_adapter,
    settings_of,
    train_adapter,
)
from train.common.command import main_of
from train.common.completions import CompletionLog, row_samples
from train.common.history import record
from train.common.logs import JsonLines
from train.common.rows import chain_rows, part_of, read_data

_SHOWN_TOKENS = 256  # of a completion that is written down for people


def run(arguments: argparse.Namespace, config: AdapterConfig) -> None:
    """Train on chains, going on where an interrupted run was, and save the adapter."""
    begin(config)
    # --- Data: before the model, because a broken line shows in a second
    every = read_data(arguments.data)
    records = part_of(every, "sft", config.sft_share, config.seed)
    # --- Model
    start = open_start(arguments.start, config)
    # --- Training
    folder: Path = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    trainer = make_trainer(start, records, arguments.data.parent, config, folder)
    train_adapter(trainer, "sft", config, folder)
    # --- Adapter
    if trainer.is_world_process_zero():
        done = record("chains", len(records), config.seed, folder / "log.jsonl")
        save_adapter(trainer, start, done, folder)
    disconnect(trainer)


def make_trainer(
    start: Start, records: Sequence[Record], pictures: Path, config: AdapterConfig, folder: Path
) -> SFTTrainer:
    """Make TRL's trainer of chains; the loss counts the chain alone.

    Args:
        start: model and processor.
        records: samples with chains.
        pictures: the folder that their pictures' paths begin at.
        config: settings.
        folder: checkpoints, log.jsonl and samples.jsonl go there.
    """
    rows = chain_rows(records, pictures, start.info.fit)
    tokens = min(_SHOWN_TOKENS, config.grpo.max_tokens)
    said = CompletionLog(
        folder / "samples.jsonl", row_samples(rows), start.processor, start.model.generate, tokens
    )
    return SFTTrainer(
        model=start.model,
        processing_class=start.processor,
        train_dataset=rows,
        args=SFTConfig(
            **settings_of(config.sft, config, folder),
            # The samples were shuffled when they were divided; in order, a resumed run goes on with
            # what it had not seen, in any pass over the data.
            train_sampling_strategy="sequential",
            # TRL would cut image tokens at its default of 1024.
            max_length=None,
            completion_only_loss=True,
        ),
        callbacks=[JsonLines(folder / "log.jsonl"), said],
    )


if __name__ == "__main__":
    main_of(adapter_parser("train.sft", __doc__), run, AdapterConfig, alone=False)
