"""Make checkpoints of what `train.tiny.gpu_warmup` saved, for later stages to go on from.

    python -m train.tiny.gpu_collect OUT --part chains --from assets/models/tiny-sft -o runs/sft
    python -m train.tiny.gpu_collect OUT --part rewards --from assets/models/tiny-sft -o runs/rl
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

PARTS = ("tower", "chains", "rewards")
_NAMES = {"tower": "tower and chains", "chains": "chains", "rewards": "decisions rewarded"}


def run(arguments: argparse.Namespace, config: TrainingConfig) -> None:
    """Put tower and text together and save the checkpoint in float32 and float16."""
    saved = arguments.saved
    tower, text = saved / "tower-tower.pt", saved / f"text-{arguments.part}.pt"
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
    save_checkpoint(model, processor, arguments.output, torch.float32)
    save_checkpoint(model, processor, arguments.output / "half", torch.float16)
    write_history(arguments.output, history_of(arguments.start), *_records(saved, arguments.part))


def _records(saved: Path, last: str) -> list[StageRecord]:
    """Read from the log how many pictures each part saw, and in how many minutes."""
    lines = (saved / "warmup.jsonl").read_text(encoding="utf-8").splitlines()
    ends = [row for row in map(json.loads, lines) if row.get("of") == "scenes"]
    command = (
        "python -m train.tiny.gpu_warmup --from assets/models/tiny-sft --photos DIR -o RUN, "
        "one GPU (H200) and 16 cores"
    )
    found, seen, seconds = [], 0, ends[0]["seconds"]
    for part, row in zip(PARTS, ends[1:], strict=True):
        minutes = round((row["seconds"] - seconds) / 60, 1)
        found.append(StageRecord(_NAMES[part], command, row["seen"] - seen, 20, minutes))
        seen, seconds = row["seen"], row["seconds"]
    return found[: PARTS.index(last) + 1]


if __name__ == "__main__":
    parser = parser_of("train.tiny.gpu_collect", __doc__, "cpu")
    parser.add_argument("saved", type=Path, help="folder of train.tiny.gpu_warmup")
    parser.add_argument("--part", choices=PARTS, default="rewards", help="after which part")
    parser.add_argument("--from", dest="start", required=True, type=Path, help="where it began")
    parser.add_argument("--max-pixels", type=int, default=256 * 256)
    main_of(parser, run, TrainingConfig)
