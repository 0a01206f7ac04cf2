"""What the stages of the bundled models share: a checkpoint, and TRL's trainer on scenes."""

import copy
import dataclasses
import functools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from datasets import Dataset
from PIL import Image
from safetensors import SafetensorError
from torch.optim.lr_scheduler import LambdaLR
from transformers import Qwen2_5_VLForConditionalGeneration
from trl import SFTConfig, SFTTrainer

from robust_r1.chain import build_prompt
from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.loading import open_processor
from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.engine.weights import first_line
from robust_r1.errors import InputError, ModelError
from robust_r1.scenes import Item
from train.common.answering import Answering, Asked
from train.common.checkpoints import another_model, last_checkpoint, step_of
from train.common.completions import FixedPrompts
from train.common.logs import JsonLines
from train.common.samples_file import SamplesFile
from train.tiny.config import StageConfig, TrainingConfig
from train.tiny.data import Collator, completion_of, scene_indices, scene_item
from train.tiny.decisions import decisions_of, expected_values
from train.tiny.decoder import IGNORED, Decoder
from train.tiny.encoder import Encoder, attends_fully, patches_of, say_dtype
from train.tiny.optim import MuonAdamW, cosine
from train.tiny.pictures import Pictures
from train.tiny.sampler import Sampler

_Stage = TypeVar("_Stage", bound=StageConfig)
_SHOWN_SPLIT = "validation"  # of the scenes that are asked about on the way: none is trained on


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
    pictures: Pictures | None = None,
    asked: Sequence[Asked] | None = None,
) -> None:
    """Train the text side with TRL's SFTTrainer; resumes from `folder` by itself.

    Args:
        style: "answer" (the answer section alone) or "chain".
        rows: prompts, completions and images to train on, in order, instead of drawn scenes.
        pictures: draws every other batch from photographs.
        asked: what the model is asked at its checkpoints, instead of drawn scenes.
    """
    say_dtype()
    optimizer = MuonAdamW(model.named_parameters(), rate=stage.rate)
    schedule = functools.partial(cosine, steps=stage.steps, warmup_share=stage.warmup_share)
    logging.getLogger("transformers.trainer").setLevel(logging.ERROR)
    checkpoint = resume(model, folder)
    seen = stage.batch * step_of(checkpoint) if checkpoint else 0
    count = stage.steps * stage.batch
    shared: dict[str, Any] = {
        "model": model,
        "processing_class": processor,
        "optimizers": (optimizer, LambdaLR(optimizer, schedule)),
        "callbacks": [JsonLines(folder / "log.jsonl")],
    }
    if rows is None:
        trainer = _scene_trainer(stage, config, folder, style, seen, shared, pictures)
    else:
        if attends_fully(model.model.visual):
            Encoder(model.model.visual).replace_forward()
        rest = rows.select(range(seen, count))
        trainer = SFTTrainer(args=_arguments(stage, config, folder), train_dataset=rest, **shared)
    asked, most = asked or shown_scenes(style), config.grpo.max_tokens
    answering = Answering(trainer, processor, len(asked), most, generate=Sampler(model))
    file = SamplesFile(folder / "samples.jsonl")
    trainer.add_callback(FixedPrompts(file, asked, answering))
    trainer.train(resume_from_checkpoint=checkpoint)


def _scene_trainer(
    stage: StageConfig,
    config: TrainingConfig,
    folder: Path,
    style: str,
    seen: int,
    shared: dict[str, Any],
    pictures: Pictures | None,
) -> SFTTrainer:
    """Make the trainer on drawn scenes, of which an interrupted run has seen some already."""
    return SceneTrainer(
        args=_arguments(stage, config, folder, {"skip_prepare_dataset": True}),
        train_dataset=scene_indices(stage.first_index + seen, stage.steps * stage.batch - seen),
        data_collator=Collator(
            shared["processing_class"],
            "train",
            stage.first_index,
            stage.batch,
            style,
            stage.captions,
            stage.drills,
            stage.clean,
            pictures=pictures,
        ),
        compiled=config.compiled,
        **shared,
    )


def shown_scenes(style: str, count: int = 4) -> list[Asked]:
    """Return the first scenes of the validation split, to be answered in a style."""
    items = [scene_item(_SHOWN_SPLIT, index, captions=0.0) for index in range(count)]
    return [
        Asked(
            build_prompt(item.question.prompt, answer_only=style == "answer"),
            functools.partial(_drawn, item),
            completion_of(item, style),
            item.question.prompt,
            item.question.choices,
            f"{_SHOWN_SPLIT}-{index}",
            split=_SHOWN_SPLIT,
        )
        for index, item in enumerate(items)
    ]


def _drawn(item: Item) -> Image.Image:
    return Image.fromarray(item.image())


def with_samples(stage: _Stage, count: int, path: Path) -> _Stage:
    """Return a stage that passes once over `count` samples of a file.

    Raises:
        InputError: the file holds less than one batch.
    """
    if count < stage.batch:
        raise InputError(f"{path} holds {count} samples, less than one batch of {stage.batch}")
    return dataclasses.replace(stage, samples=count)


class SceneTrainer(SFTTrainer):
    """Train on the batches of `train.tiny.data.Collator` with the forward passes made for them."""

    def __init__(self, *, compiled: bool, **options: Any) -> None:
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
        activation_checkpointing=False,
        dataloader_num_workers=config.workers,
        bf16=False,
        fp16=False,
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
    )


def save_checkpoint(
    model: Qwen2_5_VLForConditionalGeneration,
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
