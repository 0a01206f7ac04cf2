"""The Compare and Sweep tabs in a real browser."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from robust_r1.analysis.openings import read_openings
from robust_r1.ask.examples import gallery
from robust_r1.degradations import find
from tests.support.page_driver import DESKTOP, PHONE, serve
from tests.support.scripted_engine import CHAIN, ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = "<img src=x onerror=alert(1)> ${alert(2)} {{alert(3)}}"
OTHER = (
    "<TYPE>lens blur(0.50), gremlins(0.30)<TYPE_END><INFLUENCE>i<INFLUENCE_END>"
    "<REASONING>r<REASONING_END><CONCLUSION>c<CONCLUSION_END><ANSWER>four<ANSWER_END>"
)


class Flipper(ScriptedEngine):
    """Answer the first picture by one chain and every later one by another."""

    def _pieces(self, question):
        if "flip" in question:
            yield OTHER if len(self.asked) > self.first else CHAIN
        else:
            yield from super()._pieces(question)

    first = 1


@pytest.fixture(scope="module")
def engines():
    texts = {"hostile": f"<TYPE>{HOSTILE}(0.5)<TYPE_END><ANSWER>{HOSTILE}<ANSWER_END>"}
    other = {"objects": OTHER, **texts}
    return Flipper(texts=texts), ScriptedEngine("other", "Other", other)


@pytest.fixture(scope="module")
def address(engines):
    with serve(*engines) as url:
        yield url


@pytest.fixture(scope="module")
def page(regular):
    """Open the page once; no test leaves anything running."""
    return regular.page


@pytest.fixture
def compare(page):
    """Show the Compare tab."""
    page.get_by_role("tab", name="Compare").click()
    page.locator("#compare-preview img").first.wait_for()
    return page


@pytest.fixture
def sweep(page):
    """Show the Sweep tab."""
    page.get_by_role("tab", name="Sweep").click()
    page.locator("#sweep-preview img").first.wait_for()
    return page


def ask(page, tab: str, text: str) -> None:
    page.locator(f"#{tab}-question textarea").fill(text)


def run(page, tab: str) -> None:
    """Press the button and wait for the end of this run; an earlier one's line is marked as old."""
    status = page.locator(f"#{tab}-status .rr-progress")
    status.evaluate_all("lines => lines.forEach(line => line.classList.add('old'))")
    page.locator(f"#{tab}-start").click()
    done = page.locator(f"#{tab}-status .rr-progress:not(.old)")
    expect(done).to_contain_text("Complete")
    page.locator(f"#{tab}-start:not([disabled])").wait_for()


def toast(page, words: str) -> None:
    # One look, and one script: on a busy machine a toast is gone by itself before the next call.
    shown = page.locator(".toast-body").filter(has_text=words, has_not_text="Traceback")
    expect(shown.first).to_be_visible()
    page.locator(".toast-close").evaluate_all("all => all.forEach(close => close.click())")
    expect(page.locator(".toast-body")).to_have_count(0)


def test_two_models_stand_side_by_side_with_their_differences_marked(compare):
    ask(compare, "compare", "What is it? => three\nHow many objects are there? => four")
    run(compare, "compare")
    view = compare.locator("#compare-view")
    # Both see the same pixels, so the picture stands on the page once.
    seen = compare.locator("#compare-preview img, #compare-view img").filter(visible=True)
    expect(seen).to_have_count(1)
    same, differ = view.locator(".rr-asked-all").all()
    expect(same.locator("h3")).to_contain_text("same answer")
    expect(differ.locator("h3")).to_contain_text("answers differ")
    first, second = differ.locator(".rr-cell-of").all()
    expect(first).to_contain_text("reference")
    expect(first.locator(".rr-verdict")).to_have_text("wrong")
    expect(second.locator(".rr-verdict")).to_have_text("right")
    expect(second.locator(".rr-found li")).to_have_text(
        [re.compile("Lens blur.*0.50.*[+]0.15"), re.compile("Scan lines.*not here"),
         re.compile("gremlins.*0.30.*only here")]
    )
    expect(second.locator(".rr-length")).to_contain_text(re.compile(r"tokens \(-\d+\)"))


def test_the_most_different_question_comes_first_when_asked_for(compare):
    compare.get_by_label("Most different first").check()
    titles = compare.locator("#compare-view h3")
    expect(titles.first).to_contain_text("How many objects")
    compare.get_by_label("Most different first").uncheck()
    expect(titles.first).to_contain_text("What is it?")


def test_swap_turns_the_columns_around(compare):
    names = compare.locator("#compare-view .rr-heads b")
    expect(names).to_have_text(["Scripted", "Other"])
    compare.locator("#compare-swap").click()
    expect(names).to_have_text(["Other", "Scripted"])
    cell = compare.locator("#compare-view .rr-cell-of").last
    expect(cell.locator(".rr-found li").first).to_contain_text("-0.15")
    compare.locator("#compare-swap").click()
    expect(names).to_have_text(["Scripted", "Other"])


def test_a_pinned_run_stays_as_the_reference_of_the_next(compare, engines):
    compare.locator("#compare-pin").click()
    expect(compare.locator("#compare-pin")).to_have_text("Let the pinned run go")
    compare.locator("#compare-by").get_by_label("Plans").check()
    compare.locator("#compare-other").wait_for()
    run(compare, "compare")
    names = compare.locator("#compare-view .rr-heads figcaption")
    expect(names).to_have_count(3)
    expect(names.first).to_contain_text("pinned")
    expect(names.last).to_contain_text("no degradation")
    compare.locator("#compare-pin").click()
    expect(compare.locator("#compare-pin")).to_have_text("Pin the reference")
    run(compare, "compare")
    expect(names).to_have_count(2)


def test_a_comparison_is_downloaded_with_its_differences(compare, tmp_path):
    with compare.expect_download() as download:
        compare.locator("#compare-download").click()
    record = json.loads(download.value.path().read_text())
    assert [len(column["plan"]["steps"]) for column in record["columns"]] == [2, 0]
    assert record["questions"][0]["answers"][1]["difference"]["answer"] is False


def test_what_cannot_be_compared_is_said_in_one_sentence_and_nothing_is_lost(compare):
    shown = compare.locator("#compare-view .rr-asked-all")
    before = shown.count()
    ask(compare, "compare", "")
    compare.locator("#compare-start").click()
    toast(compare, "There is no question yet")
    ask(compare, "compare", "What? | one")
    compare.locator("#compare-start").click()
    toast(compare, "only one answer choice")
    ask(compare, "compare", "What is it?")
    plan = compare.locator("#compare-other input")
    plan.fill("lens_blurr=0.4")
    plan.press("Enter")
    plan.press("Tab")
    expect(compare.locator("#compare-preview")).to_contain_text("did you mean")
    compare.locator("#compare-start").click()
    toast(compare, "did you mean")
    assert shown.count() == before
    plan.fill("darkness=0.3")
    plan.press("Enter")
    plan.press("Tab")
    expect(compare.locator("#compare-preview")).to_contain_text("Darkness 0.30")
    run(compare, "compare")
    expect(shown).to_have_count(1)


def test_hostile_words_show_as_themselves_in_both_tabs(page, compare):
    ask(page, "compare", f"hostile {HOSTILE.replace('|', '')}")
    run(page, "compare")
    expect(page.locator("#compare-view .rr-answer").first).to_contain_text("onerror=alert(1)")
    assert page.locator("#compare-view img[src=x]").count() == 0
    page.get_by_role("tab", name="Sweep").click()
    ask(page, "sweep", "hostile?")
    run(page, "sweep")
    expect(page.locator("#sweep-strip td").first).to_contain_text("onerror=alert(1)")
    assert page.locator("#sweep-strip img[src=x]").count() == 0


def test_a_sweep_shows_strip_curve_flips_and_files(sweep, engines):
    engines[0].first = len(engines[0].asked) + 1
    ask(sweep, "sweep", "Does it flip? => three")
    expect(sweep.locator("#sweep-size")).to_contain_text("11 steps of at most 200")
    run(sweep, "sweep")
    expect(sweep.locator("#sweep-status")).to_contain_text("11 of 11")
    rows = sweep.locator("#sweep-strip tr")
    expect(rows).to_have_count(2)
    expect(rows.first.locator("td")).to_have_count(6)
    expect(rows.first.locator(".rr-flip")).to_have_text(["flipped"] * 5)
    expect(sweep.locator("#sweep-summary")).to_contain_text("flipped at 10 of 10")
    expect(sweep.locator("#sweep-summary")).to_contain_text("1 of 11 answers are right")
    calibration = sweep.locator("#sweep-calibration .js-plotly-plot")
    expect(calibration).to_contain_text("perceived = applied")
    labels = [find(id).label for id in read_openings().kinds]
    expect(calibration).to_contain_text(re.compile(f"{labels[0]}: .*{labels[1]}: "))
    onsets = sweep.locator("#sweep-summary .rr-onsets tbody tr")
    expect(onsets).to_have_count(2)
    expect(onsets.locator("td:last-child")).to_have_text(["0.20"] * 2)
    expect(sweep.locator("#sweep-length .js-plotly-plot")).to_contain_text("answer flipped")
    with sweep.expect_download() as download:
        sweep.locator("#sweep-csv").click()
    rows = list(csv.DictReader(download.value.path().open()))
    assert len(rows) == 11 and [row["flipped"] for row in rows] == [""] + ["true"] * 10
    with sweep.expect_download() as download:
        sweep.locator("#sweep-json").click()
    assert json.loads(download.value.path().read_text())["finished"]


def test_a_known_sweep_is_not_asked_again(sweep, engines):
    asked = len(engines[0].asked)
    run(sweep, "sweep")
    expect(sweep.locator("#sweep-summary")).to_contain_text("11 answers were known from before")
    assert len(engines[0].asked) == asked


def test_a_sweep_of_a_thousand_steps_is_refused_and_says_why(sweep):
    levels = sweep.locator("#sweep-levels input")
    levels.fill("501")
    expect(sweep.locator("#sweep-size")).to_contain_text("1,001 steps")
    sweep.locator("#sweep-start").click()
    toast(sweep, "1,001 steps, each a whole answer of the model")
    expect(sweep.locator("#sweep-strip tr")).to_have_count(2)
    levels.fill("3")
    expect(sweep.locator("#sweep-size")).to_contain_text("5 steps")


def test_stop_ends_a_sweep_at_once_and_another_can_begin(sweep, engines):
    ask(sweep, "sweep", "Go on endlessly")
    sweep.locator("#sweep-start").click()
    sweep.locator("#sweep-stop:not([disabled])").click()
    expect(sweep.locator("#sweep-status")).to_contain_text("Stopped")
    sweep.locator("#sweep-start:not([disabled])").wait_for()
    assert engines[0].running == 0
    ask(sweep, "sweep", "What is it?")
    run(sweep, "sweep")
    expect(sweep.locator("#sweep-strip td")).to_have_count(6)


@pytest.fixture
def three_people(tabs, address):
    with tabs.lend(address) as first, tabs.lend(address) as second, tabs.lend(address) as third:
        yield first, second, third


def test_visitors_sweep_at_once_see_their_own_and_who_waits_can_leave(
    three_people, address, engines
):
    people, examples = three_people, [one for one in gallery() if one.questions][:3]
    # --- Two sweep as long as they like, so the third waits
    for person, example in zip(people, examples, strict=True):
        person.page.goto(f"{address}?tab=sweep&example={example.id}&ask=Go+on+endlessly")
        expect(person.page.locator("#sweep-question textarea")).to_have_value("Go on endlessly")
        person.page.locator("#sweep-preview img").first.wait_for()
        person.page.locator("#sweep-start").click()
        waits = person is people[2]
        person.page.locator("#sweep-leave" if waits else "#sweep-stop:not([disabled])").wait_for()
    first, second, third = (person.page for person in people)
    expect(third.locator("#sweep-status")).to_contain_text("Waiting for its turn")
    expect(third.locator("#sweep-status")).to_contain_text(re.compile(r"queue: 1/1\b"))
    third.locator("#sweep-leave").click()
    expect(third.locator("#sweep-status")).to_contain_text("Left the queue")
    third.locator("#sweep-start:not([disabled])").wait_for()
    for page in (first, second):
        expect(page.locator("#sweep-stop")).to_be_enabled()
    # --- Who left comes back once there is room, and nobody's picture is another's
    for page in (first, second):
        page.locator("#sweep-stop").click()
        expect(page.locator("#sweep-status")).to_contain_text("Stopped")
    for page in (first, second, third):
        ask(page, "sweep", "What is it?")
    for page in (first, second, third):
        page.locator("#sweep-start").click()
    strips = []
    for page in (first, second, third):
        expect(page.locator("#sweep-status")).to_contain_text("Complete")
        shown = page.locator("#sweep-strip img")
        strips.append({one.get_attribute("src") for one in shown.all()})
    assert all(strips) and len(set.union(*strips)) == sum(map(len, strips))
    assert engines[0].running == 0


def test_both_tabs_fit_a_phone(page):
    page.set_viewport_size(PHONE)
    for name in ("Compare", "Sweep"):
        page.get_by_role("tab", name=name).click()
        page.locator(f"#{name.lower()}-preview img").first.wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size(DESKTOP)


def test_another_picture_brings_its_own_questions(sweep):
    sweep.locator("#sweep-gallery .thumbnail-item").nth(5).click()
    wanted = gallery()[5].questions[0].text
    expect(sweep.locator("#sweep-question textarea")).to_have_value(re.compile(re.escape(wanted)))
    expect(sweep.locator("#sweep-notice")).to_contain_text("knows nothing about what a photograph")


def test_the_link_of_a_tab_brings_its_state_back(page, sweep):
    sweep.locator("#sweep-gallery .thumbnail-item").nth(5).click()
    wanted = gallery()[5].questions[0].text
    expect(sweep.locator("#sweep-question textarea")).to_have_value(re.compile(re.escape(wanted)))
    further = sweep.locator("#sweep-ids label").filter(has=sweep.locator("input:not(:checked)"))
    added = further.first.inner_text().strip()
    further.first.click()
    swept = sweep.locator("#sweep-ids label").filter(has=sweep.locator("input:checked"))
    names = [name.strip() for name in swept.all_inner_texts()]
    sweep.locator("#sweep-order").get_by_label("All together").check()
    sweep.locator("#sweep-levels input").fill("4")
    ask(sweep, "sweep", "What now? | a | b => b")
    expect(sweep.locator("#sweep-size")).to_contain_text("4 steps")
    sweep.locator("#sweep-link").click()
    page.wait_for_url("**/?tab=sweep*")
    page.goto(page.url)
    expect(page.locator("#sweep-question textarea")).to_have_value("What now? | a | b => b")
    expect(page.locator("#sweep-size")).to_contain_text("4 steps")
    assert len(names) == 3 and added in names
    for name in names:
        expect(page.locator("#sweep-ids").get_by_label(name, exact=True)).to_be_checked()
    page.locator("#sweep-gallery .thumbnail-item").nth(5).and_(page.locator(".selected")).wait_for()
    base = page.url.split("?")[0]
    page.goto(f"{base}?tab=compare&by=plans&models=other&plan=darkness=0.4&ask=Why?&seed=x")
    toast(page, "seed was left out")
    expect(page.locator("#compare-preview")).to_contain_text("Darkness 0.40")
    expect(page.locator("#compare-preview figcaption b").first).to_have_text("Other")
    page.locator("#compare-link").click()
    page.wait_for_url("**/?tab=compare*seed=1*")
