"""Types: the type checker finds nothing by the rules in pyproject."""

import subprocess
import sys

from tests.support.paths import ROOT


def test_the_type_checker_finds_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", tmp_path, "robust_r1", "train", "app.py"],
        cwd=ROOT, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
