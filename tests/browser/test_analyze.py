"""The tab Analyze in a real browser."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from tests.support.analyze_runs import chain, line, many, write_run
from tests.support.page_driver import PHONE, WAIT, see_toasts, serve, wait_until
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"


@pytest.fixture(scope="module")
def address(notebook):
    """Serve the page once for all tests; its notes go into that notebook."""
    with serve(ScriptedEngine("tiny-sft")) as url:
        yield url


@pytest.fixture(scope="module")
def visitor(regular):
    """Return a person on the tab; the tests follow one another as a person's steps do."""
    regular.page.get_by_role("tab", name="Analyze").click()
    regular.page.locator("#headline tbody tr").first.wait_for()
    return regular


@pytest.fixture(scope="module")
def page(visitor):
    """Return the person's page."""
    return visitor.page


def choose(page, id: str, words: str) -> None:
    page.locator(f"#{id} input").first.click()
    page.get_by_role("option", name=words, exact=True).click()
    page.keyboard.press("Escape")


def count(page, words: str | re.Pattern) -> None:
    expect(page.locator("#filter-status")).to_contain_text(words)


def test_the_bundled_runs_are_open_with_tables_and_charts(page):
    count(page, re.compile(r"(\d+) of \1 cases"))
    expect(page.locator("#headline")).to_contain_text("type F1")
    expect(page.locator("#robustness")).to_contain_text("MCQ low")
    for id in ("level-chart", "error-chart", "confusion"):
        page.locator(f"#{id} .main-svg").first.wait_for()


def test_filters_narrow_cases_and_figures_and_nothing_is_lost_where_none_passes(page):
    choose(page, "filter-levels", "high")
    choose(page, "filter-outcome", "wrong")
    count(page, "high, wrong")
    expect(page.locator("#headline")).not_to_contain_text("answers, clean")
    page.locator("#filter-text input, #filter-text textarea").fill("no case says this")
    count(page, "No case passes this filter")
    expect(page.locator("#headline")).to_contain_text("Nothing to show")
    page.locator("#filter-text input, #filter-text textarea").fill("")
    count(page, "high, wrong")


def test_a_saved_filter_comes_back_after_it_was_cleared(page, notebook):
    page.locator("#saved-filters input").fill("hard ones")
    page.locator("#saved-filters input").press("Enter")
    page.locator("#save-filter").click()
    wait_until(page, notebook.filters)
    assert json.loads(notebook.filters()["hard ones"]) == {"levels": ["high"], "outcome": "wrong"}
    page.locator("#clear-filter").click()
    expect(page.locator("#filter-status")).not_to_contain_text("wrong")
    choose(page, "saved-filters", "hard ones")
    count(page, "high, wrong")


def test_keys_go_from_case_to_case_but_not_while_somebody_types(page):
    page.get_by_role("tab", name="Cases").click()
    head = page.locator("#case-head")
    expect(head).to_contain_text("case 1 of")
    page.locator("#cases img").first.wait_for()
    page.locator("#case-head").click()
    page.keyboard.press("n")
    expect(head).to_contain_text("case 2 of")
    page.keyboard.press("p")
    expect(head).to_contain_text("case 1 of")
    page.locator("#case-note textarea").press_sequentially("no pins ")
    expect(head).to_contain_text("case 1 of")
    page.get_by_role("button", name="Thumbnail 3 of").click()
    expect(head).to_contain_text("case 3 of")
    expect(page.locator("#case-note textarea")).to_have_value("")


def test_tags_and_notes_are_kept_and_shown_as_text(visitor, page, notebook):
    visitor.wait_until_quiet()  # the list before it may still be on its way
    id = page.locator("#case-head b").first.inner_text()
    page.locator("#case-note textarea").fill(HOSTILE)
    tags = page.locator("#case-tags input")
    tags.fill("odd one")
    tags.press("Enter")
    page.locator("#save-marks").click()
    expect(page.locator("#marked")).to_contain_text("Saved")
    # A note that was left by going on is saved too, and its word of that looks the same.
    wait_until(page, lambda: ("odd one",) in {one.tags for one in notebook.all_marks().values()})
    (found,) = (key for key, one in notebook.all_marks().items() if one.tags)
    assert (found, notebook.all_marks()[found].note) == (("minibench/tiny-base", id), HOSTILE)
    page.locator("#next-case").click()
    expect(page.locator("#case-note textarea")).to_have_value("")
    page.locator("#previous-case").click()
    expect(page.locator("#case-note textarea")).to_have_value(HOSTILE)


def test_exports_hold_the_filtered_cases(page, tmp_path):
    total = int(re.search(r"case \d+ of (\d+)", page.locator("#case-head").inner_text())[1])
    files = {}
    for kind in ("csv", "jsonl", "html"):
        with page.expect_download(timeout=WAIT) as waiting:
            page.locator(f"#export-{kind}").click()
        files[kind] = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(files[kind])
    with files["csv"].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == total and {row["level"] for row in rows} == {"high"}
    assert sum(HOSTILE in row["note"] for row in rows) == 1
    assert len(files["jsonl"].read_text("utf-8").splitlines()) == total
    assert "odd one" in files["html"].read_text("utf-8")


def test_a_case_is_asked_again_and_opens_in_explore(visitor, page):
    page.locator("#ask-again").click()
    expect(page.locator("#rerun")).to_contain_text("now wrote something else than the run")
    question = page.locator("#case-head h4").inner_text()
    applied = page.locator("#case-head .rr-caption").last.inner_text().partition("Applied:")[2]
    total = sum(float(number) for number in re.findall(r" (0\.\d\d)", applied))
    with page.context.expect_page() as opening:
        page.locator("#open-explore").click()
    other = opening.value
    expect(other.locator("#question textarea")).to_have_value(question)
    other.locator(".rr-caption b").first.wait_for()
    expect(other.locator(".rr-caption").first).to_contain_text(f"intensity {total:.2f}")
    other.close()


def test_a_link_opens_what_somebody_looked_at(page):
    before = page.locator("#case-head b").first.inner_text()
    page.locator("#next-case").click()
    expect(page.locator("#case-head b").first).not_to_have_text(before)
    head = page.locator("#case-head p").first.inner_text()  # id, place and model
    address = "id => new URLSearchParams(location.search).get('case')?.endsWith('/' + id)"
    page.wait_for_function(address, arg=head.split()[0])
    page.locator("#analyze-link").click()
    link = page.locator("#share dialog[open] #share-url")
    expect(link).to_have_value(page.url)
    page.keyboard.press("Escape")
    with page.context.expect_page() as opening:
        page.evaluate("window.open(location.href)")
    other = opening.value
    expect(other.locator("#filter-status")).to_contain_text("high, wrong")
    other.get_by_role("tab", name="Cases").click()
    expect(other.locator("#case-head")).to_contain_text(head)
    other.goto(page.url.partition("?")[0] + "?tab=analyze&runs=nowhere&filter={&case=x")
    see_toasts(other, "run 'nowhere' is not here", "filter was left out", "case 'x' is not among")
    expect(other.locator("#filter-status")).to_contain_text("cases")
    other.close()


def test_a_folder_that_is_no_run_is_refused_and_a_good_one_opens(page, tmp_path):
    folder = page.locator("#run-folder input, #run-folder textarea")
    before = page.locator("#filter-status").inner_text()
    folder.fill(str(tmp_path / "nothing"))
    page.locator("#open-run").click()
    expect(page.locator(".toast-body")).to_contain_text("is no evaluation run")
    assert page.locator("#filter-status").inner_text() == before
    text = chain("lens blur(0.30)", HOSTILE)
    run = write_run(tmp_path / "mine", [line(1, "high", text, question=HOSTILE)], model="<b>me</b>")
    page.locator("#clear-filter").click()
    folder.fill(str(run))
    page.locator("#open-run").click()
    count(page, "1 of 1 cases")
    expect(page.locator("#case-head")).to_contain_text(HOSTILE)
    expect(page.locator("#case-link")).to_contain_text("its picture is not here")
    page.locator("#ask-again").click()
    expect(page.locator(".toast-body").last).to_contain_text("cannot be asked")


# The page's own clock, from a press on to the last change of what it brings: a test that looks now
# and then sees a change late.
_WATCH = """() => {
    window.rrTimes = {};
    document.addEventListener("mousedown", () => { rrTimes = {pressed: performance.now()}; }, true);
    for (const id of ["filter-status", "headline", "level-table", "error-table", "figures-mark"])
        new MutationObserver(() => { rrTimes[id] = performance.now(); }).observe(
            document.getElementById(id), {childList: true, subtree: true, characterData: true});
}"""


def seconds_after_the_press(page, *ids):
    """Return how long after the last press the last of these changed."""
    times = page.evaluate("rrTimes")
    return (max(times[each] for each in ids) - times["pressed"]) / 1000


def test_of_ten_thousand_cases_a_page_of_pictures_is_in_sight_and_all_are_counted(page, tmp_path):
    run = write_run(tmp_path / "big", many(2500))
    page.locator("#run-folder input, #run-folder textarea").fill(str(run))
    headline, status = page.locator("#headline"), page.locator("#filter-status")
    page.get_by_role("tab", name="Figures").click()
    page.evaluate(_WATCH)
    drawn = "!document.querySelector('#figures-mark .rr-behind')"
    page.locator("#open-run").click()
    # One case more where an earlier run is still open.
    expect(status).to_contain_text(re.compile(r"1000[01] of 1000[01] cases"))
    expect(headline).to_contain_text("10000")
    page.wait_for_function(drawn)
    opened = seconds_after_the_press(page, "headline", "error-table")
    page.locator("#filter-levels input").first.click()
    page.get_by_role("option", name="high", exact=True).click()
    expect(status).to_contain_text(re.compile(r"250[01] of 1000[01] cases \(high\)"))
    assert "10000" not in headline.inner_text()  # count and headline come together
    filtered = seconds_after_the_press(page, "filter-status", "headline")
    expect(page.locator("#level-table thead")).not_to_contain_text("clean")
    page.wait_for_function(drawn)
    redrawn = seconds_after_the_press(page, "level-table", "error-table", "figures-mark")
    page.keyboard.press("Escape")
    print(f"opened in {opened:.2f} s, filtered in {filtered:.2f} s, all figures in {redrawn:.2f} s")
    page.get_by_role("tab", name="Cases").click()
    expect(page.locator("#case-head")).to_contain_text(re.compile("case 1 of 250[01]"))
    expect(page.get_by_role("button", name=re.compile(r"^Thumbnail \d+ of"))).to_have_count(24)
    expect(headline).to_contain_text("2500")
    page.locator("#clear-filter").click()
    expect(status).to_contain_text(re.compile(r"1000[01] of 1000[01] cases\."))


def test_nothing_stands_over_the_edge_of_a_phone(page):
    page.set_viewport_size(PHONE)
    for name in ("Figures", "Cases"):
        page.get_by_role("tab", name=name).click()
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
