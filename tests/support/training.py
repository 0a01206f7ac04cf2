"""Settings that train in seconds, and readers of what a run leaves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from train.common.adapter_config import AdapterConfig
from train.common.config import load_config
from train.tiny.config import TrainingConfig

SMOKE = load_config("smoke", TrainingConfig)
# Of the full-size recipe, what one laptop core does in seconds.
SMALL = (
    *("lora.rank=4", "lora.dropout=0", "threads=1", "workers=0", "sft_share=0.5"),
    *("sft.global_batch=2", "sft.batch=2", "sft.epochs=2", "sft.rate=0.02"),
    *("sft.save_every=2", "sft.log_every=1"),
    *("grpo.global_batch=4", "grpo.batch=4", "grpo.epochs=1", "grpo.rate=0.01"),
    *("grpo.save_every=2", "grpo.log_every=1", "grpo.sample_every=2"),
    *("grpo.group=4", "grpo.max_tokens=8"),
)


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute as the settings ask for: threads that wait for each other's core are slow."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def small(*changes: str) -> AdapterConfig:
    """Return the full-size recipe with small settings, further ones changed."""
    return load_config("3b-qlora", AdapterConfig, [*SMALL, *changes])


def rows_of(path: Path) -> list[dict]:
    """Read a file of JSON lines."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def adapter_weights(folder: Path) -> dict[str, torch.Tensor]:
    """Read the weights of an adapter."""
    return load_file(folder / "adapter_model.safetensors")


def base_of(folder: Path) -> str:
    """Read the name of an adapter's base."""
    return json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]


class Stop(TrainerCallback):
    """Interrupt a run at its first checkpoint."""

    def on_save(self, args, state, control, **options):
        raise KeyboardInterrupt


def stop_at_first_checkpoint(module, patch):
    """Have a stage interrupted at its first checkpoint."""
    make = module.make_trainer

    def make_and_stop(*arguments):
        trainer = make(*arguments)
        trainer.add_callback(Stop())
        return trainer

    patch.setattr(module, "make_trainer", make_and_stop)
