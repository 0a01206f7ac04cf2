"""What a model in training sees on validation photographs: by probes, and by its own chains."""

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context

import cv2
import numpy as np
import torch
from PIL import Image
from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration

from robust_r1.chain import Chain, Finding, build_prompt, findings_of, parse
from robust_r1.degradations import DegradationPlan, degrade, sample_plan
from robust_r1.engine.processing import ImageTextProcessor
from robust_r1.images import fit
from robust_r1.metrics import VISIBLE, accuracy_score, match_visible, pool
from robust_r1.scenes import make_item
from robust_r1.scenes.photographs import Photograph, decoded, draw_canvas, save_once
from train.tiny.encoder import Encoder
from train.tiny.pictures import IDS
from train.tiny.sampler import Sampler

_LEVELS = (0.0, 0.23, 0.45, 0.9)
_SALT = 0xC4EC
_SIZES = ((256, 256), (192, 288), (288, 192))
_GROUP = 160  # views that are answered together
_MARGIN = 0.08  # below the intensity that is found half the time a kind still counts
_STRONGEST = 0.75  # a kind counts from here on at the latest
_ASKED = "What is shown?"
_LONGEST = 224  # tokens of a chain


@dataclass(frozen=True)
class Check:
    """Stack pictures of one size, each with one degradation or none: kind -1 is clean."""

    images: np.ndarray
    kinds: np.ndarray
    intensities: np.ndarray


@dataclass(frozen=True)
class View:
    """Show one picture under one plan with what is asked of it, the way benchmarks show it."""

    picture: np.ndarray
    true: tuple[Finding, ...]
    level: float
    saved: bool
    prompt: str = _ASKED
    answer: str | None = None
    choices: tuple[str, ...] = ()


def checks(
    photographs: Sequence[Photograph], max_pixels: int, processes: int, singles: int, count: int
) -> tuple[list[Check], list[View]]:
    """Draw single damages and views of validation photographs, by several processes.

    Args:
        singles: pictures for each kind in each size, a multiple of 8; intensities evenly spread.
        count: of views, four of each crop.
    """
    global _drawn_from
    _drawn_from = (photographs, max_pixels, singles)
    with get_context("fork").Pool(processes) as workers:
        drawn = workers.map(_single, range(len(_SIZES) * 8), 1)
        views = workers.map(_views, range(count // len(_LEVELS)), 4)
    return drawn, [view for part in views for view in part]


_drawn_from: tuple[Sequence[Photograph], int, int] = ((), 0, 0)


def _single(number: int) -> Check:
    cv2.setNumThreads(1)
    photographs, max_pixels, singles = _drawn_from
    rng = np.random.default_rng([_SALT, 1, number])
    size, part = _SIZES[number % len(_SIZES)], number // len(_SIZES)
    images, kinds, intensities = [], [], []
    for place in range(singles // 8 * (len(IDS) + 4)):
        kind = place % (len(IDS) + 4)
        canvas = None
        while canvas is None:
            picture = decoded(photographs[int(rng.integers(len(photographs)))].path)
            if picture is not None:
                canvas = draw_canvas(picture, size, max_pixels, rng)
        intensity = 0.05 + 0.9 * (part + 8 * (place // (len(IDS) + 4)) + rng.random()) / singles
        done = canvas.picture
        if kind < len(IDS):
            done = degrade(done, IDS[kind], intensity, int(rng.integers(2**31)))
        images.append(done)
        kinds.append(kind if kind < len(IDS) else -1)
        intensities.append(intensity)
    return Check(np.stack(images), np.array(kinds), np.array(intensities))


def _views(number: int) -> list[View]:
    cv2.setNumThreads(1)
    photographs, max_pixels, _ = _drawn_from
    rng = np.random.default_rng([_SALT, 2, number])
    picture = None
    while picture is None:
        picture = decoded(photographs[number % len(photographs)].path)
        number += len(photographs) // 2 if picture is None else 0
    height, width = picture.shape[:2]
    whole = number // len(photographs) % 4 == 0
    side = 1.0 if whole else rng.uniform(0.35, 0.75)
    tall, wide = round(height * side), round(width * side)
    top, left = int(rng.integers(height - tall + 1)), int(rng.integers(width - wide + 1))
    crop = np.ascontiguousarray(picture[top : top + tall, left : left + wide])
    saved = bool(rng.random() < 0.5)
    crop = save_once(crop, rng) if saved else crop
    clean = fit(crop, max_pixels, max_pixels // 2, 32)
    ids = [step.id for step in sample_plan(rng).steps][:3]
    seed = int(rng.integers(2**31))
    found = []
    for level in _LEVELS:
        plan = DegradationPlan.of(dict.fromkeys(ids, level), seed)
        found.append(View(plan.apply(clean), findings_of(plan), level, saved))
    return found


def scene_views(processes: int, count: int) -> list[View]:
    """Draw validation scenes with their questions, each clean and at three levels."""
    with get_context("fork").Pool(processes) as workers:
        parts = workers.map(_scene_views, range(count // len(_LEVELS)), 4)
    return [view for part in parts for view in part]


def _scene_views(number: int) -> list[View]:
    cv2.setNumThreads(1)
    item = make_item("validation", 5_000_000 + number)
    rng = np.random.default_rng([_SALT, 3, number])
    ids = [step.id for step in sample_plan(rng, 3).steps]
    found = []
    for level in _LEVELS:
        plan = DegradationPlan.of(dict.fromkeys(ids, level), item.scene.seed)
        asked, answer, choices = item.question.prompt, item.question.answer, item.question.choices
        picture = plan.apply(item.clean())
        found.append(View(picture, findings_of(plan), level, False, asked, answer, choices))
    return found


def sight_of(singles: Sequence[Check], logits: Sequence[np.ndarray]) -> tuple[dict, dict]:
    """Find from which intensity each kind counts, and what the probes see.

    Args:
        logits: of presence, one array (pictures x 16) for each check.

    Returns:
        Intensity by id; and a row of figures: recall of each kind above it, false alarms.
    """
    kinds = np.concatenate([check.kinds for check in singles])
    intensities = np.concatenate([check.intensities for check in singles])
    seen = np.concatenate(list(logits))
    # As firmly as at most one in twenty clean pictures is called: a probe that fires anywhere
    # finds everything.
    found = seen > np.maximum(0.0, np.quantile(seen[kinds < 0], 0.95, axis=0))
    sight, recall = {}, {}
    for place, id in enumerate(IDS):
        rows = kinds == place
        order = np.argsort(intensities[rows])
        hits, levels = found[rows, place][order].astype(float), intensities[rows][order]
        half = next(
            (level for start, level in enumerate(levels) if hits[start : start + 16].mean() >= 0.5),
            1.0,
        )
        sight[id] = float(np.clip(half - _MARGIN, 0.05, _STRONGEST))
        above = hits[levels >= sight[id]]
        recall[id] = round(float(above.mean()), 2) if len(above) else None
    clean = seen[kinds < 0] > 0
    wrong = {
        id: round(float(clean[:, k].mean()), 3) for k, id in enumerate(IDS) if clean[:, k].any()
    }
    row = {"probe_recall": recall, "probe_false": round(float(clean.any(1).mean()), 3)}
    return sight, row | {"probe_false_of": wrong}


@torch.no_grad()
def perceived(
    model: Qwen2_5_VLForConditionalGeneration,
    processor: ImageTextProcessor,
    views: Sequence[View],
) -> dict:
    """Answer views greedily and score what is perceived, as the benchmarks do."""
    Encoder(model.model.visual).replace_forward()
    tokenizer = processor.tokenizer
    settings = GenerationConfig(
        max_new_tokens=_LONGEST,
        do_sample=False,
        eos_token_id=model.generation_config.eos_token_id or tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    said: list[Chain] = []
    for first in range(0, len(views), _GROUP):
        part = views[first : first + _GROUP]
        inputs = processor(
            text=[_asking(processor, view.prompt) for view in part],
            images=[[Image.fromarray(view.picture)] for view in part],
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(model.device)
        whole = Sampler(model)(**inputs, generation_config=settings)
        for ids in whole[:, inputs["input_ids"].shape[1] :].tolist():
            text = tokenizer.decode([id for id in ids if id != tokenizer.pad_token_id])
            said.append(parse(text.replace(tokenizer.eos_token, "")).chain)
    return score(views, [chain.findings for chain in said]) | _answers(views, said)


def _asking(processor: ImageTextProcessor, prompt: str) -> str:
    text = {"type": "text", "text": build_prompt(prompt)}
    talk = [{"role": "user", "content": [{"type": "image"}, text]}]
    return processor.apply_chat_template(talk, add_generation_prompt=True)


def _answers(views: Sequence[View], said: Sequence[Chain]) -> dict:
    row = {}
    for level in _LEVELS:
        scores = [
            accuracy_score(chain.answer, view.answer, view.choices) or 0.0
            for view, chain in zip(views, said, strict=True)
            if view.level == level and view.answer is not None
        ]
        if scores:
            row[f"answers_{level}"] = round(sum(scores) / len(scores), 3)
    return row


def score(views: Sequence[View], said: Sequence[Sequence[Finding]]) -> dict:
    """Return F1 in all and by level, precision, intensity error and false alarms on clean views."""
    matchings = [
        match_visible(findings, view.true) for view, findings in zip(views, said, strict=True)
    ]
    whole = pool(matchings)
    row = {"f1": whole.f1, "precision": whole.precision, "recall": whole.recall, "mae": whole.mae}
    for level in _LEVELS[1:]:
        part = pool(m for m, view in zip(matchings, views, strict=True) if view.level == level)
        row[f"f1_{level}"] = part.f1
    for saved, name in ((False, "false_unsaved"), (True, "false_saved")):
        clean = [
            f for f, view in zip(said, views, strict=True) if not view.level and view.saved == saved
        ]
        wrong = [
            any(one.intensity >= (0.2 if saved and "jpeg" in one.name else VISIBLE) for one in f)
            for f in clean
        ]
        row[name] = sum(wrong) / max(1, len(wrong))
    return {key: None if value is None else round(value, 3) for key, value in row.items()}
