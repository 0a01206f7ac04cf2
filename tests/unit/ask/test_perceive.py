"""Findings alone: heard as far as the end of their list, of one picture and of many."""

import threading

import numpy as np
import pytest
from PIL import Image

from robust_r1.ask.perceive import perceive, perceive_files
from robust_r1.ask.picture import Picture
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import TextDelta
from robust_r1.errors import ImageError
from tests.support.scripted_engine import ScriptedEngine


class Counting(ScriptedEngine):
    """Count the pieces of text that somebody heard."""

    heard = 0

    def stream(self, request, settings=None, stop=None):
        for event in super().stream(request, settings, stop):
            self.heard += isinstance(event, TextDelta)
            yield event


def test_the_model_is_heard_to_the_end_of_its_findings_and_no_further():
    engine = Counting()
    found = perceive(engine, Picture(example="coffee"))
    assert {one.name: one.intensity for one in found} == {"lens blur": 0.35, "scan lines": 0.2}
    assert engine.heard == 2 and engine.running == 0


def test_the_picture_is_seen_under_the_plan():
    engine, plan = ScriptedEngine(), DegradationPlan.parse("darkness=1")
    perceive(engine, Picture(example="coffee"), plan)
    perceive(engine, Picture(example="coffee"))
    assert engine.asked[0].mean() < 0.5 * engine.asked[1].mean()


def test_a_text_without_a_list_has_what_was_parsed_and_a_stopped_one_nothing():
    engine = ScriptedEngine(texts={"": "no chain at all"})
    assert perceive(engine, Picture(example="coffee")) == ()
    stop = threading.Event()
    stop.set()
    assert perceive(ScriptedEngine(), Picture(example="coffee"), stop=stop) is None
    with pytest.raises(ImageError):
        perceive(engine, Picture(path=__file__))


def test_of_ten_files_two_that_cannot_be_read_are_named_and_eight_go_on(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(10)]
    for file in files:
        Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(file)
    files[2].write_text("a letter")
    files[7].write_bytes(files[7].read_bytes()[:60])
    rows = list(perceive_files(ScriptedEngine(), files))
    assert [row.name for row in rows] == [file.name for file in files]
    assert [bool(row.problem) for row in rows] == [number in (2, 7) for number in range(10)]
    assert all(len(row.findings) == 2 for row in rows if not row.problem)
    assert "2.png is in no format" in rows[2].problem
