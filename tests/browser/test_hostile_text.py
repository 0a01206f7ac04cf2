"""Hostile text shows as text: from questions, models, files and links, in a real browser."""

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.support.page_driver import DESKTOP, see_toasts, serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]

PAYLOADS = (
    "<img src=x onerror=window.hacked=1>",
    "<script>window.hacked=1</script>",
    "${window.hacked=1}",
    "{{value}}{{#each this}}hacked{{/each}}",
    "`;window.hacked=1;`",
    "[a link](javascript:window.hacked=1)",
    '"><svg onload=window.hacked=1>',
    "@children",
    "\\${window.hacked=1}",
)
TEXT = " ".join(PAYLOADS)
NAME = "<b onmouseover=window.hacked=1>${window.hacked=1}"
HOSTILE = (
    f"{TEXT}<TYPE>{NAME}(0.4), lens blur(0.2)<TYPE_END><INFLUENCE>{TEXT}<INFLUENCE_END>"
    f"<REASONING>{TEXT}<REASONING_END><CONCLUSION>{TEXT}<CONCLUSION_END>"
    f"<ANSWER>{TEXT}<ANSWER_END>"
)
LONG = "<TYPE>none<TYPE_END><REASONING>" + "mi" * 5000 + "<REASONING_END><ANSWER>x<ANSWER_END>"


@pytest.fixture(scope="module")
def address():
    """Serve a page whose model says hostile things."""
    texts = {"long": LONG, "": HOSTILE}
    with serve(ScriptedEngine(texts=texts, label="<i>Scripted</i>", note=TEXT)) as url:
        yield url


def test_what_a_model_says_shows_as_text(visitor):
    page = visitor.page
    visitor.ask()
    visitor.wait_for_scores()
    for section in ("influence", "reasoning", "conclusion", "answer"):
        shown = page.locator(f".rr-{section} .rr-text").first.inner_text()
        assert [payload for payload in PAYLOADS if payload not in shown] == []
    expect(page.locator(".rr-chip").first).to_contain_text(NAME[:36])
    expect(page.locator("#chart .js-plotly-plot")).to_contain_text("false alarm")
    page.get_by_role("button", name="Raw text").click()
    expect(page.locator("#raw textarea")).to_have_value(HOSTILE)


def test_what_a_visitor_asks_shows_as_text(visitor):
    page = visitor.page
    page.get_by_role("button", name="Choices and known answer").click()
    visitor.write(TEXT)
    page.locator("#choices textarea").fill("\n".join(PAYLOADS))
    page.locator("#truth textarea, #truth input").first.fill(TEXT)
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator("#question textarea")).to_have_value(TEXT)
    cell = page.locator(".rr-cell").filter(has=page.locator("dt", has_text="Accuracy"))
    cell.focus()
    expect(cell.locator("[role=tooltip]")).to_be_visible()
    page.reload()
    page.locator(".rr-caption b").wait_for()
    expect(page.locator("#question textarea")).to_have_value(TEXT)


def test_file_name_and_toast_show_as_text(visitor, tmp_path):
    name = "<img src=x onerror=window.hacked=1>${window.hacked=1}.jpg"
    (tmp_path / name).write_text("no picture")
    visitor.page.locator("#own input[type=file]").set_input_files(tmp_path / name)
    expect(visitor.page.get_by_test_id("toast-body")).to_contain_text("in no format")


def test_link_values_show_as_text(arrive):
    person = arrive(
        "?example=%3Cimg%20src%3Dx%20onerror%3Dwindow.hacked%3D1%3E&plan=%24%7Bwindow.hacked%3D1%7D"
        "&model=%3Cscript%3Ewindow.hacked%3D1%3C%2Fscript%3E&example=nothing"
    )
    see_toasts(person.page, "The link's example was left out")
    person.check()


def test_ten_thousand_characters_stay_in_their_card(visitor):
    visitor.write("Say something long")
    visitor.ask()
    visitor.wait_for_scores()
    card = visitor.page.locator(".rr-reasoning")
    assert len(card.locator(".rr-text").inner_text()) == 10_000
    assert card.bounding_box()["height"] < 420
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 1440


def test_wide_and_tall_pictures_stay_in_their_frame(visitor, tmp_path):
    for name, size in (("wide.png", (3000, 20)), ("tall.png", (20, 3000))):
        Image.new("RGB", size, "navy").save(tmp_path / name)
        visitor.page.locator("#own input[type=file]").set_input_files(tmp_path / name)
        expect(visitor.page.locator(".rr-caption")).to_contain_text(f"Your picture {name}")
        visitor.wait_until_quiet()
        frame = visitor.page.locator("#compare").bounding_box()["height"]
        assert frame < 0.55 * DESKTOP["height"]
        for shown in visitor.page.locator("#compare img").all():
            assert shown.bounding_box()["height"] <= frame
        visitor.page.get_by_role("button", name="Remove Image").click()
        expect(visitor.page.locator(".rr-caption")).to_contain_text("Choose an example")
