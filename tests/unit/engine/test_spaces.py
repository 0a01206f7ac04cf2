"""Claims about Hugging Face Spaces: app.py starts on a CPU and where a GPU is lent by the call."""

import os
import re
import subprocess
import sys
import threading
from contextlib import ExitStack

import pytest
from gradio_client import Client, handle_file

from robust_r1 import images
from robust_r1.commands.page import parse_arguments
from robust_r1.engine import GenerationSettings, Request, catalog
from robust_r1.engine.zerogpu import ZeroGpuEngine, booked_seconds
from tests.support.paths import ROOT
from tests.support.running import held_port
from tests.support.scripted_engine import ScriptedEngine

# What the package does that matters: it must come before torch, and it runs generators elsewhere.
STUB = """
import functools, sys
assert "torch" not in sys.modules, "torch came first"
print("spaces imported", flush=True)

def GPU(duration):
    def decorate(work):
        @functools.wraps(work)
        def lent(*args):
            print(f"GPU lent for {duration(*args)} s", flush=True)
            yield from work(*args)
        return lent
    return decorate
"""


@pytest.fixture
def space(tmp_path):
    """Return a function that starts app.py as a Space does; gives its address and its output."""
    running, readers, ports = [], [], ExitStack()

    def start(**environ: str) -> tuple[str, list[str]]:
        (tmp_path / "spaces.py").write_text(STUB)
        port = str(ports.enter_context(held_port()))
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", port], cwd=ROOT, text=True,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "HF_HUB_OFFLINE": "1", **environ},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        running.append(process)
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if found := re.match(r"The page is on (\S+)", line):
                reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
                reader.start()
                readers.append(reader)
                return found[1], lines
        raise AssertionError("".join(lines))

    yield start
    for process in running:
        process.terminate()  # an interrupt is ignored by what a background shell starts
        process.wait(timeout=20)
    for reader in readers:
        reader.join(timeout=20)
    for process in running:
        process.stdout.close()
    ports.close()


def test_a_lent_gpu_answers_by_the_call_and_a_model_out_of_reach_is_replaced(
    space, picture, tmp_path
):
    address, lines = space(SPACES_ZERO_GPU="1", ROBUST_R1_MODEL="robust-r1-rl")
    assert "spaces imported\n" in lines
    images.save(picture, tmp_path / "a.png")
    client = Client(address, verbose=False)
    reply = client.predict(
        handle_file(tmp_path / "a.png"), "What is it?", tokens=30, api_name="/ask"
    )
    assert reply["model"] == catalog.newest_bundled().name and reply["tokens"] <= 30
    assert "GPU lent for 17 s\n" in lines


def test_stop_ends_the_call_that_a_gpu_is_lent_to(picture):
    engine = ScriptedEngine()

    def gpu(duration):
        return lambda work: work

    lent, stop = ZeroGpuEngine(engine, gpu), threading.Event()
    events = lent.stream(Request.of(picture, "Go on endlessly"), GenerationSettings(), stop)
    first = next(events)
    stop.set()
    *_, answer = events
    assert (answer.finish, answer.text) == ("stopped", first.text) and engine.running == 0
    assert [one.finish for one in lent.generate([Request.of(picture, "a?")] * 2)] == [
        "stop",
        "stop",
    ]


def test_a_longer_answer_books_more_seconds_up_to_two_minutes():
    booked = [booked_seconds(None, GenerationSettings(n)) for n in (16, 512, 4096)]
    assert booked == sorted(booked) and 15 < booked[0] < booked[1] < booked[2] == 120


@pytest.mark.parametrize(
    ("environ", "host"),
    [
        ({}, "127.0.0.1"),
        ({"SPACE_ID": "a/b"}, "0.0.0.0"),
        ({"SPACE_ID": "a/b", "GRADIO_SERVER_NAME": "10.0.0.1"}, "10.0.0.1"),
        ({"SPACE_ID": "a/b", "ROBUST_R1_HOST": "127.0.0.2"}, "127.0.0.2"),
    ],
)
def test_a_space_is_served_to_the_outside_and_nothing_else_is(environ, host):
    assert parse_arguments([], environ).host == host


def test_the_front_matter_names_what_is_there():
    head = (ROOT / "README.md").read_text("utf-8").split("---\n")[1]
    fields = dict(re.findall(r"^(\w+): (.+)$", head, re.M))
    pinned = (ROOT / "requirements.txt").read_text("utf-8")
    assert (ROOT / fields["app_file"]).is_file() and fields["sdk"] == "gradio"
    assert f"gradio=={fields['sdk_version']}\n" in pinned
    assert len(fields["short_description"]) <= 60
    models = re.findall(r"^  - (.+)$", head, re.M)
    assert models and set(models) <= {info.source for info in catalog.HUB}
