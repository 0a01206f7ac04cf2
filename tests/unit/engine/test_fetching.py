"""Claims about fetching a model from the hub, over HTTP: what goes wrong is one sentence."""

import errno

import huggingface_hub
import pytest

from robust_r1.engine import catalog, load_engine, machine
from robust_r1.engine.hub import fetch
from robust_r1.errors import ModelError
from tests.support.file_server import Files, ask_there, serving

NAME = "someone/something"


@pytest.fixture
def hub(tiny_checkpoint, tmp_path, monkeypatch):
    """Serve a checkpoint as the hub does, to a cache of its own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    contents = {f"/{NAME}/{one.name}": one.read_bytes() for one in tiny_checkpoint.iterdir()}
    with serving(Files(contents)) as files:
        ask_there(monkeypatch, files.url)
        yield files


def silent(share: float, words: str) -> None:
    pass


def refusal() -> str:
    with pytest.raises(ModelError) as caught:
        load_engine(NAME)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_model_comes_whole_and_is_not_asked_for_twice(hub, tiny_checkpoint):
    folder = fetch(NAME, silent)
    assert {one.name for one in folder.iterdir()} == {one.name for one in tiny_checkpoint.iterdir()}
    asked = len(hub.asked)
    assert fetch(NAME, silent) == folder and len(hub.asked) == asked


def test_a_download_that_is_cut_off_is_told_and_comes_whole_later(hub, monkeypatch):
    # The client tries five times more by itself.
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    weights = hub.files[f"/{NAME}/model.safetensors"]
    hub.cuts = [len(weights) // 2] * 40  # the other files are smaller than that
    with pytest.raises(ModelError, match="was cut off; ask again"):
        fetch(NAME, silent)
    hub.cuts.clear()
    assert (fetch(NAME, silent) / "model.safetensors").read_bytes() == weights


def test_a_model_without_safetensors_is_refused(hub):
    hub.files[f"/{NAME}/pytorch_model.bin"] = hub.files.pop(f"/{NAME}/model.safetensors")
    assert "no weights as safetensors" in refusal()
    assert not any(path.endswith(".bin") for path, _ in hub.asked)


@pytest.mark.parametrize(
    ("code", "words"), [("GatedRepo", "accept the terms"), ("RepoNotFound", "The hub has no model")]
)
def test_a_model_that_is_not_given_out_is_told(hub, code, words):
    hub.refusal = (403 if code == "GatedRepo" else 404, code)
    assert words in refusal()


def test_a_full_disk_is_told_with_the_folder_to_make_room_in(hub, tmp_path, monkeypatch):
    def full(*args, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", full)
    text = refusal()
    assert "The disk is full" in text and str(tmp_path / "hub") in text and "HF_HOME" in text


def test_nothing_is_fetched_of_a_model_that_will_not_fit(hub, monkeypatch):
    monkeypatch.setattr(machine, "read_memory", lambda: machine.Memory(50_000_000, 0))
    with pytest.raises(ModelError) as caught:
        load_engine("robust-r1-rl", "bf16")
    newest = catalog.newest_bundled().name
    assert f"are free; choose the smaller model {newest}, or free some" in str(caught.value)
    assert hub.asked == []
