"""Cards of a chain while it is written and after, its problems, flips."""


import pytest

from robust_r1.ask.case import Case, Reply
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import StreamParser, parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.ui.widgets.chain import (
    answer_cards,
    chain_cards,
    problems_list,
    status_line,
)


def reply(text: str, finish: str = "stop") -> Reply:
    answer = Answer(text, parse(text), 9, 0.5, 0.1, finish, "tiny", GenerationSettings())
    return Reply(text, answer.parsed, answer)


def test_cards_mark_the_section_being_written():
    parser = StreamParser()
    parsed = parser.feed("<TYPE>lens blur(0.30)<TYPE_END><INFLUENCE>It soft")
    cards = chain_cards(Reply(parser.text, parsed))
    assert cards.count("is-open") == 1 and cards.count("is-done") == 1
    assert cards.count("is-waiting") == 2
    assert "Lens blur" in cards and "0.30" in cards


def test_finished_chain_marks_nothing_as_open():
    assert "is-open" not in chain_cards(reply("<TYPE>lens blur(0.3)"))


@pytest.mark.parametrize(
    ("found", "words"),
    [("", "no damage"), ("lens blur(0.30)", "lens blur 0.30"),
     ("lens blur(0.30), darkness(0.5)", "lens blur 0.30 and darkness 0.50")],
)
def test_a_model_of_damage_alone_says_what_it_sees_and_not_unknown(found, words):
    said = reply(f"<TYPE>{found}<TYPE_END><ANSWER>Unknown<ANSWER_END>")
    case = Case(None, question="What is it?")
    card = answer_cards(Outcome(case, reply=said, knows=False))
    assert f"It sees {words}. What it shows is another model&#x27;s work." in card
    assert "nknown" not in card and said.parsed.chain.answer == "Unknown"
    assert "nknown" in answer_cards(Outcome(case, reply=said))
    both = answer_cards(Outcome(case, reply=said, clean=said, knows=False))
    assert both.count("another model") == 2
    other = reply("<TYPE>none<TYPE_END><ANSWER>a cat<ANSWER_END>")
    assert "a cat" in answer_cards(Outcome(case, reply=other, knows=False))


def test_problems_are_named_and_a_good_chain_has_none():
    assert problems_list(reply("no chain at all"))
    good = "".join(f"<{s}>none<{s}_END>" for s in ("TYPE", "INFLUENCE", "REASONING"))
    good += "<CONCLUSION>x<CONCLUSION_END><ANSWER>y<ANSWER_END>"
    assert problems_list(reply(good)) == ""


@pytest.mark.parametrize(("clean", "word"), [("four", "flipped"), ("Three.", "same answer")])
def test_flip_is_marked_between_two_answers(clean, word):
    outcome = Outcome(
        Case(), reply=reply("<ANSWER>three<ANSWER_END>"),
        clean=reply(f"<ANSWER>{clean}<ANSWER_END>"),
    )
    assert word in answer_cards(outcome)


@pytest.mark.parametrize(
    ("plan", "finish", "sentence"),
    [
        ("", "stop", "tiny has answered. It saw the picture undamaged."),
        ("lens_flare=.5", "stop", "tiny has answered. It saw the picture with lens flare 0.50."),
        ("lens_flare=.5,darkness=.2,scan_lines=.1", "stopped", "Stopped, tiny writes no more. It "
         "saw the picture with lens flare 0.50, scan lines 0.10 and darkness 0.20."),
    ],
)  # fmt: skip
def test_a_finished_answer_is_told_in_plain_sentences(plan, finish, sentence):
    case = Case(plan=DegradationPlan.parse(plan))
    assert sentence in status_line(Outcome(case, reply=reply("<ANSWER>one<ANSWER_END>", finish)))
