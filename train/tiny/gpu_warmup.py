"""Teach tower and text of a bundled model to see damage on photographs, on a GPU, in minutes.

    python -m train.tiny.gpu_warmup --from assets/models/tiny-sft --photos DIR -o OUT

For a machine with one GPU and many cores; needs torch, transformers, OpenCV and Pillow alone. Goes
by the clock, part after part (`PARTS`): the text alone, where it begins anew; the whole model from
probes (`train.tiny.warmup`) and chains together, half from photographs, half from scenes; the text
alone, the tower frozen, as in `train.tiny.sft`; the text with its decisions rewarded on true
chains, as beside the completions of `train.tiny.grpo`; and that on photographs which the tower has
not learned from, as in `train.tiny.calibrate`. Beside the chains another text learns to answer the
same pictures without them. Rates fall to zero at the end of each part, and what is there is saved
every two minutes. The tower can be made deeper on the way in: new blocks begin by changing nothing.
"""

import argparse
import copy
import json
import math
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from train.tiny import attention  # noqa: E402
from train.tiny.decisions import decisions_of, expected_values  # noqa: E402
from train.tiny.decoder import IGNORED, Decoder  # noqa: E402
from train.tiny.deepen import deepened  # noqa: E402
from train.tiny.encoder import Encoder, patches_of  # noqa: E402
from train.tiny.feed import Arrays, Feed  # noqa: E402
from train.tiny.mixture import ANSWERS, Maker  # noqa: E402
from train.tiny.perception import checks, perceived, scene_views, sight_of  # noqa: E402
from train.tiny.pictures import IDS, SIGHT, Pictures  # noqa: E402
from train.tiny.stacked import StackedMuon  # noqa: E402
from train.tiny.warmup import Batch, Probes, loss_of  # noqa: E402

_SAVE_EVERY = 110  # seconds
_COMMAND = (
    "python -m train.tiny.gpu_warmup --from assets/models/tiny-sft --photos DIR -o RUN, "
    "one GPU and 16 cores"
)
_STRANGE = 0.4  # share of the crops of photographs that are made strange


@dataclass(frozen=True)
class Part:
    """Set one part of the training up.

    Attributes:
        name: what its weights are saved under.
        rates: peak rates of tower and text; with 0 for the tower it is frozen.
        looks: shares of its time at which to measure.
        rewarded: whether decisions are, as in `train.tiny.grpo`.
        unseen: whether it shows photographs that the tower has not learned from.
        answers: whether the text that answers without chains learns beside it.
    """

    name: str
    rates: tuple[float, float]
    looks: tuple[float, ...] = ()
    rewarded: bool = False
    unseen: bool = False
    answers: bool = False


PARTS = (
    Part("begun", (0.0, 4e-3), answers=True),
    Part("tower", (2.5e-3, 2.5e-3), (0.4, 0.85), answers=True),
    Part("chains", (0.0, 1.5e-3), answers=True),
    Part("rewards", (0.0, 8e-4), rewarded=True),
    Part("calibrated", (0.0, 4e-4), rewarded=True, unseen=True),
)


class Swing:
    """Train by the clock.

    Args:
        model: on its device, float32.
        processor: of the model.
        feed: of batches.
        shared: memory that the feed's processes read: from which intensity kinds count, and
            whether photographs are shown that the tower has not learned from.
        arguments: of the command line.
    """

    def __init__(
        self,
        model: Qwen2_5_VLForConditionalGeneration,
        processor: ImageTextProcessor,
        feed: Feed,
        shared: tuple[Any, Any],
        arguments: argparse.Namespace,
    ) -> None:
        self.model, self.processor, self.feed = model, processor, feed
        self.sight, self.unseen_now = shared
        self.arguments, self.device = arguments, model.device
        self.probes = Probes(model.config.vision_config.out_hidden_size).to(self.device)
        self.plain = copy.deepcopy(model)
        self.encoder = Encoder(model.model.visual)
        self.decoder, self.plain_decoder = Decoder(model), Decoder(self.plain)
        self.begun, self.seen, self.step = time.time(), 0, 0
        self.saved = self.begun

    def read(self, images: torch.Tensor) -> torch.Tensor:
        """Return the merged tokens of pictures of one size."""
        pictures = self.processor.image_processor
        patches = patches_of(images, pictures)
        rows, columns = (side // pictures.patch_size for side in images.shape[1:3])
        return self.encoder(patches, rows, columns)

    def losses(self, batch: dict[str, Any], part: Part) -> list[torch.Tensor]:
        """Return the losses of probes, chains and answers without chains; 0 for what is left."""
        frozen = not part.rates[0]
        with torch.set_grad_enabled(not frozen):
            tokens = self.read(batch["images"])
        none = torch.zeros((), device=self.device)
        probe = none
        if not frozen:
            labels = Batch(
                batch["images"], batch["present"], batch["intensity"], batch["noun"].long(),
                batch["color"].long(), batch["center"], batch["local"].float(),
            )  # fmt: skip
            probe = loss_of(self.probes(tokens), labels, 1.0 if batch["photo"] else 2.0)
        chain = self._said(self.decoder, batch, tokens, "", part.rewarded)
        answer = none
        if part.answers:
            answer = self._said(self.plain_decoder, batch, tokens.detach(), ANSWERS, False)
        return [probe, chain, answer]

    def _said(
        self,
        decoder: Decoder,
        batch: dict[str, Any],
        pictures: torch.Tensor,
        layout: str,
        rewarded: bool,
    ) -> torch.Tensor:
        side = self.processor.image_processor.patch_size
        grid = torch.tensor([1, *(length // side for length in batch["images"].shape[1:3])])
        asked = batch[layout + "labels"].long()
        logits, wanted = decoder(
            batch[layout + "tokens"].long(), asked, pictures, grid.to(self.device)
        )
        weights = batch[layout + "weights"][:, 1:][asked[:, 1:] != IGNORED]
        total = (nn.functional.cross_entropy(logits, wanted, reduction="none") * weights).sum()
        if rewarded:
            total = total - expected_values(logits[None], **decisions_of(batch)).sum()
        return total / weights.sum()

    def take(self) -> dict[str, Any]:
        """Take the next batch onto the device."""

        def copied(arrays: Arrays) -> dict[str, Any]:
            photo: dict[str, Any] = {"photo": bool(arrays.pop("photo")[0])}
            return photo | {
                name: torch.from_numpy(array).to(self.device, copy=True)
                for name, array in arrays.items()
            }

        return self.feed.take(copied)

    def run(self, part: Part, seconds: float) -> None:
        """Train one part for so many seconds, save it and look."""
        self.unseen_now[0] = int(part.unseen)
        trained = self._trained(part)
        optimizers = [
            StackedMuon(module.named_parameters(), rate, 0.25 * rate) for module, rate in trained
        ]
        peaks = [[group["lr"] for group in one.param_groups] for one in optimizers]
        begun, due, history = time.time(), list(part.looks), []
        while (share := (time.time() - begun) / seconds) < 1:
            factor = min(1.0, share / 0.05 + 0.02) * 0.5 * (1 + math.cos(math.pi * share))
            for one, peak in zip(optimizers, peaks, strict=True):
                for group, rate in zip(one.param_groups, peak, strict=True):
                    group["lr"] = rate * factor
            batch = self.take()
            probe, chain, answer = self.losses(batch, part)
            for one in optimizers:
                one.zero_grad(set_to_none=True)
            (probe + 3 * chain + 3 * answer).backward()
            for module, _ in trained:
                nn.utils.clip_grad_norm_(module.parameters(), 5.0, foreach=True)
            for one in optimizers:
                one.step()
            self.step, self.seen = self.step + 1, self.seen + len(batch["images"])
            history.append((batch["photo"], probe.detach(), chain.detach(), answer.detach()))
            if self.step in (1, 20) or self.step % 200 == 0:
                self._log(history, factor)
                history = []
            if due and share >= due[0]:
                due.pop(0)
                self.look(bool(part.rates[0]), False)
            if time.time() - self.saved > _SAVE_EVERY:
                self.save(part, "")
        self.write({"end": part.name, "command": self.arguments.command})
        self.save(part, f"-{part.name}")
        self.look(bool(part.rates[0]))

    def _trained(self, part: Part) -> list[tuple[nn.Module, float]]:
        vision, language = part.rates
        trained: list[tuple[nn.Module, float]] = [(self.model.model.language_model, language)]
        if vision:
            tower = nn.ModuleDict({"vision": self.model.model.visual, "probes": self.probes})
            trained.append((tower, vision))
        if part.answers:
            trained.append((self.plain.model.language_model, language))
        return trained

    def _log(self, history: list, factor: float) -> None:
        means: dict[str, float] = {}
        for photo, name in ((True, "photo"), (False, "scene")):
            rows = [losses for kind, *losses in history if kind == photo]
            if rows:
                parts = torch.stack([torch.stack(row) for row in rows]).mean(0).tolist()
                said = zip(("probe", "chain", "answer"), parts, strict=True)
                means |= {f"{name}_{of}": round(value, 4) for of, value in said}
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

    def save(self, part: Part, name: str) -> None:
        """Write what a part trains in half precision: tower, text and plain text a file each."""
        self.saved = time.time()
        parts = {"text": self.model.model.language_model}
        if part.rates[0]:
            parts["tower"] = self.model.model.visual
        if part.answers:
            parts["answers"] = self.plain.model.language_model
        for of, module in parts.items():
            state = {key: value.half().cpu() for key, value in module.state_dict().items()}
            partial = self.arguments.output / "partial"
            torch.save(state, partial)
            partial.replace(self.arguments.output / f"{of}{name}.pt")


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
        "--shares", type=float, nargs=len(PARTS), default=(0.15, 0.53, 0.18, 0.1, 0.04),
        help=f"of the time: {', '.join(part.name for part in PARTS)}",
    )  # fmt: skip
    parser.add_argument("--anew", action="store_true", help="begin with new first weights of text")
    parser.add_argument("--max-pixels", type=int, default=256 * 256)
    parser.add_argument("--depth", type=int, default=6, help="blocks of the tower")
    parser.add_argument("--batch", type=int, default=160)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) - 1))
    parser.add_argument("--command", default=_COMMAND, help="as the histories of models name it")
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
    unseen_now = Array("b", [0], lock=False)
    known = Pictures(train, arguments.max_pixels, strange=_STRANGE)
    unseen = Pictures(held_out, arguments.max_pixels)
    maker = Maker(known, unseen, processor, arguments.batch, sight, unseen_now)
    feed = Feed(maker, arguments.processes)
    model = _model(arguments)
    print(f"ready {time.time() - begun:.1f} s on {model.device}", flush=True)
    swing = Swing(model, processor, feed, (sight, unseen_now), arguments)
    try:
        swing.look(False)
        for part, share in zip(PARTS, arguments.shares, strict=True):
            if share:
                swing.run(part, share * arguments.seconds)
    finally:
        feed.close()
    return 0


def _model(arguments: argparse.Namespace) -> Qwen2_5_VLForConditionalGeneration:
    """Load the model to begin with, on its device."""
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(arguments.start).float()
    model = deepened(model, arguments.depth)
    if arguments.resume:
        for part, path in zip(("visual", "language_model"), arguments.resume, strict=True):
            getattr(model.model, part).load_state_dict(torch.load(path, weights_only=True))
    if arguments.anew:
        # The class draws first weights as it is made; the seed is set before.
        fresh = Qwen2_5_VLForConditionalGeneration(model.config).float()
        attention.initialize(fresh.model.language_model)
        model.model.language_model.load_state_dict(fresh.model.language_model.state_dict())
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


if __name__ == "__main__":
    sys.exit(main())
