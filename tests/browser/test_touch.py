"""Fingers on the page, at a phone's size: what scrolls sets nothing."""

from itertools import cycle

import pytest

from tests.support.fingers import TOUCH, Finger, point_on
from tests.support.page_driver import serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# All that can be set on the page, whatever tab it is in.
_SETTINGS = """() => [
  ...[...document.querySelectorAll('input, textarea')].map((field) =>
    field.type === 'checkbox' || field.type === 'radio' ? field.checked : field.value),
  ...[...document.querySelectorAll('#compare img.fixed')].map((image) => image.style.clipPath),
]"""
_PLACES = (0.02, 0.5, 0.9)  # across a slider: also on the thumb of one that stands at 0
_TABS = (
    *(("Explore",), ("Compare",), ("Sweep",), ("Analyze",)),
    *(("Learn", part) for part in ("Degradations", "Chain", "Rewards", "Training", "Game")),
)


@pytest.fixture(scope="module")
def person(tabs):
    """Return somebody with a phone, who opened the page and has asked once."""
    with serve(ScriptedEngine()) as address, tabs.lend_device(address, **TOUCH) as visitor:
        visitor.open()
        visitor.page.get_by_role("button", name="Generation settings").click()
        visitor.ask()
        visitor.wait_for_scores()
        visitor.page.locator("#chart .main-svg").first.wait_for()
        visitor.wait_until_quiet()
        yield visitor


@pytest.fixture
def page(person):
    return person.page


@pytest.fixture(scope="module")
def finger(person):
    return Finger(person.page)


def show(person, *names):
    for name in names:
        person.page.get_by_role("tab", name=name, exact=True).click()
    person.wait_until_quiet()
    for fold in person.page.locator(".rr-fold[aria-expanded=false]:visible").all()[::-1]:
        fold.evaluate("fold => fold.click()")  # by no finger: that is what the tests are of


@pytest.mark.parametrize("names", _TABS, ids=" ".join)
def test_a_swipe_that_begins_on_a_slider_scrolls_and_sets_nothing(person, page, finger, names):
    show(person, *names)
    sliders = page.locator("input[type=range]:visible").all()
    before = page.evaluate(_SETTINGS)
    for slider, across in zip(sliders, cycle(_PLACES), strict=False):
        assert finger.swipe(point_on(slider, across)) > 50
        assert page.evaluate(_SETTINGS) == before
    assert len(sliders) >= {"Explore": 19, "Game": 16}.get(names[-1], 0)


@pytest.mark.parametrize(
    "place", ["#compare", "#gallery .thumbnail-item", "#chart", "#chain", "#visit .rr-pick"]
)
def test_a_swipe_that_begins_on_pictures_charts_or_cards_scrolls(person, page, finger, place):
    show(person, "Explore")
    before = page.evaluate(_SETTINGS)
    assert finger.swipe(point_on(page.locator(place).first, 0.5)) > 50
    assert page.evaluate(_SETTINGS) == before


@pytest.mark.parametrize("names", _TABS, ids=" ".join)
def test_swipes_over_a_whole_tab_change_no_setting(person, page, finger, names):
    show(person, *names)
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    before, scrolled = page.evaluate(_SETTINGS), True
    while scrolled:
        scrolled = False
        for place in (60, 200, 330):
            at = page.evaluate("scrollY")
            finger.drag((place, 600), (0, -300))
            scrolled |= page.evaluate("scrollY") > at
    assert page.evaluate(_SETTINGS) == before


def test_a_finger_that_moves_sideways_sets_a_slider_and_the_divide_of_the_picture(
    person, page, finger
):
    show(person, "Explore")
    slider = page.locator("#slider-darkness input[type=range]")
    finger.drag(point_on(slider, 0.3), (50, 4))
    person.wait_until_quiet()
    value = float(slider.input_value())
    assert 0.4 < value < 1
    assert page.locator("#slider-darkness input[type=number]").input_value() == f"{value:g}"
    divide = "document.querySelector('#compare img.fixed').style.clipPath"
    before = page.evaluate(divide)
    finger.drag(point_on(page.locator("#compare"), 0.5), (-90, 4))
    assert page.evaluate(divide) != before


def test_a_tap_on_a_track_sets_nothing_and_a_click_of_the_mouse_does(person, page, finger):
    show(person, "Explore")
    slider = page.locator("#slider-lens_blur input[type=range]")
    before = slider.input_value()
    point = point_on(slider, 0.7)
    finger.tap(point)
    assert slider.input_value() == before
    page.mouse.click(*point)
    assert 0.6 < float(slider.input_value()) < 0.8
