"""A folder of training in a real browser: opened, gone through step by step, shared by its link."""

import pytest
from playwright.sync_api import expect

from tests.support.page_driver import PHONE, serve
from tests.support.scripted_engine import ScriptedEngine
from tests.support.training_runs import reinforced

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def address(notebook, tmp_path_factory):
    """Serve the page once, with one run of training in its list."""
    folder = tmp_path_factory.mktemp("runs")
    reinforced(folder / "my-run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("robust_r1.ui.analyze.training_view.OWN_FOLDERS", (folder,))
        with serve(ScriptedEngine("tiny-sft")) as url:
            yield url


def test_a_folder_opens_and_its_slider_goes_through_the_steps(arrive, tmp_path):
    visitor = arrive()
    page = visitor.show("Analyze")
    page.locator("#headline tbody tr").first.wait_for()
    box = page.locator("#run-folder").get_by_role("textbox")
    box.fill(str(reinforced(tmp_path / "typed")))
    box.press("Enter")
    expect(page.locator("#training-head")).to_contain_text("typed")
    page.locator("#training-chart .main-svg").first.wait_for()
    expect(page.locator("#filter-models")).to_be_hidden()
    rollouts, step = page.locator("#rollouts"), page.locator("#training-step")
    expect(rollouts.get_by_role("listitem").filter(has_text="reinforced, +2.50")).to_be_visible()
    slider = step.get_by_role("slider")
    slider.press("ArrowLeft")
    expect(rollouts).to_contain_text("After step 30")
    slider.press("ArrowLeft")
    expect(rollouts).to_contain_text("After step 20")
    expect(step).to_contain_text("After step 20 of 40 (3 of 5 kept)")
    expect(slider).to_have_value("3")
    visitor.check()


def test_a_link_restores_run_prompt_and_step_and_the_address_follows(arrive):
    visitor, link = arrive(), "?tab=analyze&view=training&training=my-run&prompt="
    visitor.page.set_viewport_size(PHONE)
    visitor.page.goto(f"{visitor.address}{link}second.png-2b&step=10")
    page = visitor.page
    expect(page.locator("#rollouts")).to_contain_text("After step 10")
    expect(page.locator("#training-step").get_by_role("slider")).to_have_value("2")
    page.locator("#training-step").get_by_role("slider").press("ArrowRight")
    page.wait_for_url(f"**/{link}second.png-2b&step=20")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
