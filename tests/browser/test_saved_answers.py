"""Saved answers in a real browser: ask, save, open in Analyze, look at the case, ask again."""

import json
import re

import pytest
from playwright.sync_api import expect

from robust_r1.store import VARIABLE
from tests.support.page_driver import PHONE, serve
from tests.support.saved_answers import record, save
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"
PLAN = "?example=pavilion&plan=lens_flare%3D0.5,scan_lines%3D0.3&seed=7&question=What+is+behind+it?"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("notebook") / "notebook.sqlite"))
        with serve(ScriptedEngine(converses=True, pictures=4)) as url:
            yield url


def drop(page, *files):
    page.locator("#answers input[type=file]").set_input_files([str(file) for file in files])


def test_an_answer_is_asked_saved_and_opened_as_a_case(arrive, tmp_path, picture):
    person = arrive(PLAN)
    page = person.page
    person.ask()
    person.wait_for_scores()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download JSON").click()
    file = tmp_path / "robust-r1-answer.json"
    download.value.save_as(file)
    page.get_by_role("tab", name="Analyze", exact=True).click()
    page.locator("#headline tbody tr").first.wait_for()
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    before = page.locator("#filter-status").inner_text()
    page.locator("#saved-answers > button").click()
    drop(page, broken)
    expect(page.locator(".toast-body")).to_contain_text("\"broken.json\" cannot be read as JSON")
    assert page.locator("#filter-status").inner_text() == before
    page.locator("#answers").get_by_label("Clear").first.click()
    drop(page, file)
    expect(page.locator("#filter-status")).to_contain_text("1 of 1 cases")
    expect(page.locator("#level-chart")).to_contain_text("true answer is known")
    page.get_by_role("tab", name="Cases").click()
    head = page.locator("#case-head")
    expect(head).to_contain_text("What is behind it?")
    expect(head).to_contain_text("not scored")
    expect(head).to_contain_text("Applied: lens flare 0.50, scan lines 0.30.")
    expect(page.locator("#case-answer")).to_contain_text("three")
    expect(page.locator("#case-chain")).to_contain_text("The blur softens every outline")
    expect(page.locator("#case-picture img")).to_be_visible()
    expect(page.locator("#open-explore")).to_have_attribute("href", re.compile("example=pavilion"))
    expect(page).to_have_url(re.compile(r"\?tab=analyze$"))
    page.locator("#ask-again").click()
    expect(page.locator("#rerun")).to_contain_text("word for word")
    other = arrive()
    other.page.get_by_role("tab", name="Analyze", exact=True).click()
    other.page.locator("#headline tbody tr").first.wait_for()
    other.page.locator("#runs input").click()
    expect(other.page.get_by_role("option").first).to_be_visible()
    assert "saved-answers" not in "".join(other.page.get_by_role("option").all_inner_texts())
    values = json.loads(json.dumps(record(tmp_path, picture))) | {"question": HOSTILE}
    values["model"] = values["answer"] = HOSTILE
    values["turns"][0]["question"] = values["turns"][0]["text"] = HOSTILE
    hostile = save(tmp_path / "hostile", values)
    page.locator("#answers").get_by_label("Clear").first.click()
    drop(page, hostile)
    expect(head).to_contain_text(HOSTILE)
    expect(head.locator(".rr-turn")).to_have_count(2)
    expect(head.locator(".rr-further img")).to_have_count(1)
    page.set_viewport_size(PHONE)
    page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
