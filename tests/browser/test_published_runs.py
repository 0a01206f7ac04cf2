"""Runs of published benchmarks on the tab Analyze, in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.page_driver import PHONE, serve
from tests.support.published_runs import run_of
from tests.support.published_tables import write_mmstar
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Return a folder with a table, and its runs by two prompts."""
    home = tmp_path_factory.mktemp("published")
    table = write_mmstar(home / "MMStar.tsv", rows=4)
    for prompt in ("ours", "direct"):
        run_of(table, home / prompt, prompt=prompt)
    return home


@pytest.fixture(scope="module")
def address(notebook, runs):
    """Serve the page where the table is at hand."""
    with pytest.MonkeyPatch.context() as patch, serve(ScriptedEngine("tiny-sft")) as url:
        patch.setenv("LMUData", str(runs))
        yield url


def test_a_published_run_opens_by_level_and_prompt_with_pictures_and_without(
    visitor, runs, monkeypatch
):
    page = visitor.page
    page.get_by_role("tab", name="Analyze").click()
    page.locator("#headline tbody tr").first.wait_for()
    for prompt in ("ours", "direct"):
        page.locator("#run-folder").locator("input, textarea").fill(str(runs / prompt))
        page.locator("#open-run").click()
        expect(page.locator("#runs")).to_contain_text(prompt)
    expect(page.locator("#headline")).to_contain_text("tiny-sft, prompt direct")
    table = page.locator("#paper-table")
    for words in ("tiny-sft, prompt ours", "Robust-R1 SFT+RL", "published", "measured here"):
        expect(table).to_contain_text(words)
    expect(page.locator("#damage-costs")).to_contain_text("Accuracy by prompt and level")
    expect(page.locator("#filter-categories")).to_be_hidden()  # there is but one
    page.locator("#filter-prompts input").click()
    page.get_by_role("option", name="direct", exact=True).click()
    page.keyboard.press("Escape")
    expect(page.locator("#filter-status")).to_contain_text(re.compile(r"16\s+of 32 cases"))
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.locator("#analyze-tabs").get_by_role("tab", name="Cases").click()
    shown = page.locator("#case-picture img")
    expect(shown).to_be_visible()
    page.wait_for_function("document.querySelector('#case-picture img').naturalWidth === 640")
    expect(page.locator("#case-pictures")).to_contain_text("Before the model shrinks it")
    monkeypatch.setenv("LMUData", str(runs / "ours"))
    page.locator("#next-case").click()
    words = "A run keeps no pictures, and no MMStar.tsv of"
    expect(page.locator("#case-link")).to_contain_text(words)
    expect(page.locator("#case-answer")).to_be_visible()
