"""The answers since the page was loaded: kept, and gone back to without asking again."""

import re
from pathlib import Path

import gradio as gr
import pytest
from gradio.components import Component

from robust_r1 import images
from robust_r1.ui.explore.visit import KeptAnswer
from tests.support.page_visit import Visit
from tests.support.scripted_engine import ScriptedEngine

RED = "<TYPE>none<TYPE_END><CONCLUSION>The star is red.<CONCLUSION_END><ANSWER>red<ANSWER_END>"

# The strip itself, and what is hidden for a model that answers single questions.
_OTHERS = ("visit", "visit-pressed", "talk-note", "turns")


@pytest.fixture(scope="module")
def engines():
    talking = ScriptedEngine("talking", "Talking", texts={"color": RED}, converses=True, pictures=4)
    return ScriptedEngine(texts={"color": RED, "nothing": ""}), talking


@pytest.fixture(scope="module")
def page(engines):
    from robust_r1.ui import build_ui

    return build_ui(engines)


@pytest.fixture
def visit(page):
    visit = Visit(page)
    visit.call("PictureHandlers.open_link", screen="")
    visit.call("AnswerHandlers.show_defaults")
    return visit


@pytest.fixture
def own(picture, tmp_path):
    """Return the path of a picture of one's own."""
    images.save(picture, tmp_path / "holiday.png")
    return str(tmp_path / "holiday.png")


def put(visit, **values):
    """Set components by their ids."""
    visit.values |= {visit.component(id): value for id, value in values.items()}


def ask(visit, question):
    """Write a question, ask it, and let the page come to rest."""
    put(visit, question=question)
    for handler in ("PictureHandlers.edit", "AnswerHandlers.answer", "AnswerHandlers.settle"):
        visit.call(handler)


def back(visit, number):
    return visit.call("AnswerHandlers.go_back", **{"visit-pressed": number})


def strip(visit):
    """Return the questions on the cards of the strip, from the left."""
    drawn = visit.values.get(visit.component("visit"), "")
    return re.findall(r'<span class="rr-pick-name">(.*?)</span>', drawn)


def state(visit):
    """Return all that is on the page: values and looks, but for what the strip itself keeps."""
    values = {
        (one._id, one.elem_id): visit.values.get(one, one.value)
        for one in visit.page.blocks.values() if isinstance(one, Component)
        and one.elem_id not in _OTHERS
    }
    looks = {
        (one._id, one.elem_id, name): visit.looks.get(one, {}).get(name, getattr(one, name, None))
        for one in visit.page.blocks.values()
        for name in ("visible", "interactive", "label", "samples", "selected_index")
    }
    return {key: value for key, value in (values | looks).items() if not _is_kept(value)}


def set_by_hand(visit):
    """Return what a person has set: picture, sliders, fields."""
    ids = ("own", "slider-lens_blur", "seed", "question", "choices", "truth", "model", "also-clean")
    return {id: visit.values.get(one := visit.component(id), one.value) for id in ids}


def _is_kept(value):
    return isinstance(value, tuple) and any(isinstance(one, KeptAnswer) for one in value)


def test_an_answer_is_gone_back_to_as_it_was_without_asking_again(visit, engines, own):
    put(visit, choices="star\ncircle", truth="star", **{"also-clean": True})
    put(visit, **{"slider-darkness": 0.3, "seed": 7})
    ask(visit, "What color is it?")
    before = state(visit)
    put(visit, own=own)
    visit.call("PictureHandlers.bring")
    put(visit, **{"slider-darkness": 0.0, "slider-lens_blur": 0.6, "also-clean": False})
    put(visit, model="talking", choices="", truth="")
    ask(visit, "How many objects are there?")
    asked = [len(engine.asked) for engine in engines]
    assert state(visit) != before
    back(visit, "1")
    assert state(visit) == before
    visit.call("AnswerHandlers.follow")
    assert visit.values[visit.component("answer-old")] == ""
    assert [len(engine.asked) for engine in engines] == asked


def test_what_was_on_the_page_is_in_the_strip_and_can_be_gone_back_to(visit, own):
    ask(visit, "What color is it?")
    put(visit, own=own)
    visit.call("PictureHandlers.bring")
    ask(visit, "What is it?")
    assert strip(visit) == ["What is it?", "What color is it?"]
    present = state(visit)
    back(visit, "1")
    back(visit, "2")
    assert state(visit) == present


def test_what_was_never_asked_is_kept_until_it_is_asked(visit, engines, own):
    ask(visit, "What color is it?")
    put(visit, own=own)
    visit.call("PictureHandlers.bring")
    put(visit, question="A long question", choices="a\nb", **{"slider-lens_blur": 0.6})
    before = set_by_hand(visit)
    asked = len(engines[0].asked)
    back(visit, "1")
    assert strip(visit) == ["A long question", "What color is it?"]
    assert set_by_hand(visit) != before
    back(visit, "2")
    assert set_by_hand(visit) == before and len(engines[0].asked) == asked
    visit.call("AnswerHandlers.follow")
    assert "for the picture, damage and question before" in visit.values[
        visit.component("answer-old")
    ]
    back(visit, "1")
    back(visit, "2")
    assert strip(visit) == ["A long question", "What color is it?"]
    ask(visit, "A long question")
    assert strip(visit) == ["A long question", "What color is it?"]
    assert "not asked yet" not in visit.values[visit.component("visit")]


def test_a_conversation_goes_on_from_the_answer_that_was_gone_back_to(visit, engines):
    put(visit, model="talking")
    for question in ("How many?", "What color is it?", "What else?"):
        ask(visit, question)
    back(visit, "2")
    ask(visit, "And now?")
    read = [turn.question for turn in engines[1].histories[-1]]
    assert read == ["How many?", "What color is it?"]


def test_at_most_thirty_answers_are_kept_and_the_oldest_go_first(visit):
    for number in range(1, 33):
        ask(visit, f"Question {number}?")
    assert strip(visit) == [f"Question {number}?" for number in range(32, 2, -1)]
    with pytest.raises(gr.Error, match="not kept any more"):
        back(visit, "2")


def test_an_answer_without_a_word_is_not_kept(visit):
    ask(visit, "Say nothing")
    assert strip(visit) == []


def test_while_an_answer_is_on_its_way_nothing_is_gone_back_to(visit):
    ask(visit, "What color is it?")
    before = state(visit)
    with pytest.raises(gr.Error, match="An answer is on its way"):
        back(visit, "")
    assert state(visit) == before


def test_where_ones_own_picture_is_gone_the_page_stays_and_says_so(visit, own, tmp_path):
    put(visit, own=own)
    visit.call("PictureHandlers.bring")
    ask(visit, "What color is it?")
    (tmp_path / "holiday.png").unlink()
    visit.call("PictureHandlers.remove")
    before = state(visit)
    with pytest.raises(gr.Error, match="no longer here: bring it again"):
        back(visit, "1")
    assert state(visit) == before


def test_a_download_that_was_cleared_away_is_written_again(visit):
    ask(visit, "What color is it?")
    download = visit.component("download")
    path = Path(visit.values[download])
    written = path.read_bytes()
    path.unlink()
    back(visit, "1")
    assert Path(visit.values[download]).read_bytes() == written
