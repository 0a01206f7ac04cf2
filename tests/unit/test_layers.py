"""Layers: imports go one way, and heavy packages stay where they belong."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

# A module imports from lines above its own and from its own package, never from beside it.
LAYERS = (
    ("errors", "markup"),
    ("images",),
    ("degradations",),
    ("chain",),
    ("metrics",),
    ("scenes", "rewards", "records"),
    ("engine",),
    ("ask",),
    ("evaluation", "analysis", "store"),
    ("report",),
    ("bench",),
    ("ui", "cli"),
    ("app", "train"),
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# The bodies of the commands belong to the command line.
SAME = {"commands": "cli", "__main__": "cli"}

HOME_OF = {
    "torch": {"engine", "train"},
    "transformers": {"engine", "train"},
    "accelerate": {"engine", "train"},
    "bitsandbytes": {"engine", "train"},
    "trl": {"train"},
    "peft": {"engine", "train"},
    "gradio": {"ui", "app"},
}
TABS = {"explore", "compare", "sweep", "analyze", "learn"}


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted module) for every import of a source, also those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join(parts if node.level else []) or ""
            module = ".".join(filter(None, (base, node.module)))
            yield node.lineno, module
            # `from robust_r1 import chain` names a module only by what it imports.
            if module == "robust_r1":
                yield from ((node.lineno, f"robust_r1.{alias.name}") for alias in node.names)


def owner(module: str) -> str:
    """Return the layer name of a dotted module: engine for robust_r1.engine.catalog."""
    parts = module.split(".")
    name = parts[1] if parts[0] == "robust_r1" and len(parts) > 1 else parts[0]
    return SAME.get(name, name)


def offences(path: str, source: str) -> list[str]:
    """Name each import of a source that points the wrong way, as file:line."""
    package = ".".join(Path(path).parent.parts)
    home = owner(".".join(Path(path).with_suffix("").parts))
    found = []
    for line, module in imports(source, package):
        top, target = module.split(".")[0], owner(module)
        if home not in LEVEL:
            return [f"{path}:1: {home} stands in no layer"]
        if top in HOME_OF and home not in HOME_OF[top]:
            found.append(f"{path}:{line}: {top} belongs to {' and '.join(sorted(HOME_OF[top]))}")
        ours = top == "robust_r1" and module != "robust_r1" or top in ("app", "train", "tests")
        if ours and target != home and LEVEL.get(target, len(LAYERS)) >= LEVEL[home]:
            found.append(f"{path}:{line}: {home} must not import {module}")
        tab, other = Path(path).stem, module.rpartition(".")[2]
        if home == target == "ui" and {tab, other} <= TABS and tab != other:
            found.append(f"{path}:{line}: tab {tab} must not import tab {other}")
    return found


def sources() -> list[Path]:
    found = [*ROOT.glob("robust_r1/**/*.py"), *ROOT.glob("train/**/*.py"), *ROOT.glob("app.py")]
    return sorted(path for path in found if path != ROOT / "robust_r1" / "__init__.py")


def test_every_import_points_to_a_layer_above():
    found = [
        offence
        for path in sources()
        for offence in offences(path.relative_to(ROOT).as_posix(), path.read_text("utf-8"))
    ]
    assert found == []
    assert len(sources()) > 10


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        ("robust_r1/chain.py", "\nimport robust_r1.engine", ":2: chain must not import"),
        ("robust_r1/chain.py", "from robust_r1 import rewards", "chain must not import"),
        ("robust_r1/chain.py", "def f():\n  from robust_r1.ui import x", ":2: chain must not"),
        ("robust_r1/rewards.py", "from robust_r1.scenes import x", "rewards must not import"),
        ("robust_r1/engine/a.py", "from ..ui.chain import x", "engine must not import"),
        ("robust_r1/commands/a.py", "from robust_r1.ui import x", "cli must not import"),
        ("robust_r1/ui/learn/tab.py", "from robust_r1.ui.sweep.tab import x", "tab learn must not"),
        ("robust_r1/ui/a.py", "import train.tiny.sft", "ui must not import train.tiny.sft"),
        ("robust_r1/metrics/a.py", "import torch.nn", "torch belongs to engine and train"),
        ("robust_r1/new.py", "import os", "new stands in no layer"),
    ],
)
def test_an_import_that_points_the_wrong_way_is_named_with_its_line(path, source, words):
    assert words in "".join(offences(path, source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("robust_r1/engine/a.py", "from .b import x\nfrom robust_r1.chain import y\nimport torch"),
        ("robust_r1/ui/learn.py", "from robust_r1.ui.widgets.findings_chart import x"),
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
    assert set(modules).isdisjoint(HOME_OF)


def test_the_project_is_clean_by_the_rules_in_pyproject():
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise", "."],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout
