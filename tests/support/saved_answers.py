"""Saved answers for tests, written by the code that the page writes them with."""

import json
from pathlib import Path

from PIL import Image

from robust_r1.ask.case import Case, Exchange, Reply
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import Outcome
from robust_r1.ask.saved import to_json
from robust_r1.chain import parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, GenerationSettings
from tests.support.scripted_engine import CHAIN, ScriptedEngine

PLAN = DegradationPlan.parse("lens_blur=0.40,scan_lines=0.20", seed=7)
SETTINGS = GenerationSettings(64, 0.5, 0.9, 3)


def reply(text: str, name: str = "scripted") -> Reply:
    answer = Answer(text, parse(text), 9, 0.5, 0.1, "stop", name, SETTINGS)
    return Reply(text, answer.parsed, answer)


def record(tmp_path: Path, pixels, name: str = "scripted", **changes) -> dict:
    """Return what the page saves of a follow-up about two pictures, asked clean as well."""
    files = []
    for number in (1, 2):
        files.append(tmp_path / f"picture-{number}.png")
        Image.fromarray(pixels[:: number, ::number]).save(files[-1])
    earlier = Exchange("What is it?", "<ANSWER>a star<ANSWER_END>", "a circle")
    case = Case(
        Picture(path=str(files[0])), PLAN, "How many are there?", ("two", "three"), "three",
        SETTINGS, True, (earlier,), "Say: {question}", (Picture(path=str(files[1])),), 7,
    )  # fmt: skip
    clean = reply("<TYPE>none<TYPE_END><ANSWER>two<ANSWER_END>")
    outcome = Outcome(case, reply=reply(CHAIN), clean=clean)
    return json.loads(to_json(ScriptedEngine(name), outcome)) | changes


def save(folder: Path, values: dict, name: str = "robust-r1-answer.json") -> Path:
    """Write a record where a browser would put it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps(values), "utf-8")
    return folder / name
