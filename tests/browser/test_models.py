"""Models that are elsewhere, seen by a visitor: streams that break, hubs that are out of reach."""

import json
import re

import httpx
import huggingface_hub
import pytest
from playwright.sync_api import expect

from robust_r1.chain import build_prompt
from robust_r1.engine import catalog
from robust_r1.ui import open_models, start_loading
from tests.support.endpoint_server import serve_endpoint
from tests.support.page_driver import Visitor, serve, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
HUB = "Robust-R1 RL (3B)"


@pytest.fixture(scope="module")
def server():
    with serve_endpoint() as server:
        yield server


@pytest.fixture(scope="module")
def address(server):
    """Serve a page whose models are endpoints, and one on a hub that cannot be reached."""

    def unreachable(*args, **options):
        raise httpx.ConnectError("no route")

    names = [f"{server.address}/v1#{model}" for model in ("good", "cut", "429", "endless")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub, "snapshot_download", unreachable)
        engines = open_models([*names, "robust-r1-rl"])
        with serve(*engines) as url:
            start_loading(engines)
            yield url
        for engine in engines:
            engine.close()


@pytest.fixture(scope="module")
def visitor(regular):
    return regular


def asked_last(server) -> str:
    """Return the words of the last question that reached the endpoint."""
    return server.asked[-1][0]["messages"][-1]["content"][-1]["text"]


def choose(visitor: Visitor, label: str) -> None:
    visitor.page.locator("#model input").click()
    visitor.page.get_by_role("option", name=re.compile("^" + re.escape(label))).click()


def ask(visitor: Visitor, label: str) -> None:
    choose(visitor, label)
    visitor.write("What is it?")
    visitor.ask()


def test_an_endpoint_answers_on_the_page(visitor):
    ask(visitor, "good at")
    expect(visitor.page.locator("#status")).to_contain_text("has answered")
    visitor.wait_for_scores()
    expect(visitor.page.locator("#chain")).to_contain_text("Soft edges.")


def test_the_whole_prompt_is_shown_and_can_be_changed(visitor, server):
    page, prompt = visitor.page, visitor.page.locator("#prompt textarea")
    page.get_by_role("button", name="Generation settings").click()
    expect(prompt).to_have_value(build_prompt("{question}"))
    prompt.fill("Look: {question}")
    visitor.ask()
    expect(page.locator(".rr-now b")).to_have_text("Q2")
    wait_until(page, lambda: asked_last(server) == "Look: What is it?")
    visitor.wait_for_scores()
    prompt.fill("Look.")
    visitor.ask()
    expect(page.locator(".toast-wrap")).to_contain_text("lacks {question}")
    choose(visitor, "cut at")
    expect(prompt).to_have_value(build_prompt("{question}"))


def test_a_choice_in_the_menu_is_told_once_and_leaving_the_menu_is_no_choice(visitor):
    sent = []

    def note(request):
        # With the new choice in it: what the choice before this one sends may still be on its way.
        if "queue/join" in request.url and "#good" in request.post_data:
            sent.append(json.loads(request.post_data)["fn_index"])

    page, menu = visitor.page, visitor.page.locator("#model input")
    page.on("request", note)
    visitor.wait_until_quiet()  # what the choice before this one had sent
    choose(visitor, "good at")
    wait_until(page, lambda: len(sent) >= 3)  # notice, preview, state of the model: one by one
    visitor.wait_until_quiet()  # what went round would be sent a second time
    assert sent and len(sent) == len(set(sent))
    sent.clear()
    menu.click()
    page.locator("#question textarea").click()
    visitor.wait_until_quiet()
    assert sent == []
    page.remove_listener("request", note)


def test_what_had_come_before_a_connection_broke_stays_marked(visitor):
    ask(visitor, "cut at")
    expect(visitor.page.locator("#status")).to_contain_text("broke off on its way")
    visitor.wait_for_scores()
    expect(visitor.page.locator("#chain")).to_contain_text("Soft edges.")
    expect(visitor.page.locator("#problems")).to_contain_text("broke the connection off")
    expect(visitor.page.locator("#chain .rr-chip")).to_have_count(1)


def test_an_endpoint_that_refuses_is_a_toast_and_the_page_goes_on(visitor):
    ask(visitor, "429 at")
    toast = visitor.page.locator(".toast-wrap")
    expect(toast).to_contain_text("too many questions")
    expect(visitor.page.locator("#question textarea")).to_have_value("What is it?")
    expect(visitor.page.locator("#ask")).to_be_enabled()


def test_stop_hangs_up_on_the_endpoint(visitor, server):
    server.gone.clear()
    ask(visitor, "endless at")
    expect(visitor.page.locator("#chain")).to_contain_text("Soft edges.")
    visitor.page.locator("#stop").click()
    expect(visitor.page.locator("#status")).to_contain_text("Stopped")
    assert server.gone.wait(5)


def test_a_model_out_of_reach_is_stood_in_for_and_the_menu_says_so(visitor):
    newest = catalog.newest_bundled()
    choose(visitor, HUB)
    expect(visitor.page.locator("#model-state")).to_contain_text("hub could not be reached")
    expect(visitor.page.locator("#model-state")).to_contain_text(f"{newest.label} answers instead")
    ask(visitor, f"{HUB}: {newest.label} answers")
    expect(visitor.page.locator("#status")).to_contain_text(f"{newest.name} has answered")
