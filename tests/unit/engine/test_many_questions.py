"""Claims about many questions to an endpoint: at a time, again, in order, nothing lost."""

import json
import math
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate

import pytest

from robust_r1.cli import main
from robust_r1.engine import GenerationSettings, Request, growing, transfer
from robust_r1.engine.remote import connect
from robust_r1.engine.transfer import Patience
from robust_r1.errors import InputError, ModelError
from tests.support.endpoint_server import LIKELY, LISTED_TEXT, TEXT, serve_endpoint
from tests.support.paths import ROOT
from tests.support.published_tables import write_mmstar
from tests.support.running import held_port

SHORT = GenerationSettings(max_new_tokens=24)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(transfer, "RETRIES", (0.01, 0.02))
    monkeypatch.setattr(growing, "PATIENCE", Patience(tries=4, first=0.01))
    yield
    assert [thread for thread in threading.enumerate() if thread.name == "endpoint"] == []


@pytest.fixture
def server():
    with serve_endpoint() as server:
        yield server


def requests(picture, count):
    return [Request.of(picture, f"{number}?") for number in range(count)]


@pytest.mark.parametrize("at_once", [1, 4, 9])
def test_no_more_than_the_bound_are_under_way_and_no_fewer(server, picture, at_once):
    engine = connect(f"{server.address}/v1#slow{at_once}", {})
    start = time.perf_counter()
    found = dict(engine.answers(requests(picture, 9), SHORT, at_once))
    assert sorted(found) == list(range(9)) and {one.text for one in found.values()} == {TEXT}
    assert server.most == at_once
    assert time.perf_counter() - start >= 0.2 * math.ceil(9 / at_once)


def test_questions_are_made_when_it_is_their_turn(server, picture):
    made = []

    def asked():
        for request in requests(picture, 100):
            made.append(request)
            yield request

    answers = connect(f"{server.address}/v1#good", {}).answers(asked(), SHORT, at_once=3)
    next(answers)
    answers.close()
    assert len(made) <= 1 + 3 + 1 + 1


@pytest.mark.parametrize("refusals", [1, 3])
def test_a_busy_server_is_asked_again(server, picture, refusals):
    engine = connect(f"{server.address}/v1#busy{refusals}", {})
    answers = engine.generate(requests(picture, 3), SHORT, batch_size=2)
    assert [answer.text for answer in answers] == [TEXT] * 3
    assert len(server.asked) == 3 * (refusals + 1)


def test_a_server_that_stays_busy_is_given_up_in_one_sentence(server, picture):
    engine = connect(f"{server.address}/v1#busy99", {})
    with pytest.raises(ModelError, match=r"has too many questions|failed .status 503"):
        engine.generate(requests(picture, 1), SHORT)
    assert len(server.asked) == 4


def test_waits_double_heed_the_server_and_are_the_same_for_the_same_question():
    patience = Patience(tries=5, first=1.0, most=100.0)
    waits = [patience.wait(tried, {}, random.Random(b"one")) for tried in range(1, 6)]
    assert waits[4] is None and all(1 <= wait / 2**n <= 1.25 for n, wait in enumerate(waits[:4]))
    assert waits[:4] == [patience.wait(t, {}, random.Random(b"one")) for t in range(1, 5)]
    assert waits[0] != patience.wait(1, {}, random.Random(b"other"))
    assert 20 <= patience.wait(1, {"retry-after": "20"}, random.Random(1)) <= 20.25
    date = formatdate(time.time() + 50, usegmt=True)
    assert 48 <= patience.wait(1, {"retry-after": date}, random.Random(1)) <= 51
    assert patience.wait(1, {"retry-after": "3600"}, random.Random(1)) is None
    assert 1 <= patience.wait(1, {"retry-after": "soon"}, random.Random(1)) <= 1.25
    assert Patience().wait(1, {}, random.Random(1)) is None


def test_what_was_answered_before_a_failure_comes_first(server, picture):
    engine = connect(f"{server.address}/v1#slow", {})

    def asked():
        yield from requests(picture, 5)
        yield Request.of(picture, " ")

    found = []
    with pytest.raises(InputError, match="question is empty"):
        for number, _ in engine.answers(asked(), SHORT, at_once=3):
            found.append(number)
    assert sorted(found) == list(range(5))


def command(address, table, folder, *more):
    model = f"{address}/v1#{more[0] if more else 'slow'}"
    words = ["evaluate", str(table), "--model", model, "--levels", "clean,100", *more[1:]]
    return [*words, "--concurrency", "6", "-o", str(folder)]


def lines(folder):
    text = (folder / "cases.jsonl").read_text("utf-8")
    return [{**json.loads(line), "seconds": None} for line in text.splitlines()]


@contextmanager
def served_elsewhere(port, answers):
    """Serve in a process of its own, which dies when it has given so many answers."""
    words = [sys.executable, "-m", "tests.support.endpoint_server", str(port), str(answers)]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_server_that_goes_down_in_the_middle_loses_nothing(tmp_path, capsys):
    table = write_mmstar(tmp_path / "MMStar.tsv", rows=10)
    with held_port() as port:
        address = f"http://127.0.0.1:{port}"
        with served_elsewhere(port, 9):
            assert main(command(address, table, tmp_path / "run")) == 2
        said = capsys.readouterr().err
        assert "could not be reached; start it" in said or "broke the connection off" in said
        assert said.count("\n") == 1
        assert 0 < len(lines(tmp_path / "run")) < 20
        left = 20 - len(lines(tmp_path / "run"))
        with serve_endpoint(port) as server:
            assert main(command(address, table, tmp_path / "run")) == 0
            assert server.answered == left  # nothing is asked twice
            assert main(command(address, table, tmp_path / "whole")) == 0
    assert lines(tmp_path / "run") == lines(tmp_path / "whole")


def test_the_odds_that_a_server_lists_are_kept(server, tmp_path, capsys):
    table = write_mmstar(tmp_path / "MMStar.tsv", rows=4)
    words = command(server.address, table, tmp_path / "run", "listed", "--prompt", "direct")
    assert main([*words, "--logprobs"]) == 0
    for body, _ in server.asked:
        assert body["logprobs"] is True and body["top_logprobs"] == 20
    expected = [LIKELY[f">{letter}"] for letter in "ABCD"]
    for line in lines(tmp_path / "run"):
        assert line["text"] == "".join(LISTED_TEXT)
        assert line["option_logprobs"] == expected[: len(line["choices"])]
    assert json.loads((tmp_path / "run" / "run.json").read_text())["terms"]["logprobs"] is True
    # Options numbered from 0 are none of the listed tokens; nobody else is asked for odds.
    words = command(server.address, table, tmp_path / "numbered", "listed")
    assert main([*words, "--logprobs"]) == 0
    assert not any("option_logprobs" in line for line in lines(tmp_path / "numbered"))
    server.asked.clear()
    assert main(command(server.address, table, tmp_path / "none", "listed")) == 0
    assert not any("logprobs" in body for body, _ in server.asked)
    capsys.readouterr()
    assert main(command(server.address, table, tmp_path / "none", "listed") + ["--logprobs"]) == 2
    assert "logprobs False, not True" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "tiny-rl", "--concurrency", "4"], "is for models behind an endpoint"),
        (["--model", "http://127.0.0.1:9/v1#x", "--concurrency", "0"], "--concurrency is 0; give"),
    ],
)
def test_a_bound_that_fits_nothing_is_refused(tmp_path, capsys, words, said):
    assert main(["evaluate", "minibench", *words, "-o", str(tmp_path / "run")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "run").exists()
