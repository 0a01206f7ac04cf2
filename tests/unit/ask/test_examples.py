"""The examples, their questions and where they are from."""

import json

from PIL import Image

from robust_r1.ask.case import Case
from robust_r1.ask.examples import gallery, photographs, scenes
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import ask_through
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine

SPLITS = {"train", "held_out"}


def test_examples_have_questions_and_unique_ids():
    ids = [example.id for example in gallery()]
    assert len(set(ids)) == len(ids) >= 12
    assert len(photographs()) >= 8 and len(scenes()) >= 3
    assert all(example.questions for example in gallery())


def test_photographs_have_provenance_and_both_splits():
    records = json.loads((ROOT / "assets/examples/examples.json").read_text(encoding="utf-8"))
    readme = (ROOT / "assets/examples/README.md").read_text(encoding="utf-8")
    assert {record["split"] for record in records} == SPLITS
    total = 0
    for record in records:
        file = ROOT / "assets/examples" / record["file"]
        assert all(record[key] for key in ("title", "author", "licence", "source", "changes"))
        assert record["licence_url"].startswith("https://") and record["file"] in readme
        with Image.open(file) as picture:
            assert 300 * 300 < picture.width * picture.height <= 1_100_000
        total += file.stat().st_size
    assert total < 3_000_000


def test_a_model_of_scenes_alone_knows_what_scenes_show_and_not_what_photographs_do():
    for example in (scenes()[0], photographs()[0]):
        case = Case(Picture(example=example.id), question="What is it?")
        outcome = ask_through(ScriptedEngine(), case)
        assert outcome is not None and outcome.knows is example.is_scene
