"""What can be seen at once: the picture beside the slider that is moved, and the presenter view."""

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from robust_r1 import images
from robust_r1.degradations import SPECS
from tests.support.page_driver import DESKTOP, pass_frames, serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]

SIZES = ({"width": 1366, "height": 768}, {"width": 1280, "height": 720})
# The picture and the slider that has the focus, both whole in the window, neither over the other.
_BOTH_IN_VIEW = """(selector) => {
  const boxes = [document.querySelector(selector), document.activeElement.closest('.rr-slider')]
    .map((one) => one.getBoundingClientRect());
  const whole = boxes.every((box) => box.top >= 0 && box.bottom <= innerHeight && box.height > 20);
  const [picture, slider] = boxes;
  return whole && (picture.bottom <= slider.top || picture.right <= slider.left);
}"""
_IN_VIEW = """(element) => {
  const box = element.getBoundingClientRect();
  const over = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth
    && box.height > 20 && (element.contains(over) || over.contains(element));
}"""
_ON_SLIDER = "document.activeElement.matches('.rr-slider input[type=range]')"


class Witness(ScriptedEngine):
    """Say whether the picture is dark, which a script cannot know."""

    def _pieces(self, question):
        dark = self.asked[-1].mean() < 60
        yield f"<TYPE>{'darkness(0.90)' if dark else 'none'}<TYPE_END>"
        yield f"<ANSWER>{'night' if dark else 'day'}<ANSWER_END>"


@pytest.fixture(scope="module")
def engine():
    return Witness()


@pytest.fixture(scope="module")
def address(engine):
    with serve(engine) as url:
        yield url


def game(visitor):
    page = visitor.show("Learn", "Game")
    page.locator("#game-picture img").wait_for()


def undamage(page):
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("kind", "picture"), [("slider", "#compare"), ("guess", "#game-picture")])
def test_the_picture_stays_beside_the_slider_that_is_moved(visitor, size, kind, picture):
    page = visitor.page
    page.set_viewport_size(size)
    visitor.show("Explore")
    if kind == "guess":
        game(visitor)
    sliders = [page.locator(f"#{kind}-{spec.id} input[type=range]") for spec in SPECS]
    for slider in sliders:
        slider.click()
        pass_frames(page, 2)
        assert page.evaluate(_BOTH_IN_VIEW, picture), f"{slider} by mouse"
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    sliders[0].focus()
    keys = page.keyboard
    for key in ("Tab", "Shift+Tab"):
        reached = 1
        for _ in range(3 * len(SPECS)):  # a slider has two more places that Tab goes to
            if reached == len(SPECS):
                break
            keys.press(key)
            if page.evaluate(_ON_SLIDER):
                reached += 1
                assert page.evaluate(_BOTH_IN_VIEW, picture), f"by {key}"
        assert reached == len(SPECS)


def test_the_presenter_view_shows_all_at_once_and_a_slider_let_go_asks_again(visitor, engine):
    page = visitor.page
    visitor.show("Explore")
    page.set_viewport_size(SIZES[1])
    undamage(page)
    visitor.slide("darkness", 1)
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("v")
    expect(page.locator("#tabs > .tab-wrapper")).to_be_hidden()
    page.locator("#ask").click()
    expect(page.locator("#answer .rr-text")).to_have_text("day")
    asked = len(engine.asked)
    slider = page.locator("#slider-darkness input[type=range]")
    box = slider.bounding_box()
    page.mouse.move(box["x"] + 10, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2, steps=5)
    assert len(engine.asked) == asked
    page.mouse.up()
    expect(page.locator("#answer .rr-text")).to_have_text("night")
    expect(page.locator("#chain .rr-chip")).to_have_text(re.compile("Darkness *0.90"))
    for place in ("#compare", "#slider-darkness", "#question textarea", "#ask", "#chain .rr-type",
                  "#chain .rr-chip", "#answer"):
        assert page.locator(place).evaluate(_IN_VIEW), place
    scrolls = "document.documentElement.scrollHeight > innerHeight"
    assert not page.evaluate(scrolls)
    expect(page.locator("#slider-lens_blur")).to_be_hidden()
    expect(page).to_have_url(re.compile("darkness.*view=presenter"))


def test_a_link_opens_the_presenter_view_and_its_button_leaves_it(visitor):
    page = visitor.page
    page.goto(visitor.address + "?view=presenter&plan=lens_blur%3D0.4")
    page.locator("#slider-lens_blur").wait_for()
    expect(page.locator(".rr-head")).to_be_hidden()
    page.get_by_role("button", name="Leave presenter view").click()
    expect(page.locator(".rr-head")).to_be_visible()
    expect(page.locator("#slider-graffiti")).to_be_visible()
    expect(page).not_to_have_url(re.compile("view="))


def test_the_row_of_changes_goes_to_a_slider_and_takes_a_change_back(visitor):
    page = visitor.page
    page.get_by_role("button", name="Thumbnail 1 of").click()
    undamage(page)
    expect(page.locator(".rr-changed")).to_contain_text("Nothing is changed yet")
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    at = page.locator("#slider-graffiti").bounding_box()["y"]
    visitor.slide("graffiti", 30)
    visitor.slide("scan_lines", 20)
    row = page.locator(".rr-changed")
    expect(row.locator("[data-slider]")).to_have_text([re.compile("Scan lines 0.20"),
                                                       re.compile("Graffiti 0.30")])
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    assert page.locator("#slider-graffiti").bounding_box()["y"] == at
    row.get_by_role("button", name="Graffiti 0.30").click()
    focused = page.evaluate("document.activeElement.closest('.rr-slider').id")
    assert focused == "slider-graffiti"
    row.get_by_role("button", name="Set Graffiti to 0").click()
    expect(row.locator("[data-slider]")).to_have_count(1)
    expect(page.locator("#slider-graffiti input[type=number]")).to_have_value("0")
    expect(page.locator(".rr-caption")).to_contain_text("1 degradation,")


def test_a_photograph_is_drawn_large_and_its_inset_is_exactly_what_the_model_sees(visitor, engine):
    page = visitor.page
    page.get_by_role("button", name="Thumbnail 6 of").click()
    expect(page.locator(".rr-caption")).to_contain_text("Espresso")
    undamage(page)
    visitor.slide("darkness", 3)
    expect(page.locator(".rr-caption")).to_contain_text("total intensity 0.03")
    inset = page.locator(".rr-inset")
    expect(inset).to_contain_text(re.compile(r"What Scripted sees, 2\d\d . 1\d\d$"))
    visitor.ask()
    visitor.wait_for_scores()
    large = page.locator("#compare img").last
    page.set_viewport_size(DESKTOP)
    expect(large).to_have_js_property("naturalWidth", 600)  # its own
    drawn = visitor.context.request.get(inset.locator("img").evaluate("image => image.src")).body()
    assert np.array_equal(images.load(drawn), engine.asked[-1])
    shown = inset.locator("img").bounding_box()
    assert (shown["width"], shown["height"]) == engine.asked[-1].shape[1::-1]
    inset.focus()
    page.keyboard.press("Enter")
    expect(inset).to_contain_text("The photograph, 600")
    expect(large).to_have_attribute("src", re.compile("png$"))
    expect(large).to_have_js_property("naturalWidth", engine.asked[-1].shape[1])
    assert large.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    inset.click()
    expect(inset).to_contain_text("What Scripted sees")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("v")
    expect(page.locator("#caption")).to_be_hidden()
    around, within = page.locator("#compare").bounding_box(), inset.bounding_box()
    for start, length in (("x", "width"), ("y", "height")):
        assert around[start] <= within[start]
        assert within[start] + within[length] <= around[start] + around[length]
    page.keyboard.press("v")
    expect(page.locator("#caption")).to_be_visible()


def test_a_scene_stays_what_the_model_sees_enlarged_without_smoothing(visitor):
    visitor.page.get_by_role("button", name="Thumbnail 1 of").click()
    expect(visitor.page.locator(".rr-caption")).not_to_contain_text("Espresso")
    visitor.wait_until_quiet()
    large = visitor.page.locator("#compare img").last
    assert large.evaluate("image => getComputedStyle(image).imageRendering") == "pixelated"
    expect(visitor.page.locator(".rr-inset")).to_have_count(0)


def test_another_size_of_the_window_draws_the_photograph_anew(visitor, make_picture, tmp_path):
    Image.fromarray(make_picture(1500, 2000)).save(tmp_path / "large.png")
    page, large = visitor.page, visitor.page.locator("#compare img").last
    page.locator("#own input[type=file]").set_input_files(tmp_path / "large.png")
    page.locator(".rr-inset").wait_for()
    before = large.evaluate("image => image.naturalWidth")
    page.set_viewport_size({"width": 1920, "height": 1080})
    page.wait_for_function(
        "before => document.querySelectorAll('#compare img')[1].naturalWidth > before",
        arg=before,
    )
