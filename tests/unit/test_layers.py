"""Layers: imports go one way at any depth, and heavy packages stay where they belong."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.layers import HOMES, offences
from tests.support.paths import ROOT


def sources() -> list[Path]:
    return sorted([*ROOT.glob("robust_r1/**/*.py"), *ROOT.glob("train/**/*.py"), ROOT / "app.py"])


def test_every_import_points_to_a_layer_above():
    found = [
        offence
        for path in sources()
        for offence in offences(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert not found, "\n" + "\n".join(found)
    assert len(sources()) > 100


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        ("robust_r1/chain.py", "\nimport robust_r1.engine", ".py:2: robust_r1.chain must not"),
        ("robust_r1/chain.py", "from robust_r1 import rewards", "must not import robust_r1.rew"),
        ("robust_r1/chain.py", "def f():\n  from robust_r1.ui import x", ":2: robust_r1.chain"),
        ("robust_r1/chain.py", "import_module('robust_r1.ask.case')", ":1: robust_r1"),
        ("robust_r1/rewards.py", "from robust_r1.scenes import x", "must not import robust_r1.sc"),
        ("robust_r1/store.py", "from .analysis.compare import x", "must not import robust_r1.an"),
        ("robust_r1/engine/a.py", "from ..ui.chain import x", "must not import robust_r1.ui.ch"),
        ("robust_r1/engine/deep/a.py", "from ...ask import x", "must not import robust_r1.ask.x"),
        ("robust_r1/engine/a.py", "import robust_r1.cli", "must not import robust_r1.cli"),
        ("robust_r1/ui/page.py", "import robust_r1.commands.ask", "robust_r1.ui must not import"),
        ("robust_r1/ui/a/b.py", "import os", ":1: robust_r1.ui.a stands in no layer"),
        ("robust_r1/new.py", "import os", ":1: robust_r1.new stands in no layer"),
        ("robust_r1/__init__.py", "from robust_r1 import chain", "must not import robust_r1.chain"),
        # --- One tab, one widget
        ("robust_r1/ui/learn/tab.py", "from robust_r1.ui.sweep.tab import x", "ui.learn must not"),
        ("robust_r1/ui/learn/a/b.py", "def f():\n  from ...sweep import tab", ":2: robust_r1.ui."),
        ("robust_r1/ui/learn/tab.py", "from robust_r1.ui import sweep", "import robust_r1.ui.sw"),
        ("robust_r1/ui/sweep/tab.py", "from robust_r1.ui import build_ui", "ui.sweep must not"),
        ("robust_r1/ui/sweep/tab.py", "import robust_r1.ui.page", "import robust_r1.ui.page"),
        ("robust_r1/ui/sweep/tab.py", "import robust_r1.ui.api.ask", "import robust_r1.ui.api.ask"),
        ("robust_r1/ui/widgets/job.py", "from ..sweep.tab import x", "ui.widgets must not import"),
        ("robust_r1/ui/widgets/a/b.py", "from ...api import ask", "import robust_r1.ui.api.ask"),
        ("robust_r1/ui/theme.py", "from .shortcuts import x", "import robust_r1.ui.shortcuts"),
        # --- Training, and what the package must never know
        ("robust_r1/ui/page.py", "import train.tiny.sft", "robust_r1 must not import train.tiny"),
        ("robust_r1/bench/a.py", "from app import main", "robust_r1 must not import app.main"),
        ("train/tiny/a.py", "import tests.support", "train must not import tests.support"),
        ("app.py", "from train import sft", "app must not import train.sft"),
        ("train/sft.py", "def f():\n  from train.tiny import model", ":2: train.sft must not"),
        ("train/grpo.py", "from train.tiny.rollouts import x", "train.grpo must not import"),
        ("train/grpo.py", "from .sft import x", "train.grpo must not import train.sft.x"),
        ("train/sft.py", "from train.samples import x", "train.sft must not import train.samp"),
        ("train/common/a.py", "from train.tiny.data import x", "train.common must not import"),
        # --- Heavy packages
        ("robust_r1/metrics/a.py", "import torch.nn", "torch belongs to robust_r1.engine and tr"),
        ("robust_r1/engine/pool.py", "def f():\n  import gradio as gr", ":2: gradio belongs to"),
        ("robust_r1/commands/page.py", "from gradio import Blocks", "gradio belongs to robust"),
        ("robust_r1/engine/a.py", "from trl import x", "trl belongs to train"),
    ],
)  # fmt: skip
def test_an_import_that_points_the_wrong_way_is_named_with_its_line(path, source, words):
    said = offences(path, source)
    assert len(said) == 1 and said[0].startswith(f"{path}:") and words in said[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("robust_r1/engine/a.py", "from .b import x\nfrom robust_r1.chain import y\nimport torch"),
        ("robust_r1/engine/deep/a.py", "from ..types import x\nfrom robust_r1 import images"),
        ("robust_r1/cli.py", "from robust_r1 import __version__, commands"),
        ("robust_r1/commands/page.py", "from robust_r1.ui import build_ui\nfrom .tables import x"),
        ("robust_r1/ui/learn/tab.py", "from robust_r1.ui.widgets.chain import x\nimport gradio"),
        ("robust_r1/ui/learn/tab.py", "from .game import x\nfrom robust_r1.ui.learn import y"),
        ("robust_r1/ui/api/learn.py", "from robust_r1.ui.learn import rounds"),
        ("robust_r1/ui/widgets/deep/chain.py", "from ..job import x\nfrom ...theme import y"),
        ("robust_r1/ui/page.py", "from robust_r1.ui.explore.tab import x"),
        ("robust_r1/ui/__init__.py", "from robust_r1.ui.page import x\nfrom .theme import y"),
        ("robust_r1/metrics/a.py", "import torchlight, tests_of_others"),
        ("train/sft.py", "from train.common.config import x\nimport trl, robust_r1.rewards"),
        ("train/tiny/base.py", "from train.tiny import model\nfrom train.common import config"),
        ("app.py", "from robust_r1.ui import x\nimport gradio"),
    ],
)
def test_an_import_that_points_the_right_way_passes(path, source):
    assert offences(path, source) == []


def test_chains_and_degradations_load_in_a_second_without_heavy_packages():
    program = (
        "import sys, time; begun = time.process_time()\n"
        "import robust_r1.chain, robust_r1.degradations, robust_r1.rewards\n"
        "print(time.process_time() - begun, *sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, text=True, capture_output=True, check=True
    )
    seconds, *modules = done.stdout.split()
    assert float(seconds) < 1
    assert set(modules).isdisjoint(HOMES)


def test_the_project_is_clean_by_the_rules_in_pyproject():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout
