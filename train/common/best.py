"""The best checkpoint of whole weights as a model of its own; that of an adapter: `measured`."""

import shutil
from collections.abc import Collection
from pathlib import Path

from accelerate.utils import merge_fsdp_weights
from peft import PeftModel
from safetensors.torch import load_file, save_file
from trl import GRPOTrainer, SFTTrainer

from train.common.checkpoints import step_of
from train.common.measured import BEST
from train.common.saving import computed_dtype

_PARTS = "pytorch_model_fsdp_0"
# What belongs to a model beside its weights, and in a run's folder to the run.
_OF_A_MODEL = (".json", ".jinja", ".txt")
_OF_THE_RUN = ("recipe.json", "model.safetensors.index.json")


def keep_best_whole(trainer: SFTTrainer | GRPOTrainer, folder: Path) -> None:
    """Keep the best checkpoint as the model `best`, where it is not the last; all processes call.

    Args:
        trainer: that has trained whole weights; of an adapter nothing is done.
        folder: of the run, with its model.
    """
    named = trainer.state.best_model_checkpoint
    model = trainer.accelerator.unwrap_model(trainer.model)
    if named is None or isinstance(model, PeftModel) or step_of(named) == trainer.state.global_step:
        return
    # By its name: the folder may have been moved since.
    checkpoint, parts = folder / Path(named).name, folder / f"{BEST}-parts"
    if (checkpoint / _PARTS).is_dir():
        merge_fsdp_weights(str(checkpoint / _PARTS), str(parts))  # waits for all processes
    if trainer.is_world_process_zero():
        weights = parts if parts.is_dir() else checkpoint
        _copy(weights, folder, set(model.all_tied_weights_keys))
        shutil.rmtree(parts, ignore_errors=True)


def _copy(weights: Path, folder: Path, twice: Collection[str]) -> None:
    """Copy weights, but those that are others under a second name, and what else makes a model."""
    shutil.rmtree(folder / BEST, ignore_errors=True)
    (folder / BEST).mkdir()
    for file in weights.glob("*.safetensors"):
        kept = {name: one for name, one in load_file(file).items() if name not in twice}
        cast = {name: one.to(computed_dtype()) for name, one in kept.items()}
        save_file(cast, folder / BEST / file.name, {"format": "pt"})
    for file in folder.iterdir():
        if file.suffix in _OF_A_MODEL and file.name not in _OF_THE_RUN:
            shutil.copy(file, folder / BEST / file.name)
