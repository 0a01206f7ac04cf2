"""Notebooks of a page that others can reach: each browser has its own, and room is bounded."""

import os
from types import SimpleNamespace

import pytest
from gradio.context import LocalContext

from robust_r1.errors import DataError, InputError
from robust_r1.store import MAX_NOTE, Marks, Notebook
from robust_r1.ui.analyze import notebooks
from robust_r1.ui.analyze.notebooks import COOKIE, BrowserNotebooks

CASE = ("minibench/tiny-sft", "mcq-001-high")


@pytest.fixture
def ask_as():
    """Return a function after which a browser asks, by its cookie, its visit, or neither."""
    before = LocalContext.request.get(None)

    def asking(cookie="", visit=None):
        cookies = {COOKIE: cookie} if cookie else {}
        LocalContext.request.set(SimpleNamespace(cookies=cookies, session_hash=visit))

    yield asking
    LocalContext.request.set(before)


def test_a_browser_finds_its_own_notes_again_and_nobody_elses(tmp_path, ask_as):
    own = BrowserNotebooks(tmp_path)
    ask_as("a" * 32, visit="one")
    own().write_note(*CASE, "Mine.", 0)
    ask_as("a" * 32, visit="two")
    assert own().marks(*CASE).note == "Mine."
    strange = ["b" * 32, "", "a" * 31, "../" * 12, "A" * 32, "a" * 32 + "\n"]
    for cookie in strange:
        ask_as(cookie, visit="other")
        assert own().marks(*CASE) == Marks() and own().path.parent == tmp_path
    ask_as("", visit="other")
    own().set_tags(*CASE, ["this visit"])
    ask_as("no cookie of ours", visit="other")
    assert own().tags() == ("this visit",)


def test_whoever_does_not_say_who_it_is_writes_nothing(tmp_path, ask_as):
    ask_as()
    with pytest.raises(InputError, match="open the page anew"):
        BrowserNotebooks(tmp_path)()
    assert not list(tmp_path.iterdir())


def test_the_oldest_notebooks_go_where_there_are_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "MOST", 3)
    for number in range(5):
        book = BrowserNotebooks(tmp_path, lambda number=number: str(number))()
        book.set_tags(*CASE, [f"tag {number}"])
        os.utime(book.path, (number, number))
    kept = [Notebook(path).tags() for path in tmp_path.glob("*.sqlite")]
    assert sorted(kept) == [(f"tag {number}",) for number in (2, 3, 4)]


def test_a_full_notebook_says_so_and_keeps_what_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "MOST_BYTES", 100_000)
    book = BrowserNotebooks(tmp_path, lambda: "one")()
    written = 0
    with pytest.raises(DataError, match=r"all that it may, 0\.1 MB"):
        for written in range(100):
            book.write_note("run", str(written), "x" * MAX_NOTE, 0)
    assert 5 < written < 30 and book.path.stat().st_size <= 100_000
    assert set(book.all_marks()) == {("run", str(number)) for number in range(written)}
