"""Claims about the menu's models: what loads when, who answers instead, what makes room."""

import shutil
import threading

import httpx
import huggingface_hub
import pytest
import torch

from robust_r1.engine import (
    Answer,
    GenerationSettings,
    ModelInfo,
    Request,
    catalog,
    machine,
)
from robust_r1.engine import pool as pool_module
from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.memory import memory_needed
from robust_r1.engine.pool import open_models, start_loading
from robust_r1.errors import InputError, ModelError
from robust_r1.ui.widgets.model_menu import _label
from tests.support.endpoint_server import TEXT, serve_endpoint
from tests.support.scripted_engine import ScriptedEngine
from tests.support.tiny_checkpoint import make_checkpoint

SHORT = GenerationSettings(max_new_tokens=8)


@pytest.fixture(autouse=True)
def _offline_and_without_gpu(monkeypatch):
    def unreachable(*args, **options):
        raise httpx.ConnectError("no route")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    monkeypatch.setattr(pool_module, "has_gpu", lambda: False)
    monkeypatch.setattr(machine, "accelerator", lambda: "cpu")


def large(name: str, parameters: int = 3_000_000_000, tiny: bool = False) -> ModelInfo:
    info = ScriptedEngine(name, name).info
    return ModelInfo(
        **{
            **{field: getattr(info, field) for field in info.__dataclass_fields__},
            "parameters": parameters,
            "memory": memory_needed(parameters),
            "tiny": tiny,
        }
    )


def answer_of(engine, picture, stop=None) -> Answer:
    return list(engine.stream(Request.of(picture, "What is it?"), SHORT, stop))[-1]


def test_without_names_the_menu_holds_the_bundled_models_newest_first():
    names = [engine.info.name for engine in open_models([])]
    assert names == [info.name for info in reversed(catalog.bundled())]


def test_a_hub_out_of_reach_leaves_the_bundled_model_answering_and_says_why(picture):
    newest = catalog.newest_bundled()
    engine, other = open_models(["robust-r1-rl", newest.name])
    assert engine.info.name == "robust-r1-rl" and other.info.name == newest.name
    answer = answer_of(engine, picture)
    assert answer.model == newest.name and engine.info == newest
    assert "hub could not be reached" in engine.note
    assert engine.note.endswith(f"{newest.label} answers instead.")
    assert _label(engine) == f"Robust-R1 RL (3B): {newest.label} answers"
    assert other.precision  # the fallback is the menu's own model, not a second copy of it
    for one in (engine, other):
        one.close()


@pytest.mark.parametrize("name", ["tiny-lr", "http://", "/no/such/folder"])
def test_a_name_that_means_nothing_is_refused_at_once(name):
    with pytest.raises((InputError, ModelError)):
        open_models([name])


def test_an_endpoint_that_is_down_is_asked_again_with_the_next_question(picture, monkeypatch):
    from robust_r1.engine import transfer

    monkeypatch.setattr(transfer, "RETRIES", ())
    with serve_endpoint() as server:
        port, address = server.server_port, server.address
    (engine,) = open_models([f"{address}/v1#good"], quantize="4bit", max_pixels=40_000)
    with pytest.raises(ModelError, match="could not be reached"):
        answer_of(engine, picture)
    assert "could not be reached" in engine.note and _label(engine).endswith("nobody answers")
    with serve_endpoint(port):
        assert answer_of(engine, picture).text == TEXT
        assert engine.info.max_pixels == 40_000 and not engine.failed


def test_only_the_first_and_tiny_models_load_before_somebody_asks(picture, monkeypatch):
    loaded = []

    def lazy(info: ModelInfo) -> LazyEngine:
        def load(report):
            loaded.append(info.name)
            return ScriptedEngine(info.name)

        return LazyEngine(info, load)

    small = [lazy(info) for info in (*catalog.HUB, catalog.find("someone/something"))]
    tiny = lazy(large("c", 1000, tiny=True))
    engines = [lazy(large("a")), lazy(large("b", 1000)), tiny, *small]
    monkeypatch.setattr(pool_module.gc, "freeze", lambda: None)
    start_loading(engines)
    for thread in threading.enumerate():
        if thread.name == "loading":
            thread.join()
    assert loaded == ["a", "c"]
    answer_of(engines[1], picture)
    assert loaded == ["a", "c", "b"]


@pytest.fixture
def three(tiny_checkpoint, tmp_path, monkeypatch):
    """Return three models as the page opens them, and how many of them the memory holds."""
    folders = [shutil.copytree(tiny_checkpoint, tmp_path / name) for name in "abc"]
    engines = open_models([str(folder) for folder in folders], "fp32")
    size = engines[0].info.memory["fp32"]
    room = [2.5]

    def read() -> machine.Memory:
        loaded = sum(bool(one.precision) for one in engines)
        return machine.Memory(round(max(0.0, room[0] - loaded) * size) + 1, 0)

    monkeypatch.setattr(machine, "read_memory", read)
    yield engines, room
    for engine in engines:
        engine.close()


def loaded(engines) -> list[bool]:
    return [bool(one.precision) for one in engines]


def test_the_model_that_was_asked_longest_ago_makes_room_where_the_memory_asks_for_it(
    three, picture
):
    engines, room = three
    first, second, third = engines
    for engine in (first, second, first):
        answer_of(engine, picture)
    assert loaded(engines) == [True, True, False]  # both fit: none was unloaded
    answer_of(third, picture)
    assert loaded(engines) == [True, False, True]
    answer_of(second, picture)
    assert loaded(engines) == [False, True, True]
    room[0] = 3.5
    answer_of(first, picture)
    assert loaded(engines) == [True, True, True]


def test_nothing_is_unloaded_for_a_model_that_would_not_fit_all_the_same(
    tiny_checkpoint, tmp_path, monkeypatch, picture
):
    wide = make_checkpoint(tmp_path / "wide", width=128)
    engines = small, large = open_models([str(tiny_checkpoint), str(wide)], "fp32")
    answer_of(small, picture)
    monkeypatch.setattr(machine, "read_memory", lambda: machine.Memory(1000, 0))
    with pytest.raises(ModelError, match="no model of the catalog fits"):
        answer_of(large, picture)
    assert loaded(engines) == [True, False]
    small.close()


def test_stop_ends_the_wait_for_a_model_that_loads_and_its_note_says_how_far(picture):
    go, begun = threading.Event(), threading.Event()

    def load(report):
        report(0.4, "Loading weights, 40%")
        begun.set()
        go.wait(30)
        return ScriptedEngine()

    engine, stop = LazyEngine(large("slow"), load), threading.Event()
    engine.prepare()
    assert begun.wait(30) and engine.loading
    assert engine.note == "slow is loading. Loading weights, 40%."
    stop.set()
    with pytest.raises(InputError, match="Stopped before"):
        answer_of(engine, picture, stop)
    go.set()
    assert answer_of(engine, picture).finish == "stop"


def test_whatever_goes_wrong_in_loading_reaches_who_asks_and_is_tried_again(picture):
    tries = []

    def load(report):
        tries.append(1)
        if len(tries) == 1:
            raise RuntimeError("a bug")
        return ScriptedEngine()

    engine = LazyEngine(large("odd"), load)
    with pytest.raises(ModelError, match="a bug"):
        answer_of(engine, picture)
    assert answer_of(engine, picture).finish == "stop"


def test_the_menu_says_what_fits(monkeypatch):
    def label(available, gpu=0):
        free = machine.Memory(available, gpu)
        monkeypatch.setattr(machine, "read_memory", lambda: free)
        return _label(LazyEngine(large("big"), None))

    needed = memory_needed(3_000_000_000)
    assert label(1000, gpu=needed["4bit"] + 1) == "big, fits in 4bit"
    assert label(1000) == "big, too large here"
    # 4 bits without a GPU where they are faster, else what would be loaded where it fits.
    for packs, *shown in (
        (True, "fits in 4bit", "fits in 4bit", "fits in 4bit"),
        (False, "too large here", "fits in 8bit", "fits in bf16"),
    ):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda packs=packs: packs)
        free = [needed[precision] + 1 for precision in ("4bit", "8bit", "fp32")]
        assert [label(size) for size in free] == [f"big, {words}" for words in shown]
