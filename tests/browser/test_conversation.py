"""Asking on about the same picture: what a visitor sees of it, and what the model is given."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from robust_r1 import images
from robust_r1.engine import Turn
from tests.support.page_driver import Visitor, serve, wait_until
from tests.support.scripted_engine import CHAIN, ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOSTILE = (
    "<img src=x onerror=window.hacked=1> ${window.hacked=1} {{value}} `;window.hacked=1;` "
    "</summary></details><script>window.hacked=1</script>"
)
FIRST, SECOND = "How many objects are there?", "And what color is the star?"
RED = "<TYPE>none<TYPE_END><CONCLUSION>The star is red.<CONCLUSION_END><ANSWER>red<ANSWER_END>"


@pytest.fixture(scope="module")
def engine():
    """Return an engine that can be asked on, about several pictures."""
    return ScriptedEngine(texts={"color": RED, "hostile": HOSTILE}, converses=True, pictures=4)


@pytest.fixture(scope="module")
def address(engine):
    """Serve a page with that engine and one that answers single questions."""
    with serve(engine, ScriptedEngine("single", "Single")) as url:
        yield url


@pytest.fixture
def visitor(regular, engine):
    """Return one person whom the model of conversations will answer, and in none so far."""
    page = regular.page
    if page.locator("#model input").input_value() != "Scripted":
        page.locator("#model input").click()
        page.get_by_role("option", name="Scripted").click()
        regular.wait_until_quiet()
    if page.locator("#clear").count():
        page.get_by_role("button", name="Clear", exact=True).click()
        expect(page.locator("#clear")).to_have_count(0)
    engine.histories.clear()
    return regular


def ask(visitor: Visitor, question: str, number: int = 0) -> None:
    """Ask and wait for the scores; `number` is the question's in its conversation."""
    visitor.write(question)
    visitor.ask()
    if number:
        expect(visitor.page.locator(".rr-now b")).to_have_text(f"Q{number}")
    expect(visitor.page.locator("#status")).to_contain_text("has answered")
    visitor.wait_for_scores()


def test_asking_twice_shows_both_turns_and_clear_ends_them(visitor, engine):
    page = visitor.page
    ask(visitor, FIRST, 1)
    expect(page.locator(".rr-turn")).to_have_text([re.compile(FIRST[:-1])])
    ask(visitor, SECOND, 2)
    turns = page.locator(".rr-turn")
    expect(turns).to_have_count(2)
    expect(turns.first).to_contain_text(FIRST)
    expect(turns.first.locator(".rr-said")).to_have_text("three There are three objects.")
    expect(turns.last).to_contain_text(SECOND)
    expect(page.locator("#answer")).to_contain_text("red")
    assert engine.histories == [(), (Turn(FIRST, CHAIN),)]
    expect(turns.first.locator(".rr-reasoning")).to_be_hidden()
    turns.first.locator("summary").click()
    expect(turns.first.locator(".rr-reasoning")).to_contain_text("a star, a circle and a seven")
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Cleared")
    expect(turns).to_have_count(0)
    expect(page.locator("#answer")).to_contain_text("red")
    ask(visitor, FIRST, 1)
    expect(turns).to_have_count(1)
    assert engine.histories[-1] == ()


def test_hostile_earlier_turns_show_as_text_and_to_nobody_else(visitor, arrive, engine):
    page, question = visitor.page, f"Say something hostile {HOSTILE}"
    ask(visitor, question, 1)
    other = arrive()
    ask(other, FIRST, 1)
    assert engine.histories == [(), ()]
    page.bring_to_front()
    ask(visitor, SECOND, 2)
    earlier = page.locator(".rr-turn").first
    expect(earlier.locator(".rr-asked")).to_contain_text(question)
    earlier.locator("summary").click()
    expect(earlier.locator(".rr-said-raw")).to_have_text(HOSTILE)


def test_other_damage_or_model_starts_anew_and_the_page_says_so(visitor, engine):
    page, note = visitor.page, visitor.page.locator(".rr-talk-note")
    ask(visitor, FIRST, 1)
    expect(note).to_contain_text("Ask on")
    visitor.slide("darkness", 2)
    expect(note).to_have_text("The damage changed: the next question starts a new conversation.")
    ask(visitor, SECOND, 1)
    expect(note).to_have_text("New conversation: the damage changed.")
    assert engine.histories[-1] == ()
    page.locator("#model input").click()
    page.get_by_role("option", name="Single").click()
    expect(note).to_have_text("The model changed: the next question stands for itself.")
    ask(visitor, FIRST)
    expect(page.locator(".rr-turn")).to_have_count(0)
    expect(page.locator("#clear")).to_have_count(0)


def test_stop_keeps_the_earlier_turns_and_the_file_holds_them(visitor, engine):
    page = visitor.page
    ask(visitor, FIRST, 1)
    visitor.write("Go on endlessly, please")
    visitor.ask()
    expect(page.locator("#chain .rr-card.is-open")).to_contain_text("on and on")
    expect(page.locator("#clear")).to_be_disabled()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Stopped")
    expect(page.locator(".rr-turn").first).to_contain_text(FIRST)
    visitor.wait_for_scores()
    ask(visitor, SECOND, 3)
    expect(page.locator(".rr-turn").nth(1)).to_contain_text("stopped")
    first, stopped = engine.histories[-1]
    assert first == Turn(FIRST, CHAIN)
    assert stopped.answer.startswith("<TYPE>lens blur(0.50)<TYPE_END><INFLUENCE>On and on")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    record = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert record["question"] == SECOND
    assert [turn["text"] for turn in record["turns"]] == [CHAIN, stopped.answer]


def test_further_pictures_are_sent_as_they_are_and_bad_ones_are_left_out(
    visitor, engine, make_picture, tmp_path
):
    page, note = visitor.page, visitor.page.locator("#further-note")
    brought = [make_picture(64, 96, seed) for seed in range(4)]
    names = [tmp_path / f"{seed}.png" for seed in range(4)]
    for name, picture in zip(names, brought, strict=True):
        images.save(picture, name)
    (broken := tmp_path / "text.png").write_text("no picture")
    choose = page.locator("#further-files input[type=file]")
    page.get_by_role("button", name="Further pictures").click()
    expect(note).to_contain_text("the damage is done to the main picture alone")
    ask(visitor, FIRST, 1)
    choose.set_input_files([names[0], broken])
    expect(page.locator(".toast-wrap")).to_contain_text("text.png")
    expect(note.locator("img")).to_have_count(1)
    expect(page.locator(".rr-talk-note")).to_contain_text("list of further pictures changed")
    ask(visitor, FIRST, 1)
    wait_until(page, lambda: len(engine.further[-1]) == 1)
    fitted = [engine.fit(picture) for picture in brought]
    assert [len(shown) for shown in engine.further[-2:]] == [0, 1]
    assert np.array_equal(engine.further[-1][0], fitted[0])
    assert not np.array_equal(engine.asked[-1], fitted[0])

    choose.set_input_files(names[1:])
    expect(page.locator(".toast-wrap")).to_contain_text("4 further pictures: 3 can be sent")
    expect(page.get_by_role("button", name="Further pictures: 3")).to_be_visible()
    ask(visitor, FIRST, 1)
    wait_until(page, lambda: len(engine.further[-1]) == 3)
    assert all(map(np.array_equal, engine.further[-1], fitted[:3]))
    visitor.wait_until_quiet()  # the answer before this one looks the same
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    record = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    digests = [one["sha256"] for one in record["further"]]
    assert digests == [images.digest(one) for one in fitted[:3]]

    page.locator("#model input").click()
    page.get_by_role("option", name="Single").click()
    expect(note).to_contain_text("Single looks at one picture at a time")
    visitor.ask()
    expect(page.locator(".toast-wrap")).to_contain_text("leave the further 3 pictures out")
    expect(note.locator("img")).to_have_count(3)
    page.locator("#further-files").get_by_label("Clear").click()
    expect(page.locator("#further-files")).to_have_count(0)
    expect(note).to_contain_text("Full-size models and endpoints take 4")
    ask(visitor, FIRST)
