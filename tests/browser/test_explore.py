"""The tab Explore in a real browser: the main job, its states, and what can go wrong."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.page_driver import DESKTOP, PHONE, see_toasts, serve
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]

MALFORMED = "<TYPE>lens blur(0.4), gremlins(7)<INFLUENCE>cut<INFLUENCE_END> and <ANSWER>two"


@pytest.fixture(scope="module")
def engine():
    """Return the engine behind the page."""
    texts = {
        "malformed": MALFORMED, "whatever": "<ANSWER>four<ANSWER_END>",
        "by number": "<ANSWER>1<ANSWER_END>", "at all": "<ANSWER>unknown<ANSWER_END>",
    }
    return ScriptedEngine(texts=texts, note="No GPU was found, so Scripted answers.")


@pytest.fixture(scope="module")
def address(engine):
    """Serve the page once for all tests."""
    with serve(engine, ScriptedEngine("other", "Other", {"": "<ANSWER>two<ANSWER_END>"})) as url:
        yield url


def details(page):
    """Unfold choices and known answer; return both fields."""
    choices, truth = page.locator("#choices textarea"), page.locator("#truth :is(input, textarea)")
    if not truth.is_visible():
        page.locator("#details > button").click()
    return choices, truth


def test_preview_is_what_the_model_is_shown(visitor, engine):
    visitor.ask()
    visitor.wait_for_scores()
    visitor.wait_until_quiet()  # a file that is being written cannot be read whole
    data = visitor.context.request.get(visitor.damaged()).body()
    assert np.array_equal(np.array(Image.open(io.BytesIO(data))), engine.asked[-1])


def test_saved_answer_holds_all_that_a_replay_needs(visitor):
    visitor.ask()
    visitor.wait_for_scores()
    with visitor.page.expect_download() as download:
        visitor.page.get_by_role("button", name="Download JSON").click()
    record = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert record["model"] == "scripted" and record["question"] == "How many objects are there?"
    assert [step["id"] for step in record["plan"]["steps"]] == ["lens_flare", "gaussian_noise"]
    assert record["image"].startswith("data:image/png;base64,")
    assert record["reply"]["answer"] == "three" and record["reply"]["scores"]["format"] == 1.0


def test_scores_explain_themselves_to_the_keyboard(visitor):
    visitor.ask()
    visitor.wait_for_scores()
    cell = visitor.page.locator(".rr-cell").filter(
        has=visitor.page.locator("dt", has_text=re.compile("^Degradation$"))
    )
    tip = cell.locator("[role=tooltip]")
    expect(tip).to_be_hidden()
    cell.focus()
    expect(tip).to_be_visible()
    expect(tip).to_contain_text("minus 1 for each of")


def test_edited_question_loses_the_known_answer_of_the_suggestion(visitor):
    _, truth = details(visitor.page)
    expect(truth).not_to_have_value("")
    visitor.write("Is it warm?")
    expect(truth).to_have_value("")
    visitor.write("How many objects are there?")
    expect(truth).not_to_have_value("")


def test_clean_picture_is_asked_beside_and_a_flip_is_marked(visitor, engine):
    page = visitor.page
    page.get_by_label("Also ask the clean picture").check()
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator(".rr-pair .rr-answer")).to_have_count(2)
    expect(page.locator(".rr-flip")).to_have_text("both wrong")
    expect(page.get_by_text("Chain for the clean picture")).to_be_visible()
    degraded, clean = engine.asked[-2:]
    assert degraded.shape == clean.shape and not np.array_equal(degraded, clean)


@pytest.mark.parametrize(
    ("question", "truth", "word"),
    [("What is it?", "four", "both wrong"), ("Is it at all?", "", "both unknown"),
     ("What is it?", "three", "same answer")],
)
def test_agreement_in_error_or_in_knowing_nothing_is_gray(visitor, question, truth, word):
    page = visitor.page
    page.get_by_label("Also ask the clean picture").check()
    _, known = details(page)
    known.fill("")
    visitor.write(question)
    known.fill(truth)
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator(".rr-flip")).to_have_text(word)
    kind = "rr-same" if word == "same answer" else "rr-worthless"
    expect(page.locator(".rr-flip")).to_have_class(re.compile(kind))


def test_an_option_that_is_answered_by_number_is_told_by_its_text(visitor):
    page = visitor.page
    choices, truth = details(page)
    page.get_by_label("Also ask the clean picture").uncheck()
    visitor.write("Answer by number")
    choices.fill("one\nzero")
    truth.fill("zero")
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator("#answer .rr-text")).to_have_text("zero (1)")
    expect(page.locator("#answer .rr-verdict")).to_have_text("right")


def test_main_job_from_photograph_to_scores(visitor, engine):
    page = visitor.page
    page.get_by_label("Also ask the clean picture").uncheck()
    page.get_by_role("button", name="Thumbnail 6 of").click()
    expect(page.locator(".rr-caption")).to_contain_text("Espresso in a red cup")
    expect(page.locator(".rr-notice")).to_contain_text("knows nothing about what a photograph")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    visitor.slide("lens_blur", 40)
    visitor.slide("darkness", 20)
    expect(page.locator(".rr-caption")).to_contain_text("2 degradations, total intensity 0.60")
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator(".rr-card.is-done")).to_have_count(5)
    expect(page.locator(".rr-chip")).to_have_text([re.compile("Lens blur"), re.compile("Scan")])
    expect(page.locator("#answer")).to_contain_text("three")
    chart = page.locator("#chart .js-plotly-plot")
    for words in ("0.40", "0.35", "0.20 missed", "0.20 false alarm"):
        expect(chart).to_contain_text(words)
    figures = dict(zip(page.locator(".rr-scores dt").all_inner_texts(),
                       page.locator(".rr-scores dd").all_inner_texts(), strict=True))
    assert (figures["Precision"], figures["Recall"]) == ("0.50", "0.50")
    assert figures["Intensity error"] == "0.05"
    assert figures["Degradation"] == "-1.05" and figures["Format"] == "1.00"
    assert engine.asked[-1].shape[0] * engine.asked[-1].shape[1] <= 36_864


def test_stop_ends_the_answer_and_keeps_what_was_written(visitor, engine):
    page = visitor.page
    visitor.write("Go on endlessly, please")
    visitor.ask()
    expect(page.locator(".rr-card.is-open")).to_contain_text("on and on")
    expect(page.locator(".rr-pen")).to_have_count(1)
    page.get_by_role("button", name="Stop", exact=True).click()
    visitor.wait_for_scores()
    assert engine.running == 0
    expect(page.locator("#status")).to_contain_text("Stopped")
    expect(page.locator(".rr-problems")).to_contain_text("Stopped before the end")
    expect(page.locator(".rr-chip")).to_contain_text("Lens blur")
    visitor.write("How many objects are there?")
    visitor.ask()
    expect(page.locator("#answer")).to_contain_text("three")


def test_malformed_chain_shows_findings_and_names_the_problems(visitor):
    page = visitor.page
    visitor.write("Say something malformed")
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator(".rr-chip")).to_have_count(2)
    expect(page.locator(".rr-problems")).to_contain_text("unknown degradation")
    expect(page.locator(".rr-problems")).to_contain_text("unclosed section")
    expect(page.locator("#answer")).to_contain_text("two")
    page.get_by_role("button", name="Raw text").click()
    expect(page.locator("#raw textarea")).to_have_value(MALFORMED)


def test_keyboard_alone_does_the_main_job(visitor):
    page = visitor.page
    page.get_by_role("button", name="Thumbnail 7 of").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rr-caption")).to_contain_text("Chelsea")
    page.get_by_role("button", name="Reset", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    page.locator("#slider-gaussian_noise input[type=range]").focus()
    page.keyboard.press("End")
    expect(page.locator(".rr-caption")).to_contain_text("total intensity 1.00")
    focused = page.evaluate("document.activeElement.closest('.rr-slider').id")
    assert focused == "slider-gaussian_noise"
    visitor.await_new_scores()
    page.locator("#ask").focus()
    page.keyboard.press("Enter")
    visitor.wait_for_scores()


def test_page_never_scrolls_sideways(visitor):
    for size in (PHONE, DESKTOP):
        visitor.page.set_viewport_size(size)
        visitor.ask()
        visitor.wait_for_scores()
        assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_link_brings_the_whole_state_back(visitor, arrive, address):
    page = visitor.page
    page.get_by_role("button", name="Thumbnail 10 of").click()
    expect(page.locator(".rr-caption")).to_contain_text("Pavilion")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    visitor.slide("graffiti", 33)
    visitor.write("What is it?  100 % & <b>?")
    page.locator("#question textarea").blur()
    expect(page).to_have_url(re.compile("graffiti%3D0.33.*100\\+%25"))
    expect(page.locator(".rr-caption")).to_contain_text("total intensity 0.33")
    other = arrive(page.url.removeprefix(address).removeprefix("/"))
    expect(other.page.locator(".rr-caption")).to_contain_text("Pavilion")
    expect(other.page.locator("#slider-graffiti input[type=number]")).to_have_value("0.33")
    expect(other.page.locator("#question textarea")).to_have_value("What is it?  100 % & <b>?")
    first, second = (
        person.context.request.get(person.damaged()).body() for person in (visitor, other)
    )
    assert first == second


def test_model_menu_changes_who_answers(visitor):
    page = visitor.page
    page.locator("#model input").click()
    page.get_by_role("option", name="Other").click()
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator("#answer")).to_contain_text("two")
    expect(page).to_have_url(re.compile("model=other"))
    page.locator("#model input").click()
    page.get_by_role("option", name="Scripted").click()
    expect(page).not_to_have_url(re.compile("model=other"))


@pytest.fixture
def bad_files(tmp_path):
    """Return files that are no pictures, are broken, or are far too large; and one of 1 x 1."""
    photograph = ROOT / "assets" / "examples" / "coffee.jpg"
    (tmp_path / "letter.jpg").write_text("Dear all, this is a letter.")
    (tmp_path / "cut.jpg").write_bytes(photograph.read_bytes()[:9000])
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    Image.new("RGB", (1, 1), "red").save(tmp_path / "dot.png")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("letter.jpg", "in no format that can be read"),
        ("cut.jpg", "damaged or cut short"),
        ("bomb.png", "pixels"),
    ],
)
def test_bad_upload_is_one_sentence_and_the_picture_stays(visitor, bad_files, name, words):
    before = visitor.page.locator(".rr-caption").inner_text()
    visitor.page.locator("#own input[type=file]").set_input_files(bad_files / name)
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text(words)
    expect(visitor.page.locator(".rr-caption")).to_have_text(before)
    visitor.ask()
    visitor.wait_for_scores()


def test_smallest_picture_is_a_picture(visitor, bad_files):
    visitor.page.locator("#own input[type=file]").set_input_files(bad_files / "dot.png")
    expect(visitor.page.locator(".rr-caption")).to_contain_text("Your picture dot.png")
    visitor.ask()
    visitor.wait_for_scores()


def test_of_an_own_picture_the_link_has_name_and_size_and_no_pixel(visitor, tmp_path):
    Image.new("RGB", (64, 48), "green").save(tmp_path / "my garden.png")
    visitor.page.locator("#own input[type=file]").set_input_files(tmp_path / "my garden.png")
    expect(visitor.page.locator(".rr-caption")).to_contain_text("Your picture")
    expect(visitor.page).not_to_have_url(re.compile("example="))
    expect(visitor.page).to_have_url(re.compile("picture=[0-9a-f]{64}&size=64x48&name=my"))
    assert len(visitor.page.url) < 300 and str(tmp_path.name) not in visitor.page.url


def test_empty_question_and_no_picture_are_refused_before_the_queue(visitor, bad_files, engine):
    page, asked = visitor.page, len(engine.asked)
    visitor.write("   ")
    visitor.ask()
    expect(page.get_by_test_id("toast-body").first).to_contain_text("There is no question yet")
    assert len(engine.asked) == asked
    visitor.write("What is it?")
    page.locator("#own input[type=file]").set_input_files(bad_files / "dot.png")
    expect(page.locator(".rr-caption")).to_contain_text("Your picture dot.png")
    visitor.wait_until_quiet()
    page.get_by_role("button", name="Remove Image").click()
    expect(page.locator(".rr-caption")).to_contain_text("Choose an example")
    visitor.wait_until_quiet()
    asked = len(engine.asked)  # with the first look at the picture that was there
    visitor.ask()
    expect(page.get_by_text("There is no picture yet").first).to_be_visible()
    assert len(engine.asked) == asked
    expect(page.locator("#question textarea")).to_have_value("What is it?")


def test_closed_tab_frees_the_model(visitor, arrive, engine):
    person = arrive()
    person.write("Go on endlessly, please")
    person.ask()
    expect(person.page.locator(".rr-card.is-open")).to_contain_text("on and on")
    person.close()
    visitor.page.bring_to_front()
    visitor.page.get_by_role("button", name="Thumbnail 1 of").click()
    expect(visitor.page.locator(".rr-caption b").first).not_to_have_text("Your picture")
    visitor.ask()
    visitor.wait_for_scores()
    assert engine.running == 0


def test_waiting_visitor_can_leave_the_queue(visitor, arrive, engine):
    first, second = arrive(), visitor
    first.write("Go on endlessly, please")
    first.ask()
    expect(first.page.locator(".rr-card.is-open")).to_contain_text("on and on")
    second.page.bring_to_front()
    second.ask()
    second.page.get_by_role("button", name="Leave queue").click()
    expect(second.page.locator("#status")).to_contain_text("Left the queue")
    asked = len(engine.asked)
    first.page.bring_to_front()
    first.page.get_by_role("button", name="Stop", exact=True).click()
    first.wait_for_scores()
    assert len(engine.asked) == asked
    second.page.bring_to_front()
    second.ask()
    second.wait_for_scores()


def test_bad_link_values_toast_and_the_rest_counts(arrive):
    person = arrive(
        "?example=coffee&plan=no_such_thing%3D0.4&seed=-3&model=gpt&question=What%3F"
    )
    see_toasts(person.page, *(f"The link's {key} " for key in ("plan", "seed", "model")))
    expect(person.page.locator(".rr-caption")).to_contain_text("Espresso")
    expect(person.page.locator("#question textarea")).to_have_value("What?")
    expect(person.page.locator("#model input")).to_have_value("Scripted")


def test_two_visitors_do_not_see_each_others_pictures(visitor, arrive, tmp_path, engine):
    people = [visitor, arrive()]
    pictures = {"red": (250, 0, 0), "blue": (0, 0, 250)}
    for person, (name, color) in zip(people, pictures.items(), strict=True):
        Image.new("RGB", (256, 256), color).save(tmp_path / f"{name}.png")
        person.page.bring_to_front()
        person.page.get_by_role("button", name="Reset", exact=True).click()
        person.page.locator("#own input[type=file]").set_input_files(tmp_path / f"{name}.png")
    for person in people:
        expect(person.page.locator(".rr-caption")).to_contain_text("Your picture")
        expect(person.page.locator(".rr-caption")).to_contain_text("no degradation")
    colors = []
    for person in reversed(people):
        person.ask()
        person.wait_for_scores()
        colors.append(tuple(engine.asked[-1].mean(axis=(0, 1)).round().astype(int)))
    assert colors == [(0, 0, 250), (250, 0, 0)]
