"""What a stage leaves: an adapter or a whole checkpoint, with its history and a card."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel
from safetensors import SafetensorError
from transformers import PreTrainedModel
from trl import GRPOTrainer, SFTTrainer

from robust_r1.engine.loading import open_processor
from robust_r1.engine.machine import half_precision
from robust_r1.records.lines import unwritable
from train.common.adapters import Start
from train.common.history import StageRecord, record, write_history
from train.common.launch import is_spread

_Weights = Mapping[str, torch.Tensor] | None


def save_run(
    trainer: SFTTrainer | GRPOTrainer, start: Start, stage: str, samples: int, folder: Path
) -> None:
    """Save what was trained with its history and a card; all processes bring what they hold of it.

    Args:
        trainer: that has trained.
        start: what it began with.
        stage: what it is called in a card.
        samples: that it learned from.
        folder: of the run, with its log.

    Raises:
        DataError: a disk that would not take the weights.
    """
    weights: _Weights = None
    if is_spread():
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not trainer.is_world_process_zero():
        return
    model = trainer.accelerator.unwrap_model(trainer.model)
    done = record(stage, samples, trainer.args.seed, folder / "log.jsonl")
    if isinstance(model, PeftModel):
        _save_adapter(model, start.base, weights, folder)
        made = _of_adapter(start.base, model.peft_config["default"])
    else:
        try:
            _save_whole(model, start, weights, folder)
        except SafetensorError as error:
            raise unwritable(folder, OSError(str(error))) from error
        made = _of_weights(start.base)
    write_history(folder, start.history, done)
    (folder / "README.md").write_text(_card(made, (*start.history, done)), "utf-8")


def disconnect(trainer: SFTTrainer | GRPOTrainer) -> None:
    """Wait for all processes, then let go of one another.

    One that ends while another still saves aborts now and then, as it finds its peer's connection
    open.
    """
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


def _save_adapter(model: PeftModel, base: str, weights: _Weights, folder: Path) -> None:
    model.peft_config["default"].base_model_name_or_path = base
    # Without the copy that TRL keeps as the reference of reinforcement; and without embeddings, for
    # whose size peft would look the base up on the hub.
    model.save_pretrained(
        str(folder),
        selected_adapters=["default"],
        save_embedding_layers=False,
        state_dict=weights,
    )


def _save_whole(model: PreTrainedModel, start: Start, weights: _Weights, folder: Path) -> None:
    """Save a checkpoint in the precision that it was computed with."""
    held = model.state_dict() if weights is None else weights
    model.config.answer_only = False  # whatever the base wrote: what was learned are chains
    # A head that is the embeddings is saved once; gathered or cast, it is a copy of them.
    twice = set(model.all_tied_weights_keys)
    whole = {name: one.to(computed_dtype()) for name, one in held.items() if name not in twice}
    model.save_pretrained(folder, state_dict=whole)
    model.config.dtype = computed_dtype()
    model.config.save_pretrained(folder)
    # As it was: training has fitted the pictures before.
    open_processor(start.checkpoint).save_pretrained(folder)


def computed_dtype() -> torch.dtype:
    """Return the precision that whole weights are saved in: that which they were computed with."""
    if not torch.cuda.is_available():
        return torch.float32
    return torch.bfloat16 if half_precision() == "bf16" else torch.float16


def _of_adapter(base: str, lora: LoraConfig) -> list[str]:
    settings = f"rank {lora.r}, alpha {lora.lora_alpha}, dropout {lora.lora_dropout:g}"
    return [
        "# An adapter for reasoning chains about degraded pictures",
        "",
        f"LoRA for `{base}` ({settings}); vision encoder and merger are as they were.",
    ]


def _of_weights(base: str) -> list[str]:
    return [
        "# A model for reasoning chains about degraded pictures",
        "",
        f"The language side of `{base}`, trained in full; vision encoder and merger are as they "
        "were.",
    ]


def _card(made: Sequence[str], history: Sequence[StageRecord]) -> str:
    rows = [
        f"| {done.stage} | `{done.command}` | {done.samples:,} | {done.seed} | {done.minutes:g} |"
        for done in history
    ]
    table = ["| stage | command | samples | seed | minutes |", "|---|---|---|---|---|", *rows]
    return "\n".join([*made, "", *table, ""])
