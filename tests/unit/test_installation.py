"""Claims about Pythons that cannot run the project: one sentence, the command to run, status 2."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from robust_r1 import installation
from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MODULE_OF = {
    "opencv-python-headless": "cv2", "pi-heif": "pi_heif", "pillow": "PIL", "pyyaml": "yaml",
}  # fmt: skip


@pytest.mark.parametrize("name", ["__init__", "__main__", "installation", "paths", "../app"])
def test_an_old_python_can_read_what_it_comes_by(name):
    ast.parse((ROOT / "robust_r1" / f"{name}.py").read_text("utf-8"), feature_version=(3, 7))


@pytest.mark.parametrize("words", [["app.py", "--port", "81"], ["-m", "robust_r1", "ask", "a b"]])
def test_a_python_without_packages_is_told_what_to_run(words, tmp_path):
    python = make_venv(tmp_path)
    said = run(python, *words)
    assert re.fullmatch(
        rf"error: the package \w+ is not installed; run: {python} -m pip install -r "
        r"requirements\.txt\n",
        said,
    )


def test_outside_a_venv_the_command_makes_one_and_goes_on_in_it():
    # Without `site` a Python finds no packages, and is in no virtual environment.
    said = run(sys.executable, "-S", "-m", "robust_r1", "ask", "a b.jpg")
    assert re.search(r"run: \S+ -m venv --clear .venv && ", said) or (ROOT / ".venv").exists()
    assert said.endswith(".venv/bin/python -m robust_r1 ask 'a b.jpg'\n")


@pytest.mark.parametrize("words", ["app.py", "robust_r1/__main__.py"])
def test_an_older_python_is_told_which_is_needed_and_what_to_run(words):
    program = (
        "import runpy, sys; sys.path.insert(0, '.'); sys.version_info = (3, 8, 18);"
        f"sys.argv = [{words!r}, '--port', '81']; runpy.run_path({words!r}, run_name='__main__')"
    )
    said = run(sys.executable, "-S", "-c", program)
    assert said.startswith("error: Python 3.11 or newer is needed, and this is 3.8.18; ")
    assert said.endswith(" --port 81\n") and ".venv/bin/python " in said


def test_a_missing_module_that_is_nobodys_stays_a_traceback(tmp_path, monkeypatch):
    (tmp_path / "some_main.py").write_text("import no_such_module_anywhere")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_module_anywhere"):
        installation.start("some_main")


def test_debug_shows_the_traceback_of_a_missing_package(tmp_path, monkeypatch):
    (tmp_path / "other_main.py").write_text("raise ModuleNotFoundError('No numpy', name='numpy')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["robust-r1", "ask", "--debug"])
    with pytest.raises(ModuleNotFoundError):
        installation.start("other_main")


def test_an_installed_package_names_the_extra(tmp_path, monkeypatch, capsys):
    (tmp_path / "third_main.py").write_text("raise ModuleNotFoundError('No', name='torch.nn')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(installation, "CHECKOUT", None)
    assert installation.start("third_main") == 2
    assert capsys.readouterr().err.endswith(' -m pip install "robust-r1[eval]"\n')


def test_the_table_of_extras_is_the_one_in_pyproject():
    assert PROJECT["requires-python"] == ">=" + ".".join(map(str, installation.PYTHON))
    extras = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    assert extras.keys() == installation.EXTRAS.keys()
    for extra, requirements in extras.items():
        names = [re.match(r"[\w-]+", requirement)[0] for requirement in requirements]
        modules = {MODULE_OF.get(name, name) for name in names if name != "robust-r1"}
        assert modules <= set(installation.EXTRAS[extra]), extra


def test_requirements_txt_is_the_table_of_pyproject_with_pins():
    """The library takes a range of its few packages; a Space gets what the tests ran with."""
    from packaging.requirements import Requirement

    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    table = [*PROJECT["dependencies"], *sum(PROJECT["optional-dependencies"].values(), [])]
    wanted = {one.name: one for one in map(Requirement, table) if one.name != "robust-r1"}
    assert pins.keys() == wanted.keys()
    assert [name for name, pin in pins.items() if pin not in wanted[name].specifier] == []


def make_venv(folder: Path) -> Path:
    """Make a virtual environment with nothing in it and return its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    return folder / "venv" / "bin" / "python"


def run(*words) -> str:
    """Run a program that must fail with status 2 and one line, from the project's folder."""
    done = subprocess.run(words, cwd=ROOT, text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr
