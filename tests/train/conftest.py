"""What tests of training share: data, tokenizers, checkpoints and runs, each made once."""

import json
import re
import subprocess
import sys
from argparse import Namespace
from functools import partial
from pathlib import Path

import pytest
import torch

from robust_r1.engine.catalog import MODELS
from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.loading import open_processor
from tests.support.paths import ROOT
from tests.support.sharing import made_once
from tests.support.training import SMOKE, one_thread, small
from train import grpo, sft
from train.common.samples import scene_samples
from train.make_data import make_data
from train.tiny.model import make_model, make_processor, make_tokenizer
from train.tiny.stages import save_checkpoint

# Runs commands as `python -m` does, one after another, but imports torch once for all of them. No
# file that a command writes may grow beyond its limit, in bytes; 0 sets none.
RUN = """
import json, resource, runpy, sys
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
for words, limit in json.load(sys.stdin):
    sys.argv, status = words, 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or most, most))
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
    print("ended with", status, file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="module", autouse=True)
def calm():
    """Compute on one thread in all tests of training."""
    with one_thread():
        yield


@pytest.fixture(scope="session")
def tokenizer():
    """Train the tokenizer of the smallest recipe."""
    return make_tokenizer(SMOKE.model.vocabulary)


@pytest.fixture(scope="session")
def bundled_tokenizer():
    """Read the tokenizer of the bundled models, as their recipe trained it."""
    return open_processor(read_checkpoint(MODELS / "tiny-rl")).tokenizer


@pytest.fixture(scope="session")
def start(tmp_path_factory, tokenizer):
    """Save a checkpoint of random weights, as train.tiny.sft would leave one."""
    folder = tmp_path_factory.mktemp("start")
    model = make_model(SMOKE.model, tokenizer, 0)
    save_checkpoint(model, make_processor(SMOKE.model, tokenizer), folder, torch.float32)
    return folder


@pytest.fixture(scope="session")
def data_file(tmp_path_factory):
    """Write eight scenes as a data set, and give its records."""
    samples = scene_samples("train", 300, 8)
    return made_once(tmp_path_factory, "data", partial(make_data, samples)) / "records.jsonl"


@pytest.fixture(scope="session")
def commands(tmp_path_factory):
    """Run the bundled models' stages as a user would; first what cannot begin.

    Chains are tried once with a disk that takes no large file, then again in the same folder. Gives
    their folders, and of each the exit status and what it wrote to stderr.
    """
    folder = made_once(tmp_path_factory, "run", run_commands)
    return folder, json.loads((folder / "told.json").read_text())


def run_commands(folder: Path) -> None:
    base, empty = str(folder / "base"), str(folder / "empty")
    lines = {
        "nowhere": ["train.tiny.base", "--config", "nowhere"],
        "unfounded": ["train.tiny.grpo", "--config", "smoke", "--from", empty],
        "base": ["train.tiny.base", "--config", "smoke"],
        "full": ["train.tiny.sft", "--config", "smoke", "--from", base],
        "sft": ["train.tiny.sft", "--config", "smoke", "--from", base],
    }
    calls = [
        ([*words, "-o", str(folder / name.replace("full", "sft"))], 60_000 * (name == "full"))
        for name, words in lines.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, input=json.dumps(calls), text=True,
        capture_output=True,
    )  # fmt: skip
    *told, rest = re.split(r"^ended with (\d+)\n", done.stderr, flags=re.M)
    assert (len(told), rest) == (2 * len(lines), ""), done.stderr
    ends = zip(map(int, told[1::2]), told[::2], strict=True)
    (folder / "told.json").write_text(json.dumps(dict(zip(lines, ends, strict=True))))


@pytest.fixture(scope="session")
def base_run(commands):
    """Return the folder of those runs, which all went well."""
    folder, told = commands
    for stage in ("base", "sft"):
        assert told[stage][0] == 0, told[stage][1]
    return folder


@pytest.fixture(scope="session")
def adapt(data_file):
    """Return a function that runs a stage of the full-size recipe and gives its folder."""

    def run(stage, folder, start="tiny-rl", config=None, data=None):
        arguments = Namespace(
            start=str(start), data=data or data_file, output=folder, validation=None
        )
        # What a session shares is made before a module's own fixtures.
        with one_thread():
            {"sft": sft, "grpo": grpo}[stage].run(arguments, config or small())
        return folder

    return run


@pytest.fixture(scope="session")
def taught(adapt, tmp_path_factory):
    """Return the folder of chains learned beside 4-bit weights."""
    return made_once(tmp_path_factory, "sft", partial(adapt, "sft"))


@pytest.fixture(scope="session")
def rewarded(adapt, taught, tmp_path_factory):
    """Return the folder of the same adapter after reinforcement."""
    return made_once(tmp_path_factory, "rl", partial(adapt, "grpo", start=taught))
