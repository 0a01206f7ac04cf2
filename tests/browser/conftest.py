"""What the tests in a browser share: one browser, and tabs that people come and go in."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from tests.support.page_driver import WAIT, Tabs, Visitor, browse

expect.set_options(timeout=WAIT)


@pytest.fixture(scope="session")
def tabs() -> Iterator[Tabs]:
    """Start one browser for all tests of this process."""
    with browse() as browser:
        yield Tabs(browser)


@pytest.fixture
def arrive(tabs: Tabs, address: str) -> Iterator[Callable[..., Visitor]]:
    """Return a function that opens the page of this file for one more person."""
    with ExitStack() as people:

        def come(query: str = "") -> Visitor:
            return people.enter_context(tabs.lend(address)).open(query)

        yield come


@pytest.fixture
def visitor(arrive: Callable[..., Visitor]) -> Visitor:
    """Return a new person with the page open."""
    return arrive()


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
