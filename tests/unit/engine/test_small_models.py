"""Claims about models for machines without a GPU: what they see, need and cost, what is fetched."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import AutoModelForImageTextToText, ProcessorMixin, SmolVLMConfig
from transformers.models.smolvlm.image_processing_pil_smolvlm import get_resize_output_image_size
from transformers.models.smolvlm.processing_smolvlm import SmolVLMProcessor

from robust_r1.cli import main
from robust_r1.engine import GenerationSettings, Request, catalog, load_engine, machine
from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.hub_models import FAMILIES, HUB, SMALLER
from robust_r1.engine.loading import default_precision, open_processor
from robust_r1.engine.needs import lacking, refuse_without_packages
from robust_r1.engine.processing import load_processor
from robust_r1.engine.random_model import config_3b, config_qwen3_2b
from robust_r1.errors import ModelError
from robust_r1.evaluation.model_facts import facts_of
from robust_r1.images import fit_side
from tests.support.file_server import Files, ask_there, serving
from tests.support.tiny_checkpoint import make_qwen3, make_smolvlm

FOUR = GenerationSettings(max_new_tokens=4)
SPLITTING = {"do_image_splitting": True, "size": {"longest_edge": 256}}
ASKED = "<|im_start|>User:<image> What is it?<end_of_utterance>\nAssistant:"


@pytest.fixture(scope="module")
def smolvlm(tmp_path_factory):
    """Save a small SmolVLM whose processor splits pictures, as those on the hub do."""
    folder = make_smolvlm(tmp_path_factory.mktemp("models") / "smolvlm")
    file = folder / "processor_config.json"
    saved = json.loads(file.read_text())
    saved["image_processor"] |= SPLITTING
    file.write_text(json.dumps(saved))
    return folder


@pytest.fixture(scope="module")
def qwen3(tmp_path_factory):
    """Save a small Qwen3-VL."""
    return make_qwen3(tmp_path_factory.mktemp("models") / "qwen3")


class Own(SmolVLMProcessor):
    """Be the family's own processor, but for its video part and what writes numbers out for it."""

    def __init__(self, image_processor=None, tokenizer=None, chat_template=None):
        self.fake_image_token, self.image_token = "<fake_token_around_image>", "<image>"
        self.global_image_token, self.video_token = "<global-img>", "<video>"
        self.image_token_id = tokenizer.convert_tokens_to_ids(self.image_token)
        self.image_seq_len = 4
        ProcessorMixin.__init__(self, image_processor, tokenizer, chat_template=chat_template)


# -- What is known of them


def test_what_the_catalog_says_of_shapes_is_what_such_models_have():
    smol = {
        "smolvlm2-256m": (576, 1536, 30, 9, 3), "smolvlm2-500m": (960, 2560, 32, 15, 5),
    }  # fmt: skip
    configs = {name: _smolvlm2(*shape) for name, shape in smol.items()}
    configs |= {"qwen3-vl-2b": config_qwen3_2b(), "qwen2.5-vl-3b": config_3b()}
    for name, config in configs.items():
        with torch.device("meta"):
            model = AutoModelForImageTextToText.from_config(config)
        sizes = {key: one.numel() for key, one in model.named_parameters()}
        needs, info = catalog.find(name).needs, catalog.find(name)
        sees = ("visual", "vision_model", "connector")
        language = {key: n for key, n in sizes.items() if not any(one in key for one in sees)}
        matrices = sum(n for key, n in language.items() if key.endswith("_proj.weight"))
        assert (info.parameters, needs.linear) == (sum(sizes.values()), matrices), name
        assert needs.vision == sum(sizes.values()) - sum(language.values())
        head = config.get_text_config()
        assert needs.head == head.vocab_size * head.hidden_size
        assert needs.layers == head.num_hidden_layers


def _smolvlm2(hidden, inner, layers, heads, keys):
    text = {
        "model_type": "llama", "vocab_size": 49280, "hidden_size": hidden, "head_dim": 64,
        "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": keys, "max_position_embeddings": 8192, "pad_token_id": 2,
    }  # fmt: skip
    vision = {
        "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
        "num_attention_heads": 12, "image_size": 512, "patch_size": 16,
    }  # fmt: skip
    return SmolVLMConfig(
        text_config=text, vision_config=vision, scale_factor=4, tie_word_embeddings=False,
        image_token_id=49190, pad_token_id=2,
    )  # fmt: skip


@pytest.mark.parametrize("info", HUB, ids=lambda info: info.name)
def test_no_model_of_the_hub_counts_as_one_of_the_projects_own(info):
    assert info.knows_photographs and not info.tiny and not info.bundled
    assert default_precision(info) != "fp32" and info.needs.download > 1e8
    least = 4.127 / 8 * info.needs.linear
    assert least < info.memory["4bit"] and info.defaults.max_new_tokens in (256, 2048)


@pytest.mark.parametrize("family", ["qwen3", "smolvlm"])
def test_a_foreign_model_however_small_is_none_of_the_projects_own(
    family, request, tiny_checkpoint
):
    info = catalog.find(str(request.getfixturevalue(family)))
    assert info.parameters < 10**6 and info.knows_photographs and not info.tiny
    own = catalog.find(str(tiny_checkpoint))
    assert own.tiny and not own.knows_photographs and default_precision(own) == "fp32"


# -- What they see


def test_pictures_become_the_same_inputs_as_by_the_familys_own_processor(smolvlm, make_picture):
    mine = load_processor(smolvlm, "smolvlm")
    own = Own(mine.image_processor, mine.tokenizer, mine.chat_template)
    for height, width in ((48, 64), (300, 200), (64, 64)):
        shown = Image.fromarray(make_picture(height, width))
        inputs = [
            one(text=[ASKED, ASKED], images=[[shown], [shown]], return_tensors="pt", padding=True)
            for one in (mine, own)
        ]
        assert inputs[0].keys() == inputs[1].keys() >= {"pixel_values", "input_ids"}
        assert all(torch.equal(inputs[0][key], inputs[1][key]) for key in inputs[0])


def test_a_picture_is_shown_whole_and_not_split(smolvlm, make_picture):
    assert json.loads((smolvlm / "processor_config.json").read_text())["image_processor"][
        "do_image_splitting"
    ]
    processor = open_processor(read_checkpoint(smolvlm))
    shown = Image.fromarray(make_picture(900, 1200))
    inputs = processor(text=[ASKED], images=[[shown]], return_tensors="pt")
    assert inputs["pixel_values"].shape == (1, 1, 3, 64, 64)
    assert (inputs["input_ids"] == processor.image_token_id).sum() == 4


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(1, 3000))
def test_the_fitted_picture_is_the_one_that_the_processor_takes_as_it_is(height, width):
    side = FAMILIES["smolvlm"].side
    fitted = fit_side(np.zeros((height, width, 3), np.uint8), side)
    assert max(fitted.shape[:2]) == side and fit_side(fitted, side) is fitted
    channels_first = np.moveaxis(fitted, -1, 0)
    assert get_resize_output_image_size(channels_first, side) == fitted.shape[:2]


def test_what_the_preview_shows_is_what_the_model_sees(smolvlm, make_picture):
    info, processor = catalog.find(str(smolvlm)), load_processor(smolvlm, "smolvlm")
    picture = make_picture(150, 400)
    fitted = info.fit(picture)
    assert (info.side, fitted.shape) == (64, (24, 64, 3))
    (seen,) = processor.image_processor([[Image.fromarray(fitted)]], return_tensors="np")[
        "pixel_values"
    ]
    square = Image.fromarray(fitted).resize((64, 64), Image.Resampling.LANCZOS)
    assert np.abs((seen[0].transpose(1, 2, 0) + 1) * 127.5 - np.asarray(square)).max() < 1.01


def test_qwen3_sees_the_fitted_picture_as_it_is(qwen3, make_picture):
    info, processor = catalog.find(str(qwen3)), open_processor(read_checkpoint(qwen3))
    fitted = info.fit(make_picture(333, 500))
    inputs = processor.image_processor([Image.fromarray(fitted)], return_tensors="pt")
    grid = tuple(int(side) * 16 for side in inputs["image_grid_thw"][0][1:])
    assert grid == fitted.shape[:2]


# -- What they are computed in


def test_other_models_compute_in_16_bits_and_on_all_threads(smolvlm, qwen3, tiny_checkpoint):
    for folder, dtype in ((smolvlm, torch.bfloat16), (qwen3, torch.bfloat16)):
        with load_engine(str(folder), "bf16") as engine:
            assert {one.dtype for one in engine._model.parameters()} == {dtype}
            assert not engine._on_one_thread
    assert default_precision(catalog.find(str(smolvlm))) == "bf16"
    with load_engine(str(tiny_checkpoint)) as engine:
        assert engine._on_one_thread is (machine.accelerator() == "cpu")


# -- What is fetched


@pytest.fixture
def hub(smolvlm, qwen3, tmp_path, monkeypatch):
    """Serve the small models under the names of those of the catalog, to a cache of its own."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    held = {"smolvlm2-256m": smolvlm, "qwen3-vl-2b": qwen3}
    contents = {
        f"/{catalog.find(name).source}/{one.name}": one.read_bytes()
        for name, folder in held.items()
        for one in folder.iterdir()
    }
    with serving(Files(contents)) as files:
        ask_there(monkeypatch, files.url)
        yield files


@pytest.mark.parametrize("name", ["smolvlm2-256m", "qwen3-vl-2b"])
def test_a_model_is_fetched_when_it_is_named_and_answers_plainly(hub, name, picture):
    steps = []
    assert not catalog.is_cached(catalog.find(name)) and hub.asked == []
    with load_engine(name, "bf16", lambda share, words: steps.append(words)) as engine:
        assert engine.info.name == name and engine.note == "" and not engine.info.reasons
        (answer,) = engine.generate([Request.of(engine.fit(picture), "What is it?")], FOUR)
        assert answer.tokens > 0
    assert hub.asked and any(words.startswith("Fetching") for words in steps)
    assert catalog.is_cached(catalog.find(name))
    assert facts_of(catalog.find(name), None, {}).download == 0


def test_offline_the_reason_and_the_command_stand_in_one_sentence(hub, tmp_path, capsys):
    hub.statuses = [503] * 50
    hub.files.clear()
    hub.refusal = (503, "Down")
    source = catalog.find("smolvlm2-256m").source
    file = tmp_path / "a.png"
    Image.new("RGB", (64, 48)).save(file)
    assert main(["ask", str(file), "What is it?", "--model", "smolvlm2-256m"]) == 2
    told = capsys.readouterr().err.strip()
    assert f"run `hf download {source}`" in told and "could not be reached" in told
    assert "\n" not in told


def test_a_model_that_wants_a_package_is_refused_before_anything_is_fetched(hub, capsys):
    if not lacking(["torchvision"]):
        pytest.skip("torchvision imports here")
    with pytest.raises(ModelError, match=r"needs torchvision 0\.\d+\.\d+, built for torch \d"):
        load_engine("lfm2.5-vl-450m")
    assert hub.asked == []
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(one.startswith("lfm2.5-vl-450m: ") and "needs torchvision" in one for one in lines)


def test_a_package_that_is_there_and_cannot_be_imported_is_lacking(tmp_path, monkeypatch):
    (tmp_path / "vision_of_another_torch.py").write_text("raise RuntimeError('no operator nms')")
    monkeypatch.syspath_prepend(tmp_path)
    names = ("json", "vision_of_another_torch", "never_heard_of_it")
    assert lacking(names) == names[1:]
    refuse_without_packages("A model", ("json",))
    with pytest.raises(ModelError, match="A model cannot prepare pictures here"):
        refuse_without_packages("A model", names)


def test_the_smaller_models_answer_without_chains_and_say_so():
    assert len(SMALLER) == 4 and not any(info.reasons for info in SMALLER)
