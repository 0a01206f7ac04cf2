"""The Learn tab in a real browser."""

import numpy as np
import pytest
from playwright.sync_api import expect

from robust_r1.analysis import round_of
from robust_r1.ask.picture import seen
from robust_r1.chain import Finding, render
from robust_r1.metrics import degradation_score
from robust_r1.ui.learn.cases import lesson_cases
from tests.support.page_driver import DESKTOP, PHONE, see_toasts, serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
TRUTH = render(lesson_cases()[0].reference)
HOSTILE = "<img src=x onerror=window.hacked=1>${window.hacked=1}{{value}}"

# Keeps in `window.told` all that the server tells the page from here on.
LISTEN = """() => {
  window.told = [];
  const ask = window.fetch;
  window.fetch = async (...call) => {
    const response = await ask(...call);
    const reader = response.clone().body?.pipeThrough(new TextDecoderStream()).getReader();
    (async () => {
      for (let piece; reader && !(piece = await reader.read()).done;) window.told.push(piece.value);
    })().catch(() => {});  // the page ends streams that it needs no more
    return response;
  };
}"""


class Tireless(ScriptedEngine):
    """Go on until somebody stops it, whatever is asked, while `endless` is set."""

    endless = False

    def _pieces(self, question):
        return super()._pieces("endlessly" if self.endless else question)


@pytest.fixture(scope="module")
def engines():
    """Return two engines, one of which answers without a chain."""
    return Tireless(), Tireless("other", "Other", {"": "<ANSWER>two<ANSWER_END>"})


@pytest.fixture(scope="module")
def address(engines):
    """Serve the page once for all tests."""
    with serve(*engines) as url:
        yield url


@pytest.fixture(scope="module")
def visitor(regular):
    """Return one person on the Learn tab, for all tests."""
    return to_learn(regular)


def to_learn(visitor):
    """Go to the Learn tab."""
    visitor.page.get_by_role("tab", name="Learn", exact=True).click()
    return visitor


def part(visitor, name):
    """Open a part of the tab and return the page."""
    visitor.page.get_by_role("tab", name=name, exact=True).click()
    return visitor.page


def test_sixteen_pictures_follow_the_intensity(visitor):
    page = part(visitor, "Degradations")
    view = page.locator("#learn-degradations")
    expect(view.locator("img")).to_have_count(16)
    expect(view.locator("h3")).to_have_count(4)
    before = view.locator("img").first.get_attribute("src")
    page.locator("#learn-intensity input[type=range]").press("ArrowRight")
    expect(view).to_contain_text("lens blur(0.65)")
    expect(view.locator("img").first).not_to_have_attribute("src", before)
    assert page.evaluate(
        "document.querySelector('#learn-degradations img').decode().then(() => true)"
    )


def test_a_chain_that_the_model_writes_is_explained_section_by_section(visitor, engines):
    page = part(visitor, "Chain")
    expect(page.locator(".rr-gloss")).to_have_count(5)
    expect(page.locator("#anatomy-view .is-waiting")).to_have_count(5)
    page.locator("#anatomy-start").click()
    expect(page.locator("#anatomy-score")).to_contain_text("Precision")
    expect(page.locator("#anatomy-view .is-done")).to_have_count(5)
    expect(page.locator("#anatomy-view .rr-answer")).to_contain_text("three")
    expect(page.locator("#anatomy-start")).to_be_enabled()
    case = lesson_cases()[0].case
    wanted = seen(case.picture, engines[0], case.plan)
    assert np.array_equal(engines[0].asked[-1], wanted)


def test_editing_a_chain_moves_the_rewards_and_names_the_problems(visitor):
    page = part(visitor, "Rewards")
    figures = page.locator("#playground-verdict .rr-rewards strong")
    expect(figures).to_have_text(["2.00", "1.00", "1.00", "1.00"])
    text = page.locator("#playground-text textarea")
    text.fill(TRUTH.replace("gaussian noise(0.40)", "gaussian noise(0.90)"))
    expect(figures).to_have_text(["1.50", "1.00", "1.00", "1.00"])
    text.fill(f"<TYPE>gremlins(7)<TYPE_END><ANSWER>{HOSTILE}<ANSWER_END>")
    problems = page.locator("#playground-verdict .rr-problems")
    for words in ("unknown degradation", "intensity out of range", "missing section INFLUENCE"):
        expect(problems).to_contain_text(words)
    expect(figures.first).to_have_text("-3.00")
    expect(page.locator("#playground-verdict")).to_contain_text(HOSTILE[:30])
    page.get_by_role("button", name="Reference", exact=True).click()
    expect(figures).to_have_text(["2.00", "1.00", "1.00", "1.00"])
    expect(text).to_have_value(TRUTH)


def test_another_case_brings_its_own_truth(visitor):
    page = part(visitor, "Rewards")
    page.locator("#playground-case input").click()
    page.get_by_role("option", name="Undamaged").click()
    expect(page.locator("#playground-case-view")).to_contain_text("nothing")
    expect(page.locator("#playground-verdict table")).to_contain_text("Nothing was applied")
    expect(page.get_by_role("button", name="One missed", exact=True)).to_have_count(0)


def test_every_model_is_asked_the_same_and_stands_in_a_column(visitor, engines):
    page = part(visitor, "Training")
    counts = [len(engine.asked) for engine in engines]
    page.locator("#story-start").click()
    expect(page.locator("#story-view .rr-story section > h3")).to_have_text(["Scripted", "Other"])
    expect(page.locator("#story-start")).to_be_enabled()
    table = page.locator("#story-view .rr-sheet").first
    expect(table.locator("thead th")).to_have_text(["Score", "Scripted", "Other"])
    expect(table.locator("tbody tr").nth(2).locator("td")).to_have_text(["1.00", "0.00"])
    assert [len(engine.asked) for engine in engines] == [count + 1 for count in counts]
    assert np.array_equal(engines[0].asked[-1], engines[1].asked[-1])


def test_the_truth_of_a_round_reaches_the_page_only_with_the_guess(visitor):
    page = visitor.page
    page.evaluate(LISTEN)
    part(visitor, "Game")
    expect(page.locator("#game-picture figcaption")).to_have_text("Seed 1, round 1 of 99")
    marks = [f"{finding.intensity:.2f}" for finding in round_of(1, 1).applied]
    assert len(marks) == 2
    file = page.locator("#game-picture img").evaluate("image => image.src")
    picture = visitor.context.request.get(file).body()
    config = page.evaluate("JSON.stringify(window.gradio_config)")
    events = page.evaluate("window.told.join('')")
    assert "round 1 of 99" in events
    told = page.content() + config + events
    assert [mark for mark in marks if mark in told] == []
    assert _chunks(picture) == {b"IHDR", b"IDAT", b"IEND"}
    page.locator("#guess-block_exchange input[type=number]").fill("0.70")
    page.locator("#guess-block_exchange input[type=number]").press("Tab")
    page.locator("#game-start").click()
    expect(page.locator("#game-result table")).to_be_visible()
    events = page.evaluate("window.told.join('')")
    assert [mark for mark in marks if mark in events] == marks


def _chunks(png):
    """Return the kinds of the chunks of a PNG file."""
    kinds, place = set(), 8
    while place < len(png):
        kinds.add(png[place + 4 : place + 8])
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return kinds


def test_a_submitted_round_counts_once_and_the_next_one_starts_afresh(visitor):
    page = part(visitor, "Game")
    played = round_of(1, 1)
    table = page.locator("#game-table table")
    expect(table.locator("tbody tr")).to_have_count(1)
    perceived = degradation_score(
        [*_findings("lens blur", 0.35), *_findings("scan lines", 0.2)], played.applied
    )
    yours = degradation_score(_findings("block exchange", 0.7), played.applied)
    expect(table.locator("tbody td b")).to_have_text([f"{yours:.2f}", f"{perceived:.2f}"])
    page.locator("#game-start").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("This round is played")
    page.locator("#game-next").click()
    expect(page.locator("#game-picture figcaption")).to_have_text("Seed 1, round 2 of 99")
    expect(page.locator("#guess-block_exchange input[type=number]")).to_have_value("0")
    expect(page.locator("#game-result table")).to_have_count(0)
    page.locator("#game-start").click()
    expect(table.locator("tbody tr")).to_have_count(2)


def test_a_typed_seed_begins_a_new_game(visitor):
    page = part(visitor, "Game")
    page.locator("#game-seed input").fill("42")
    page.locator("#game-new").click()
    expect(page.locator("#game-picture figcaption")).to_have_text("Seed 42, round 1 of 99")
    expect(page.locator("#game-table table")).to_have_count(0)


def test_every_part_fits_a_phone(visitor):
    page = visitor.page
    page.set_viewport_size(PHONE)
    expect(page.locator("#learn-tabs .overflow-menu > button")).to_be_hidden()
    for name in ("Chain", "Rewards", "Training", "Game", "Degradations"):
        page.get_by_role("tab", name=name, exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
    page.set_viewport_size(DESKTOP)


def test_stop_ends_the_model_in_every_part_and_keeps_the_guess(arrive, engines, monkeypatch):
    monkeypatch.setattr(Tireless, "endless", True)
    person = to_learn(arrive())
    for name, id in (("Chain", "anatomy"), ("Training", "story"), ("Game", "game")):
        page = part(person, name)
        if id == "game":
            page.locator("#game-picture img").wait_for()
            page.locator("#guess-darkness input[type=number]").fill("0.40")
            page.locator("#guess-darkness input[type=number]").press("Tab")
        page.locator(f"#{id}-start").click()
        page.locator(f"#{id}-stop").click()
        expect(page.locator(f"#{id}-status")).to_contain_text("Stopped")
        expect(page.locator(f"#{id}-start")).to_be_enabled()
        assert [engine.running for engine in engines] == [0, 0]
    expect(page.locator("#guess-darkness input[type=number]")).to_have_value("0.40")
    expect(page.locator("#game-table table")).to_have_count(0)


def _findings(name, intensity):
    return [Finding(name, intensity)]


def test_the_link_of_a_part_brings_its_state_back(arrive, address):
    visitor = to_learn(arrive())
    page = visitor.page
    page.locator("#learn-intensity input[type=number]").fill("0.35")
    page.locator("#learn-seed input").fill("9")
    page.locator("#learn-degradations", has_text="(0.35)").wait_for()
    page.locator("#learn-link").click()
    page.wait_for_url("**/?tab=learn*intensity=0.35*seed=9*")
    page.goto(page.url)
    expect(page.locator("#learn-degradations")).to_contain_text("(0.35)")
    expect(page.locator("#learn-seed input")).to_have_value("9")
    part(visitor, "Game")
    page.locator("#game-picture img").wait_for()
    page.locator("#learn-link").click()
    page.wait_for_url("**/?tab=learn&part=game*round=1*")
    page.goto(page.url.replace("round=1", "round=7").replace("seed=1", "seed=42"))
    expect(page.locator("#game-picture figcaption")).to_have_text("Seed 42, round 7 of 99")
    expect(page.locator("#game-seed input")).to_have_value("42")
    case = lesson_cases()[1]
    page.goto(f"{address}?tab=learn&part=rewards&case={case.title}")
    expect(page.locator("#playground-text textarea")).to_have_value(render(case.reference))
    expect(page.locator("#playground-verdict .rr-rewards")).to_be_visible()


def test_values_of_a_link_that_cannot_be_are_toasts_and_the_rest_is_kept(tabs, address):
    with tabs.lend(address) as visitor:
        page = visitor.page
        for query, wrong, kept in (
            ("method&intensity=1.5&seed=x&example=pavilion", ("intensity", "seed"), "(0.60)"),
            ("game&round=100&seed=42&model=nobody", ("round", "model"), "Seed 42, round 1"),
            ("anatomy&case=Nothing&model=other", ("case",), "Other"),
            ("nowhere&intensity=0.2", ("part",), "(0.20)"),
        ):
            page.goto(f"{address}?tab=learn&part={query}")
            see_toasts(page, *(f"The link's {key} was left out" for key in wrong))
            if kept == "Other":
                expect(page.locator("#anatomy-model input")).to_have_value(kept)
            else:
                expect(page.locator("#learn-tabs")).to_contain_text(kept)
