"""Links of an earlier version, and its files brought to the page (see tests/unit/legacy)."""

import json

import pytest
from playwright.sync_api import Page, expect

from robust_r1.store import VARIABLE
from tests.support.page_driver import WAIT, serve
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine

pytestmark = pytest.mark.browser
LEGACY = ROOT / "tests" / "unit" / "legacy"
LINKS = json.loads((LEGACY / "links.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Serve a page of two models with a notebook of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(tmp_path_factory.mktemp("notebook") / "notebook.sqlite"))
        with serve(*(ScriptedEngine(name, name) for name in ("tiny-rl", "tiny-sft"))) as url:
            yield url


# What a person reads of a component: the chosen ones of several, a field's value, else its text.
READ = """(id) => {
  const box = document.getElementById(id);
  if (!box) return null;
  const chosen = box.querySelector('.thumbnail-item.selected img, [role=tab][aria-selected=true]');
  if (chosen) return chosen.alt ?? chosen.innerText.trim();
  const marks = [...box.querySelectorAll('input[type=checkbox], input[type=radio]')];
  if (marks.length) {
    return marks.filter((one) => one.checked).map((one) => one.closest('label').innerText.trim());
  }
  const tokens = [...box.querySelectorAll('.token')].map((one) => one.innerText.trim());
  if (tokens.length) return tokens;
  const field = box.querySelector('textarea, input');
  return field ? field.value : box.innerText.replaceAll(/\\s+/g, ' ');
}"""


@pytest.mark.parametrize("row", LINKS, ids=lambda row: row["link"][:60])
def test_a_link_brings_back_what_it_was_made_of(regular, address, row):
    page = regular.page
    page.goto(address + row["link"])
    expect(page.get_by_role("tab", name=row["tab"], exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    if "choices" in row["shows"]:
        page.locator("#details > button").click()
    if "case-head" in row["shows"]:
        page.get_by_role("tab", name="Cases").click()
    for id, wanted in row["shows"].items():
        assert_shows(page, id, wanted)


def test_a_run_and_saved_answers_open_in_analyze(regular, address):
    page = regular.page
    page.goto(address)
    page.get_by_role("tab", name="Analyze", exact=True).click()
    page.locator("#headline tbody tr").first.wait_for()
    page.locator("#run-folder textarea, #run-folder input").fill(str(LEGACY / "run"))
    page.locator("#open-run").click()
    expect(page.locator("#filter-status")).to_contain_text("5 of 5 cases")
    expect(page.locator("#headline")).to_contain_text("well formed")
    page.locator("#saved-answers > button").click()
    files = [str(LEGACY / name) for name in ("answer.json", "answer-follow-up.json")]
    page.locator("#answers input[type=file]").set_input_files(files)
    expect(page.locator("#filter-status")).to_contain_text("3 of 3 cases")
    page.get_by_role("tab", name="Cases").click()
    head = page.locator("#case-head")
    expect(head).to_contain_text("What is at the center?")
    expect(head).to_contain_text("Applied: lens flare 0.50, gaussian noise 0.40.")
    page.locator("#next-case").click()
    expect(head).to_contain_text("It is <not> sharp.")
    expect(head.locator(".rr-further img")).to_have_count(1)
    expect(page.locator("#case-answer")).to_contain_text("three")


def assert_shows(page: Page, id: str, wanted: str | list[str]) -> None:
    """Wait until a component reads as wanted; of texts, until it holds the wanted one."""
    for _ in range(WAIT // 100):
        found = page.evaluate(READ, id)
        if found == wanted or (type(found) is type(wanted) is str and wanted and wanted in found):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"#{id} shows {found!r} in place of {wanted!r}")
