"""Claims about what is marked on an answer: flips, verdicts, an option's text."""

import re

import pytest

from robust_r1.ask.case import Case, Reply
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import parse
from robust_r1.ui.widgets.badges import agreement_badge, flip_badge, said_words, verdict_badge
from tests.support.paths import ROOT


@pytest.mark.parametrize("badge", [flip_badge, verdict_badge])
def test_what_is_not_known_is_not_marked(badge):
    assert badge(None) == ""


@pytest.mark.parametrize("flipped", [True, False])
def test_a_flip_is_told_by_a_word_and_by_a_class_that_the_style_sheet_knows(flipped):
    badge = flip_badge(flipped, ("other <answer>", "same"))
    assert ("other &lt;answer&gt;" in badge) == flipped and (">same<" in badge) != flipped
    sheets = (ROOT / "robust_r1" / "ui").rglob("*.css")
    style = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
    for name in re.search(r'class="([^"]+)"', badge)[1].split():
        assert re.search(rf"\.{name}\b[^-]", style), name


@pytest.mark.parametrize(
    ("answer", "words"),
    [("1", "circle (1)"), ("2", "2"), ("circle", "circle"), ("", ""), ("\u0661", "\u0661")],
)
def test_of_an_options_number_its_text_comes_first(answer, words):
    text = f"<ANSWER>{answer}<ANSWER_END>"
    case = Case(question="Which?", choices=("star", "circle"))
    assert said_words(Outcome(case, reply=Reply(text, parse(text)))) == words


@pytest.mark.parametrize(
    ("flipped", "answers", "word"),
    [
        (False, [("two", None), ("two", None)], "same answer"),
        (False, [("two", 1.0), ("two", 1.0)], "same answer"),
        (False, [("unknown", None), ("Unknown.", None)], "both unknown"),
        (False, [("unknown", 0.0), ("unknown", 0.0)], "both unknown"),
        (False, [("unknown", 1.0), ("unknown", 1.0)], "same answer"),  # it is the true answer
        (False, [("two", 0.0), ("two", 0.0)], "both wrong"),
        (False, [("two", 0.0)] * 3, "all wrong"),
        (True, [("two", 0.0), ("three", 0.0)], "flipped"),
        (None, [("", 0.0), ("", 0.0)], None),
    ],
)
def test_agreement_in_error_or_in_knowing_nothing_is_no_merit(flipped, answers, word):
    badge = agreement_badge(flipped, answers, ("flipped", "same answer"))
    assert re.findall(">([^<]+)<", badge) == ([word] if word else [])
    assert ("rr-same" in badge) == (word == "same answer")
    assert ("rr-worthless" in badge) == (word in ("both unknown", "both wrong", "all wrong"))
