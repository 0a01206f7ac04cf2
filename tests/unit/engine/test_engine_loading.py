"""Claims about finding, checking and loading models: what is wrong is said in one sentence."""

import importlib
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from robust_r1.engine import (
    GenerationSettings,
    Request,
    catalog,
    load_engine,
    loading,
    machine,
)
from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.conversation import write_prompt
from robust_r1.engine.loading import default_precision
from robust_r1.errors import ModelError
from tests.support.paths import ROOT
from tests.support.tiny_checkpoint import make_checkpoint, make_qwen3, write_lora

FOUR = GenerationSettings(max_new_tokens=4)


@pytest.fixture(scope="module")
def good(tiny_checkpoint) -> Path:
    return tiny_checkpoint


@pytest.fixture(scope="module")
def foreign(tmp_path_factory) -> Path:
    """Save a model of another kind, which the project did not make."""
    return make_qwen3(tmp_path_factory.mktemp("models") / "qwen3")


@pytest.fixture
def copy(good, tmp_path) -> Path:
    """Return a copy of a good checkpoint that a test may break."""
    return shutil.copytree(good, tmp_path / "copy")


@pytest.fixture
def models(good, tmp_path, monkeypatch):
    """Return a function that puts checkpoints under bundled names into a folder of their own."""
    monkeypatch.setattr(catalog, "MODELS", tmp_path)

    def bundle(*names: str) -> Path:
        for name in names:
            shutil.copytree(good, tmp_path / name)
        return tmp_path

    return bundle


def refusal(name: object, **options) -> str:
    with pytest.raises(ModelError) as caught:
        load_engine(str(name), **options)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    return text


# -- Checking folders


def test_a_checkpoint_tells_its_sizes_without_torch(good):
    checkpoint = read_checkpoint(good)
    code = (
        "import sys; from robust_r1.engine.checkpoint import read_checkpoint;"
        f"print(read_checkpoint({str(good)!r}).parameters, 'torch' in sys.modules)"
    )
    root = ROOT
    printed = subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True)
    assert printed.split() == [str(checkpoint.parameters), "False"]
    assert (checkpoint.min_pixels, checkpoint.max_pixels, checkpoint.multiple) == (1024, 36_864, 32)


def test_the_number_of_parameters_is_the_models(good):
    with load_engine(str(good)) as engine:
        assert engine.info.parameters == sum(p.numel() for p in engine._model.parameters())


def test_a_name_that_is_nothing_gets_the_nearest_name():
    assert "tiny-rl" in refusal("tiny-lr")
    assert "robust-r1-rl" in refusal("zzz")


def break_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def garble_config(folder: Path) -> None:
    (folder / "config.json").write_text("{not json")


def list_config(folder: Path) -> None:
    (folder / "config.json").write_text("[]")


def other_type(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def only_pickle(folder: Path) -> None:
    no_weights(folder)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": 1}))


def cut_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def garble_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 1000)


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def missing_shard(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def no_processor(folder: Path) -> None:
    (folder / "processor_config.json").unlink()


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def garble_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


def lose_weights(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights.pop(next(name for name in weights if "layers.1.mlp" in name))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def other_shapes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 192
    (folder / "config.json").write_text(json.dumps(config))


def not_a_number(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if "layers.1.mlp" in name)
    weights[name].view(-1)[7] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def foreign_shard(folder: Path) -> None:
    """Divide the weights over two files, and put another model's second file in its place."""
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    names = sorted(weights)
    halves = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, half in halves.items():
        other = {name.replace("layers.", "blocks."): weights[name] for name in half}
        held = other if file == "two.safetensors" else {name: weights[name] for name in half}
        save_file(held, folder / file, metadata={"format": "pt"})
    places = {name: file for file, half in halves.items() for name in half}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    (folder / "model.safetensors").unlink()


def foreign_tokenizer(folder: Path) -> None:
    other = catalog.find("tiny-rl").source
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(Path(other) / name, folder / name)


def no_image_tokens(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    del config["image_token_id"]
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "blip"}))


def wants_torchvision(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "lfm2_vl"}))
    settings = json.loads((folder / "processor_config.json").read_text())
    settings["processor_class"] = "Lfm2VlProcessor"
    settings["image_processor"]["image_processor_type"] = "Lfm2VlImageProcessor"
    (folder / "processor_config.json").write_text(json.dumps(settings))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (not_a_number, "not finite numbers, model.layers.1.mlp"),
        (foreign_shard, "two.safetensors is of another model: it lacks"),
        (foreign_tokenizer, "of another model: it has"),
        (no_image_tokens, "has no image tokens"),
        (wants_torchvision, "needs torchvision 0."),
        (break_config, "config.json"),
        (garble_config, "config.json"),
        (list_config, "config.json"),
        (other_type, "llama"),
        (no_weights, "no model.safetensors"),
        (only_pickle, "pickled"),
        (cut_weights, "broken or cut short"),
        (garble_weights, "broken or cut short"),
        (empty_weights, "broken or cut short"),
        (missing_shard, "lacks 1 of 1"),
        (no_processor, "preprocessor_config.json"),
        (no_tokenizer, "tokenizer.json"),
        (garble_tokenizer, "processor"),
        (lose_weights, "lacks 1 weights"),
        (other_shapes, "could not be loaded"),
    ],
)
def test_a_broken_checkpoint_is_refused_in_one_sentence(copy, damage, words):
    damage(copy)
    assert words in refusal(copy)


def test_pickled_weights_beside_good_ones_are_not_read(copy):
    (copy / "pytorch_model.bin").write_bytes(b"this would not unpickle")
    load_engine(str(copy)).close()


def test_an_empty_folder_is_no_checkpoint(tmp_path):
    assert "it is no checkpoint" in refusal(tmp_path)


@pytest.mark.parametrize("precision", ["4bit", "8bit"])
def test_quantizing_hides_no_weight_that_is_not_a_number(copy, precision):
    not_a_number(copy)
    assert "not finite numbers" in refusal(copy, quantize=precision)


def test_an_adapter_with_a_weight_that_is_not_a_number_is_refused(good, tmp_path):
    from safetensors.torch import load_file, save_file

    file = write_lora(good, tmp_path / "adapter") / "adapter_model.safetensors"
    weights = load_file(file)
    weights[min(weights)].view(-1)[0] = float("inf")
    save_file(weights, file, metadata={"format": "pt"})
    assert "not finite numbers" in refusal(file.parent)


# -- What a machine computes in


@pytest.fixture
def cpu(monkeypatch):
    monkeypatch.setattr(machine, "accelerator", lambda: "cpu")


def test_4_bit_on_a_cpu_names_the_width_that_does_not_fit(tmp_path, cpu):
    folder = make_checkpoint(tmp_path / "narrow", width=32)
    assert "width 32" in refusal(folder, quantize="4bit")


@pytest.mark.parametrize(
    ("device", "instructions", "odd", "precision"),
    [
        ("cuda", False, 0, "4bit"),
        ("cuda", False, 100, "4bit"),
        ("xpu", False, 0, "4bit"),
        ("mps", False, 0, "bf16"),
        ("cpu", True, 0, "4bit"),
        ("cpu", True, 100, "bf16"),  # a width that its kernel cannot do
        ("cpu", False, 0, "bf16"),
    ],
)
def test_a_large_model_is_loaded_in_4_bits_where_that_is_faster(
    monkeypatch, device, instructions, odd, precision
):
    monkeypatch.setattr(machine, "accelerator", lambda: device)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    assert default_precision(catalog.find("robust-r1-rl"), odd) == precision
    assert default_precision(catalog.find("tiny-rl"), odd) == "fp32"
    assert default_precision(catalog.find("smolvlm2-256m"), odd) == "bf16"


@pytest.mark.parametrize("computed", [True, False])
def test_a_foreign_model_in_4_bits_computes_in_16_on_a_cpu_and_says_where_that_does_not_pay(
    foreign, cpu, picture, monkeypatch, computed
):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: computed)
    with load_engine(str(foreign), "4bit") as engine:
        kept = {weight.dtype for weight in engine._model.parameters()} - {torch.uint8}
        assert kept == {torch.bfloat16}
        assert ("bf16 is faster" in engine.note) is not computed
        assert list(engine.stream(Request.of(picture, "a?"), FOUR))[-1].tokens > 0


@pytest.mark.parametrize(
    ("device", "has", "precision"),
    [
        ("cpu", True, "bf16"),
        ("cuda", True, "bf16"),
        ("cuda", False, "fp16"),
        ("xpu", True, "bf16"),
        ("xpu", False, "fp16"),
        ("mps", True, "bf16"),
        ("mps", False, "fp16"),
    ],
)
def test_16_bits_are_those_that_the_device_computes_in(monkeypatch, device, has, precision):
    monkeypatch.setattr(machine, "accelerator", lambda: device)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (8, 0) if has else (7, 5))
    monkeypatch.setattr(torch.xpu, "is_bf16_supported", lambda including_emulation: has)
    monkeypatch.setattr(torch.backends.mps, "is_macos_or_newer", lambda *version: has)
    assert machine.usable_precision("bf16") == precision
    assert machine.usable_precision("fp32") == "fp32"


def test_the_memory_counted_in_4_bits_is_what_4_bits_take(good):
    needed = catalog.find(str(good)).memory
    with load_engine(str(good), "4bit") as engine:
        own = engine._model.parameters()
        held = sum(weight.numel() * weight.element_size() for weight in own)
    assert held / 2 < needed["4bit"] / 1.25 < held  # vision and head are in fp32 here


# -- The hub


# What the hub's client asks with: httpx, or in later versions another library.
HTTP_ERROR = next(kind for kind in HfHubHTTPError.__mro__ if kind.__name__ == "HTTPError")
ASKS_WITH = importlib.import_module(HTTP_ERROR.__module__.split(".")[0])
REFUSED = httpx.Response(403, request=httpx.Request("GET", "https://hub"))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (LocalEntryNotFoundError("offline"), "could not be reached"),
        (GatedRepoError("no", response=REFUSED), "accept the terms"),
        (RepositoryNotFoundError("no", response=REFUSED), "The hub has no model"),
        (ASKS_WITH.ConnectError("no route"), "could not be reached"),
        (ASKS_WITH.ReadTimeout("slow"), "could not be reached"),
        (OSError("no answer"), "could not be reached"),
    ],
)
def test_what_the_hub_refuses_is_said(monkeypatch, error, words):
    def fails(*args, **options):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fails)
    text = refusal("robust-r1-rl")
    assert words in text and "Jiaqi-hkust/Robust-R1-RL" in text


def test_a_hub_model_loads_from_its_folder_and_fetches_nothing_that_runs(good, monkeypatch):
    asked = {}

    def fetch(source, **options):
        asked.update(options, source=source)
        return str(good)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    with load_engine("someone/something") as engine:
        assert engine.info.name == "someone/something"
        assert engine.info.multiple == 32 and engine.info.parameters > 0
    assert asked["source"] == "someone/something"
    assert not any(pattern.endswith((".py", ".bin", ".pt")) for pattern in asked["allow_patterns"])


def test_a_name_that_is_no_hub_id_is_refused():
    assert "check the name" in refusal("some one/some thing")


# -- Auto


@pytest.fixture
def without_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


def test_auto_without_a_gpu_takes_the_newest_bundled_model_and_says_why(models, without_gpu):
    models("tiny-base", "tiny-sft")
    with load_engine("auto") as engine:
        assert (engine.info.name, engine.info.bundled) == ("tiny-sft", True)
        assert "No CUDA GPU" in engine.note
    models("tiny-rl")
    with load_engine() as engine:
        assert engine.info.name == "tiny-rl"


def test_auto_passes_a_broken_bundled_model_over_and_says_so(models, without_gpu):
    broken = models("tiny-sft", "tiny-rl") / "tiny-rl"
    (broken / "model.safetensors").unlink()
    with load_engine("auto") as engine:
        assert engine.info.name == "tiny-sft"
        assert "tiny-rl has no model.safetensors" in engine.note
    assert "tiny-rl" in refusal("tiny-rl")


def test_auto_without_any_bundled_model_says_so(models, without_gpu):
    models()
    assert "No bundled model" in refusal("auto")


def test_auto_with_a_gpu_falls_back_visibly_where_the_hub_is_out_of_reach(models, monkeypatch):
    models("tiny-sft")

    def load(info, quantize, report, note=""):
        if not info.bundled:
            raise ModelError("The hub could not be reached.")
        return info.name, note

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(loading, "_load", load)
    name, note = load_engine("auto")
    assert name == "tiny-sft"
    assert "hub could not be reached" in note and "Tiny SFT" in note


def test_a_model_asked_for_by_name_has_no_note(good):
    with load_engine(str(good)) as engine:
        assert engine.note == ""


# -- The catalog


def test_bundled_models_come_first_and_describe_themselves(models):
    models("tiny-base", "tiny-sft", "tiny-rl")
    infos = catalog.models()
    assert [info.name for info in infos[:3]] == ["tiny-base", "tiny-sft", "tiny-rl"]
    for info in infos:
        assert info.about.endswith(".") and info.parameters > 0
        assert set(info.memory) == {"4bit", "8bit", "bf16", "fp16", "fp32"}
        assert info.memory["4bit"] < info.memory["8bit"] < info.memory["bf16"]
    assert not any(info.knows_photographs for info in infos[:3])
    assert all(info.knows_photographs for info in infos[3:])


def test_a_model_without_reasoning_is_asked_for_the_answer_only(models, picture):
    models("tiny-base", "tiny-sft")
    config = catalog.MODELS / "tiny-base" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "answer_only": True}))
    with load_engine("tiny-base") as base, load_engine("tiny-sft") as tuned:
        asked = write_prompt(base.info, "What?")
        assert "<TYPE>" not in asked and "<ANSWER>" in asked
        assert "<TYPE>" in write_prompt(tuned.info, "What?")


def test_the_catalog_finds_by_name_hub_id_and_folder(good):
    assert catalog.find("Jiaqi-hkust/Robust-R1-RL") is catalog.find("robust-r1-rl")
    assert catalog.find(str(good)).source == str(good)


# -- Loading


def test_importing_the_engine_imports_neither_torch_nor_transformers():
    code = (
        "import sys, robust_r1.engine, robust_r1.engine.catalog;"
        "print([name for name in ('torch', 'transformers', 'gradio') if name in sys.modules])"
    )
    root = ROOT
    assert subprocess.check_output([sys.executable, "-c", code], cwd=root, text=True) == "[]\n"


def test_progress_grows_to_one_and_nothing_is_printed(good, capfd):
    steps = []
    load_engine(str(good), progress=lambda share, words: steps.append((share, words))).close()
    shares = [share for share, _ in steps]
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] == 1.0
    assert all(words for _, words in steps)
    out, err = capfd.readouterr()
    assert out == "" and "Loading weights" not in err


def test_two_engines_of_one_folder_do_not_share_a_model(good, picture):
    with load_engine(str(good)) as first, load_engine(str(good)) as second:
        first.close()
        assert list(second.stream(Request.of(picture, "a?"), FOUR))[-1].tokens > 0


# -- The bundled models


@pytest.fixture
def bundled_model() -> str:
    """Return the newest bundled model's name."""
    return catalog.newest_bundled().name


@pytest.mark.parametrize("precision", ["fp32", "4bit"])
def test_the_bundled_model_writes_a_well_formed_chain_on_a_cpu(
    bundled_model, make_picture, precision
):
    with load_engine(bundled_model, quantize=precision) as engine:
        picture = engine.fit(make_picture(240, 320))
        *deltas, answer = engine.stream(Request.of(picture, "How many shapes are there?"))
    assert len(deltas) > 10
    assert answer.finish == "stop"
    assert answer.parsed.well_formed, answer.text


def test_the_bundled_model_sees_256_pixels_a_side_and_knows_no_photographs(bundled_model):
    info = catalog.find(bundled_model)
    assert (info.max_pixels, info.multiple) == (256 * 256, 32)
    assert info.bundled and not info.knows_photographs
    assert 1e6 < info.parameters < 2e7


def test_files_of_bundled_models_are_small_enough_for_a_space():
    for info in catalog.bundled():
        for file in Path(info.source).iterdir():
            assert file.stat().st_size < 10_000_000, file
