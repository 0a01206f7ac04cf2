"""From a figure of Analyze to the cases that it is of, and what is written beside them."""

import io
import json
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.page_driver import see_toasts, serve, wait_until
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]

RUNS = ROOT / "assets" / "runs"
# The middle of the mark that stands for most cases, on the screen, and for how many it does.
_FULLEST = """([id, skipped]) => {
  const chart = document.querySelector(`#${id} .js-plotly-plot`);
  chart.scrollIntoView({block: 'center'});
  const {xaxis, yaxis} = chart._fullLayout, box = chart.getBoundingClientRect();
  let best = null;
  for (const trace of chart.data) {
    const heat = trace.type === 'heatmap';
    const rows = heat ? trace.customdata : [trace.customdata];
    rows.forEach((row, y) => row.forEach((data, x) => {
      const cases = id === 'error-chart' ? data[1] : data[0];
      const diagonal = heat && trace.x[x] === trace.y[y];
      if (!data.at(-1) || diagonal || cases === skipped || best && best.cases >= cases) return;
      const height = heat ? trace.y[y] : trace.y[x];
      const across = xaxis.d2p(trace.x[x]);
      const down = yaxis.d2p(trace.type === 'bar' ? height / 2 : height);
      best = {cases, x: box.x + xaxis._offset + across, y: box.y + yaxis._offset + down};
    }));
  }
  return best;
}"""
_WATCH = """() => {
  window.rrTimes = {};
  document.addEventListener("mousedown", () => { rrTimes = {pressed: performance.now()}; }, true);
  const see = () => {
    const cases = document.getElementById("cases");
    if (cases?.offsetParent && cases.querySelector("img")) rrTimes.cases ??= performance.now();
  };
  new MutationObserver(see).observe(document.body, {childList: true, subtree: true,
    attributes: true});
  new MutationObserver(() => { rrTimes.counted = performance.now(); }).observe(
    document.getElementById("filter-status"),
    {childList: true, subtree: true, characterData: true});
}"""


@pytest.fixture(scope="module")
def address(notebook):
    """Serve the page once for all tests; its notes go into that notebook."""
    with serve(ScriptedEngine("tiny-sft")) as url:
        yield url


@pytest.fixture
def page(visitor):
    """Return the page with the figures of all bundled runs of MiniBench and no filter."""
    page = visitor.show("Analyze", "Figures")
    page.locator("#headline tbody tr").first.wait_for()
    page.get_by_role("button", name="Clear filter").click()
    expect(page.locator("#filter-status b")).to_have_text("2880")
    page.wait_for_function("!document.querySelector('#figures-mark .rr-behind')")
    page.locator("#confusion .main-svg").first.wait_for()
    visitor.wait_until_quiet()
    return page


def counted(page) -> int:
    """Return how many cases the page says that there are."""
    return int(page.locator("#filter-status b").inner_text())


def click_fullest(page, chart: str, skipped: int = -1) -> int:
    """Click the mark of a chart that stands for most cases, and return for how many it does."""
    page.locator(f"#{chart} .main-svg").first.wait_for()
    mark = page.evaluate(_FULLEST, [chart, skipped])
    page.mouse.move(mark["x"], mark["y"])
    page.locator(f"#{chart} .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(mark["x"], mark["y"])
    return mark["cases"]


@pytest.mark.parametrize(
    ("chart", "field"),
    [
        ("confusion", "filter-taken"),
        ("error-chart", "filter-off"),
        ("level-chart", "filter-levels"),
    ],
)
def test_a_click_on_a_mark_opens_exactly_its_cases_and_back_returns(page, chart, field):
    whole, before = counted(page), page.url
    cases = click_fullest(page, chart)
    expect(page.locator("#case-head")).to_contain_text(f"case 1 of {cases},")
    assert counted(page) == cases
    expect(page.locator(f"#{field} .token")).to_have_count(1)
    expect(page.locator("#filter-models .token")).to_have_count(1)
    page.wait_for_function("location.search.includes('filter=') && /view=cases/.test(location)")
    # Whoever is sent this address sees the same.
    with page.context.expect_page() as opening:
        page.evaluate("window.open(location.href)")
    other = opening.value
    expect(other.locator("#case-head")).to_contain_text(f"case 1 of {cases},")
    other.close()
    page.go_back()
    expect(page.locator("#headline")).to_be_visible()
    expect(page.locator("#filter-status b")).to_have_text(str(whole))
    expect(page.locator(f"#{field} .token")).to_have_count(0)
    assert page.url == before


def test_a_second_click_narrows_the_cases_of_the_first(page):
    first = click_fullest(page, "confusion")
    expect(page.locator("#filter-status b")).to_have_text(str(first))
    page.get_by_role("tab", name="Figures").click()
    page.wait_for_function("!document.querySelector('#figures-mark .rr-behind')")
    second = click_fullest(page, "confusion", first)
    assert second < first
    expect(page.locator("#filter-status b")).to_have_text(str(second))
    expect(page.locator("#filter-taken .token")).to_have_count(2)


def test_the_ranked_confusions_lead_to_their_cases_by_keyboard(page):
    line = page.locator(".rr-to-cases").first
    cases = re.search(r"(\d+) of \d+ cases", line.inner_text())[1]
    line.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#case-head")).to_contain_text(f"case 1 of {cases},")
    page.wait_for_function("document.activeElement.textContent.trim() === 'Cases'")


def test_runs_of_one_confusion_matrix_are_chosen_by_a_menu(page):
    expect(page.locator("#mistakes")).to_contain_text("Left out: tiny-base")
    first = page.locator("#mistakes ol").inner_text()
    page.locator("#confusion-run input").click()
    expect(page.get_by_role("option")).to_have_count(2)
    page.get_by_role("option", name="tiny-rl").click()
    expect(page.locator("#mistakes ol")).not_to_have_text(first)


def test_a_note_that_is_left_by_next_is_there_on_the_way_back(page, visitor, notebook):
    page.get_by_role("tab", name="Cases").click()
    page.locator("#cases img").first.wait_for()
    page.get_by_role("button", name="Thumbnail 1 of").click()
    visitor.wait_until_quiet()
    expect(page.locator("#case-head")).to_contain_text("case 1 of")
    note = page.locator("#case-note textarea")
    note.press_sequentially("odd shadow")
    page.locator("#next-case").click()
    expect(page.locator("#case-head")).to_contain_text("case 2 of")
    expect(note).to_have_value("")
    wait_until(page, lambda: [one.note for one in notebook.all_marks().values()] == ["odd shadow"])
    page.locator("#previous-case").click()
    expect(note).to_have_value("odd shadow")
    # And again, over what is kept by now.
    note.fill("no shadow")
    page.get_by_role("button", name="Thumbnail 3 of").click()
    expect(page.locator("#case-head")).to_contain_text("case 3 of")
    expect(note).to_have_value("")
    wait_until(page, lambda: [one.note for one in notebook.all_marks().values()] == ["no shadow"])


def test_a_note_that_somebody_else_wrote_meanwhile_stays_above_ones_own(page, notebook):
    page.get_by_role("tab", name="Cases").click()
    page.get_by_role("button", name="Thumbnail 7 of").click()
    expect(page.locator("#case-head")).to_contain_text("case 7 of")
    key = ("minibench/tiny-base", page.locator("#case-head b").first.inner_text())
    notebook.write_note(*key, "theirs", 0)
    page.locator("#case-note textarea").press_sequentially("mine")
    page.locator("#next-case").click()
    see_toasts(page, "yours stands below it")
    wait_until(page, lambda: notebook.marks(*key).note == "theirs\nmine")


def download(page, button) -> tuple[str, bytes]:
    """Press a button, and return the name and the content of the file that comes."""
    with page.expect_download() as waiting:
        button.click()
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def test_every_chart_leaves_as_png_of_300_dots_an_inch_and_as_svg_on_white_in_the_dark(page):
    page.locator("#theme").click()
    charts = page.locator(".rr-chart:visible", has=page.locator(".js-plotly-plot"))
    expect(charts).to_have_count(3)
    for chart in charts.all():
        name, png = download(page, chart.get_by_role("button", name="Save as PNG"))
        with Image.open(io.BytesIO(png)) as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
            wide = chart.locator(".js-plotly-plot").bounding_box()["width"]
            assert picture.width == pytest.approx(wide * 300 / 96, abs=3)
            colors = picture.convert("RGB").getcolors(2**20)
        assert max(colors)[1] == (255, 255, 255)
        assert any(max(color) < 60 for _, color in colors)
        other, svg = download(page, chart.get_by_role("button", name="Save as SVG"))
        assert other.removesuffix("svg") == name.removesuffix("png")
        assert b"<svg" in svg and len(name) > 15
    page.locator("#theme").click()


def test_tables_leave_for_latex_and_markdown(page):
    name, text = download(page, page.locator("#tables-latex"))
    assert name == "minibench-tiny-base-tiny-sft-tiny-rl-figures.tex"
    assert text.count(b"\\begin{table}") == text.count(b"\\end{table}") == 9
    name, text = download(page, page.locator("#tables-markdown"))
    assert name.endswith("figures.md") and b"| type F1 |" in text


def test_differences_from_a_run_stand_on_the_page(page):
    page.locator("#against input").click()
    page.get_by_role("option", name="tiny-base").click()
    expect(page.locator("#differences")).to_contain_text("More than tiny-base")
    expect(page.locator("#differences thead").first).to_contain_text("tiny-rl")
    for words in ("Corruption errors against tiny-base", "tiny-rl against tiny-base on"):
        expect(page.locator("#differences")).to_contain_text(words)
    choose_level = page.locator("#filter-levels input").first
    choose_level.click()
    page.get_by_role("option", name="high", exact=True).click()
    expect(page.locator("#differences")).not_to_contain_text("answers, low")
    expect(page.locator("#differences")).to_contain_text("answers, high")


def test_chosen_cases_are_tagged_at_once_and_leave_as_a_figure(page, notebook):
    page.get_by_role("tab", name="Cases").click()
    page.locator("#cases img").first.wait_for()
    page.locator("#figure-svg").click()
    see_toasts(page, "A figure shows 1 to 24 cases, and 2880 pass the filter")
    page.locator("#filter-text textarea, #filter-text input").fill("vqa-00")
    page.locator("#filter-models input").first.click()
    page.get_by_role("option", name="tiny-rl").click()
    page.locator("#filter-levels input").first.click()
    page.get_by_role("option", name="high", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator("#filter-status b")).to_have_text("9")
    page.locator("#tag-all input, #tag-all textarea").fill("for the paper")
    page.locator("#tag-them").click()
    expect(page.locator("#tagged")).to_contain_text('9 cases bear the tag "for the paper"')
    expect(page.locator("#cases .caption-label", has_text="#for the paper")).to_have_count(9)
    assert len(notebook.tagged("for the paper")) == 9
    name, svg = download(page, page.locator("#figure-svg"))
    assert name == "minibench-tiny-rl-cases.svg" and svg.count(b"<image") == 9
    name, png = download(page, page.locator("#figure-png"))
    with Image.open(io.BytesIO(png)) as picture:
        assert name == "minibench-tiny-rl-cases.png" and picture.width > 3000
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.01)
    page.locator("#untag-them").click()
    expect(page.locator("#tagged")).to_contain_text("no longer bear")
    assert not notebook.tagged("for the paper")


def test_of_four_runs_a_cell_is_one_click_and_a_second_from_its_cases(page, tmp_path):
    copy = tmp_path / "fourth"
    shutil.copytree(RUNS / "tiny-sft-minibench", copy)
    head = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps(head | {"model": "fourth"}))
    page.locator("#run-folder input, #run-folder textarea").fill(str(copy))
    page.locator("#open-run").click()
    expect(page.locator("#filter-status b")).to_have_text("3840")
    page.wait_for_function("!document.querySelector('#figures-mark .rr-behind')")
    page.evaluate(_WATCH)
    cases = click_fullest(page, "confusion")
    expect(page.locator("#filter-status b")).to_have_text(str(cases))
    page.wait_for_function("rrTimes.cases && rrTimes.counted")
    times = page.evaluate("rrTimes")
    seconds = (max(times["cases"], times["counted"]) - times["pressed"]) / 1000
    print(f"{cases} cases of 3840 in {seconds:.2f} s after the press")
    assert seconds < 1


def follow(visitor, query: str):
    visitor.page.goto(f"{visitor.address}?tab=analyze&{query}")
    return visitor.page


def test_a_link_to_a_case_opens_on_cases(visitor):
    page = follow(visitor, "runs=tiny-rl-minibench&case=tiny-rl/mcq-002-high")
    expect(page.locator("#case-head")).to_contain_text("mcq-002-high")
    expect(page.locator("#case-head")).to_be_visible()


def test_a_link_whose_run_case_or_part_is_gone_says_so_and_shows_the_rest(visitor):
    page = follow(visitor, "runs=gone,tiny-rl-minibench&view=attic&case=x/y")
    see_toasts(page, "run 'gone' is not here", "no part 'attic'", "case 'x/y' is not among")
    expect(page.locator("#filter-status b")).to_have_text("960")


def test_wrong_of_a_benchmark_of_damage_alone_says_why_it_passes_nothing(visitor):
    page = follow(visitor, 'runs=tiny-sft-photobench&filter={"outcome":"wrong"}')
    expect(page.locator("#filter-status")).to_contain_text("ask for the damage alone")


def test_what_all_runs_say_stands_beside_the_pictures_and_arrow_keys_turn_the_lightbox(visitor):
    page = follow(visitor, "runs=tiny-sft-minibench,tiny-rl-minibench&case=tiny-rl/mcq-002-high")
    expect(page.locator("#case-runs .rr-cell-of")).to_have_count(2)
    expect(page.locator("#case-pictures img")).to_have_count(2)
    page.locator("#case-picture .rr-enlarge").click()
    box = page.locator("#lightbox")
    expect(box).to_contain_text("mcq-002-high")
    expect(box.locator("img")).to_have_count(2)
    page.keyboard.press("ArrowRight")
    expect(box).to_contain_text("mcq-003-clean")
    expect(box.locator("img")).to_have_count(1)
    page.keyboard.press("ArrowLeft")
    expect(box).to_contain_text("mcq-002-high")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(page.locator("#case-head")).to_contain_text("mcq-002-high")
