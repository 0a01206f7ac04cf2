"""Pictures of one's own in a real browser: nothing that was known of an example is said of them."""

import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from robust_r1.ask.kept_pictures import KeptPictures
from tests.support.page_driver import see_toasts, serve
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Keep pictures for links, as an operator may."""
    return KeptPictures(tmp_path_factory.mktemp("kept"), 2)


@pytest.fixture(scope="module")
def address(kept):
    """Serve the page once for all tests."""
    with serve(ScriptedEngine(), ScriptedEngine("other", "Other"), kept=kept) as url:
        yield url


@pytest.fixture
def photograph(tmp_path):
    """Return the file of a picture that is no example."""
    path = tmp_path / "garden party.png"
    Image.linear_gradient("L").convert("RGB").save(path)
    return path


def bring(person, file, tab=""):
    """Drop a picture of one's own into a tab."""
    own = person.page.locator(f"#{tab}own")
    if own.get_by_role("button", name="Remove Image").count():
        own.get_by_role("button", name="Remove Image").click()
        expect(own.locator("input[type=file]")).to_have_count(1)
        person.wait_until_quiet()
    own.locator("input[type=file]").set_input_files(file)


def known(page):
    """Unfold the choices and the known answer of Explore; return both fields."""
    choices, truth = page.locator("#choices textarea"), page.locator("#truth :is(input, textarea)")
    if not truth.is_visible():
        page.locator("#details > button").click()
    return choices, truth


def choose_example(person, tab):
    """Go to a tab and choose an example there, with its questions and answers."""
    page = person.page
    page.get_by_role("tab", name=tab.capitalize()).click()
    page.locator(f"#{tab}-gallery").get_by_role("button", name="Thumbnail 2 of").click()
    expect(page.locator(f"#{tab}-question textarea")).to_have_value(re.compile("=>"))
    person.wait_until_quiet()


@pytest.fixture
def other_photograph(tmp_path):
    """Return the file of another picture that is no example."""
    path = tmp_path / "other.png"
    Image.radial_gradient("L").convert("RGB").save(path)
    return path


def share(page, button="copy-link"):
    """Open the dialogue of a link and return it."""
    page.locator(f"#{button}").click()
    dialogue = page.locator("#share dialog[open]")
    expect(dialogue).to_be_visible()
    return dialogue


def link_of(dialogue):
    """Return the query of the link in the dialogue, and close it."""
    url = dialogue.locator("#share-url").input_value()
    dialogue.get_by_role("button", name="Close").click()
    expect(dialogue).to_have_count(0)
    return "?" + url.partition("?")[2]


def shown_size(visitor):
    """Return the size in pixels of the clean picture in sight."""
    return visitor.page.locator("#compare img").first.evaluate(
        "one => [one.naturalWidth, one.naturalHeight]"
    )


@pytest.mark.parametrize("tab", ["compare", "sweep"])
def test_a_refused_file_leaves_the_picture_and_its_answer(visitor, tmp_path, tab):
    page = visitor.page
    (tmp_path / "letter.png").write_text("Dear all")
    page.get_by_role("tab", name=tab.capitalize()).click()
    page.locator(f"#{tab}-preview img").first.wait_for()
    bring(visitor, tmp_path / "letter.png", f"{tab}-")
    expect(page.get_by_test_id("toast-body")).to_contain_text("no format that can be read")
    visitor.wait_until_quiet()
    expect(page.locator(f"#{tab}-question textarea")).to_have_value(re.compile("=>"))


@pytest.mark.parametrize("tab", ["compare", "sweep"])
def test_links_of_the_other_tabs_ask_for_their_picture_too(
    visitor, arrive, address, photograph, other_photograph, tab
):
    page = visitor.page
    page.get_by_role("tab", name=tab.capitalize()).click()
    page.locator(f"#{tab}-preview img").first.wait_for()
    bring(visitor, photograph, f"{tab}-")
    expect(page.locator(f"#{tab}-question textarea")).not_to_have_value(re.compile("=>"))
    page.locator(f"#{tab}-question textarea").fill("Which? | star | circle => star")
    expect(page).to_have_url(re.compile(f"tab={tab}.*picture=.*star"))
    link = link_of(share(page, f"{tab}-link"))
    person = arrive()
    person.page.goto(address + link)
    shown = person.page.locator(f"#{tab}-preview")
    expect(shown).to_contain_text("garden party.png, 256 \u00d7 256 pixels")
    person.page.locator(f"#{tab}-start").click()
    see_toasts(person.page, "The link's picture is not here")
    bring(person, other_photograph, f"{tab}-")
    see_toasts(person.page, "another picture than the link's")
    question = person.page.locator(f"#{tab}-question textarea")
    expect(question).to_have_value("Which?")
    bring(person, photograph, f"{tab}-")
    see_toasts(person.page, "This is the picture of the link")
    expect(question).to_have_value("Which? | star | circle => star")
    shown.locator("img").first.wait_for()


def test_the_same_picture_restores_all_that_a_link_was_made_of(
    visitor, arrive, photograph, tmp_path
):
    page = visitor.show("Explore")
    bring(visitor, photograph)
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    choices, truth = known(page)
    visitor.slide("darkness", 20)
    visitor.write("What is it?")
    choices.fill("a fence\na tree")
    truth.fill("a tree")
    expect(page).to_have_url(re.compile("answer=a\\+tree"))
    dialogue = share(page)
    expect(dialogue).to_contain_text("The picture is not in this link")
    expect(dialogue).to_contain_text("garden party.png, 256 \u00d7 256 pixels")
    link = link_of(dialogue)
    person = arrive(link)
    missing = person.page.locator("#caption .rr-missing")
    expect(missing).to_contain_text("garden party.png, 256 \u00d7 256 pixels")
    assert person.page.locator("#compare img").count() == 0
    person.ask()
    see_toasts(person.page, "The link's picture is not here, garden party.png")
    # --- The same pixels in a file of another kind and name
    Image.open(photograph).save(tmp_path / "copy.bmp")
    bring(person, tmp_path / "copy.bmp")
    see_toasts(person.page, "This is the picture of the link")
    expect(person.page.locator(".rr-caption")).to_contain_text("total intensity 0.20")
    choices, truth = known(person.page)
    expect(choices).to_have_value("a fence\na tree")
    expect(truth).to_have_value("a tree")
    expect(person.page.locator("#question textarea")).to_have_value("What is it?")
    assert shown_size(person) == shown_size(visitor)


def test_another_picture_than_the_links_is_told_and_new_and_the_right_one_still_restores_all(
    visitor, arrive, photograph, other_photograph
):
    page = visitor.show("Explore")
    bring(visitor, photograph)
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    visitor.slide("graffiti", 30)
    expect(page).to_have_url(re.compile("picture=.*graffiti%3D0.3"))
    link = link_of(share(page)) + "&answer=a+wall"
    person = arrive(link)
    _, truth = known(person.page)
    expect(truth).to_have_value("a wall")
    bring(person, other_photograph)
    see_toasts(person.page, "another picture than the link's, garden party.png")
    expect(person.page.locator(".rr-caption")).to_contain_text("no degradation")
    expect(truth).to_have_value("")
    person.page.get_by_role("button", name="Remove Image").click()
    expect(person.page.locator(".rr-caption")).to_contain_text("Choose an example")
    bring(person, photograph)
    see_toasts(person.page, "This is the picture of the link")
    expect(person.page.locator(".rr-caption")).to_contain_text("total intensity 0.30")
    expect(truth).to_have_value("a wall")


def test_a_kept_picture_opens_anywhere_until_it_expires(visitor, arrive, photograph, kept):
    page = visitor.show("Explore")
    bring(visitor, photograph)
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    visitor.wait_until_quiet()
    dialogue = share(page)
    dialogue.get_by_role("button", name="Keep the picture here for 2 days").click()
    expect(page.locator("#share dialog[open]")).to_contain_text("is kept here until")
    link = link_of(page.locator("#share dialog[open]"))
    person = arrive(link)
    expect(person.page.locator(".rr-caption")).to_contain_text("Your picture")
    assert shown_size(person) == shown_size(visitor)
    person.ask()
    person.wait_for_scores()
    # --- What has been kept is said to be, also in the link that goes on from here
    expect(share(person.page)).to_contain_text("is kept here until")
    for file in kept.folder.iterdir():
        file.unlink()
    late = arrive(link)
    missing = late.page.locator("#caption .rr-missing")
    expect(missing).to_contain_text("is not here any more: garden party.png")
    bring(late, photograph)
    see_toasts(late.page, "This is the picture of the link")


def test_another_example_keeps_the_damage_that_a_person_has_set(visitor):
    page = visitor.show("Explore")
    page.get_by_role("button", name="Thumbnail 1 of").click()
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    visitor.slide("darkness", 30)
    expect(page.locator(".rr-caption")).to_contain_text("total intensity 0.30")
    page.get_by_role("button", name="Thumbnail 3 of").click()
    expect(page.locator("#gallery .thumbnail-item").nth(2)).to_have_class(re.compile("selected"))
    visitor.wait_until_quiet()
    expect(page.locator(".rr-caption")).to_contain_text("total intensity 0.30")


def test_explore_leaves_the_samples_answer_choices_and_damage_behind(visitor, photograph):
    page = visitor.show("Explore")
    page.get_by_role("button", name="Thumbnail 2 of").click()
    choices, truth = known(page)
    page.locator("#suggestions .gallery-item").filter(has_text="(choices)").first.click()
    expect(choices).not_to_have_value("")
    expect(truth).not_to_have_value("")
    asked = page.locator("#question textarea").input_value()
    bring(visitor, photograph)
    expect(page.locator(".rr-caption")).to_contain_text("Your picture")
    expect(page.locator(".rr-caption")).to_contain_text("no degradation")
    expect(choices).to_have_value("")
    expect(truth).to_have_value("")
    expect(page.locator("#question textarea")).to_have_value(asked)
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator("#answer .rr-verdict")).to_have_count(0)
    page.get_by_role("button", name="Remove Image").click()
    expect(page.locator(".rr-caption")).to_contain_text("Choose an example")


def test_sweep_does_not_judge_a_picture_by_the_samples_answer(visitor, photograph):
    page = visitor.page
    choose_example(visitor, "sweep")
    question = page.locator("#sweep-question textarea")
    bring(visitor, photograph, "sweep-")
    expect(question).to_have_value("How many objects are there?")
    page.locator("#sweep-levels input").fill("2")
    expect(page.locator("#sweep-size")).to_contain_text("3 steps")
    page.locator("#sweep-start").click()
    expect(page.locator("#sweep-status")).to_contain_text("Complete")
    expect(page.locator("#sweep-summary")).to_contain_text("Noticed")
    expect(page.locator("#sweep-summary")).not_to_contain_text("answers are right")
    expect(page.locator("#sweep-strip .rr-verdict")).to_have_count(0)


def test_compare_does_not_judge_a_picture_by_the_samples_answer(visitor, photograph):
    page = visitor.page
    choose_example(visitor, "compare")
    question = page.locator("#compare-question textarea")
    question.fill("Which? | star | circle => star\nHow many? => two")
    bring(visitor, photograph, "compare-")
    expect(question).to_have_value("Which?\nHow many?")
    expect(page.locator("#compare-preview")).to_contain_text("no degradation")
    page.locator("#compare-start").click()
    expect(page.locator("#compare-status")).to_contain_text("Complete")
    expect(page.locator("#compare-view .rr-verdict")).to_have_count(0)


@pytest.mark.parametrize("tab", ["compare", "sweep"])
@pytest.mark.parametrize("named", ["example=gone", "picture=0f&size=4x3"])
def test_a_link_whose_picture_cannot_be_asks_about_no_other(visitor, address, tab, named):
    page = visitor.page
    page.goto(f"{address}?tab={tab}&{named}&ask=Which%3F+%3D%3E+star")
    see_toasts(page, f"The link's {named.partition('=')[0]} was left out")
    expect(page.locator(f"#{tab}-question textarea")).to_have_value("Which? => star")
    expect(page.locator(f"#{tab}-preview")).to_contain_text("Choose an example")
    page.locator(f"#{tab}-start").click()
    see_toasts(page, "There is no picture yet")
