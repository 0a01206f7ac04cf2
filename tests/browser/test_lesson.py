"""The plan of the lesson, pictures of one's own in it, and scores that outlast a reload."""

import re

import pytest
from playwright.sync_api import expect

from robust_r1.ask.examples import scenes
from robust_r1.paths import EXAMPLES
from robust_r1.ui.learn.cases import training_cases
from tests.support.page_driver import serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PICTURE = EXAMPLES / "cat.jpg"


@pytest.fixture(scope="module")
def address():
    with serve(ScriptedEngine("tiny-rl", "RL"), ScriptedEngine("tiny-sft", "SFT")) as url:
        yield url


@pytest.fixture(scope="module")
def page(regular):
    """Go to the Learn tab once, for all tests that leave it open."""
    regular.page.get_by_role("tab", name="Learn", exact=True).click()
    return regular.page


def part(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def test_every_step_of_the_plan_opens_what_it_names(page):
    page.locator("#lesson > button").click()
    steps = page.locator(".rr-step button")
    expect(steps).to_have_count(6)
    for step in steps.all():
        part(page, "Learn")
        name = step.inner_text().partition(": ")[2]
        step.click()
        tab = page.get_by_role("tab", name=name, exact=True)
        expect(tab).to_have_attribute("aria-selected", "true")
    part(page, "Learn")


def test_chain_and_training_show_their_picture_before_anything_is_run(page):
    for name, id in (("Chain", "anatomy"), ("Training", "story")):
        part(page, name)
        expect(page.locator(f"#{id}-case-view img")).to_be_visible()
        before = page.locator(f"#{id}-case-view img").get_attribute("src")
        page.locator(f"#{id}-case input").click()
        page.get_by_role("option", name="Undamaged", exact=True).click()
        expect(page.locator(f"#{id}-case-view")).to_contain_text("nothing")
        expect(page.locator(f"#{id}-case-view img")).not_to_have_attribute("src", before)


def test_a_typical_case_says_what_chose_it_and_stands_beside_the_means(page):
    part(page, "Training")
    title, case = next(iter(training_cases().items()))
    page.locator("#story-case input").click()
    page.get_by_role("option", name=title, exact=True).click()
    expect(page.locator("#story-case-view")).to_contain_text("Chosen from minibench by a rule")
    page.locator("#story-start").click()
    expect(page.locator("#story-status")).to_contain_text("Complete")
    row = page.locator("#story-view .rr-sheet").first.locator("tr", has_text="Degradation reward")
    means = [f"mean {case.means[name]['degradation']:.2f}" for name in ("tiny-sft", "tiny-rl")]
    expect(row.locator("small")).to_have_text(means)


def test_of_a_picture_of_ones_own_nothing_but_the_damage_is_scored(page):
    part(page, "Training")
    page.locator("#story-own input[type=file]").set_input_files(PICTURE)
    expect(page.locator("#story-case-view")).to_contain_text("main object")
    page.wait_for_url(re.compile("part=story&picture="))
    page.locator("#story-start").click()
    heads = page.locator("#story-view .rr-sheet").first.locator("tbody th")
    expect(heads).to_have_text(["Degradation reward", "Tokens"])
    part(page, "Degradations")
    before = page.locator("#learn-degradations img").first.get_attribute("src")
    page.locator("#learn-own input[type=file]").set_input_files(PICTURE)
    first = page.locator("#learn-degradations img").first
    expect(first).not_to_have_attribute("src", before)
    page.wait_for_url(re.compile("part=method&picture="))


def test_the_rewards_are_summed_as_in_the_paper_and_all_four(page):
    part(page, "Rewards")
    sums = page.locator("#playground-verdict .rr-sums strong")
    expect(sums).to_have_text(["3.00", "5.00"])
    page.get_by_role("button", name="Wrong answer", exact=True).click()
    expect(sums.last).not_to_have_text("5.00")


def test_the_scores_of_a_seed_are_there_after_a_reload(arrive):
    page = arrive().page
    part(page, "Learn")
    part(page, "Game")
    page.locator("#game-picture img").wait_for()
    page.locator("#game-start").click()
    rows = page.locator("#game-table tbody tr")
    expect(rows).to_have_count(1)
    page.wait_for_url("**part=game*")
    page.wait_for_function("() => localStorage.getItem('robust-r1-game')?.length > 60")
    page.reload()
    expect(rows).to_have_count(1)
    expect(page.locator("#game-result table")).to_be_visible()
    expect(page.locator("#game-next")).to_be_enabled()
    page.locator("#game-new").click()
    expect(rows).to_have_count(0)


def test_explores_case_is_taken_over_into_training_and_its_link_brings_it_back(arrive):
    page = arrive().page
    page.locator("#gallery button").nth(2).click()
    id = scenes()[2].id
    page.wait_for_url(f"**example={id}*")
    part(page, "Learn")
    part(page, "Training")
    case = page.locator("#story-case-view dl")
    before = case.inner_text()
    page.locator("#story-take-over").click()
    page.wait_for_url(re.compile(f"part=story&example={id}&"))
    page.wait_for_function(
        "(before) => document.querySelector('#story-case-view dl')?.innerText !== before",
        arg=before,
    )
    shown = page.locator("#story-case-view dl").inner_text()
    link = page.url
    page.goto(link)
    expect(page.locator("#story-case-view dl")).to_have_text(re.compile(shown.split("\n")[1][:20]))
    expect(page).to_have_url(link)
