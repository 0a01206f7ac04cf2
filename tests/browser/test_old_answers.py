"""An answer that is of something else than what the page shows, in a real browser."""

import json
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.page_driver import see_toasts, serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def address():
    """Serve the page once for all tests."""
    with serve(ScriptedEngine(), ScriptedEngine("other", "Other")) as url:
        yield url


def is_dimmed(page, id):
    """Tell whether a part of an answer is drawn in gray and faint."""
    return page.locator(f"#{id}").evaluate(
        """(one) => {
          for (let at = one; at; at = at.parentElement) {
            if (getComputedStyle(at).filter.includes('opacity')) return true;
          }
          return false;
        }"""
    )


def set_slider(page, id, value):
    """Set a degradation by its number."""
    field = page.locator(f"#slider-{id} input[type=number]")
    field.fill(value)
    field.blur()


def test_explore_marks_the_answer_until_all_is_set_back_or_gone_back_to(visitor):
    page, mark = visitor.page, visitor.page.locator("#answer-old")
    question = page.locator("#question textarea")
    asked = question.input_value()
    set_slider(page, "darkness", "0.3")
    visitor.ask()
    visitor.wait_for_scores()
    visitor.wait_until_quiet()
    expect(mark).to_have_text("")
    assert not is_dimmed(page, "answer") and not is_dimmed(page, "chain")
    address = page.url
    set_slider(page, "darkness", "0.5")
    expect(mark).to_have_text("What follows is for the damage before: ask again, or set it back.")
    assert is_dimmed(page, "answer") and is_dimmed(page, "chain") and is_dimmed(page, "score")
    assert not is_dimmed(page, "copy-link") and not is_dimmed(page, "visit")
    question.fill("What else?")
    expect(mark).to_contain_text("for the damage and question before")
    page.locator("#settings > button").click()
    page.get_by_label("Sampling seed").fill("7")
    expect(mark).to_contain_text("for the damage, question and settings before")
    page.get_by_label("Sampling seed").fill("0")
    question.fill(asked)
    expect(mark).to_contain_text("for the damage before")
    set_slider(page, "darkness", "0.3")
    expect(mark).to_have_text("")
    assert not is_dimmed(page, "answer")
    page.locator("#model input").click()
    page.get_by_role("option", name="Other").click()
    expect(mark).to_contain_text("model before")
    page.locator("#model input").click()
    page.get_by_role("option", name="Scripted").click()
    expect(mark).to_have_text("")
    page.get_by_role("button", name="Thumbnail 1 of").click()
    expect(mark).to_contain_text("for the picture")
    visitor.ask()
    visitor.wait_for_scores()
    expect(mark).to_have_text("")
    visitor.write("endlessly")
    visitor.ask()
    expect(page.locator("#chain")).to_contain_text("and on")
    page.locator(".rr-back").first.click()
    see_toasts(page, "An answer is on its way")
    page.get_by_role("button", name="Stop").click()
    visitor.wait_for_scores()
    first = page.locator(".rr-back").last
    first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(address)
    expect(page.locator("#slider-darkness input[type=number]")).to_have_value("0.3")
    expect(question).to_have_value(asked)
    expect(page.locator("#answer")).to_contain_text("three")
    expect(first).to_have_attribute("aria-current", "true")
    expect(first).to_be_focused()
    visitor.wait_until_quiet()
    expect(mark).to_have_text("")


def test_the_same_own_picture_brought_again_is_the_picture_of_the_answer(visitor, tmp_path):
    page, mark = visitor.page, visitor.page.locator("#answer-old")
    for name, gray in (("first.png", 90), ("second.png", 180)):
        Image.new("RGB", (80, 60), (gray, gray, 0)).save(tmp_path / name)
    shown = (("first.png", ""), ("second.png", "for the picture"), ("first.png", ""))
    for number, (name, words) in enumerate(shown):
        if page.get_by_role("button", name="Remove Image").count():
            page.get_by_role("button", name="Remove Image").click()
            expect(page.locator(".rr-caption")).to_contain_text("Choose an example")
        page.locator("#own input[type=file]").set_input_files(tmp_path / name)
        expect(page.locator(".rr-caption")).to_contain_text(f"Your picture {name}")
        if number == 0:
            visitor.ask()
            visitor.wait_for_scores()
        expect(mark).to_contain_text(words) if words else expect(mark).to_have_text("")


def test_link_and_download_beside_an_answer_are_that_answers(visitor):
    page = visitor.page
    set_slider(page, "darkness", "0.3")
    expect(page).to_have_url(re.compile("darkness%3D0.3"))
    visitor.ask()
    visitor.wait_for_scores()
    set_slider(page, "darkness", "0.77")
    visitor.write("What else?")
    expect(page).to_have_url(re.compile("darkness%3D0.77.*What\\+else"))
    page.locator("#copy-link").click()
    dialogue = page.locator("#share dialog[open]")
    expect(dialogue.get_by_role("heading")).to_have_text("Link to this answer")
    link = dialogue.locator("#share-url").input_value()
    assert re.search("darkness%3D0.3(%2C|&)", link) and "What+else" not in link
    page.keyboard.press("Escape")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").first.click()
    record = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    steps = {step["id"]: step["intensity"] for step in record["plan"]["steps"]}
    assert steps["darkness"] == 0.3 and record["question"] != "What else?"


@pytest.mark.parametrize(
    ("tab", "view", "field", "old", "new", "word"),
    [
        ("sweep", "sweep-strip", "#sweep-seed input", "1", "4", "plan"),
        ("compare", "compare-view", "#compare-seed input", "1", "4", "plans"),
    ],
)
def test_sweep_and_compare_mark_theirs_too(visitor, tab, view, field, old, new, word):
    page = visitor.page
    page.get_by_role("tab", name=tab.capitalize()).click()
    page.locator(f"#{tab}-preview img").first.wait_for()
    expect(page).to_have_url(re.compile(f"tab={tab}"))
    if tab == "sweep":
        page.locator("#sweep-levels input").fill("2")
        expect(page.locator("#sweep-size")).to_contain_text("3 steps")
    page.locator(f"#{tab}-start").click()
    expect(page.locator(f"#{tab}-status")).to_contain_text("Complete")
    mark = page.locator(f"#{tab}-old")
    expect(mark).to_have_text("")
    page.locator(field).fill(new)
    page.locator(field).blur()
    expect(mark).to_contain_text(f"for the {word} before")
    assert is_dimmed(page, view)
    # Beside what is asked next, the picture that was answered about is in sight again.
    expect(page.locator(f"#{view} img").first).to_be_visible()
    expect(page).to_have_url(re.compile("seed=4"))
    page.locator(f"#{tab}-link").click()
    url = page.locator("#share-url")
    expect(url).to_have_value(re.compile("seed=1"))
    page.keyboard.press("Escape")
    page.locator(field).fill(old)
    page.locator(field).blur()
    expect(mark).to_have_text("")
    assert not is_dimmed(page, view)
    page.locator(f"#{tab}-question textarea").fill("Something else?")
    expect(mark).to_contain_text("for the question")
    if tab == "compare":
        expect(page.locator("#compare-view img").first).to_be_hidden()
    page.get_by_role("tab", name="Explore").click()
    expect(page).not_to_have_url(re.compile("tab="))


def test_a_chain_of_the_lesson_is_marked_where_another_case_is_chosen(visitor):
    page = visitor.page
    page.get_by_role("tab", name="Learn").click()
    page.locator("#learn-tabs").get_by_role("tab", name="Chain").click()
    page.locator("#anatomy-start").click()
    page.locator("#anatomy-score .rr-scores").wait_for()
    mark = page.locator("#anatomy-old")
    expect(mark).to_have_text("")
    page.locator("#anatomy-case input").click()
    page.get_by_role("option", name="Undamaged").click()
    expect(mark).to_contain_text("for the damage before")
    assert is_dimmed(page, "anatomy-view")
    expect(page).to_have_url(re.compile("part=anatomy&case=Undamaged"))
