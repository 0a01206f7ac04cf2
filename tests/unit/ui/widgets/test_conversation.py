"""Earlier questions about a picture, as the page lists them."""

from robust_r1.ask.case import Case, Exchange, Reply
from robust_r1.ask.conversation import Conversation, Subject
from robust_r1.ask.pipeline import Outcome
from robust_r1.chain import parse
from robust_r1.degradations import DegradationPlan
from robust_r1.ui.widgets.conversation import turns_list


def test_an_earlier_answer_by_number_reads_as_the_options_text_and_then_the_number():
    text = "<ANSWER>1<ANSWER_END>"
    asked = Case(question="How many?", choices=("one", "zero"))
    talk = Conversation(Subject(None, DegradationPlan(), "a"))
    talk = talk.add(Outcome(asked, reply=Reply(text, parse(text))))
    assert "<b>zero (1)</b>" in turns_list(talk, "And now?")


def test_an_earlier_answer_whose_options_are_not_known_apart_stays_as_it_was_given():
    talk = Conversation(
        Subject(None, DegradationPlan(), "a"),
        (Exchange("How many?\n0. one\n1. zero", "<ANSWER>1<ANSWER_END>"),),
    )
    assert "<b>1</b>" in turns_list(talk, "And now?")
