"""What the tests in a browser share: one browser, and tabs that people come and go in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from robust_r1.store import VARIABLE, Notebook
from tests.support.page_driver import WAIT, Tabs, Visitor, browse
from tests.support.rest import act_at_rest

expect.set_options(timeout=WAIT)


@pytest.fixture(scope="session")
def tabs() -> Iterator[Tabs]:
    """Start one browser for all tests of this process."""
    with browse() as browser, pytest.MonkeyPatch.context() as patch:
        act_at_rest(patch)
        yield Tabs(browser)


@pytest.fixture
def arrive(tabs: Tabs, address: str) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens the page of this file for one more person."""
    with ExitStack() as people:

        def come(query: str = "") -> Visitor:
            return people.enter_context(tabs.lend(address)).open(query)

        yield come


@pytest.fixture
def visitor(request: pytest.FixtureRequest, arrive: Callable[..., Visitor]) -> Visitor:
    """Return a new person with the page open; in a file of one visit always the same."""
    if not request.node.get_closest_marker("one_visit"):
        return arrive()
    same = request.getfixturevalue("regular")
    same.forget_toasts()
    return same


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    """Let the page of this file write its notes into a notebook of its own; return that."""
    notebook = Notebook(tmp_path_factory.mktemp("notebook") / "notebook.sqlite")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(notebook.path))
        yield notebook


@pytest.fixture(autouse=True)
def no_toasts_of_before(request: pytest.FixtureRequest) -> None:
    """Begin each test of those that share one person's page without the toasts before it."""
    if "regular" in request.fixturenames:
        request.getfixturevalue("regular").forget_toasts()


@pytest.fixture(scope="module")
def regular(tabs: Tabs, address: str) -> Iterator[Visitor]:
    """Return one person with the page open, whose steps the tests of a file are."""
    with tabs.lend(address) as person:
        yield person.open()
