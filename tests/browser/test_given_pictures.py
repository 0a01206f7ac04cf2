"""Pictures of one's own: dropped or pasted anywhere, looked at before anybody asks."""

import base64
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from robust_r1.engine import load_engine
from tests.support.page_driver import see_toasts, serve
from tests.support.paths import ROOT

pytestmark = [pytest.mark.browser, pytest.mark.one_visit, pytest.mark.timeout(300)]

PHOTOGRAPH = ROOT / "assets" / "examples" / "pavilion.jpg"
_GIVE = """([target, kind, files]) => {
  const given = new DataTransfer();
  for (const [name, data] of files) {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    given.items.add(new File([bytes], name, {type: 'image/png'}));
  }
  const options = {bubbles: true, cancelable: true};
  const event = kind === 'paste' ? new ClipboardEvent('paste', {...options, clipboardData: given})
    : new DragEvent('drop', {...options, dataTransfer: given});
  document.querySelector(target).dispatchEvent(event);
  return event.defaultPrevented;
}"""


@pytest.fixture(scope="module")
def engine():
    engine = load_engine("tiny-rl")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def address(engine):
    with serve(engine) as url:
        yield url


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return ten files of which two are no pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    with Image.open(PHOTOGRAPH) as photograph:
        small = photograph.resize((360, 240))
    paths = [folder / f"picture-{number}.png" for number in range(10)]
    for number, path in enumerate(paths):
        small.rotate(2 * number).save(path)
    paths[1].write_text("Dear all, this is a letter.")
    paths[6].write_bytes(paths[6].read_bytes()[:900])
    return paths


def give(page, target, kind, *paths):
    named = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
    return page.evaluate(_GIVE, [target, kind, named])


def see_picture(page, words):
    expect(page.locator(".rr-caption")).to_contain_text(words)


@pytest.mark.parametrize(("kind", "number"), [("drop", 0), ("paste", 2)])
def test_a_picture_given_anywhere_is_looked_at_before_anybody_asks(visitor, files, kind, number):
    page = visitor.page
    assert give(page, "#chain", kind, files[number])
    see_picture(page, f"Your picture picture-{number}.png, 360")
    see_picture(page, "no degradation")
    found = page.locator("#found")
    expect(found).to_contain_text(re.compile(r"Tiny RL.*as it sees it, 2\d\d . 1\d\d:"))
    expect(found).not_to_contain_text("looks at it")
    expect(page.locator("#offers button:visible")).to_have_count(4)
    preset = page.locator("#offer-1").inner_text()
    page.locator("#offer-1").click()
    expect(page.locator("#preset input")).to_have_value(preset)
    expect(page.locator(".rr-changed [data-slider]").first).to_be_visible()


def test_an_example_is_not_looked_at(visitor):
    visitor.page.get_by_role("button", name="Thumbnail 7 of").click()
    see_picture(visitor.page, "Chelsea")
    visitor.wait_until_quiet()
    expect(visitor.page.locator("#found")).to_have_text("")
    expect(visitor.page.locator("#offers")).to_be_hidden()


def test_of_ten_pictures_eight_go_on_and_two_are_named_and_one_can_be_taken(visitor, files):
    page = visitor.page
    page.get_by_role("tab", name="Learn", exact=True).click()
    assert give(page, "#learn-degradations", "drop", *files)
    see_picture(page, "picture-0.png")
    rows, cards = page.locator(".rr-several tbody tr"), page.locator("#several-strip .rr-take")
    expect(rows).to_have_count(10)
    expect(cards).to_have_count(8)
    expect(rows.locator("img")).to_have_count(8)
    expect(page.locator("#several-strip")).to_contain_text(
        "picture-1.png and picture-6.png cannot be read"
    )
    expect(rows.nth(1)).to_contain_text("picture-1.png is in no format that can be read")
    expect(rows.nth(6)).to_contain_text("damaged or cut short")
    cards.nth(3).click()
    see_picture(page, "picture-4.png")
    cards.nth(1).press("Enter")
    see_picture(page, "picture-2.png")
    rows.nth(9).get_by_role("button").click()
    see_picture(page, "picture-9.png")
    visitor.show("Explore")


def test_text_and_folders_are_refused_in_one_sentence_and_all_stays(visitor):
    page = visitor.page
    before = page.locator(".rr-caption").inner_text()
    page.evaluate("""() => {
      const pasted = new DataTransfer();
      pasted.setData('text/plain', 'Dear all');
      document.body.dispatchEvent(
        new ClipboardEvent('paste', {bubbles: true, clipboardData: pasted}));
    }""")
    see_toasts(page, "Text was pasted where a picture is expected")
    page.evaluate("""() => {
      const folder = new DataTransfer();
      folder.items.add(new File([], 'holiday'));
      const drop = new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: folder});
      DataTransferItem.prototype.webkitGetAsEntry = () => ({isDirectory: true});
      document.querySelector('#chain').dispatchEvent(drop);
    }""")
    see_toasts(page, "A folder was dropped: open it")
    see_picture(page, before.split("\n")[0][:20])
    page.locator("#question textarea").focus()
    assert not page.evaluate("""() => {
      const pasted = new DataTransfer();
      pasted.setData('text/plain', 'What is it?');
      const event = new ClipboardEvent('paste',
        {bubbles: true, cancelable: true, clipboardData: pasted});
      document.activeElement.dispatchEvent(event);
      return event.defaultPrevented;
    }""")


def test_the_game_says_when_the_model_is_fooled_and_keeps_the_first_time(visitor, files):
    page = visitor.page
    give(page, "#chain", "drop", files[0])
    page.locator("#fool").click()
    words = page.locator("#fool-words")
    expect(words).to_contain_text("Seed 1 drew")
    slider = page.locator("#fool-slider input[type=range]")
    drawn = page.locator("#fool-words [data-mirror]").get_attribute("data-mirror")
    slider.focus()
    page.keyboard.press("End")
    expect(words).to_contain_text(re.compile(r"1.00: (named|not named)"))
    expect(page.locator(f"#{drawn} input[type=number]")).to_have_value("1")
    see_picture(page, "total intensity 1.00")
    page.keyboard.press("Home")
    expect(words).to_contain_text("so little of it does not count")
    page.locator("#fool-other").click()
    expect(words).to_contain_text("Seed 2 drew")
    see_picture(page, "no degradation")


def test_a_question_goes_before_looks(visitor, files):
    page = visitor.page
    give(page, "#chain", "drop", *files)
    visitor.write("What is it?")
    visitor.ask()
    visitor.wait_for_scores()
    expect(page.locator("#status")).to_contain_text("tiny-rl has answered")
    expect(page.locator("#several img")).to_have_count(8)


_FOUND_AT = """() => {
  window.given = performance.now();
  new MutationObserver(() => {
    if (document.querySelector('#found')?.innerText.includes('as it sees it'))
      window.foundAt ??= performance.now();
  }).observe(document.body, {subtree: true, childList: true, characterData: true});
}"""


def test_a_12_megapixel_photograph_shows_its_findings_without_a_click(visitor, tmp_path):
    with Image.open(PHOTOGRAPH) as photograph:
        large = np.array(photograph.resize((4000, 3000)), np.float32)
    noise = np.random.default_rng(1).normal(0, 4, large.shape)
    Image.fromarray((large + noise).clip(0, 255).astype(np.uint8)).save(tmp_path / "phone.jpg")
    page = visitor.page
    page.evaluate(_FOUND_AT)
    # The field's own: the other ways would have a script make the file first.
    page.locator("#own input[type=file]").set_input_files(tmp_path / "phone.jpg")
    see_picture(page, "phone.jpg, 4000")
    page.wait_for_function("window.foundAt")
    print("seconds to the findings:", page.evaluate("(foundAt - given) / 1000"))
