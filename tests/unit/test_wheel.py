"""Claims about the built wheel, installed into environments of its own and used from elsewhere."""

import json
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.support.endpoint_server import serve_endpoint
from tests.support.paths import ROOT
from tests.support.running import held_port

pytestmark = pytest.mark.slow
HERE = Path(sysconfig.get_paths()["purelib"])
# What the library needs with what that brings, shared libraries included.
CORE = (
    *("numpy*", "cv2*", "opencv_python_headless*", "PIL*", "pillow*", "cachetools*", "httpx*"),
    *("pi_heif*", "_pi_heif*"),
    *("yaml*", "_yaml*", "pyyaml*"),
)
HTTPX = ("httpcore*", "h11*", "anyio*", "idna*", "certifi*", "typing_extensions*", "sniffio*")
LIBRARY = (
    *("analysis", "ask", "chain", "degradations", "engine.remote", "evaluation", "images"),
    *("metrics", "records", "report", "rewards", "scenes", "store"),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel from what git would commit, without the network."""
    folder, source = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("source")
    for name in ("robust_r1", "assets"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ("--no-build-isolation", "--no-deps", "--no-index", "-q")
    pip(*("wheel", *options, "-w", folder, source))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def whole(wheel, tmp_path_factory) -> Path:
    """Install the wheel beside all packages of this environment; return the folder of programs."""
    return install(wheel, tmp_path_factory.mktemp("whole"), HERE)


@pytest.fixture(scope="module")
def bare(wheel, tmp_path_factory) -> Path:
    """Install the wheel beside nothing but what the library needs."""
    core = tmp_path_factory.mktemp("core")
    for pattern in (*CORE, *HTTPX):
        for found in HERE.glob(pattern):
            (core / found.name).symlink_to(found)
    return install(wheel, tmp_path_factory.mktemp("bare"), core)


@pytest.fixture
def photo(tmp_path, make_picture, monkeypatch) -> Path:
    """Go to an empty folder with a picture in it."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(make_picture(240, 320)).save("photo.png")
    return tmp_path / "photo.png"


def test_the_wheel_holds_package_and_assets_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"robust_r1"}
    assert {"robust_r1/ui/page.py", "robust_r1/assets/models/tiny-rl/config.json"} <= set(names)
    sheets = {str(file.relative_to(ROOT)) for file in ROOT.glob("robust_r1/ui/styles/*.css")}
    assert sheets and sheets <= set(names)
    carried = {name.split("/")[2] for name in names if name.startswith("robust_r1/assets/")}
    assert carried == {"examples", "models", "runs"}


def test_the_library_degrades_and_scores_without_torch_or_gradio(bare, photo):
    run(bare / "python", "-c", "import " + ", ".join(f"robust_r1.{name}" for name in LIBRARY))
    said = run(bare / "robust-r1", "degrade", photo, "-o", "out", "--set", "lens_blur=0.4")
    assert "Traceback" not in said and list(Path("out").glob("photo*.png"))


def test_a_model_that_is_served_elsewhere_answers_without_torch(bare, photo):
    with serve_endpoint() as server:
        model = f"{server.address}/v1#good"
        said = run(bare / "robust-r1", "ask", photo, "What is this?", "--model", model, "--json")
    assert "Soft edges." in said


@pytest.mark.parametrize(
    ("words", "extra"),
    [(["ask", "photo.png", "What is this?"], "eval"), (["page"], "page")],
)
def test_a_command_that_needs_more_names_the_extra(bare, photo, words, extra):
    done = subprocess.run([bare / "robust-r1", *words], text=True, capture_output=True)
    assert done.returncode == 2 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.endswith(f'-m pip install "robust-r1[{extra}]"\n')


def test_a_bundled_model_answers_from_another_folder(whole, photo):
    said = run(whole / "robust-r1", "ask", photo, "What is this?", "--model", "tiny-rl", "--json")
    assert json.loads(said)["model"] == "tiny-rl"


def test_the_page_is_served_from_another_folder_with_its_runs_and_pictures(whole, photo):
    with held_port() as port, served(whole / "robust-r1", port) as address:
        from gradio_client import Client

        client = Client(address, verbose=False)
        assert "/analyze" in client.view_api(return_format="dict")["named_endpoints"]
        assert client.predict(42, 1, api_name="/round")
    assert not (photo.parent / "assets").exists()


@contextmanager
def served(program, port):
    """Start a page, wait until it answers, give its address, and end it."""
    command, address = [program, "page", "--port", str(port)], f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        for _ in range(100):
            assert process.poll() is None, process.stdout.read()
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    assert b"<html" in answer.read(4096).lower()
                    break
            except OSError:
                time.sleep(1)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def install(wheel: Path, folder: Path, packages: Path) -> Path:
    """Make a virtual environment that also finds some packages, and install the wheel there."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    paths = sysconfig.get_paths("venv", {"base": str(folder), "platbase": str(folder)})
    Path(paths["purelib"], "packages.pth").write_text(str(packages))
    python = Path(paths["scripts"], "python")
    pip("--python", python, "install", "--no-deps", "--no-index", "-q", wheel)
    return Path(paths["scripts"])


def pip(*words) -> None:
    """Run this environment's pip."""
    done = subprocess.run([sys.executable, "-m", "pip", *words], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def run(*words) -> str:
    """Run a program that must succeed; return what it printed."""
    done = subprocess.run(words, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
