"""The keys of the page, in a real browser."""

import pytest
from playwright.sync_api import expect

from robust_r1.degradations import PRESETS
from robust_r1.ui.shortcuts import KEYS
from tests.support.page_driver import PHONE, serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def engine():
    return ScriptedEngine()


@pytest.fixture(scope="module")
def page(tabs, engine):
    """Open the page once; every test leaves the question idle."""
    with serve(engine) as address, tabs.lend(address) as visitor:
        yield visitor.open("?example=pavilion&plan=darkness%3D0.5").page


def leave_fields(page) -> None:
    page.evaluate("document.activeElement.blur()")


def test_typing_and_held_modifiers_press_nothing(page, engine):
    asked = len(engine.asked)
    field = page.locator("#question textarea")
    field.fill("")
    field.press_sequentially("absnp")
    expect(field).to_have_value("absnp")
    leave_fields(page)
    for keys in ("Alt+a", "Control+b", "Meta+a", "Shift+A"):
        page.keyboard.press(keys)
    assert page.evaluate("document.body.dataset.shown") is None
    expect(page.locator("#ask")).to_be_enabled()
    expect(page.locator("#status")).not_to_contain_text("Waiting")
    assert len(engine.asked) == asked


def test_a_asks_and_s_stops_from_any_tab_and_a_disabled_button_is_not_pressed(page, engine):
    page.locator("#question textarea").fill("Go on endlessly")
    leave_fields(page)
    asked = len(engine.asked)
    page.keyboard.press("a")
    page.locator("#stop:not([disabled])").wait_for()
    page.keyboard.press("a")  # Ask is disabled now
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.locator("#compare-start").wait_for()
    page.keyboard.press("s")
    page.get_by_role("tab", name="Explore", exact=True).click()
    page.locator("#ask:not([disabled])").wait_for()
    assert engine.running == 0 and len(engine.asked) == asked + 1


def test_b_shows_the_clean_picture_then_the_degraded_one_and_a_touch_brings_both_back(page):
    clean, degraded = page.locator("#compare img").first, page.locator("#compare img").nth(1)
    page.get_by_role("tab", name="Explore", exact=True).click()
    label = "getComputedStyle(document.getElementById('compare'), '::after').content"
    page.keyboard.press("b")
    expect(degraded).to_be_hidden()
    expect(clean).to_be_visible()
    assert page.evaluate(label) == '"Clean"'
    page.keyboard.press("b")
    expect(degraded).to_be_visible()
    assert degraded.evaluate("image => getComputedStyle(image).clipPath") == "none"
    assert page.evaluate(label) == '"Degraded"'
    page.locator("#compare").click()
    assert degraded.evaluate("image => getComputedStyle(image).clipPath") != "none"


def test_a_starts_what_the_open_tab_has_and_nothing_where_it_has_nothing(page, engine):
    page.get_by_role("tab", name="Compare", exact=True).click()
    page.locator("#compare-preview img").first.wait_for()
    leave_fields(page)
    page.keyboard.press("a")
    expect(page.locator("#compare-status")).to_contain_text("Complete")
    page.locator("#compare-start:not([disabled])").wait_for()
    asked = len(engine.asked)
    page.get_by_role("tab", name="Learn", exact=True).click()
    page.locator("#learn-degradations img").first.wait_for()
    page.keyboard.press("a")
    page.keyboard.press("b")
    assert page.evaluate("document.body.dataset.shown") is None
    assert len(engine.asked) == asked


def test_a_choice_by_enter_in_a_menu_does_what_one_by_a_click_does(page):
    page.get_by_role("tab", name="Explore", exact=True).click()
    menu = page.locator("#preset input")
    menu.focus()
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        menu.press(key)
    for id, intensity in PRESETS[menu.input_value().lower()].intensities.items():
        number = page.locator(f"#slider-{id} input[type=number]")
        expect(number).to_have_value(f"{intensity:g}")


def test_the_list_of_keys_can_be_read_in_every_tab_and_goes_on_a_phone(page):
    page.locator("#keys summary").click()
    for tab in ("Explore", "Compare", "Sweep", "Analyze", "Learn"):
        page.locator("#tabs").get_by_role("tab", name=tab, exact=True).click()
        expect(page.locator("#keys li")).to_have_count(len(KEYS))
        for one, line in zip(KEYS, page.locator("#keys li").all(), strict=True):
            expect(line).to_be_visible()
            expect(line).to_contain_text(one.does)
    page.set_viewport_size(PHONE)
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator(".rr-head p")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
