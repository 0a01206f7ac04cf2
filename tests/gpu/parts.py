"""What is measured on a GPU, part by part, on a model with random weights of a full-size shape.

Time and memory depend on shapes and lengths alone. Everything heavy is imported by the part that
needs it, so that reading this module costs nothing.
"""

import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from tests.support.paths import ROOT

BASE, DATA = "base", "data"
# Tokens of a prompt and of a chain of 225 words, as the paper's samples have, in Qwen's tokenizer.
# That of the bundled models, which is used here, makes a shorter prompt: the chain is the longer.
_TEXT_TOKENS = 160 + 305


@dataclass(frozen=True)
class Size:
    """Fix how large everything is.

    Attributes:
        picture: height and width of the pictures, which the model takes as they are.
        grid: rows and columns of image tokens when answers are timed.
        batches: how many questions at a time, one size after the other.
        tokens: of an answer that is timed.
        steps: of each stage of training, "sft" and "grpo".
        changes: to the recipe 3b-qlora.
        narrow: whether the model is a few layers narrow, for a machine without a GPU.
    """

    picture: tuple[int, int]
    grid: tuple[int, int]
    batches: tuple[int, ...]
    tokens: int
    steps: Mapping[str, int]
    changes: tuple[str, ...]
    narrow: bool = False


# A 4:3 photograph as the full-size models see it: 31 x 41 tokens. A completion is as long as the
# paper's chains, and a group of eight is one optimizer step's.
FULL = Size(
    picture=(868, 1148),
    grid=(32, 40),
    batches=(1, 8),
    tokens=128,
    steps={"sft": 3, "grpo": 2},
    changes=("grpo.global_batch=8", "grpo.max_tokens=320", "workers=0"),
)
SMOKE = Size(
    picture=(64, 64),
    grid=(2, 3),
    batches=(1, 2),
    tokens=3,
    steps={"sft": 1, "grpo": 1},
    changes=(
        *("lora.rank=2", "workers=0", "threads=1", "max_pixels=4096"),
        *("sft.global_batch=2", "sft.batch=2"),
        *("grpo.global_batch=2", "grpo.batch=2", "grpo.group=2", "grpo.max_tokens=4"),
    ),
    narrow=True,
)


def make_base(size: Size, folder: Path) -> dict[str, Any]:
    """Save the model that the others measure, with a processor, and what it is taught."""
    from robust_r1.engine import catalog
    from robust_r1.engine.processing import build_processor, load_processor
    from robust_r1.engine.random_model import config_3b, save_random
    from tests.support.tiny_checkpoint import make_config

    tokenizer = load_processor(catalog.newest_bundled().source).tokenizer
    named = make_config(tokenizer, 64)
    config = named if size.narrow else config_3b()
    for name in ("image", "video", "vision_start", "vision_end"):
        setattr(config, f"{name}_token_id", getattr(named, f"{name}_token_id"))
    config.text_config.eos_token_id = tokenizer.eos_token_id
    config.text_config.pad_token_id = tokenizer.pad_token_id
    config.text_config.bos_token_id = None
    vision = config.vision_config
    pixels = size.picture[0] * size.picture[1]
    processor = build_processor(
        tokenizer,
        patch_size=vision.patch_size,
        merge_size=vision.spatial_merge_size,
        max_pixels=max(pixels, 1280 * vision.patch_size**2 * vision.spatial_merge_size**2),
    )
    begun = time.perf_counter()
    parameters = save_random(config, folder / BASE)
    processor.save_pretrained(folder / BASE)
    lengths = _write_data(size, processor, folder / DATA)
    return {"parameters": parameters, "seconds": time.perf_counter() - begun, **lengths}


def _write_data(size: Size, processor: Any, folder: Path) -> dict[str, int]:
    """Write chains about pictures, of the lengths that real ones have; return these in tokens."""
    import numpy as np
    from PIL import Image

    from robust_r1.chain import Chain, Finding, build_prompt, render
    from robust_r1.records import Record, record_to_json
    from robust_r1.records.lines import json_line

    def chain(words: int) -> str:
        reasoning = "the " * words + "end."
        return render(Chain((Finding("noise", 0.5),), "Noise.", reasoning, "A cat.", "a cat"))

    def tokens(text: str) -> int:
        return len(processor.tokenizer(text)["input_ids"])

    question = "What is this?"
    prompt = tokens(build_prompt(question))
    words = 1 if size.narrow else _TEXT_TOKENS
    while words > 1 and prompt + tokens(chain(words)) > _TEXT_TOKENS:
        words -= 1
    (folder / "images").mkdir(parents=True)
    lines = []
    for number in range(_samples(size)):
        name = f"images/{number}.png"
        shade = np.full((*size.picture, 3), number % 251, np.uint8)
        Image.fromarray(shade).save(folder / name)
        record = Record(image=name, question=question, answer="a cat", chain=chain(words))
        lines.append(json_line(record_to_json(record)))
    (folder / "records.jsonl").write_text("".join(lines), "utf-8")
    side = processor.image_processor.patch_size * processor.image_processor.merge_size
    seen = (size.picture[0] // side) * (size.picture[1] // side)
    return {"picture": seen, "prompt": prompt, "completion": tokens(chain(words))}


def _samples(size: Size) -> int:
    """Return how many samples all steps of both stages take, each half of them at least."""
    config = _config(size)
    first = size.steps["sft"] * config.sft.global_batch
    return 2 * max(first, size.steps["grpo"] * config.grpo.global_batch // config.grpo.group)


def _config(size: Size, stage: str = "") -> Any:
    from train.common.adapter_config import AdapterConfig
    from train.common.config import load_config

    changes = [*size.changes, "sft_share=0.5"]
    config = load_config("3b-qlora", AdapterConfig, changes)
    if not stage:
        return config
    own = getattr(config, stage)
    batch = own.global_batch if stage == "sft" else own.global_batch // own.group
    epochs = size.steps[stage] * batch * 2 / _samples(size)
    changes += [f"{stage}.epochs={epochs}", f"{stage}.log_every=1"]
    return load_config("3b-qlora", AdapterConfig, changes)


def answering(size: Size, folder: Path, way: tuple[str, str, str]) -> dict[str, Any]:
    """Measure answers in one way: precision, attention and cache; see `full_size.WAYS`."""
    from robust_r1.engine.checkpoint import read_checkpoint
    from robust_r1.engine.random_model import measure

    precision, attention, cache = way
    checkpoint = read_checkpoint(folder / BASE)
    costs = measure(
        checkpoint, precision, attention, size.batches, size.tokens, size.grid, cache
    )
    return {"costs": [asdict(cost) for cost in costs]}


def training(size: Size, folder: Path, stage: str, frozen: bool) -> dict[str, Any]:
    """Measure a few steps of QLoRA, with the vision side frozen as it is or as TRL leaves it.

    Args:
        size: of everything.
        folder: with the base and the data.
        stage: "sft" or "grpo".
        frozen: whether the vision side works without gradients and once a picture.
    """
    from train import grpo, sft

    module = {"sft": sft, "grpo": grpo}[stage]
    output = folder / f"{stage}-{'frozen' if frozen else 'open'}"
    data = folder / DATA / "records.jsonl"
    arguments = Namespace(start=str(folder / BASE), data=data, output=output, validation=None)
    with _watched(module) as watch, _vision(module, frozen):
        module.run(arguments, _config(size, stage))
    return {"step_seconds": watch.seconds, "peak_bytes": watch.peak}


@contextmanager
def _vision(module: Any, frozen: bool) -> Iterator[None]:
    if frozen:
        yield
        return
    with patch.object(module, "freeze_vision", lambda *arguments, **options: None):
        yield


@contextmanager
def _watched(module: Any) -> Iterator[Any]:
    """Have a stage's steps timed."""
    watch = _watch()
    make = module.make_trainer

    def make_and_watch(*arguments: Any, **options: Any) -> Any:
        trainer = make(*arguments, **options)
        trainer.add_callback(watch)
        return trainer

    with patch.object(module, "make_trainer", make_and_watch):
        yield watch


def _watch() -> Any:
    import torch
    from transformers import TrainerCallback

    from robust_r1.engine import machine

    class Watch(TrainerCallback):
        """Time each optimizer step, sampling included, and note the memory at its most."""

        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.peak = 0
            self._begun = 0.0

        def on_step_begin(self, *arguments: Any, **options: Any) -> None:
            if not self.seconds and machine.accelerator() == "cuda":
                torch.cuda.reset_peak_memory_stats()
            self._begun = self._now()

        def on_step_end(self, *arguments: Any, **options: Any) -> None:
            self.seconds.append(round(self._now() - self._begun, 3))
            self.peak = machine.peak_memory(machine.accelerator())

        def _now(self) -> float:
            if machine.accelerator() != "cpu":
                torch.accelerator.synchronize()
            return time.perf_counter()

    return Watch()


def run_tests(size: Size, folder: Path) -> dict[str, Any]:
    """Run tests/gpu, but for the one that measures what other parts measure."""
    command = [sys.executable, "-m", "pytest", "-q", "tests/gpu", "-p", "no:cacheprovider"]
    command += ["--deselect", "tests/gpu/test_gpu.py::test_full_size_is_measured_in_every_way"]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    said = (done.stdout + done.stderr).strip().splitlines()
    if done.returncode:
        raise RuntimeError("; ".join(said[-5:]))
    return {"said": said[-1]}
