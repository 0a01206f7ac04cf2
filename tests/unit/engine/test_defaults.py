"""Claims about how models are asked unless somebody says otherwise: by their own defaults."""

import json
import shutil
from dataclasses import replace

import pytest

from robust_r1.engine import GenerationSettings, ModelInfo, Request, catalog, load_engine
from robust_r1.engine.checkpoint import MODEL_TYPE, Checkpoint
from robust_r1.engine.endpoint import parse_endpoint
from robust_r1.engine.lazy import LazyEngine
from robust_r1.engine.pool import open_models
from robust_r1.engine.remote import RemoteEngine, connect, describe
from robust_r1.engine.zerogpu import ZeroGpuEngine
from tests.support.endpoint_server import serve_endpoint
from tests.support.scripted_engine import ScriptedEngine

CHAIN, ANSWER, SMALL = (GenerationSettings(max_new_tokens=n) for n in (2048, 256, 320))


def checkpoint_of(folder, parameters: int, reasons: bool, tiny: bool) -> Checkpoint:
    """Describe a checkpoint of a size that no test could hold."""
    values = parameters, frozenset(), 3136, 10**6, 28, reasons, MODEL_TYPE
    return Checkpoint(folder, *values, tiny=tiny)


def adapter_on(base: str, folder):
    """Write the configuration and the weights of an adapter; they are not loaded here."""
    folder.mkdir()
    (folder / "adapter_config.json").write_text(
        json.dumps({"peft_type": "LORA", "base_model_name_or_path": base})
    )
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "adapter_model.safetensors").write_bytes(
        len(header).to_bytes(8, "little") + header + b"\0" * 4
    )
    return str(folder)


# -- Who has which


@pytest.mark.parametrize("info", catalog.bundled(), ids=lambda info: info.name)
def test_bundled_models_have_320_tokens_under_their_name_and_as_a_folder(info, tmp_path):
    copy = shutil.copytree(info.source, tmp_path / "mine")
    assert info.defaults == catalog.find(str(copy)).defaults == SMALL


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("robust-r1-rl", CHAIN),
        ("robust-r1-sft", CHAIN),
        ("Jiaqi-hkust/Robust-R1-RL", CHAIN),
        ("qwen2.5-vl-3b", ANSWER),
        ("smolvlm2-256m", ANSWER),
        ("Qwen/Qwen2.5-VL-3B-Instruct", ANSWER),
        ("somebody/some-model", CHAIN),
    ],
)
def test_full_size_models_have_the_length_of_what_they_are_asked_for(name, wanted, tmp_path):
    assert catalog.find(name).defaults == wanted
    # An adapter was trained to write chains, whatever its base is asked for.
    assert catalog.find(adapter_on(name, tmp_path / "adapter")).defaults == CHAIN
    served = describe(parse_endpoint(f"http://localhost:1/v1#{name}", {}))
    assert served.defaults == wanted
    assert RemoteEngine(parse_endpoint(f"http://localhost:1/v1#{name}", {})).info.defaults == wanted


def test_an_endpoint_of_any_name_is_asked_for_a_whole_chain_a_bundled_one_as_here():
    for name, wanted in {"my-own-3b": CHAIN, "tiny-rl": SMALL}.items():
        assert describe(parse_endpoint(f"http://localhost:1/v1#{name}", {})).defaults == wanted


@pytest.mark.parametrize(
    ("parameters", "reasons", "tiny", "wanted"),
    [
        (3_754_622_976, True, False, CHAIN),
        (3_754_622_976, False, False, ANSWER),
        (256_484_928, False, False, ANSWER),
        (6_700_000, True, False, CHAIN),
        (6_700_000, True, True, SMALL),
        (6_700_000, False, True, SMALL),
    ],
)
@pytest.mark.parametrize("name", ["folder", "somebody/some-model"])
def test_a_checkpoint_has_them_by_who_made_it_and_what_it_was_trained_for(
    tmp_path, name, parameters, reasons, tiny, wanted
):
    checkpoint = checkpoint_of(tmp_path, parameters, reasons, tiny)
    info = (
        catalog.describe(checkpoint)
        if name == "folder"
        else catalog.complete(catalog.find(name), checkpoint)
    )
    assert info.defaults == wanted


def test_an_adapter_of_a_bundled_model_has_those_of_its_base(tmp_path):
    assert catalog.find(adapter_on("tiny-sft", tmp_path / "adapter")).defaults == SMALL


def test_auto_asks_as_the_model_that_it_takes(monkeypatch):
    from robust_r1.engine import pool

    for gpu, wanted in {False: SMALL, True: CHAIN}.items():
        monkeypatch.setattr(pool, "has_gpu", lambda gpu=gpu: gpu)
        (engine,) = open_models(["auto"])
        assert engine.info.defaults == wanted


# -- Who asks without saying how


LONG = GenerationSettings(max_new_tokens=1234, temperature=0.5, seed=7)
SHORT = GenerationSettings(max_new_tokens=3)


def settings_of(engine, picture) -> set[GenerationSettings]:
    """Ask in every way without saying how, and return what the answers were generated with."""
    request = Request.of(picture, "a?")
    answers = [list(engine.stream(request))[-1], list(engine.stream(request, None))[-1]]
    answers += [*engine.generate([request]), *engine.generate([request], None)]
    assert list(engine.stream(request, SHORT))[-1].settings == SHORT
    assert [one.settings for one in engine.generate([request], SHORT)] == [SHORT]
    return {answer.settings for answer in answers}


def scripted(info: ModelInfo) -> ScriptedEngine:
    engine = ScriptedEngine()
    engine.info = info
    return engine


def test_a_local_model_is_asked_by_its_own_defaults(tiny_checkpoint, picture):
    with load_engine(str(tiny_checkpoint)) as engine:
        assert engine.info.defaults == SMALL
        engine.info = replace(engine.info, defaults=replace(LONG, max_new_tokens=12))
        assert settings_of(engine, picture) == {engine.info.defaults}


def test_an_endpoint_is_sent_its_models_own_defaults(picture):
    with serve_endpoint() as server, connect(f"{server.address}/v1#good", {}) as engine:
        assert settings_of(engine, picture) == {CHAIN}
        sent = [body["max_tokens"] for body, _ in server.asked]
        assert sorted(sent) == [3, 3, 2048, 2048, 2048, 2048]


def test_a_model_that_loads_late_is_asked_as_the_one_that_then_answers(picture):
    full = replace(ScriptedEngine().info, name="full", defaults=LONG)
    small = scripted(replace(full, name="small", defaults=SHORT))
    loaded = LazyEngine(small.info, lambda report: scripted(full))
    assert settings_of(loaded, picture) == {LONG}

    def unreachable(report):
        raise RuntimeError("no hub")

    replaced = LazyEngine(full, unreachable, LazyEngine(small.info, lambda report: small))
    assert settings_of(replaced, picture) == {SHORT}


def test_a_lent_gpu_is_booked_and_asked_by_the_models_own_defaults(picture):
    booked = []

    def gpu(duration):
        def lend(work):
            def run(*args):
                booked.append(duration(*args))
                return work(*args)

            return run

        return lend

    engine = ZeroGpuEngine(scripted(replace(ScriptedEngine().info, defaults=LONG)), gpu)
    assert settings_of(engine, picture) == {LONG}
    assert sorted(set(booked)) == [15, 97]
