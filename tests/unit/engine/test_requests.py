"""Claims about what engines are asked: the same of all of them, and what the older call is told."""

import pytest

from robust_r1.engine import Request, catalog
from robust_r1.engine.endpoint import Endpoint
from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.remote import RemoteEngine
from robust_r1.engine.zerogpu import ZeroGpuEngine
from robust_r1.errors import InputError
from tests.support.scripted_engine import ScriptedEngine

ENGINES = ("local", "remote", "lazy", "zerogpu", "scripted")


@pytest.fixture
def engine(request, tiny_engine):
    """Return the engine of a kind; none of them gets so far as to answer."""
    return {
        "local": lambda: tiny_engine,
        "remote": lambda: RemoteEngine(Endpoint("http://localhost:1/v1", "any")),
        "lazy": lambda: LazyEngine(catalog.find("robust-r1-rl"), lambda report: tiny_engine),
        "zerogpu": lambda: ZeroGpuEngine(tiny_engine, lambda duration: lambda work: work),
        "scripted": ScriptedEngine,
    }[request.param]()


def older_calls(engine, picture) -> list:
    return [
        lambda: engine.stream(picture, "a?"),
        lambda: engine.stream(picture, "a?", None, None, (), "{question}", [picture]),
        lambda: engine.stream(picture, "a?", history=(), template="", further=[picture]),
        lambda: engine.stream(image=picture, question="a?"),
        lambda: engine.generate([(picture, "a?")]),
        lambda: engine.generate([Request.of(picture, "a?"), (picture, "a?")], batch_size=2),
        lambda: engine.generate(requests=iter([(picture, "a?")])),
    ]


@pytest.mark.parametrize("engine", ENGINES, indirect=True)
def test_the_older_call_gets_one_sentence_that_shows_the_new_one(engine, picture):
    for call in older_calls(engine, picture):
        with pytest.raises(InputError, match=r"Request\.of\(image, question\)") as caught:
            call()
        assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.parametrize("engine", ["local", "remote", "scripted"], indirect=True)
def test_a_request_without_a_picture_is_refused(engine):
    with pytest.raises(InputError, match="no picture"):
        list(engine.stream(Request((), "a?")))


@pytest.mark.parametrize("engine", ["local", "zerogpu", "scripted"], indirect=True)
def test_stream_and_generate_take_their_requests_by_name_too(engine, picture):
    request = Request.of(picture, "a?", template="Now {question}")
    *_, answer = engine.stream(request=request)
    assert [one.text for one in engine.generate(requests=[request])] == [answer.text]


def test_a_request_of_one_picture_is_that_of_a_tuple_of_one(picture):
    request = Request.of(picture, "a?", history=(), template="{question}")
    assert request.images[0] is picture and len(request.images) == 1
    assert (request.question, request.template) == ("a?", "{question}")
    assert request != Request.of(picture, "a?")  # arrays cannot be compared, so neither can these
