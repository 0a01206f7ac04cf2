"""What tests of A-OKVQA share: its miniature, built once by rules and once by a model."""

import json

import pytest

from robust_r1.engine import completions
from tests.support.annotator_server import serve_annotator
from tests.support.aokvqa_miniature import write_miniature
from tests.support.aokvqa_sets import build, by
from tests.support.sharing import made_once


@pytest.fixture(scope="session")
def miniature(tmp_path_factory):
    """Write the questions and pictures once; give the flags that name them."""
    folder = made_once(tmp_path_factory, "aokvqa", lambda folder: write_miniature(folder / "of"))
    return ["--aokvqa", f"{folder}/of/aokvqa", "--coco", f"{folder}/of/coco", "--jobs", "1"]


@pytest.fixture(scope="session")
def ruled(miniature, tmp_path_factory):
    """Build all of it by rules."""
    return made_once(tmp_path_factory, "ruled", lambda folder: build(miniature, folder))


@pytest.fixture(scope="session")
def asked(miniature, tmp_path_factory):
    """Build all of it by a server without faults."""

    def make(folder):
        with serve_annotator() as server:
            build([*miniature, *by(server)], folder)
        counts = [[step, len(pictures)] for step, _, pictures in server.asked]
        (folder / "asked.json").write_text(json.dumps(counts))

    return made_once(tmp_path_factory, "asked", make)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Wait for hundredths of a second where a network asks for seconds."""
    monkeypatch.setattr(completions, "PAUSES", (0.01, 0.02, 0.02, 0.02, 0.02))
    monkeypatch.setenv("ROBUST_R1_ENDPOINT_TIMEOUT", "30")
