"""Claims about answers that are asked until a text: the same everywhere, and nothing after it."""

import itertools
import threading

import numpy as np
import pytest

from robust_r1.chain import close_tag
from robust_r1.engine import Answer, GenerationSettings, Request, TextDelta
from robust_r1.engine.control import Ending
from robust_r1.engine.endpoint import Endpoint
from robust_r1.engine.remote import RemoteEngine
from robust_r1.errors import ModelError
from tests.support.endpoint_server import TEXT, serve_endpoint

END = close_tag("TYPE")


def cuts(text: str):
    """Yield every way to write a short text in pieces."""
    for places in itertools.product((False, True), repeat=len(text) - 1):
        pieces, start = [], 0
        for place, cut in enumerate(places, 1):
            if cut:
                pieces.append(text[start:place])
                start = place
        yield [*pieces, text[start:]]


@pytest.mark.parametrize("text, until", [("aabaac", "aac"), ("ababac", "abac"), ("aaaa", "b")])
def test_however_a_text_is_cut_it_ends_before_the_one_it_is_asked_until(text, until):
    before, found, _ = text.partition(until)
    for pieces in cuts(text):
        ending = Ending(until)
        shown = [ending.feed(piece) for piece in pieces]
        assert "".join([*shown, ending.close()]) == before
        assert ending.reached == bool(found)
        assert before.startswith("".join(shown))


def test_a_batch_ends_each_row_where_its_own_text_comes_as_a_stream_does(tiny_engine, picture):
    settings = GenerationSettings(max_new_tokens=40)
    pictures = [picture, np.rot90(picture).copy(), 255 - picture]
    whole = tiny_engine.generate([Request.of(one, "What?") for one in pictures], settings)
    untils = [whole[0].text[12:15], "", whole[2].text[5:7]]
    requests = [
        Request.of(one, "What?", until=until) for one, until in zip(pictures, untils, strict=True)
    ]
    found = tiny_engine.generate(requests, settings, batch_size=3)
    for answer, full, until, request in zip(found, whole, untils, requests, strict=True):
        assert answer.text == (full.text.partition(until)[0] if until else full.text)
        assert answer.finish == ("stop" if until else full.finish)
        assert answer.tokens <= full.tokens and (answer.tokens < full.tokens) == bool(until)
        *deltas, last = tiny_engine.stream(request, settings)
        assert "".join(delta.text for delta in deltas) == last.text == answer.text
        assert (last.finish, last.tokens) == (answer.finish, answer.tokens)


def test_stop_still_ends_an_answer_that_is_asked_until_a_text(tiny_engine, picture):
    stop = threading.Event()
    stop.set()
    request = Request.of(picture, "What?", until="never to come")
    assert list(tiny_engine.stream(request, stop=stop))[-1].finish == "stopped"


def test_an_endpoint_is_told_where_to_stop_and_cut_there_if_it_goes_on(picture):
    with serve_endpoint() as server:
        engine = RemoteEngine(Endpoint(f"{server.address}/v1", "endless"))
        request = Request.of(picture, "What?", until=END)
        *deltas, answer = engine.stream(request)
        (again,) = engine.generate([request])
        assert server.gone.wait(10)
    assert server.asked[0][0]["stop"] == [END]
    assert all(isinstance(one, TextDelta) for one in deltas) and isinstance(answer, Answer)
    assert "".join(one.text for one in deltas) == answer.text == TEXT.partition(END)[0]
    assert (answer.finish, again.text, again.finish) == ("stop", answer.text, "stop")


def test_an_endpoint_that_is_asked_for_all_is_sent_no_stop(picture):
    with serve_endpoint() as server:
        engine = RemoteEngine(Endpoint(f"{server.address}/v1", "good"))
        *_, answer = engine.stream(Request.of(picture, "What?"))
        (whole,) = engine.generate([Request.of(picture, "What?", until="<")])
    assert "stop" not in server.asked[0][0]
    assert answer.text == TEXT and (whole.text, whole.finish) == ("", "stop")


def test_an_endpoint_that_fails_where_it_is_told_where_to_stop_is_asked_without(picture):
    request = Request.of(picture, "What?", until=END)
    with serve_endpoint() as server:
        streaming, whole = (
            RemoteEngine(Endpoint(f"{server.address}/v1", "no-stop")) for _ in range(2)
        )
        *_, streamed = streaming.stream(request)
        answers = whole.generate([request, request])
        streaming.generate([request])
        with pytest.raises(ModelError, match="500"):
            RemoteEngine(Endpoint(f"{server.address}/v1", "500")).generate([request])
    assert {one.text for one in (streamed, *answers)} == {TEXT.partition(END)[0]}
    told = ["stop" in body for body, _ in server.asked]
    assert told[:2] == [True, False] and told[-2:] == [True, False] and not told[-3]
