"""Cases that go from one tab to another, in a real browser."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from robust_r1.ask.examples import scenes
from robust_r1.paths import EXAMPLES
from tests.support.page_driver import serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]
SIGNS = "Is a | b => c?"


@pytest.fixture(scope="module")
def address():
    engine = ScriptedEngine(texts={SIGNS: "<TYPE>none<TYPE_END><ANSWER>all of it<ANSWER_END>"})
    with serve(engine, ScriptedEngine("other", "Other")) as url:
        yield url


def to_tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def query(page):
    return {key: found[0] for key, found in parse_qs(urlsplit(page.url).query).items()}


@pytest.mark.parametrize("tab", ["compare", "sweep"])
def test_nothing_moves_by_itself_and_the_button_brings_all_of_explores_case(visitor, tab):
    page = visitor.page
    taken = scenes()[3]
    to_tab(page, "Explore")
    page.locator("#gallery button").nth(3).click()
    expect(page.locator(".rr-caption b").first).to_have_text(taken.title)
    page.locator("#slider-darkness input[type=number]").fill("0.5")
    page.keyboard.press("Tab")
    page.locator("#question textarea").fill(SIGNS)
    page.wait_for_url("**question=Is+a*")
    to_tab(page, tab.capitalize())
    button = page.locator(f"#{tab}-take-over")
    expect(button).to_be_visible()
    expect(page.locator(f"#{tab}-question textarea")).not_to_have_value(SIGNS)
    button.click()
    expect(button).to_be_hidden()
    page.wait_for_url(f"**tab={tab}*example={taken.id}*darkness*")
    expect(page.locator(f"#{tab}-question textarea")).to_have_value(r"Is a \| b \=> c?")
    values = query(page)
    assert values.get("plan", "darkness=0.5") == "darkness=0.5"
    assert values.get("vary", "darkness") == "darkness"
    assert values.get("levels", "6") == "6"
    page.locator(f"#{tab}-question textarea").fill("Another question?")
    expect(button).to_be_visible()


def test_a_question_with_the_signs_is_asked_whole(visitor, address):
    page = visitor.page
    page.goto(f"{address}?tab=sweep&ask=Is+a+%5C%7C+b+%5C%3D%3E+c%3F&vary=darkness&levels=2")
    page.locator("#sweep-start").click()
    expect(page.locator("#sweep-status")).to_contain_text("Complete")
    expect(page.locator("#sweep-strip td")).to_contain_text(["all of it"] * 2)


def test_a_picture_of_ones_own_is_taken_over_with_its_question_alone(visitor):
    page = visitor.page
    to_tab(page, "Explore")
    page.locator("#own input[type=file]").set_input_files(EXAMPLES / "cat.jpg")
    expect(page.locator(".rr-caption b").first).to_have_text("Your picture")
    page.wait_for_url("**picture=*")
    to_tab(page, "Sweep")
    page.locator("#sweep-take-over").click()
    page.wait_for_url("**tab=sweep*picture=*")
    expect(page.locator("#sweep-notice")).to_contain_text("perceives degradations on any picture")
    assert "=>" not in page.locator("#sweep-question textarea").input_value()
