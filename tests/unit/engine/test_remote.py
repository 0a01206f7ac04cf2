"""Claims about models behind an endpoint: what is sent, what is kept, what each failure says."""

import base64
import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1 import images
from robust_r1.cli import main
from robust_r1.engine import (
    Answer,
    GenerationSettings,
    Request,
    TextDelta,
    Turn,
    catalog,
    load_engine,
)
from robust_r1.engine import transfer as transfer_module
from robust_r1.engine.conversation import write_prompt
from robust_r1.engine.endpoint import KEY_VARIABLE, TIMEOUT_VARIABLE, parse_endpoint
from robust_r1.engine.events import BrokenStream, EventReader, read_chunk
from robust_r1.engine.eyes import look_at, with_eyes
from robust_r1.engine.remote import connect
from robust_r1.errors import InputError, ModelError
from tests.support.endpoint_server import KEY, TEXT, serve_endpoint
from tests.support.paths import ROOT
from tests.support.running import held_port

SHORT = GenerationSettings(max_new_tokens=24, seed=5)


@pytest.fixture(scope="module")
def server():
    with serve_endpoint() as server:
        yield server


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind(server, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.setattr(transfer_module, "RETRIES", (0.01, 0.02))
    server.asked.clear()
    server.gone.clear()
    yield
    assert [thread for thread in threading.enumerate() if thread.name == "endpoint"] == []


@pytest.fixture
def ask(server, picture):
    """Return a function that asks the model with this name and returns all events."""

    def run(model: str, path: str = "/v1", environ=None, **more) -> list:
        engine = connect(f"{server.address}{path}#{model}", environ or {})
        return list(engine.stream(Request.of(picture, "What is it?", **more), SHORT))

    return run


def refusal(work, *words: str) -> str:
    """Do what is refused, and check that one sentence with these words says so."""
    with pytest.raises((ModelError, InputError)) as caught:
        work()
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 500
    for word in words:
        assert word in text
    return text


# -- What is sent, and what comes back


def test_a_stream_is_text_deltas_and_then_one_answer(ask):
    *deltas, answer = ask("good")
    assert len(deltas) > 3 and all(isinstance(delta, TextDelta) for delta in deltas)
    assert "".join(delta.text for delta in deltas) == answer.text == TEXT
    assert (answer.finish, answer.tokens, answer.fault) == ("stop", 21, "")
    assert answer.parsed.chain.findings[0].name == "lens blur"
    assert 0 < answer.first_text_seconds <= answer.seconds
    assert answer.model.endswith("/v1#good")


def test_the_picture_travels_as_the_png_that_the_model_is_to_see(server, picture):
    with load_engine(f"{server.address}/v1#good") as engine:
        list(engine.stream(Request.of(picture, "What is it?"), SHORT))
        body, key = server.asked[0]
        image, text = body["messages"][0]["content"]
        head, _, data = image["image_url"]["url"].partition(",")
        sent = images.load(base64.b64decode(data))
        assert head == "data:image/png;base64"
        assert text["text"] == write_prompt(engine.info, "What is it?")
        assert np.array_equal(sent, engine.fit(picture))
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (24, 0.0, 5)
    assert (body["model"], key) == ("good", None)


def test_earlier_turns_are_sent_before_the_question(ask, server):
    ask("good", history=(Turn("What is it?", "A cat."),))
    roles = [message["role"] for message in server.asked[0][0]["messages"]]
    assert roles == ["user", "assistant", "user"]


def test_a_prompt_of_ones_own_takes_the_place_of_the_models(ask, server):
    ask("good", history=(Turn("A?", "b"),), template="Say: {question} Now.")
    texts = [message["content"][-1]["text"] for message in server.asked[0][0]["messages"]]
    assert texts == ["Say: A? Now.", "b", "Say: What is it? Now."]
    refusal(lambda: ask("good", template="Say it."), "lacks {question}")
    refusal(lambda: ask("good", template="{question}" + "x" * 4000), "4010 characters")


def test_without_a_count_of_the_server_pieces_are_counted(ask):
    *deltas, answer = ask("uncounted")
    assert answer.tokens == len(deltas)


def test_the_limit_is_told_from_the_end(server, picture):
    engine = connect(f"{server.address}/v1#good", {})
    *_, answer = engine.stream(Request.of(picture, "a?"), GenerationSettings(max_new_tokens=1))
    assert answer.finish == "length"


def test_a_batch_comes_back_in_order_and_is_asked_together(server, make_picture):
    engine = connect(f"{server.address}/v1#good", {})
    answers = engine.generate([Request.of(make_picture(seed=s), f"{s}?") for s in range(5)], SHORT)
    assert [answer.text for answer in answers] == [TEXT] * 5
    assert len(server.asked) == 5 and engine.generate([]) == ()


def test_the_only_model_needs_no_name_and_several_are_listed(server):
    assert connect(f"{server.address}/one", {}).info.name == f"{server.address}/one#only"
    refusal(lambda: connect(f"{server.address}/v1", {}), "good, cut", "after #")


def test_a_model_of_the_catalog_is_known_by_its_name_there(server):
    known = connect(f"{server.address}/v1#Jiaqi-hkust/Robust-R1-RL", {})
    assert known.note == "" and known.info.reasons and known.info.licence != "unknown"
    assert known.info.max_pixels == catalog.find("robust-r1-rl").max_pixels
    base = connect(f"{server.address}/v1#Qwen/Qwen2.5-VL-3B-Instruct", {})
    assert not base.info.reasons and "<TYPE>" not in write_prompt(base.info, "a?")
    assert "not known" in connect(f"{server.address}/v1#other", {}).note


def test_asking_an_endpoint_needs_no_torch(server):
    code = (
        "import sys; from robust_r1.engine import load_engine;"
        f"load_engine('{server.address}/v1#good'); print('torch' in sys.modules)"
    )
    done = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert done.strip() == "False"


# -- Stop


@pytest.mark.parametrize(("model", "path"), [("endless", "/v1"), ("hanging", "/mute/v1")])
def test_stop_cuts_the_connection_and_keeps_the_text(server, picture, model, path):
    engine, stop = connect(f"{server.address}{path}#{model}", {}), threading.Event()
    events = engine.stream(Request.of(picture, "a?"), SHORT, stop)
    first = next(events)
    stop.set()
    *_, answer = events
    assert answer.finish == "stopped" and answer.text.startswith(first.text)
    assert server.gone.wait(30)


def test_closing_the_iterator_cuts_the_connection(server, picture):
    events = connect(f"{server.address}/v1#endless", {}).stream(Request.of(picture, "a?"), SHORT)
    next(events)
    events.close()
    assert server.gone.wait(30)


def test_stop_ends_the_wait_for_the_first_byte(server, picture):
    stop = threading.Event()
    engine = connect(f"{server.address}/mute/v1#silent", {})
    threading.Timer(0.2, stop.set).start()
    (answer,) = engine.stream(Request.of(picture, "a?"), SHORT, stop)
    assert (answer.finish, answer.text) == ("stopped", "") and server.gone.wait(30)


def test_stop_before_the_start_asks_nothing(server, picture):
    stop = threading.Event()
    stop.set()
    engine = connect(f"{server.address}/v1#good", {})
    assert [event.finish for event in engine.stream(Request.of(picture, "a?"), SHORT, stop)] == [
        "stopped"
    ]
    assert (
        engine.generate([Request.of(picture, "a?")], SHORT, stop=stop) == () and server.asked == []
    )


# -- Failures before the first text


def test_an_endpoint_that_is_down_is_said(picture):
    with held_port() as port:
        address = f"http://127.0.0.1:{port}/v1"
        refusal(lambda: load_engine(f"{address}#x"), address, "could not be reached", "start it")


def test_an_endpoint_that_comes_back_is_found_by_a_further_try(ask, monkeypatch):
    monkeypatch.setattr(transfer_module, "RETRIES", (0.3,) * 300)
    waiting: list = []
    with held_port() as port:
        thread = threading.Thread(
            target=lambda: waiting.append(load_engine(f"http://127.0.0.1:{port}/v1#x"))
        )
        thread.start()
        time.sleep(0.3)
        with serve_endpoint(port):
            thread.join()
    assert len(waiting) == 1


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("401", ("wants an API key", KEY_VARIABLE)),
        ("403", ("wants an API key", KEY_VARIABLE)),
        ("404", ("knows no model '404'", "after #")),
        ("429", ("too many questions", "in 7 s")),
        ("400", ("refused the question", "status 400", "tell <b>why</b>")),
        ("500", ("failed (status 500)", "log")),
        ("503", ("failed (status 503)", "tell <b>why</b>")),
        ("page", ("does not stream chat completions",)),
        ("moved", ("elsewhere", "final address")),
        ("reset", ("broke the connection off",)),
        ("error-first", ("failed while it was writing (no memory)",)),
    ],
)
def test_what_fails_before_the_first_text_is_one_sentence_and_not_asked_twice(
    ask, server, model, words
):
    refusal(lambda: ask(model), server.address, *words)
    assert len(server.asked) == 1


def test_a_silent_endpoint_is_given_up_after_the_timeout(ask):
    environ = {TIMEOUT_VARIABLE: "0.3"}
    refusal(lambda: ask("silent", "/mute/v1", environ), "sent nothing for 0.3 s", TIMEOUT_VARIABLE)


# -- Failures after it


@pytest.mark.parametrize(
    ("model", "path", "words"),
    [
        ("cut", "/v1", "broke the connection off"),
        ("half", "/v1", "ended its answer half way"),
        ("broken", "/v1", "sent an event that is no JSON"),
        ("error-later", "/v1", "CUDA died"),
        ("hanging", "/mute/v1", "sent nothing for 0.3 s"),
    ],
)
def test_what_fails_after_the_first_text_keeps_it_and_says_why(ask, model, path, words):
    *deltas, answer = ask(model, path, {TIMEOUT_VARIABLE: "0.3"})
    assert (answer.finish, words in answer.fault) == ("cut", True)
    assert answer.text == "".join(delta.text for delta in deltas) and TEXT.startswith(answer.text)
    assert deltas and "\n" not in answer.fault and answer.fault.endswith(".")


def test_a_batch_makes_no_answer_of_a_part(server, picture):
    engine = connect(f"{server.address}/v1#cut", {})
    refusal(
        lambda: engine.generate([Request.of(picture, "a?")] * 3, SHORT), "broke the connection off"
    )


def test_ask_prints_what_had_come_and_ends_with_the_reason(server, picture, tmp_path, capsys):
    images.save(picture, tmp_path / "a.png")
    words = ["ask", str(tmp_path / "a.png"), "a?", "--model", f"{server.address}/v1#cut"]
    assert main([*words, "--json"]) == 2
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert (result["text"], result["finish"]) == (TEXT, "cut")
    assert err == f"error: {result['fault']}\n"
    assert main(words) == 2
    assert "Soft edges." in capsys.readouterr().out


# -- The key


def test_the_key_is_sent_and_never_shown(ask, server, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    environ = {KEY_VARIABLE: KEY}
    ask("good", "/locked/v1", environ)
    assert server.asked[0][1] == f"Bearer {KEY}"
    said = [
        refusal(lambda: ask("401", environ=environ), "refused the key"),
        refusal(lambda: ask("good", "/locked/v1"), "wants an API key"),
        refusal(lambda: ask("good", "/locked/v1", {KEY_VARIABLE: "sk-wrong"}), "refused the key"),
        repr(parse_endpoint("http://a/v1#b", environ)),
        *(record.getMessage() for record in caplog.records),
        *capfd.readouterr(),
    ]
    assert not any(secret in text for text in said for secret in (KEY, "sk-wrong"))


def test_a_server_that_repeats_the_key_does_not_get_it_printed():
    endpoint = parse_endpoint("http://a/v1#b", {KEY_VARIABLE: KEY})
    fault = endpoint.status_fault(400, {}, json.dumps({"message": f"{KEY} is\nwrong."}))
    assert "([key] is wrong)" in str(fault) and KEY not in str(fault)


# -- Names


@pytest.mark.parametrize(
    ("name", "base", "model"),
    [
        ("http://host:8000/v1#m", "http://host:8000/v1", "m"),
        ("https://host/api/v1/#owner/name", "https://host/api/v1", "owner/name"),
        ("http://host:8000#m", "http://host:8000/v1", "m"),
        ("http://[::1]:8000/v1#a%20b", "http://[::1]:8000/v1", "a b"),
    ],
)
def test_an_address_is_read(name, base, model):
    endpoint = parse_endpoint(name, {})
    assert (endpoint.base, endpoint.model) == (base, model)
    assert parse_endpoint(endpoint.name, {}).base == base


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("http://", "no endpoint's address"),
        ("http://host:port/v1#m", "cannot be read"),
        ("http://host:99999/v1#m", "cannot be read"),
        ("http://me:secret@host/v1#m", KEY_VARIABLE),
        ("http://host/v1?key=1#m", "no endpoint's address"),
        ("http://ho st/v1#m", "no endpoint's address"),
    ],
)
def test_an_address_that_cannot_be_one_is_refused(name, words):
    assert "secret" not in refusal(lambda: parse_endpoint(name, {}), words)


@pytest.mark.parametrize("value", ["soon", "-1", "0", "nan"])
def test_a_timeout_that_is_no_number_of_seconds_is_refused(value):
    refusal(lambda: parse_endpoint("http://a/v1#b", {TIMEOUT_VARIABLE: value}), TIMEOUT_VARIABLE)


def test_an_endpoint_takes_no_precision(server):
    refusal(lambda: load_engine(f"{server.address}/v1#good", "4bit"), "--quantize")


# -- Events


EVENTS = ["one", "\u2028 two \x85\x0b", "", "three\nlines\n\nhere", "\U0001f642"]
STREAM = "".join(
    ": note\n" + "".join(f"data: {line}\r\n" for line in event.split("\n")) + "\r\n"
    for event in EVENTS
).encode()


@given(st.sets(st.integers(0, len(STREAM))))
def test_events_do_not_depend_on_where_the_bytes_are_cut(cuts):
    reader, events, start = EventReader(), [], 0
    for end in (*sorted(cuts), len(STREAM)):
        events += reader.feed(STREAM[start:end])
        start = end
    assert [*events, *reader.close()] == EVENTS


@given(st.text() | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(
        st.sampled_from(["choices", "delta", "content", "usage", "error", "finish_reason"]), inner
    ),
).map(json.dumps))  # fmt: skip
def test_any_event_is_a_chunk_or_broken(data):
    try:
        chunk = read_chunk(data)
    except BrokenStream as error:
        assert str(error)
    else:
        assert isinstance(chunk.text, str) and isinstance(chunk.finish, str)
        assert chunk.tokens is None or isinstance(chunk.tokens, int)


def test_an_event_without_end_is_broken():
    reader = EventReader()
    with pytest.raises(BrokenStream, match="megabyte"):
        for _ in range(300):
            list(reader.feed(b"data: " + b"x" * 10_000))


# -- A real server


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Start `transformers serve` with a bundled model; gives the engine's name and the folder."""
    folder = catalog.newest_bundled().source
    log = tmp_path_factory.mktemp("serve") / "log.txt"
    with held_port() as port, log.open("w") as file:
        words = ["serve", folder, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
        process = subprocess.Popen(
            [sys.executable, "tests/support/serve_checkpoint.py", *words, "--dtype", "float32"],
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
            cwd=ROOT, stdout=file, stderr=file,
        )  # fmt: skip
        try:
            _wait_for(f"http://127.0.0.1:{port}/health", process, log)
            yield f"http://127.0.0.1:{port}/v1#{folder}", folder
        finally:
            process.terminate()
            process.wait(timeout=20)


def _wait_for(url: str, process: subprocess.Popen, log) -> None:
    for _ in range(1000):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"no server at {url}: {log.read_text()}")


def test_a_served_model_writes_what_it_writes_here(served, make_picture):
    name, folder = served
    settings = GenerationSettings(max_new_tokens=320)
    with load_engine(name) as remote, load_engine(folder, "fp32") as local:
        picture = remote.fit(make_picture(240, 320))
        assert picture.shape == local.fit(make_picture(240, 320)).shape
        *deltas, there = remote.stream(Request.of(picture, "How many objects are there?"), settings)
        *_, here = local.stream(Request.of(picture, "How many objects are there?"), settings)
        (batched,) = remote.generate([Request.of(picture, "How many objects are there?")], settings)
    assert there.text == here.text == batched.text and there.parsed.well_formed
    assert len(deltas) > 10 and (there.finish, here.finish) == ("stop", "stop")
    # The server counts the token that ends the answer.
    assert there.tokens == here.tokens + 1


def test_a_served_model_is_free_again_after_stop(served, picture):
    with load_engine(served[0]) as engine:
        stop = threading.Event()
        events = engine.stream(Request.of(picture, "What is it?"), GenerationSettings(), stop)
        next(events)
        stop.set()
        *_, answer = events
        assert answer.finish == "stopped"
        *_, answer = engine.stream(
            Request.of(picture, "What is it?"), GenerationSettings(max_new_tokens=4)
        )
        assert isinstance(answer, Answer) and answer.finish == "length"


def test_a_served_model_is_evaluated_into_a_run(served, tmp_path, capsys):
    words = ["evaluate", "minibench", "--model", served[0], "--limit", "1", "--levels", "clean"]
    assert main([*words, "-o", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == served[0]
    (line,) = (tmp_path / "run" / "cases.jsonl").read_text("utf-8").splitlines()
    assert json.loads(line)["finish"] == "stop"


def test_a_name_that_the_server_does_not_serve_is_said(served, picture):
    engine = load_engine(served[0].partition("#")[0] + "#nothing")
    refusal(lambda: list(engine.stream(Request.of(picture, "a?"), SHORT)), "pinned")


def test_a_served_model_answers_after_what_other_eyes_have_found(served, picture):
    with load_engine("tiny-sft") as eyes, load_engine(served[0]) as engine:
        (alone,) = eyes.generate([look_at(picture, "What is it?")])
        both = with_eyes(engine, eyes)
        *_, answer = both.stream(Request.of(picture, "What is it?"))
        ((_, again),) = both.answers([Request.of(picture, "What is it?")])
    assert answer.text == again.text and answer.text.startswith(f"{alone.text}<TYPE_END><INFL")
    assert (answer.eyes, answer.model, answer.finish) == ("tiny-sft", engine.info.name, "stop")
