"""Types: the type checker finds nothing by the rules in pyproject."""

import subprocess
import sys

from tests.support.paths import ROOT

CHECKED = [
    *("errors.py", "markup.py", "images.py", "chain.py", "rewards.py", "store.py", "cli.py"),
    *("degradations", "metrics", "scenes", "records", "engine", "bench"),
]


def test_the_type_checker_finds_nothing(tmp_path):
    folders = [ROOT / "robust_r1" / name for name in CHECKED]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", tmp_path, *folders],
        cwd=ROOT, text=True, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
