"""Tell what this Python lacks to run the project: one sentence, with the command that mends it.

Every Python 3 must be able to read this file and those that it is imported by or imports (app.py,
`__init__.py`, `__main__.py`, `paths.py`), so nothing newer than Python 3.6 is written in them.
"""

import os
import shlex
import shutil
import sys
from importlib import import_module

from robust_r1.paths import CHECKOUT

PYTHON = (3, 11)  # as pyproject.toml says
# How a newer Python may be called; on Windows its launcher knows all that are installed.
_NEWER = ("py -3",) if os.name == "nt" else ("python3.12", "python3.13", "python3.11")
# What is imported, and the extra of pyproject.toml that brings it; "" is for what is always needed.
EXTRAS = {
    "": ("cachetools", "cv2", "httpx", "numpy", "pi_heif", "PIL", "yaml"),
    "eval": (
        "accelerate",
        "bitsandbytes",
        "huggingface_hub",
        "peft",
        "psutil",
        "safetensors",
        "tokenizers",
        "torch",
        "transformers",
    ),
    "page": ("gradio", "plotly", "segno"),
    "train": ("datasets", "tensorboard", "trl"),
}


def start(module: str, *arguments: object) -> int:
    """Call `main` of a module and return its exit status.

    Where this Python is too old or lacks a package, say so on stderr instead and return 2; with
    `--debug` among the words of the command, a missing package shows its traceback.
    """
    if sys.version_info < PYTHON:
        needed, here = ".".join(map(str, PYTHON)), ".".join(map(str, sys.version_info[:3]))
        return _complain(f"Python {needed} or newer is needed, and this is {here}; {_set_up()}")
    try:
        return import_module(module).main(*arguments)
    except ModuleNotFoundError as error:
        name = (error.name or "").split(".")[0]
        extra = next((extra for extra, modules in EXTRAS.items() if name in modules), None)
        if extra is None or "--debug" in sys.argv:
            raise
        return _complain(f"the package {name} is not installed; {_install(extra)}")


def _install(extra: str) -> str:
    """Return the command that brings the packages of an extra to this Python."""
    pip = f"run: {shlex.quote(sys.executable)} -m pip install"
    if CHECKOUT is None:
        return f'{pip} "robust-r1[{extra}]"' if extra else f"{pip} robust-r1"
    if sys.prefix == sys.base_prefix:  # pip may not install into the system's own Python
        return _set_up()
    return f"{pip} -r {_path('requirements.txt')}"


def _set_up() -> str:
    """Return the command that makes a virtual environment and goes on in it, if there is none."""
    folder = os.path.join(".venv", "Scripts" if os.name == "nt" else "bin")
    python, pip = _path(folder, "python"), _path(folder, "pip")
    script = _path("app.py") if os.path.basename(sys.argv[0]) == "app.py" else "-m robust_r1"
    again = " ".join([python, script, *map(shlex.quote, sys.argv[1:])])
    if sys.prefix == sys.base_prefix and os.path.exists(python):
        return f"run: {again}"
    venv = f"-m venv --clear {_path('.venv')}"
    install = f"{pip} install -r {_path('requirements.txt')} && {again}"
    if sys.version_info >= PYTHON:
        return f"run: {shlex.quote(sys.executable)} {venv} && {install}"
    newer = next((name for name in _NEWER if shutil.which(name.split()[0])), None)
    run = "run" if newer else "install one, then run"
    return f"{run}: {newer or _NEWER[0]} {venv} && {install}"


def _path(*parts: str) -> str:
    """Return a path of the checkout, as short as the folder that one is in allows."""
    folder = "" if os.getcwd() == str(CHECKOUT) else str(CHECKOUT)
    return shlex.quote(os.path.join(folder, *parts))


def _complain(words: str) -> int:
    sys.stderr.write(f"error: {words}\n")
    return 2
