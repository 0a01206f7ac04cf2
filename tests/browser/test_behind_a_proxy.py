"""The page below a prefix, behind a real proxy that strips it, and behind names and passwords."""

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from playwright.sync_api import expect

from robust_r1.paths import ASSETS
from robust_r1.ui import Visitors
from tests.support.install_tools import find_nginx
from tests.support.page_driver import serve
from tests.support.proxy import stripping_proxy
from tests.support.scripted_engine import ScriptedEngine

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
PUBLIC = Visitors(public=True)
PREFIX = "/course/robust"


@pytest.fixture(scope="module")
def address(tmp_path_factory, notebook):
    """Serve the page behind the proxy; the address is the proxy's."""
    if find_nginx() is None:
        pytest.skip("there is no nginx")
    with (
        serve(ScriptedEngine(), root_path=PREFIX, visitors=PUBLIC) as page,
        stripping_proxy(page, PREFIX, tmp_path_factory.mktemp("nginx")) as shown,
    ):
        yield shown


@pytest.fixture(scope="module")
def photograph(tmp_path_factory):
    """Return the file of a picture that is larger than what a proxy passes on in one piece."""
    path = tmp_path_factory.mktemp("own") / "garden.png"
    noise = np.random.default_rng(5).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_everything_that_a_visitor_does_stays_below_the_prefix(visitor, photograph, address):
    page = visitor.page  # that no request left the prefix is checked when the visitor leaves
    page.locator("#own input[type=file]").set_input_files(photograph)
    expect(page.locator(".rr-caption").first).to_contain_text("garden")
    visitor.wait_until_quiet()
    assert visitor.damaged().startswith((address, "gradio_api/file="))
    shown = page.locator("#compare img").nth(1)
    assert shown.evaluate("async one => { await one.decode(); return one.naturalWidth; }") > 0
    visitor.write("What is it?")
    visitor.ask()
    visitor.wait_until_quiet()
    expect(page.locator("#answer")).to_contain_text("three")
    visitor.show("Analyze")
    page.locator("#headline tbody tr").first.wait_for()
    visitor.show("Explore")
    visitor.wait_until_quiet()
    page.locator("#copy-link").click()
    link = page.locator("#share-url").input_value()
    assert link.startswith(address)


def test_what_somebody_writes_is_of_that_browser_alone(tabs, address, notebook):
    def come(person):
        person.page.goto(address + "?tab=analyze&view=cases")
        tags = person.page.locator("#case-tags")
        tags.locator("input").first.wait_for()
        person.page.locator("#headline tbody tr").first.wait_for(state="attached")
        person.wait_until_quiet()
        return tags

    with tabs.lend_device(address) as writer, tabs.lend_device(address) as other:
        field = come(writer).locator("input").first
        field.fill("odd shadow")
        field.press("Enter")
        writer.page.locator("#save-marks").click()
        expect(writer.page.locator("#marked")).to_contain_text("Saved")
        writer.wait_until_quiet()
        expect(come(writer)).to_contain_text("odd shadow")
        assert "odd shadow" not in come(other).inner_text()
        cookies = [one["path"] for one in writer.context.cookies()]
        assert cookies == [f"{PREFIX}/"]
    assert notebook.tags() == () and list(notebook.path.parent.glob("notebooks/*.sqlite"))


def test_programs_ask_below_the_prefix(address, photograph):
    client = Client(address, verbose=False)
    told = client.predict(handle_file(photograph), "What is it?", api_name="/ask")
    assert "answer" in str(told)


def test_who_has_no_password_gets_nothing_and_who_has_one_the_page(tabs):
    with serve(ScriptedEngine(), visitors=PUBLIC, accounts=[("ada", "engine")]) as page:
        picture = f"gradio_api/file={ASSETS / 'examples'}"
        for path in ("config", "gradio_api/info", "gradio_api/queue/data?session_hash=a", picture):
            assert httpx.get(page + path).status_code == 401
        for path in ("gradio_api/queue/join", "gradio_api/upload", "gradio_api/call/ask"):
            assert httpx.post(page + path, json={"data": []}).status_code == 401
        wrong = {"username": "ada", "password": "machine"}
        assert httpx.post(page + "login", data=wrong).status_code == 400
        with tabs.lend_device(page) as person:
            person.page.goto(page)
            person.page.get_by_label("username").fill("ada")
            person.page.get_by_label("password").fill("engine")
            person.page.get_by_role("button", name="Login").click()
            person.page.locator(".rr-caption b").wait_for()
