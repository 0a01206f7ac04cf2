"""Teach tower and text of a bundled model to see damage on photographs, on a GPU, in minutes.

    python -m train.tiny.gpu_warmup --from assets/models/tiny-sft --photos DIR -o OUT

For a machine with one GPU and many cores; needs torch, transformers, OpenCV and Pillow alone. First
the whole model learns from probes (`train.tiny.warmup`) and chains together, half from photographs,
half from scenes; then the text alone, the tower frozen, as in `train.tiny.sft`; then the text with
its decisions rewarded on true chains, as beside the completions of `train.tiny.grpo`. Goes by the
clock: rates fall to zero at the end of each part, and what is there is saved every two minutes. The
tower can be made deeper on the way in: new blocks begin by changing nothing.
"""

import argparse
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Array
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2  # noqa: E402
import torch  # noqa: E402
from torch import nn  # noqa: E402
from transformers import Qwen2_5_VLForConditionalGeneration  # noqa: E402

from robust_r1.engine.processing import ImageTextProcessor  # noqa: E402
from robust_r1.errors import RobustR1Error  # noqa: E402
from robust_r1.scenes.photographs import decoded, find_photographs, of_split  # noqa: E402
from train.tiny.decisions import decisions_of, expected_values  # noqa: E402
from train.tiny.decoder import IGNORED, Decoder  # noqa: E402
from train.tiny.deepen import deepened  # noqa: E402
from train.tiny.encoder import Encoder, patches_of  # noqa: E402
from train.tiny.feed import Arrays, Feed  # noqa: E402
from train.tiny.mixture import Maker  # noqa: E402
from train.tiny.perception import checks, perceived, scene_views, sight_of  # noqa: E402
from train.tiny.pictures import IDS, SIGHT, Pictures  # noqa: E402
from train.tiny.stacked import StackedMuon  # noqa: E402
from train.tiny.warmup import Batch, Probes, loss_of  # noqa: E402

_SAVE_EVERY = 110  # seconds


class Swing:
    """Train by the clock.

    Args:
        model: on its device, float32.
        processor: of the model.
        feed: of batches.
        arguments: of the command line.
    """

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageTextProcessor,
        feed: Feed,
        sight: Any,
        arguments: argparse.Namespace,
    ) -> None:
        self.model, self.processor, self.feed = model, processor, feed
        self.sight, self.arguments = sight, arguments
        self.device = model.device
        self.probes = Probes(model.config.vision_config.out_hidden_size).to(self.device)
        self.encoder, self.decoder = Encoder(model.model.visual), Decoder(model)
        self.begun, self.seen, self.step = time.time(), 0, 0
        self.saved, self.frozen = self.begun, False

    def read(self, images: torch.Tensor) -> torch.Tensor:
        """Return the merged tokens of pictures of one size."""
        pictures = self.processor.image_processor
        patches = patches_of(images, pictures)
        rows, columns = (side // pictures.patch_size for side in images.shape[1:3])
        return self.encoder(patches, rows, columns)

    def losses(
        self, batch: dict[str, torch.Tensor], frozen: bool, rewarded: bool
    ) -> tuple[torch.Tensor, ...]:
        """Return the loss of the probes and that of the chains."""
        with torch.set_grad_enabled(not frozen):
            tokens = self.read(batch["images"])
        probe = torch.zeros((), device=self.device)
        if not frozen:
            labels = Batch(
                batch["images"], batch["present"], batch["intensity"], batch["noun"].long(),
                batch["color"].long(), batch["center"], batch["local"].float(),
            )  # fmt: skip
            probe = loss_of(self.probes(tokens), labels, 1.0 if batch["photo"] else 2.0)
        side = self.processor.image_processor.patch_size
        grid = torch.tensor([1, *(length // side for length in batch["images"].shape[1:3])])
        grid = grid.to(self.device)
        asked = batch["labels"].long()
        logits, wanted = self.decoder(batch["tokens"].long(), asked, tokens, grid)
        weights = batch["weights"][:, 1:][asked[:, 1:] != IGNORED]
        each = nn.functional.cross_entropy(logits, wanted, reduction="none")
        total = (each * weights).sum()
        if rewarded:
            total = total - expected_values(logits[None], **decisions_of(batch)).sum()
        return probe, total / weights.sum()

    def take(self) -> dict[str, Any]:
        """Take the next batch onto the device."""

        def copied(arrays: Arrays) -> dict[str, Any]:
            photo: dict[str, Any] = {"photo": bool(arrays.pop("photo")[0])}
            return photo | {
                name: torch.from_numpy(array).to(self.device, copy=True)
                for name, array in arrays.items()
            }

        return self.feed.take(copied)

    def run(
        self,
        seconds: float,
        rates: tuple[float, float],
        looks: Sequence[float],
        frozen: bool = False,
        rewarded: bool = False,
    ) -> None:
        """Train for so many seconds; `looks` are shares of the time at which to look.

        Args:
            rates: peak rate of the tower and of the text.
            frozen: whether the tower is.
            rewarded: whether decisions are, as in `train.tiny.grpo`.
        """
        self.frozen = frozen
        groups = [("text", self.model.model.language_model, rates[1])]
        if not frozen:
            tower = nn.ModuleDict({"vision": self.model.model.visual, "probes": self.probes})
            groups.append(("tower", tower, rates[0]))
        optimizers = [
            StackedMuon(part.named_parameters(), rate, 0.25 * rate) for _, part, rate in groups
        ]
        peaks = [[group["lr"] for group in one.param_groups] for one in optimizers]
        begun, due, history = time.time(), list(looks), []
        while (share := (time.time() - begun) / seconds) < 1:
            factor = min(1.0, share / 0.05 + 0.02) * 0.5 * (1 + math.cos(math.pi * share))
            for one, peak in zip(optimizers, peaks, strict=True):
                for group, rate in zip(one.param_groups, peak, strict=True):
                    group["lr"] = rate * factor
            batch = self.take()
            probe, chain = self.losses(batch, frozen, rewarded)
            for one in optimizers:
                one.zero_grad(set_to_none=True)
            (probe + 3 * chain).backward()
            for _, part, _ in groups:
                nn.utils.clip_grad_norm_(part.parameters(), 5.0, foreach=True)
            for one in optimizers:
                one.step()
            self.step, self.seen = self.step + 1, self.seen + len(batch["images"])
            history.append((batch["photo"], probe.detach(), chain.detach()))
            if self.step in (1, 20) or self.step % 200 == 0:
                self._log(history, factor)
                history = []
            if due and share >= due[0]:
                due.pop(0)
                self.look(not frozen, False)
            if time.time() - self.saved > _SAVE_EVERY:
                self.save("")

    def _log(self, history: list, factor: float) -> None:
        means: dict[str, float] = {}
        for photo, name in ((True, "photo"), (False, "scene")):
            rows = [(probe, chain) for kind, probe, chain in history if kind == photo]
            if rows:
                parts = torch.stack([torch.stack(row) for row in rows]).mean(0).tolist()
                means |= {f"{name}_probe": round(parts[0], 4), f"{name}_chain": round(parts[1], 4)}
        self.write({"rate": round(factor, 4), "ready": self.feed.waiting, **means})

    def write(self, row: dict) -> None:
        """Append a row to the log and print it."""
        seconds = time.time() - self.begun
        row = {"step": self.step, "seen": self.seen, "seconds": round(seconds, 1)} | row
        with (self.arguments.output / "warmup.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)

    @torch.no_grad()
    def look(self, probes: bool, scenes: bool = True) -> None:
        """Measure probes on single damages, and set from where kinds count; measure chains."""
        begun = time.time()
        if probes:
            logits = []
            for check in self.arguments.singles:
                tokens = self.read(torch.from_numpy(check.images).to(self.device))
                logits.append(self.probes(tokens)[0].float().cpu().numpy())
            sight, row = sight_of(self.arguments.singles, logits)
            for place, id in enumerate(IDS):
                self.sight[place] = min(SIGHT[id], sight[id])
            self.write({"sight": {id: round(value, 2) for id, value in sight.items()}, **row})
        for name in ("photos", "scenes") if scenes else ("photos",):
            figures = perceived(self.model, self.processor, getattr(self.arguments, name))
            self.write({"of": name, **figures, "look": round(time.time() - begun, 1)})

    def save(self, name: str) -> None:
        """Write the weights in half precision, those of tower and text in a file each."""
        self.saved = time.time()
        parts = {"tower": self.model.model.visual, "text": self.model.model.language_model}
        if self.frozen:
            del parts["tower"]  # It is there already.
        for part, module in parts.items():
            state = {key: value.half().cpu() for key, value in module.state_dict().items()}
            partial = self.arguments.output / "partial"
            torch.save(state, partial)
            partial.replace(self.arguments.output / f"{part}{name}.pt")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--from", dest="start", type=Path, required=True, help="a checkpoint")
    parser.add_argument(
        "--resume", type=Path, nargs=2, help="tower and text that this command saved before"
    )
    parser.add_argument("--photos", type=Path, nargs="+", required=True)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=535, help="of training and looks")
    parser.add_argument(
        "--shares", type=float, nargs=3, default=(0.66, 0.22, 0.12), help="of tower, text, rewards"
    )
    parser.add_argument("--max-pixels", type=int, default=256 * 256)
    parser.add_argument("--depth", type=int, default=6, help="blocks of the tower")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--rates", type=float, nargs=4, default=(2.5e-3, 2e-3, 1.5e-3, 8e-4))
    parser.add_argument("--singles", type=int, default=32, help="pictures of a kind and size")
    parser.add_argument("--views", type=int, default=360, help="validation views of chains")
    arguments = parser.parse_args(argv)
    try:
        return run(arguments)
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def run(arguments: argparse.Namespace) -> int:
    """Make the data, start the processes, train, save."""
    begun = time.time()
    arguments.output.mkdir(parents=True, exist_ok=True)
    cv2.setNumThreads(1)
    torch.manual_seed(20)
    photographs = find_photographs(arguments.photos)
    train = of_split(photographs, "train")
    with ThreadPoolExecutor(arguments.processes + 1) as pool:
        list(pool.map(lambda photo: decoded(photo.path), photographs))
    print("photographs", Counter(p.split for p in photographs), f"{time.time() - begun:.1f} s")
    processor = ImageTextProcessor.from_pretrained(arguments.start)
    size = {"longest_edge": arguments.max_pixels, "shortest_edge": arguments.max_pixels // 2}
    processor.image_processor.size = size
    held_out = of_split(photographs, "validation")
    arguments.scenes = scene_views(arguments.processes + 1, arguments.views)
    arguments.singles, arguments.photos = checks(
        held_out, arguments.max_pixels, arguments.processes + 1, arguments.singles, arguments.views
    )
    print(f"checks {time.time() - begun:.1f} s", flush=True)
    sight = Array("d", [SIGHT[id] for id in IDS], lock=False)
    maker = Maker(Pictures(train, arguments.max_pixels), processor, arguments.batch, sight)
    feed = Feed(maker, arguments.processes)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(arguments.start).float()
    model = deepened(model, arguments.depth)
    if arguments.resume:
        for part, path in zip(("visual", "language_model"), arguments.resume, strict=True):
            getattr(model.model, part).load_state_dict(torch.load(path, weights_only=True))
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    print(f"ready {time.time() - begun:.1f} s on {model.device}", flush=True)
    swing = Swing(model, processor, feed, sight, arguments)
    try:
        tower, text, reward = (arguments.seconds * part for part in arguments.shares)
        vision, language, second, third = arguments.rates
        swing.look(False)
        if tower:
            swing.run(tower, (vision, language), (0.3, 0.6, 0.9))
            swing.save("-tower")
            swing.look(True)
        if text:
            swing.run(text, (0.0, second), (0.5,), frozen=True)
            swing.save("-chains")
            swing.look(False)
        if reward:
            swing.run(reward, (0.0, third), (0.5,), frozen=True, rewarded=True)
            swing.save("-rewards")
            swing.look(False)
    except BaseException:
        swing.save("")
        raise
    finally:
        feed.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
