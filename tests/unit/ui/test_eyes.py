"""The switch of the eyes on the page: when it is on, what it does, what links and files keep."""

import json
from dataclasses import replace
from pathlib import Path

import gradio as gr
import pytest

from robust_r1.ask.saved import read_case
from robust_r1.engine import GenerationSettings
from robust_r1.engine.conversation import FINDINGS
from robust_r1.engine.eyes import EyesEngine
from robust_r1.ui import build_ui
from robust_r1.ui.widgets.eyes import PageEyes
from tests.support.page_visit import Visit
from tests.support.scripted_engine import CHAIN, ScriptedEngine

BRIEF = GenerationSettings(max_new_tokens=256)
BY = "Perceived by eyes, answered by photographer"


def model(name: str, **facts) -> ScriptedEngine:
    engine = ScriptedEngine(name, texts={"": "It is a cat."})
    engine.info = replace(engine.info, **facts)
    return engine


@pytest.fixture(scope="module")
def engines():
    eyes = ScriptedEngine("eyes", texts={"": CHAIN})
    photographer = model(
        "photographer", bundled=False, knows_photographs=True, reasons=False, defaults=BRIEF
    )
    chains = model("chains", bundled=False, knows_photographs=True)
    return [photographer, eyes, chains, model("plain", reasons=False)]


@pytest.fixture(scope="module")
def page(engines):
    return build_ui(engines)


@pytest.fixture
def visit(page):
    visit = Visit(page)
    visit.call("PictureHandlers.open_link")
    visit.call("AnswerHandlers.show_defaults")
    return visit


def test_they_are_on_for_models_that_know_photographs_and_write_no_chains(engines):
    eyes = PageEyes(engines)
    assert eyes.name == "eyes"
    assert [eyes.usual(engine) for engine in engines] == [True, False, False, False]
    assert [eyes.fit_for(engine) for engine in engines] == [True, False, True, True]


def test_a_model_has_one_pair_and_the_eyes_themselves_none(engines):
    eyes = PageEyes(engines)
    lent = eyes.of(engines[0])
    assert isinstance(lent, EyesEngine) and eyes.of(engines[0]) is lent
    assert eyes.of(engines[0], wanted=False) is engines[0] and eyes.of(engines[1]) is engines[1]


def test_without_a_model_that_sees_damage_the_newest_bundled_one_is_there_unloaded(engines):
    eyes = PageEyes([engines[0]])
    assert eyes.name == "tiny-rl" and eyes.offered and eyes.usual(engines[0])
    assert not PageEyes([engines[1]]).offered  # nobody to lend them to


def test_the_switch_follows_the_model_and_so_do_length_and_prompt(visit, engines):
    switch, prompt = visit.component("eyes"), visit.component("prompt")
    assert visit.values[switch] is True and FINDINGS in visit.values[prompt]
    for name, on in (("chains", False), ("eyes", False), ("photographer", True)):
        visit.call("AnswerHandlers.choose_model", model=name)
        assert visit.values[switch] is on
        assert (FINDINGS in visit.values[prompt]) is on
        assert visit.looks[switch]["visible"] is (name != "eyes")
    visit.call("AnswerHandlers.show_defaults", eyes=False)
    assert FINDINGS not in visit.values[prompt]


def test_an_answer_says_on_its_card_and_in_its_file_who_said_what(visit):
    visit.call("AnswerHandlers.answer")
    shown = {key: visit.values[visit.component(key)] for key in ("chain", "answer")}
    assert BY in shown["chain"] and "It is a cat." in shown["answer"]
    assert "wrote no sections" in visit.values[visit.component("problems")]
    assert "Perception of eyes" in visit.values[visit.component("score")]
    file = Path(visit.values[visit.component("download")])
    kept = json.loads(file.read_text("utf-8"))
    assert (kept["model"], kept["eyes"]) == ("photographer", "eyes")
    reply = kept["reply"]
    assert (reply["perceived_by"], reply["answered_by"]) == ("eyes", "photographer")
    assert "wrote no sections" in reply["remark"]
    case = read_case(file)
    assert (case.model, case.eyes) == ("photographer", "eyes")


def test_switched_off_the_model_looks_for_itself(visit):
    visit.call("AnswerHandlers.show_defaults", eyes=False)
    visit.call("AnswerHandlers.answer", eyes=False)
    chain = visit.values[visit.component("chain")]
    assert "Perceived by" not in chain and "photographer has answered" in visit.values[
        visit.component("status")
    ]


def test_a_link_keeps_the_eyes_and_an_old_one_is_of_the_model_alone(page):
    opened = {}
    for query in ("question=What%3F", "question=What%3F&eyes=eyes"):
        visit = Visit(page)
        visit.request.query_params = visit.request.query_params.__class__(query)
        visit.call("PictureHandlers.open_link")
        opened[query] = visit.values[visit.component("eyes")]
        visit.call("AnswerHandlers.follow")
        assert ("eyes=eyes" in visit.values[visit.component("query")]) is ("eyes=" in query)
    assert list(opened.values()) == [False, True]


def test_compare_sets_a_model_with_and_without_the_eyes_side_by_side(visit):
    visit.call("Sides.switch", by="Eyes", model="eyes")
    assert visit.values[visit.component("compare-model")] == "photographer"
    visit.call("CompareHandlers.ask_all", **{"compare-by": "Eyes"})
    view = visit.values[visit.component("compare-view")]
    assert "Scripted with the eyes of eyes" in view and BY in view and "It is a cat." in view
    file = json.loads(Path(visit.values[visit.component("compare-download")]).read_text("utf-8"))
    assert [column["eyes"] for column in file["columns"]] == [None, "eyes"]
    with pytest.raises(gr.Error, match="looks by itself"):
        visit.call(
            "CompareHandlers.ask_all", **{"compare-by": "Eyes", "compare-model": "eyes"}
        )


def test_sweep_asks_with_the_eyes_where_the_switch_is_on(visit, engines):
    asked = len(engines[1].asked)
    given = {"sweep-levels": 2, "sweep-ids": ["darkness"]}
    visit.call("SweepHandlers.ask_all", **given, **{"sweep-eyes": True})
    assert BY in visit.values[visit.component("sweep-summary")]
    assert len(engines[1].asked) == asked + 2
    visit.call("SweepHandlers.ask_all", **given, **{"sweep-eyes": False})
    assert BY not in visit.values[visit.component("sweep-summary")]


def test_programs_name_the_eyes_after_the_model(engines, visit, picture, tmp_path):
    from robust_r1 import images

    images.save(picture, tmp_path / "a.png")
    given = {"image": str(tmp_path / "a.png"), "question": "What?"}
    *_, reply = visit.call("Endpoints.ask", **given, model="photographer+eyes")
    assert (reply["perceived_by"], reply["answered_by"]) == ("eyes", "photographer")
    *_, reply = visit.call("Endpoints.ask", **given, model="photographer")
    assert reply["perceived_by"] == "photographer"
    for wrong in ("photographer+tiny-rl", "eyes+eyes"):
        with pytest.raises(Exception, match="cannot be lent the eyes"):
            visit.call("Endpoints.ask", **given, model=wrong)
