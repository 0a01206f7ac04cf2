"""Many questions to an endpoint in words: bound, retries, waits, and how a dead one ends it."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from robust_r1.engine import completions
from robust_r1.engine.completions import Completion, ask_texts
from robust_r1.engine.endpoint import parse_endpoint, retry_after
from robust_r1.errors import ModelError
from tests.support.judge_server import KEY, Failure, serve_judge

QUESTION = 'Right: "a cat"\nAnswer: "a cat {}"'
QUESTIONS = [QUESTION.format(number) for number in range(24)]


@pytest.fixture
def server():
    with serve_judge() as server:
        yield server


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Ask again at once: what is claimed is that it is asked again."""
    monkeypatch.setattr(completions, "PAUSES", (0.0,) * len(completions.PAUSES))


def ask(server, questions=QUESTIONS, at_once=4, timeout="5", **environ):
    """Return the completions in the order of their questions."""
    named = {"ROBUST_R1_ENDPOINT_TIMEOUT": timeout, **environ}
    found: list[Completion] = []
    ask_texts(parse_endpoint(server.address, named), questions, found.append, at_once)
    return sorted(found, key=lambda one: one.question)


def test_every_question_is_answered_once_and_no_more_than_the_bound_are_on_their_way(server):
    server.seconds = 0.02
    assert ask(server) == [Completion(number, "Score: 2") for number in range(24)]
    assert 1 < server.most_at_once <= 4
    assert sorted(body["messages"][0]["content"] for body, _ in server.asked) == sorted(QUESTIONS)
    assert {body["temperature"] for body, _ in server.asked} == {0}


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_what_fails_is_asked_again(server, status):
    server.failures = [Failure(status)] * 3
    found = ask(server)
    assert [one.text for one in found] == ["Score: 2"] * 24
    assert len(server.asked) == 27


def test_a_reply_without_a_word_is_asked_again(server):
    server.failures = [Failure(text=" ")]
    assert [one.text for one in ask(server, QUESTIONS[:2])] == ["Score: 2"] * 2


def test_a_reply_in_parts_is_one_and_what_is_thought_is_none_of_it(server):
    parts = [{"type": "thinking", "thinking": "1?"}, {"type": "text", "text": "Score: 2"}]
    server.failures = [Failure(text=parts)]
    assert ask(server, QUESTIONS[:1]) == [Completion(0, "Score: 2")]


def test_a_question_that_a_filter_stops_is_asked_once_and_the_others_go_on(server):
    server.failures = [Failure(finish="content_filter", text=" ")]
    first, second = ask(server, QUESTIONS[:2], at_once=1)
    assert "took the answer away with its content filter" in str(first.fault)
    assert second == Completion(1, "Score: 2") and len(server.asked) == 2


def test_a_server_that_says_when_to_come_back_is_asked_then(server):
    server.failures = [None, Failure(429, {"Retry-After": "0.4"})]
    ask(server, QUESTIONS[:3], at_once=1)
    times = [when for _, when in server.asked]
    assert len(times) == 4 and times[2] - times[1] >= 0.4


def test_a_rate_is_kept_to_by_waiting_and_costs_no_answer(server):
    server.failures = [Failure(429, {"Retry-After": "0.01"})] * 12
    assert [one.text for one in ask(server, QUESTIONS[:1])] == ["Score: 2"]


def test_a_server_that_wants_a_longer_pause_is_left_alone(server):
    server.failures = [None, Failure(429, {"Retry-After": "3600"})]
    with pytest.raises(ModelError, match="too many questions.*ask again in 3600 s"):
        ask(server, at_once=1)
    assert len(server.asked) == 2


def test_a_question_that_always_fails_is_reported_and_the_others_go_on(server):
    tries = completions._TRIES["failed"]
    server.failures = [Failure(500)] * tries
    found = ask(server, QUESTIONS[:3], at_once=1)
    assert "failed (status 500)" in str(found[0].fault) and not found[0].text
    assert [one.text for one in found[1:]] == ["Score: 2"] * 2
    server.failures = [Failure(400)]  # refused: the same again would be refused again
    asked = len(server.asked)
    found = ask(server, QUESTIONS[:2], at_once=1)
    assert "refused the question" in str(found[0].fault) and len(server.asked) == asked + 2


def test_a_server_that_stalls_is_given_up_after_two_time_outs(server):
    server.failures = [Failure(-1), Failure(-1)]
    found = ask(server, QUESTIONS[:2], at_once=1, timeout="1")
    assert "sent nothing for 1 s" in str(found[0].fault) and found[1].text == "Score: 2"
    assert [body["messages"][0]["content"] for body, _ in server.asked[:3]] == [
        QUESTIONS[0], QUESTIONS[0], QUESTIONS[1]
    ]


@pytest.mark.parametrize("failure", [Failure(500), Failure(0), Failure(400)])
def test_an_endpoint_that_fails_at_everything_ends_it(server, failure):
    server.always = failure
    with pytest.raises(ModelError, match="127.0.0.1"):
        ask(server, at_once=2)
    tries = completions._TRIES["failed"]
    most = completions.GONE_AFTER * tries  # and the other worker is in the midst of a question
    assert len(server.asked) <= most + tries < len(QUESTIONS) * tries


def test_a_key_that_is_refused_ends_it_at_once(server):
    server.locked = True
    with pytest.raises(ModelError, match="refused the key in ROBUST_R1_API_KEY"):
        ask(server, at_once=2, ROBUST_R1_API_KEY="wrong")
    assert len(server.asked) <= 2
    assert len(ask(server, ROBUST_R1_API_KEY=KEY)) == 24


def test_what_came_before_the_end_is_handed_over(server):
    server.failures = [None] * 5 + [Failure(401)]
    found: list[Completion] = []
    with pytest.raises(ModelError, match="wants an API key"):
        ask_texts(parse_endpoint(server.address, {}), QUESTIONS, found.append, 1)
    assert [one.text for one in found] == ["Score: 2"] * 5


def test_nobody_there_is_said(server):
    server.shutdown()  # else its thread still holds the socket for a moment
    server.server_close()
    with pytest.raises(ModelError, match="could not be reached"):
        ask(server)


def test_an_error_of_the_one_who_takes_the_replies_comes_through(server):
    def full(completion):
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        ask_texts(parse_endpoint(server.address, {}), QUESTIONS, full, 4)


def test_a_notebook_can_ask_too(server):
    async def cell():
        return ask(server, QUESTIONS[:3])

    # In a thread of its own: whoever drives a browser from this one has a loop here already.
    with ThreadPoolExecutor(1) as notebook:
        found = notebook.submit(asyncio.run, cell()).result()
    assert [one.text for one in found] == ["Score: 2"] * 3


def test_a_time_to_come_back_is_a_number_or_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30))
    assert 25 < retry_after({"retry-after": soon}) <= 30
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    told = ["7", "0.5", past, "-3", "nan", "soon", ""]
    waits = [retry_after({"retry-after": one}) for one in told]
    assert waits == [7, 0.5, 0, 0, 0, None, None]
