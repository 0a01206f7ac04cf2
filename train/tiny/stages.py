"""What the stages share: the command line, the TRL trainer of a stage, saving a checkpoint."""

import argparse
import copy
import dataclasses
import errno
import functools
import json
import logging
import os
import re
import sys
import time
from pathlib import Path

import cv2
import torch
from datasets import Dataset
from safetensors import SafetensorError
from torch.optim.lr_scheduler import LambdaLR
from transformers import Qwen2_5_VLForConditionalGeneration, TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from trl import SFTConfig, SFTTrainer

from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.loading import open_processor
from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.engine.weights import first_line
from robust_r1.errors import InputError, ModelError, RobustR1Error
from robust_r1.records.lines import unwritable
from train.common.completions import CompletionLog, row_samples, scene_samples
from train.common.config import StageConfig, TrainingConfig, load_config
from train.tiny.data import Collator, scene_indices
from train.tiny.decisions import decisions_of, expected_values
from train.tiny.decoder import IGNORED, Decoder
from train.tiny.encoder import Encoder, attends_fully, patches_of
from train.tiny.optim import MuonAdamW, cosine
from train.tiny.sampler import Sampler

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def parser_of(description: str) -> argparse.ArgumentParser:
    """Make the command line that all stages share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--config", default="cpu", help="name in train/configs, or a YAML file")
    parser.add_argument(
        "--set", action="append", metavar="SECTION.KEY=VALUE", help="override one setting"
    )
    parser.add_argument("-o", "--output", required=True, type=Path, help="folder of the run")
    return parser


def main_of(
    parser: argparse.ArgumentParser, run, kind: type = TrainingConfig, alone: bool = True
) -> None:
    """Parse, run, and turn bad input into one line on stderr and exit code 2.

    Args:
        parser: of `parser_of`.
        run: called with the arguments and the configuration.
        kind: of the configuration.
        alone: whether to refuse to be one of several processes.
    """
    arguments = parser.parse_args()
    try:
        if alone:
            _refuse_ranks()
        config = load_config(arguments.config, arguments.set, kind)
        torch.set_num_threads(config.threads)
        # Before any worker is forked: one that is, while OpenCV's threads wait, hangs in OpenCV.
        cv2.setNumThreads(1)
        run(arguments, config)
    except RobustR1Error as error:
        sys.exit(_complain(error))
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        sys.exit(130)
    except (OSError, RuntimeError, SafetensorError) as error:
        if (fault := _disk_fault(error)) is None:
            raise
        sys.exit(_complain(unwritable(arguments.output, fault)))


def _refuse_ranks() -> None:
    """Refuse to be one of several: each would train on all samples and on its own gradients."""
    if (count := int(os.environ.get("WORLD_SIZE") or 1)) > 1:
        raise InputError(
            f"this stage runs in one process, not in {count}; start it by python -m, without "
            "accelerate launch or torchrun"
        )


def _disk_fault(error: Exception) -> OSError | None:
    """Return what a disk has against a file; None where the error is of another kind.

    Torch and safetensors tell of it in words alone.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error if error.errno in _UNWRITABLE else None
    codes = "|".join(map(str, _UNWRITABLE))
    if re.search(rf"PytorchStreamWriter|\(os error ({codes})\)", str(error)):
        return OSError(errno.ENOSPC, "the disk would not take a checkpoint")
    return None


def _complain(error: RobustR1Error) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2


def load_checkpoint(folder: Path) -> tuple[Qwen2_5_VLForConditionalGeneration, ImageTextProcessor]:
    """Load what an earlier stage saved, in float32 for training on.

    Raises:
        ModelError: the folder holds no checkpoint, or a broken one.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder} holds no checkpoint; run the stage before this one first")
    checkpoint = read_checkpoint(folder)
    try:
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    except (OSError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"{folder} could not be loaded: {first_line(error)}") from error
    return model, open_processor(checkpoint)


def freeze_vision(model: Qwen2_5_VLForConditionalGeneration) -> None:
    """Freeze vision encoder and merger, as the paper does in both of its stages."""
    for parameter in model.model.visual.parameters():
        parameter.requires_grad_(False)


def train_text(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: ImageTextProcessor,
    stage: StageConfig,
    config: TrainingConfig,
    folder: Path,
    style: str,
    rows: Dataset | None = None,
) -> None:
    """Train the text side with TRL's SFTTrainer; resumes from `folder` by itself.

    Args:
        style: "answer" (the answer section alone) or "chain".
        rows: prompts, completions and images to train on, in order, instead of drawn scenes.
    """
    optimizer = MuonAdamW(model.named_parameters(), rate=stage.rate)
    schedule = functools.partial(cosine, steps=stage.steps, warmup_share=stage.warmup_share)
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    checkpoint = resume(model, folder)
    seen = stage.batch * step_of(checkpoint) if checkpoint else 0
    count = stage.steps * stage.batch
    samples = scene_samples(style) if rows is None else row_samples(rows)
    said = CompletionLog(
        folder / "samples.jsonl", samples, processor, Sampler(model), config.grpo.max_tokens
    )
    shared = {
        "model": model,
        "processing_class": processor,
        "optimizers": (optimizer, LambdaLR(optimizer, schedule)),
        "callbacks": [JsonLines(folder / "log.jsonl"), said],
    }
    if rows is None:
        trainer = SceneTrainer(
            args=_arguments(stage, config, folder, {"skip_prepare_dataset": True}),
            train_dataset=scene_indices(stage.first_index + seen, count - seen),
            data_collator=Collator(
                processor,
                "train",
                stage.first_index,
                stage.batch,
                style,
                stage.captions,
                stage.drills,
                stage.clean,
            ),
            compiled=config.compiled,
            **shared,
        )
    else:
        if attends_fully(model.model.visual):
            Encoder(model.model.visual).replace_forward()
        rest = rows.select(range(seen, count))
        trainer = SFTTrainer(args=_arguments(stage, config, folder), train_dataset=rest, **shared)
    trainer.train(resume_from_checkpoint=checkpoint)


def with_samples(stage: StageConfig, count: int, path: Path) -> StageConfig:
    """Return a stage that passes once over `count` samples of a file.

    Raises:
        InputError: the file holds less than one batch.
    """
    if count < stage.batch:
        raise InputError(f"{path} holds {count} samples, less than one batch of {stage.batch}")
    return dataclasses.replace(stage, samples=count)


class SceneTrainer(SFTTrainer):
    """Train on the batches of `train.tiny.data.Collator` with the forward passes made for them."""

    def __init__(self, *, compiled: bool, **options) -> None:
        super().__init__(**options)
        self._score = SceneLoss(options["model"], options["processing_class"], compiled)

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        """Return the weighted loss over the completions' tokens; log the accuracy of all."""
        loss, accuracy = self._score(inputs)
        self._metrics["train"]["mean_token_accuracy"].append(accuracy)
        return loss


class SceneLoss:
    """Score the batches of `train.tiny.data.Collator`.

    Args:
        model: the whole model, its vision tower frozen; it stays the owner of the weights.
        processor: of the model.
        compiled: see `train.tiny.encoder.Encoder`.
    """

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageTextProcessor,
        compiled: bool,
    ) -> None:
        self._model, self._pictures = model, processor.image_processor
        self._encoder = Encoder(model.model.visual, compiled)
        self._decoder = Decoder(model, compiled)

    def __call__(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, float]:
        """Return the weighted mean loss over the labels, and the share of them that is likeliest.

        Less what the batch's decisions are expected to earn, where it holds any: each of weight 1
        counts as much as one token of weight 1.
        """
        # Asked for here: the trainer moves the model only after this was made.
        batch = {name: part.to(self._model.device) for name, part in batch.items()}
        with torch.no_grad():
            patches = patches_of(batch["images"], self._pictures)
            pictures = self._encoder(patches, *batch["grid"][1:].tolist())
        logits, labels = self._decoder(batch["tokens"], batch["labels"], pictures, batch["grid"])
        right = (logits.argmax(-1) == labels).float().mean()
        weights = batch["weights"][:, 1:][batch["labels"][:, 1:] != IGNORED]
        losses = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
        total = (losses * weights).sum()
        if decisions := decisions_of(batch):
            total = total - expected_values(logits[None], **decisions).sum()
        return total / weights.sum(), right.item()


def resume(model: Qwen2_5_VLForConditionalGeneration, folder: Path) -> str | None:
    """Put the weights of a run's last checkpoint into its model and return the checkpoint's path.

    The trainer restores optimizer, schedule, data and random state, but not these weights:
    transformers 5.23 writes Qwen2.5-VL under the names of its older layout, and on resuming skips
    every name that it does not know without a word. A checkpoint that a crash cut short is passed
    over.

    Returns:
        None where there is no whole checkpoint; the run then begins at its beginning.

    Raises:
        ModelError: the checkpoint is of a model of another shape.
    """
    if (last := last_checkpoint(folder)) is None:
        return None
    try:
        saved = Qwen2_5_VLForConditionalGeneration.from_pretrained(last, dtype=torch.float32)
        model.load_state_dict(saved.state_dict())
    except RuntimeError as error:
        raise another_model(last) from error
    return last


def last_checkpoint(folder: Path) -> str | None:
    """Return the last whole checkpoint of a run; None where there is none yet."""
    whole = [path.parent for path in folder.glob(f"checkpoint-*/{TRAINER_STATE_NAME}")]
    return str(max(whole, key=step_of)) if whole else None


def another_model(checkpoint: Path | str) -> ModelError:
    """Return the error for a run's folder in which a model of another shape was trained."""
    return ModelError(
        f"{checkpoint} is of a model of another shape; give this run a folder of its own"
    )


def step_of(checkpoint: str | Path) -> int:
    """Return the optimizer step at which the trainer wrote a checkpoint, from its folder's name."""
    return int(Path(checkpoint).name.partition("-")[2])


def _arguments(
    stage: StageConfig, config: TrainingConfig, folder: Path, dataset: dict | None = None
) -> SFTConfig:
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=stage.batch,
        max_steps=stage.steps,
        save_steps=stage.save_every,
        save_total_limit=1,
        logging_steps=stage.log_every,
        report_to="tensorboard",
        seed=config.seed,
        # Scenes are independent draws already; the collator relies on their order.
        train_sampling_strategy="sequential",
        # A resumed run is given the rest of the rows, instead of drawing all of them to skip them.
        ignore_data_skip=True,
        # TRL would cut image tokens at its default of 1024.
        max_length=None,
        completion_only_loss=True,
        dataset_kwargs=dataset,
        remove_unused_columns=False,
        gradient_checkpointing=False,
        dataloader_num_workers=config.workers,
        bf16=False,
        fp16=False,
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
    )


class JsonLines(TrainerCallback):
    """Append each log of a trainer to a file, one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path, self.begun = path, time.time()

    def on_log(self, args, state, control, logs=None, **kwargs) -> None:
        """Write one row: step, of how many, seconds since the start, what the trainer measured."""
        if not state.is_world_process_zero:
            return
        row = {
            "step": state.global_step,
            "of": state.max_steps,
            "seconds": round(time.time() - self.begun),
            **(logs or {}),
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


def save_checkpoint(
    model,
    processor: ImageTextProcessor,
    folder: Path,
    dtype: torch.dtype,
    answer_only: bool = False,
) -> None:
    """Save a checkpoint as ordinary safetensors shards below 10 MB each.

    Args:
        dtype: float32 between stages, float16 for what is bundled.
        answer_only: whether it was trained for answers without chains; whoever loads it then asks
            for no more.
    """
    # A copy, because the saved configuration names the dtype of the model itself.
    saved = copy.deepcopy(model).to(dtype)
    saved.config.answer_only = answer_only
    saved.save_pretrained(folder, max_shard_size="9MB")
    processor.save_pretrained(folder)
