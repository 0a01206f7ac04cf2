"""Make checkpoints of what `train.tiny.gpu_warmup` saved, for later stages to go on from.

    python -m train.tiny.gpu_collect OUT --part chains --from assets/models/tiny-sft -o runs/sft
    python -m train.tiny.gpu_collect OUT --part calibrated --from assets/models/tiny-sft -o runs/rl
    python -m train.tiny.gpu_collect OUT --part answers --from assets/models/tiny-sft -o runs/plain

The part `answers` is the text that learned the same pictures as `chains` without reasoning.
"""

import argparse
import json
from pathlib import Path

import torch

from robust_r1.errors import InputError
from train.common.command import main_of, parser_of
from train.common.history import StageRecord, history_of, write_history
from train.tiny.config import TrainingConfig
from train.tiny.deepen import deepened
from train.tiny.stages import load_checkpoint, save_checkpoint

_NAMES = {
    "begun": "chains, the text anew",
    "tower": "tower and chains",
    "chains": "chains",
    "rewards": "decisions rewarded",
    "calibrated": "decisions on new photographs",
}
ANSWERS = "answers"
_ANSWERS_END = "chains"  # the part with which the text without reasoning ends


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Put tower and text together and save the checkpoint in float32 and float16."""
    saved = arguments.saved
    plain = arguments.part == ANSWERS
    last = _ANSWERS_END if plain else arguments.part
    tower = saved / "tower-tower.pt"
    text = saved / (f"answers-{last}.pt" if plain else f"text-{last}.pt")
    if missing := [path for path in (tower, text) if not path.is_file()]:
        raise InputError(f"there is no {missing[0]}; train.tiny.gpu_warmup writes it")
    model, processor = load_checkpoint(arguments.start)
    states = [torch.load(path, weights_only=True, map_location="cpu") for path in (tower, text)]
    depth = 1 + max(int(key.split(".")[1]) for key in states[0] if key.startswith("blocks."))
    model = deepened(model, depth)
    for part, state in zip((model.model.visual, model.model.language_model), states, strict=True):
        part.load_state_dict(state)
    size = arguments.max_pixels
    processor.image_processor.size = {"longest_edge": size, "shortest_edge": size // 2}
    save_checkpoint(model, processor, arguments.output, torch.float32, plain)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16, plain)
    records = _records(saved, last, plain)
    write_history(arguments.output, history_of(arguments.start), *records)


def _records(saved: Path, last: str, plain: bool) -> list[StageRecord]:
    """Read from the log how many pictures each part saw, and in how many minutes."""
    lines = (saved / "warmup.jsonl").read_text(encoding="utf-8").splitlines()
    ends = [row for row in map(json.loads, lines) if row.get("end")]
    found, seen, seconds = [], 0, 0.0
    for row in ends:
        name, minutes = _NAMES[row["end"]], round((row["seconds"] - seconds) / 60, 1)
        name = name.replace("chains", "answers without chains") if plain else name
        found.append(StageRecord(name, row["command"], row["seen"] - seen, 20, minutes))
        seen, seconds = row["seen"], row["seconds"]
        if row["end"] == last:
            break
    return found


if __name__ == "__main__":
    parser = parser_of("train.tiny.gpu_collect", __doc__, "cpu")
    parser.add_argument("saved", type=Path, help="folder of train.tiny.gpu_warmup")
    parser.add_argument(
        "--part", choices=(*_NAMES, ANSWERS), default="calibrated", help="after which part"
    )
    parser.add_argument("--from", dest="start", required=True, type=Path, help="where it began")
    parser.add_argument("--max-pixels", type=int, default=256 * 256)
    main_of(parser, run, TrainingConfig)
