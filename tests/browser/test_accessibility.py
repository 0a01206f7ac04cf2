"""What axe finds by its default rules, in the states that people see: nothing serious.

On a desk and on a phone, in both themes; and a walk through the same states by Tab alone.
"""

import pytest
from axe_playwright_python.sync_playwright import DEFAULT_OPTIONS, Axe

from robust_r1.engine import load_engine
from tests.support.page_driver import DESKTOP, PHONE, Visitor, pass_frames, serve
from tests.support.paths import ROOT
from tests.support.tab_walk import walk

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

# Notes, frame by frame, what moves by itself for longer than a blink.
RECORD_MOTION = """() => {
  window.moved = new Set();
  const look = () => {
    for (const one of document.getAnimations()) {
      if (one.effect.getTiming().duration > 1) moved.add(one.effect.target.className);
    }
    requestAnimationFrame(look);
  };
  look();
}"""
PHOTOGRAPHS = [ROOT / "assets" / "examples" / f"{name}.jpg" for name in ("pavilion", "coffee")]
SERIOUS = ("serious", "critical")
PARTS = ("Degradations", "Chain", "Rewards", "Training", "Game")  # of Learn


@pytest.fixture(scope="module")
def address():
    engine = load_engine("tiny-rl")
    with serve(engine) as url:
        yield url
    engine.close()


@pytest.fixture(scope="module", params=["light", "dark"])
def person(request, tabs, address):
    """Return somebody with the page open, whose steps the tests are, in one theme."""
    options = {"color_scheme": request.param, "reduced_motion": "reduce"}
    with tabs.lend_device(address, **options) as visitor:
        yield visitor.open()


def faults(person: Visitor, sizes: tuple[dict, ...] = (PHONE, DESKTOP)) -> list[str]:
    """Return what axe names serious or critical, with the elements, on a desk and on a phone.

    In the dark contrast alone and on a desk: what a theme changes are colors, and those go by no
    size.
    """
    person.wait_until_quiet()
    options = DEFAULT_OPTIONS
    if person.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches"):
        sizes, options = (DESKTOP,), {**DEFAULT_OPTIONS, "runOnly": ["color-contrast"]}
    return [fault for size in sizes for fault in _faults(person, size, options)]


def _faults(person: Visitor, size: dict, options: dict) -> list[str]:
    person.page.set_viewport_size(size)
    pass_frames(person.page)
    found = Axe().run(person.page, options=options).response["violations"]
    return [
        f"{one['id']} at {size['width']} pixels: {node['html'][:200]}"
        for one in found if one["impact"] in SERIOUS for node in one["nodes"]
    ]


def show(person: Visitor, *names: str) -> None:
    for name in names:
        person.page.get_by_role("tab", name=name, exact=True).click()


def test_opened(person):
    assert faults(person) == []


def test_answered(person):
    person.ask()
    person.wait_for_scores()
    person.page.locator("#chart .main-svg").first.wait_for()
    assert faults(person) == []


def test_pictures_of_ones_own_are_looked_at(person):
    person.page.locator("#drop input[type=file]").set_input_files(PHOTOGRAPHS)
    person.page.locator("#several-strip .rr-take").nth(1).wait_for()
    person.page.locator("#offer-1").wait_for()
    person.page.locator("#fool").click()
    person.page.locator("#fool-slider").wait_for()
    assert faults(person) == []


def test_the_dialogue_is_open(person):
    person.page.locator("#copy-link").click()
    person.page.get_by_role("dialog").wait_for()
    assert faults(person) == []
    person.page.keyboard.press("Escape")


def test_presenter_view(person):
    person.page.locator("#presenter").click()
    person.page.locator(".rr-head").wait_for(state="hidden")
    assert faults(person, (DESKTOP,)) == []
    person.page.locator("#presenter").click()


@pytest.mark.parametrize("tab", ["Compare", "Sweep"])
def test_compared_and_swept(person, tab):
    show(person, tab)
    start = person.page.locator(f"#{tab.lower()}-start")
    start.click()
    person.page.locator(f"#{tab.lower()}-status", has_text="Complete").wait_for()
    assert faults(person) == []


def test_a_case_is_open(person):
    show(person, "Analyze")
    person.page.locator("#headline tbody tr").first.wait_for()
    assert faults(person) == []
    show(person, "Cases")
    person.page.locator("#cases button").first.click()
    person.page.locator("#case-picture img").first.wait_for()
    assert faults(person) == []


@pytest.mark.parametrize("part", PARTS)
def test_learn(person, part):
    show(person, "Learn", part)
    assert faults(person, (DESKTOP,)) == []


@pytest.mark.parametrize("person", ["light"], indirect=True)
def test_every_stop_of_tab_has_a_name_and_a_ring_and_lies_free_in_the_window(person):
    page = person.page
    page.set_viewport_size({"width": 1366, "height": 768})
    ways = [["Explore"], ["Compare"], ["Sweep"], ["Analyze", "Figures"], ["Analyze", "Cases"],
            *(["Learn", part] for part in PARTS)]  # fmt: skip
    stops, faults = 0, {}
    for way in ways:
        show(person, *way)
        person.wait_until_quiet()
        found, faults[" ".join(way)] = walk(page)
        stops += found
    assert faults == dict.fromkeys(faults, []) and stops > 400


@pytest.mark.parametrize("person", ["light"], indirect=True)
def test_nothing_moves_where_the_system_asks_for_less_motion(person):
    page = person.page
    show(person, "Explore")
    page.evaluate(RECORD_MOTION)
    page.locator("#model input").click()
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("Escape")
    person.write("")
    person.ask()
    page.locator(".toast-body").first.wait_for()
    pass_frames(page)
    assert page.evaluate("[...moved]") == []
