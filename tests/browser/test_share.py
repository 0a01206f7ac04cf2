"""The dialogue that shares a link, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.page_driver import serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]

# What a page that came by plain http, and not from this computer, does not have.
BY_PLAIN_HTTP = "Object.defineProperty(navigator, 'clipboard', {value: undefined})"
LONG = "Is there anything to be seen that is neither round nor square nor blue? " * 5


@pytest.fixture(scope="module")
def address():
    """Serve the page once for all tests."""
    with serve(ScriptedEngine()) as url:
        yield url


def share(visitor):
    """Open the dialogue and return it."""
    visitor.wait_until_quiet()
    visitor.page.locator("#copy-link").click()
    dialogue = visitor.page.locator("#share dialog[open]")
    expect(dialogue).to_be_visible()
    return dialogue


def test_the_link_is_selected_and_says_that_it_works_here_only(visitor, address):
    page, dialogue = visitor.page, share(visitor)
    field = dialogue.locator("#share-url")
    expect(field).to_be_focused()
    chosen = field.evaluate("one => one.value.slice(one.selectionStart, one.selectionEnd)")
    assert chosen == field.input_value() and chosen.startswith(f"{address}?example=")
    expect(dialogue).to_contain_text("works on this computer only")
    expect(dialogue.get_by_role("heading")).to_have_text("Link to the page as it stands")
    page.keyboard.press("Escape")
    expect(dialogue).to_have_count(0)
    expect(page.locator("#copy-link")).to_be_focused()


def test_the_code_fills_a_projector_and_stays_dark_on_white(visitor):
    page = visitor.page
    for size in ((1280, 720), (1920, 1080)):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        dialogue = share(visitor)
        box = dialogue.get_by_role("img", name="QR code of this link").locator("svg").bounding_box()
        assert box["width"] == box["height"] >= 0.65 * size[1]
        assert box["y"] >= 0 and box["y"] + box["height"] <= size[1]
        page.keyboard.press("Escape")
        expect(dialogue).to_have_count(0)


@pytest.mark.parametrize("before", ["1", BY_PLAIN_HTTP])
def test_the_link_is_copied_also_where_the_page_came_by_plain_http(visitor, before):
    page = visitor.page
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.evaluate(before)
    dialogue = share(visitor)
    link = dialogue.locator("#share-url").input_value()
    dialogue.get_by_role("button", name="Copy").click()
    expect(dialogue.get_by_role("status")).to_have_text("Link copied.")
    dialogue.get_by_role("button", name="Close").click()
    question = page.locator("#question textarea")
    question.fill("")
    question.focus()
    page.keyboard.press("Control+V")
    expect(question).to_have_value(link)


def test_a_link_too_long_for_one_code_offers_what_makes_it_shorter(visitor):
    page = visitor.page
    visitor.write(LONG)
    expect(page).to_have_url(re.compile("neither"))
    dialogue = share(visitor)
    expect(dialogue).to_contain_text(re.compile(r"With \d+ characters the link is too long"))
    expect(dialogue.locator("svg")).to_have_count(0)
    dialogue.get_by_role("button", name="Leave out the question").click()
    expect(dialogue).to_contain_text("Left out: the question.")
    expect(dialogue.locator("svg")).to_have_count(1)
    expect(dialogue.locator("#share-url")).not_to_have_value(re.compile("neither"))
    dialogue.get_by_role("button", name="Put it back").click()
    expect(dialogue).to_contain_text("too long for a code")
    expect(dialogue.locator("#share-url")).to_have_value(re.compile("neither"))
    # --- The page itself stays as it was
    page.keyboard.press("Escape")
    expect(page.locator("#question textarea")).to_have_value(LONG)
