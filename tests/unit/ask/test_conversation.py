"""Conversations without a browser: what goes on, what is dropped, what is shown and saved."""

import json
import re
import threading

import pytest

from robust_r1.ask.case import Case, Exchange, Reply
from robust_r1.ask.conversation import Conversation, Subject, resume
from robust_r1.ask.picture import Picture
from robust_r1.ask.pipeline import Outcome, ask
from robust_r1.ask.saved import read_case, to_json
from robust_r1.chain import parse
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import MAX_TURNS, Answer, GenerationSettings, Turn
from robust_r1.errors import DataError
from robust_r1.ui import build_ui
from robust_r1.ui.widgets.conversation import change_note, state_note, turns_list
from tests.support.scripted_engine import CHAIN, ScriptedEngine

PLAN = DegradationPlan.parse("lens_blur=0.4", seed=7)
SUBJECT = Subject(Picture(example="coffee"), PLAN, "scripted")
RED = "<TYPE>none<TYPE_END><ANSWER>red<ANSWER_END>"


def reply(text: str, finish: str = "stop") -> Reply:
    answer = Answer(text, parse(text), 9, 0.5, 0.1, finish, "scripted", GenerationSettings())
    return Reply(text, answer.parsed, answer)


def case(question: str = "What is it?", earlier: tuple[Exchange, ...] = (), **options) -> Case:
    return Case(SUBJECT.picture, PLAN, question, earlier=earlier, **options)


def talk(count: int) -> Conversation:
    conversation = Conversation(SUBJECT)
    for number in range(1, count + 1):
        conversation = conversation.add(Outcome(case(f"Question {number}?"), reply=reply(RED)))
    return conversation


@pytest.mark.parametrize(
    ("other", "word"),
    [
        (Subject(Picture(path="/tmp/own.png"), PLAN, "scripted"), "picture"),
        (Subject(None, PLAN, "scripted"), "picture"),
        (Subject(SUBJECT.picture, DegradationPlan(), "scripted"), "damage"),
        (
            Subject(SUBJECT.picture, DegradationPlan.parse("lens_blur=0.4", 8), "scripted"),
            "damage",
        ),
        (Subject(SUBJECT.picture, PLAN, "other"), "model"),
    ],
    ids=["own picture", "no picture", "no damage", "other seed", "other model"],
)
def test_another_subject_starts_a_new_conversation_and_is_named(other, word):
    begun = resume(talk(2), other)
    assert begun == Conversation(other, begun_by=word)
    assert f"the {word} changed" in state_note(begun)
    assert f"The {word} changed" in change_note(word, converses=True)


def test_the_same_subject_goes_on_and_a_seed_without_damage_is_no_difference():
    conversation = talk(2)
    assert resume(conversation, SUBJECT).exchanges == conversation.exchanges
    clean = [Subject(None, DegradationPlan.parse("", seed), "a") for seed in (1, 2)]
    assert clean[0].difference(clean[1]) == ""


def test_what_made_a_conversation_new_is_said_until_it_goes_on():
    begun = resume(talk(1), Subject(SUBJECT.picture, PLAN, "other"))
    assert "New conversation" in state_note(begun)
    assert "New conversation" not in state_note(resume(begun, begun.subject))


def test_the_oldest_turns_are_dropped_and_counted():
    conversation = talk(MAX_TURNS + 2)
    questions = [exchange.question for exchange in conversation.exchanges]
    assert questions == [f"Question {number}?" for number in range(3, MAX_TURNS + 3)]
    assert conversation.dropped == 2
    assert "oldest 2 questions were dropped" in state_note(conversation)
    assert "oldest question was dropped" in state_note(talk(MAX_TURNS + 1))
    shown = turns_list(conversation, "And now?")
    numbers = re.findall(r'rr-asked"><b>Q(\d+)<', shown)
    assert numbers == [str(number) for number in range(3, MAX_TURNS + 4)]


@pytest.mark.parametrize(
    "outcome",
    [Outcome(case()), Outcome(case(), reply=reply("", "stopped"))],
    ids=["none", "empty"],
)
def test_a_question_without_a_word_in_return_is_no_turn(outcome):
    assert talk(1).add(outcome) == talk(1)


def test_a_turn_shows_the_answer_and_what_became_of_it():
    texts = [CHAIN, "<ANSWER>red", "no chain", "<CONCLUSION>It is red.<CONCLUSION_END>"]
    exchanges = tuple(Exchange("Which?", text, finish="stopped") for text in texts)
    shown = turns_list(Conversation(SUBJECT, exchanges), "Now?")
    said = re.findall(r'rr-said">(.*?)</span></summary>', shown)
    assert [line.split(" <span")[0].strip() for line in said] == [
        "<b>three</b> There are three objects.",
        "<b>red</b>",
        "",
        "It is red.",
    ]
    assert all("stopped" in line for line in said)
    assert shown.count("rr-said-raw") == 3 and "no chain" in shown


def test_the_clean_picture_is_asked_with_its_own_earlier_answers_where_there_are_any():
    engine = ScriptedEngine(converses=True)
    earlier = (Exchange("A?", CHAIN, RED), Exchange("B?", CHAIN))
    list(ask(engine, case(earlier=earlier, also_clean=True), threading.Event()))
    assert engine.histories == [
        (Turn("A?", CHAIN), Turn("B?", CHAIN)),
        (Turn("A?", RED), Turn("B?", CHAIN)),
    ]


def test_a_saved_follow_up_is_read_back_with_its_turns(tmp_path):
    engine = ScriptedEngine(converses=True)
    asked = case("And?", (Exchange("A?\n0. x\n1. y", CHAIN, RED),))
    file = tmp_path / "answer.json"
    file.write_text(to_json(engine, Outcome(asked, reply=reply(RED))), encoding="utf-8")
    turns = json.loads(file.read_text(encoding="utf-8"))["turns"]
    assert turns == [{"question": "A?\n0. x\n1. y", "text": CHAIN, "clean_text": RED}]
    assert read_case(file).turns() == (Turn("A?\n0. x\n1. y", CHAIN),)
    file.write_text(to_json(engine, Outcome(case(), reply=reply(RED))), encoding="utf-8")
    assert read_case(file).earlier == ()


@pytest.mark.parametrize(
    "turns", ['"a"', "[3]", "[{}]", '[{"question": "a"}]', '[{"question": "a", "text": 3}]']
)
def test_broken_turns_of_a_saved_answer_are_named(tmp_path, turns):
    file = tmp_path / "answer.json"
    file.write_text(f'{{"question": "a", "turns": {turns}}}')
    with pytest.raises(DataError, match=r'answer.json: .*"turns" must'):
        read_case(file)


@pytest.mark.parametrize("converses", [False, True])
def test_a_page_whose_models_stand_alone_says_so_where_one_asks(converses):
    parts = build_ui([ScriptedEngine(converses=converses)]).config["components"]
    fields = [part["props"] for part in parts if part["props"].get("elem_id") == "question"]
    said = ["Each question stands for itself" in field["placeholder"] for field in fields]
    assert said == [not converses]
