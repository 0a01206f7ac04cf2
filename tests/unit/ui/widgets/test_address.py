"""The address that a link begins with: the one that reaches farthest."""

import gradio as gr
import pytest
from starlette.requests import Request

from robust_r1.ui.widgets.address import Address, address_for_others, network_address, root_of

LAN = "192.168.7.20"


def address(asked, host="127.0.0.1", shared=None, lan=LAN):
    return address_for_others(asked, host, shared, lambda: lan)


@pytest.mark.parametrize(
    ("asked", "host", "shared", "url"),
    [
        # A public address wins over all others.
        ("http://127.0.0.1:7860", "127.0.0.1", "https://a.gradio.live",
         "https://a.gradio.live/"),
        # Served to the network, and opened on the computer itself.
        ("http://127.0.0.1:7860", "0.0.0.0", None, f"http://{LAN}:7860/"),
        ("http://localhost:7860", "0.0.0.0", None, f"http://{LAN}:7860/"),
        ("http://[::1]:7860", "::", None, f"http://{LAN}:7860/"),
        ("http://127.0.0.1:7860/r1", "0.0.0.0", None, f"http://{LAN}:7860/r1/"),
        # A name that others have used already, as behind a proxy with a prefix.
        ("https://page.example.org/robust", "127.0.0.1", None,
         "https://page.example.org/robust/"),
        ("http://lab.local:7860", "0.0.0.0", None, "http://lab.local:7860/"),
    ],
)
def test_the_address_that_others_can_use_is_found(asked, host, shared, url):
    assert address(asked, host, shared) == Address(url, here_only=False)


@pytest.mark.parametrize("asked", ["http://127.0.0.1:7860", "http://localhost", "http://[::1]:81"])
def test_a_page_that_listens_to_this_computer_alone_says_so(asked):
    assert address(asked) == Address(f"{asked}/", here_only=True)


def test_without_a_network_the_link_works_here_only():
    assert address("http://127.0.0.1:7860", "0.0.0.0", lan=None).here_only


def test_the_computers_own_address_is_none_of_those_that_mean_itself():
    found = network_address()
    assert found is None or not found.startswith(("127.", "0."))


@pytest.mark.parametrize(
    ("path", "headers", "root"),
    [
        ("/gradio_api/queue/join", {}, "http://127.0.0.1:7860"),
        ("/robust/gradio_api/queue/join", {}, "http://127.0.0.1:7860/robust"),
        ("/gradio_api/run/predict", {"x-forwarded-host": "a.org", "x-forwarded-proto": "https"},
         "https://a.org"),
    ],
)
def test_what_the_browser_asked_for_is_read_from_its_request(path, headers, root):
    sent = [(b"host", b"127.0.0.1:7860")]
    sent += [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "POST", "scheme": "http", "path": path, "headers": sent,
        "query_string": b"__theme=light", "server": ("127.0.0.1", 7860), "root_path": "",
    }
    assert root_of(gr.Request(Request(scope)), "") == root
