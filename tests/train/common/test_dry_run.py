"""Claims about dry runs: what a recipe takes is told truly, and all that is wrong at once."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import bitsandbytes
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, PreTrainedModel

from robust_r1.engine.checkpoint import read_checkpoint
from robust_r1.engine.processing import load_processor
from robust_r1.engine.random_model import config_3b
from robust_r1.engine.weights import load_model
from robust_r1.errors import InputError
from tests.support.paths import ROOT
from tests.support.tiny_checkpoint import make_config, make_qwen3, make_smolvlm, make_tokenizer
from tests.support.training import small
from train.common.adapter_config import AdapterConfig
from train.common.bases import LANGUAGE
from train.common.config import load_config
from train.common.dry_run.base import open_base, shape_of
from train.common.dry_run.command import main
from train.common.dry_run.hours import time_of
from train.common.dry_run.lengths import count_tokens
from train.common.dry_run.machines import GPUS, gpu_of, parse_machine
from train.common.dry_run.memory import kept_of_layer, memory_of
from train.common.dry_run.sizes import Sizes, paper_sizes
from train.common.dry_run.survey import survey
from train.common.flags import adapter_parser

BASES = {"3b": "qwen2.5-vl-3b", "qwen3-vl-2b": "Qwen/Qwen3-VL-2B-Instruct"}
ONE = parse_machine("24GB")
SIZES = Sizes((20, 30), (6, 6), (40, 50))
FULL = ("finetuning=full", "lora.quantized=false")


@pytest.fixture(scope="module")
def bases(tmp_path_factory, tiny_checkpoint):
    """Return folders of three families, with random weights."""
    folder = tmp_path_factory.mktemp("bases")
    return {
        "qwen2": tiny_checkpoint,
        "qwen3": make_qwen3(folder / "qwen3"),
        "smolvlm": make_smolvlm(folder / "smolvlm"),
    }


def parts_of(config: AdapterConfig, base, stage: str = "sft", machine=ONE) -> dict[str, float]:
    found = memory_of(stage, config, base.shape, SIZES, machine)
    return {part.name: part.size for part in found.parts}


def stepped(model: torch.nn.Module) -> tuple[int, int, int]:
    """Take a step of AdamW; return the bytes of what learns, of its gradients and its means."""
    learns = [weight for weight in model.parameters() if weight.requires_grad]
    for weight in learns:
        weight.data = weight.data.float()
        weight.grad = torch.ones_like(weight)
    optimizer = torch.optim.AdamW(learns)
    optimizer.step()
    means = [one for state in optimizer.state.values() for one in state.values() if one.dim()]
    return tuple(sum(one.nbytes for one in many)
                 for many in (learns, [weight.grad for weight in learns], means))  # fmt: skip


def open_model(folder: Path) -> PreTrainedModel:
    return AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "smolvlm"])
def test_what_is_kept_of_weights_that_learn_is_counted_to_the_byte(family, bases):
    from peft import LoraConfig, get_peft_model

    from train.common.bases import TARGETS

    base = open_base(str(bases[family]))
    model = open_model(bases[family])
    assert base.shape.language + base.shape.vision == sum(map(torch.numel, model.parameters()))
    told = parts_of(small(*FULL), base)
    for name, weight in model.named_parameters():
        weight.requires_grad_(LANGUAGE.fullmatch(name) is not None)
    frozen = sum(weight.nbytes for weight in model.parameters() if not weight.requires_grad)
    learns, gradients, means = stepped(model)
    assert told["weights"] == learns + frozen
    assert (told["gradients"], told["optimizer"]) == (gradients, means)

    config = small("lora.rank=3")
    adapted = get_peft_model(model, LoraConfig(r=3, target_modules=TARGETS))
    told = parts_of(config, base)
    assert (told["adapter"], told["gradients"], told["optimizer"]) == stepped(adapted)


def test_weights_of_four_bits_take_what_is_told(tiny_checkpoint):
    shape = open_base(str(tiny_checkpoint)).shape
    model = load_model(
        read_checkpoint(tiny_checkpoint), "4bit", None, None, lambda share, words: None
    )
    packed = [part.weight for part in model.modules()
              if isinstance(part, bitsandbytes.nn.Linear4bit)]  # fmt: skip
    real = sum(
        weight.nbytes + weight.quant_state.absmax.nbytes + weight.quant_state.state2.absmax.nbytes
        for weight in packed
    )
    rest = shape.language - shape.linear + shape.vision
    told = parts_of(small(), open_base(str(tiny_checkpoint)))["frozen weights"] - 2 * rest
    assert told == pytest.approx(real, rel=0.02)


@pytest.mark.parametrize("updates", [True, False])
def test_what_a_layer_keeps_for_its_backward_pass_is_told_within_a_quarter(updates):
    config = small("lora.rank=16", "lora.dropout=0.05", *(() if updates else FULL))
    one, three = (kept(layers, updates) for layers in (1, 3))
    told = kept_of_layer(shape_of(narrow(1), "narrow"), config)
    assert (three - one) / 2 / TOKENS == pytest.approx(told, rel=0.25)


TOKENS = 64


def narrow(layers: int):
    """Describe a 3B of few layers, each an eighth as wide."""
    config = make_config(make_tokenizer(), 256)
    text, real = config.text_config, config_3b().text_config
    text.num_hidden_layers, text.layer_types = layers, real.layer_types[:layers]
    text.intermediate_size = real.intermediate_size // 8
    return config


def kept(layers: int, updates: bool) -> int:
    """Count the bytes that autograd keeps of a pass through the text side."""
    from peft import LoraConfig, get_peft_model

    from train.common.bases import TARGETS

    model = AutoModelForImageTextToText.from_config(narrow(layers), dtype=torch.float32)
    if updates:
        model = get_peft_model(
            model.to(torch.bfloat16), LoraConfig(r=16, lora_dropout=0.05, target_modules=TARGETS)
        )
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data = weight.data.float()
    model.train()
    # Weights, and their copies of 16 bits, are counted elsewhere.
    shapes = {weight.shape for weight in model.parameters() if weight.dim() == 2}
    shapes |= {shape[::-1] for shape in shapes}
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    held, found = [], {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own and tensor.shape not in shapes:
            found[storage.data_ptr()] = storage.nbytes()
        held.append(tensor)
        return tensor

    inner = model.get_base_model() if updates else model
    ids = torch.arange(TOKENS)[None]
    hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
    with hooks, torch.autocast("cpu", torch.bfloat16):
        inner.model.language_model(input_ids=ids, use_cache=False)
    return sum(found.values())


@pytest.mark.parametrize("stage", ["sft", "grpo"])
@pytest.mark.parametrize(
    "change", ["batch=8", "more", "checkpointing=false", "lora.quantized=false"]
)
def test_more_of_anything_takes_more_memory(stage, change):
    base = open_base("qwen2.5-vl-3b")
    config = load_config("3b-qlora", AdapterConfig)
    sizes = paper_sizes(391)
    before = memory_of(stage, config, base.shape, sizes, ONE).peak
    if change == "more":
        sizes = replace(sizes, pictures=[2 * one for one in sizes.pictures])
    else:
        change = f"{stage}.{change}" if change.startswith("batch") else change
        config = load_config("3b-qlora", AdapterConfig, [change])
    assert memory_of(stage, config, base.shape, sizes, ONE).peak > before


def test_more_gpus_take_less_of_each_and_fewer_hours():
    base, sizes = open_base("qwen2.5-vl-3b"), paper_sizes(391)
    config = load_config("3b-full", AdapterConfig)
    machines = [parse_machine(f"{count}x80GB") for count in (1, 2, 4, 8)]
    for stage in ("sft", "grpo"):
        peaks = [memory_of(stage, config, base.shape, sizes, one).peak for one in machines]
        hours = [time_of(stage, config, base.shape, sizes, one, 100).hours for one in machines]
        assert peaks == sorted(peaks, reverse=True) and hours == sorted(hours, reverse=True)


@pytest.mark.parametrize("family", ["qwen2", "smolvlm"])
def test_tokens_are_those_that_the_processor_makes(family, bases, data_file):
    base, data = open_base(str(bases[family])), survey(data_file)
    counted = count_tokens(base, data.records, data.shapes, base.high)
    processor = load_processor(bases[family], base.kind)
    if base.kind == "qwen2_5_vl":
        processor.image_processor.do_resize = False
    for number, record in enumerate(data.records):
        said = [{"type": "text", "text": record.chain}]
        asked = [{"type": "image"}, {"type": "text", "text": prompt_of(record)}]
        talk = [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]
        size = base.fitted(*data.shapes[number], base.high)[::-1]
        text = processor.apply_chat_template(talk)
        ids = processor(
            text=[text], images=[[Image.new("RGB", size)]], add_special_tokens=False
        )["input_ids"][0]
        told = (counted.sizes.prompts, counted.sizes.pictures, counted.sizes.chains)
        assert sum(part[number] for part in told) == len(ids)


def prompt_of(record) -> str:
    from robust_r1.chain import build_prompt

    return build_prompt(record.prompt)


def test_a_dry_run_needs_no_weights_and_no_trainer(tiny_checkpoint, data_file, tmp_path):
    base = shutil.copytree(
        tiny_checkpoint, tmp_path / "base", ignore=shutil.ignore_patterns("*.safetensors")
    )
    words = ["train.sft", "--config", "3b-qlora", "--set", "sft.global_batch=2", "--from"]
    words += [str(base), "--data", str(data_file), "--machine", "24GB", "--dry-run"]
    run = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end: code = end.code\n"
        "print(code, [name for name in ('trl', 'peft', 'datasets') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", run, *words], cwd=ROOT, text=True, capture_output=True
    )
    assert done.stdout.endswith("0 []\n"), done.stdout + done.stderr
    assert "8 samples, 2 for this stage" in done.stdout
    assert "steps    1 of 2 samples" in done.stdout
    assert "by the base's own tokenizer" in done.stdout and "it fits" in done.stdout


def test_a_flag_cut_short_trains_nothing_either(monkeypatch, capsys):
    words = ["--dry", "--from", "qwen2.5-vl-3b", "--data", "nowhere.jsonl", "-o", "runs/none"]
    monkeypatch.setattr(sys, "argv", ["train.grpo", *words])
    with pytest.raises(SystemExit) as ended:
        adapter_parser("train.grpo", "Reward.").parse_args(words)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("error: there is no nowhere.jsonl")


def test_all_that_is_wrong_is_told_at_once(data_file, tmp_path, capsys):
    lines = data_file.read_text().splitlines()
    shutil.copytree(data_file.parent / "images", tmp_path / "images")
    names = [json.loads(line)["image"] for line in lines]
    (tmp_path / names[0]).unlink()
    (tmp_path / names[1]).write_bytes(b"no picture")
    broken = json.dumps({**json.loads(lines[2]), "chain": "It is a dog."})
    file = tmp_path / "records.jsonl"
    file.write_text("\n".join([*lines[:2], broken, *lines[3:]]))
    code = main(
        "grpo", "Reward.",
        ["--set", "grpo.global_batch=12", "--set", "lora.rank=0", "--from", "no/model",
         "--data", str(file), "--machine", "24GB", "7apples", "--dry-run"],
    )  # fmt: skip
    said = capsys.readouterr().err
    assert code == 2 and all(line.startswith("error: ") for line in said.splitlines())
    for wrong in (
        "grpo.global_batch is 12", "lora.rank", "configuration of no/model", "7apples", names[0],
        names[1], "records.jsonl:3",
    ):  # fmt: skip
        assert wrong in said, wrong


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (["--machine", "16GB", "--config", "sft-3b-full"], "a step takes about"),
        (["--machine", "3x24GB"], "3 processes cannot share evenly"),
        (["--set", "max_pixels=100", "--machine", "24GB"], "max_pixels is 100, too few"),
        (["--config", "grpo-3b-qlora"], "take one that has, such as sft-3b-qlora"),
        (["--config", "3b-lora"], "write --config 3b-qlora --set lora.quantized=false"),
    ],
)
def test_what_cannot_be_trained_says_how_to_mend_it(changes, said, capsys):
    assert main("sft", "Chains.", ["--from", "qwen2.5-vl-3b", "--dry-run", *changes]) == 2
    assert said in capsys.readouterr().err


def test_more_processes_than_gpus_and_a_missing_vllm_are_told_together(monkeypatch, capsys):
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "8")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *at: None if name == "vllm" else find(name, *at)
    )
    words = ["--config", "grpo-3b-full", "--from", "qwen2.5-vl-3b", "--set", "grpo.vllm=server"]
    assert main("grpo", "Reward.", [*words, "--dry-run"]) == 2
    said = capsys.readouterr().err
    assert "it has 2 GPUs" in said and "needs the package vllm" in said


def test_a_base_without_image_tokens_is_refused(tiny_checkpoint, tmp_path, capsys):
    folder = shutil.copytree(tiny_checkpoint, tmp_path / "base")
    config = json.loads((folder / "config.json").read_text())
    del config["image_token_id"]
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "blip"}))
    assert main("sft", "Chains.", ["--from", str(folder), "--dry-run"]) == 2
    assert "has no image tokens" in capsys.readouterr().err


def test_samples_beyond_what_the_recipe_allows_are_named(tiny_checkpoint, data_file, capsys):
    words = ["--from", str(tiny_checkpoint), "--data", str(data_file), "--dry-run"]
    words += ["--set", "grpo.global_batch=16", "--set"]
    main("grpo", "Reward.", [*words, "grpo.max_tokens=2"])
    told = capsys.readouterr().out
    assert "6 chains beyond grpo.max_tokens, 2:" in told and "images/" in told
    main("grpo", "Reward.", [*words, "grpo.max_tokens=2040"])
    assert "samples beyond the 2,048 tokens of the model:" in capsys.readouterr().out


def test_a_run_that_has_begun_here_says_what_its_steps_took(tmp_path, capsys, monkeypatch):
    rows = [(1, 5), (11, 105), (11, 3), (21, 63)]  # step and seconds, of two starts
    (tmp_path / "log.jsonl").write_text(
        "\n".join(json.dumps({"step": step, "seconds": at, "loss": 1}) for step, at in rows)
    )
    words = ["--from", "qwen2.5-vl-3b", "-o", str(tmp_path), "--dry-run"]
    monkeypatch.setattr("train.common.dry_run.command.this_machine", lambda: ONE)
    assert main("sft", "Chains.", words) == 0
    assert "16 min, measured: 6.0 s a step" in capsys.readouterr().out


def test_every_gpu_is_found_by_its_name_and_a_size_stands_for_one():
    assert [parse_machine(f"2x{gpu.name}").gpu for gpu in GPUS] == list(GPUS)
    assert str(parse_machine("8x80GB")) == "8 x H100, 80 GB"
    for text in ("", "80", "0x80GB", "x80GB", "-1x24GB"):
        with pytest.raises(InputError, match="write a GPU by its memory or name"):
            parse_machine(text)


@pytest.mark.parametrize(
    ("told", "gib", "name"),
    [
        ("NVIDIA A100-SXM4-40GB", 39.4, "A100 40GB"),
        ("NVIDIA A100-SXM4-80GB", 79.2, "A100"),
        ("NVIDIA H100 80GB HBM3", 79.2, "H100"),
        ("NVIDIA L4", 22.0, "L4"),
        ("NVIDIA L40", 44.4, "L40S"),  # none of its name: the next of its memory
        ("NVIDIA RTX A6000", 47.4, "A6000"),
    ],
)
def test_a_gpu_is_told_by_what_its_driver_says(told, gib, name):
    assert gpu_of(told, round(gib * 2**30)).name == name


@pytest.mark.parametrize("size", BASES)
def test_what_the_readme_tells_of_each_recipe_is_what_the_command_says(size, capsys):
    text = (ROOT / "train" / "README.md").read_text("utf-8")
    for stage in ("sft", "grpo"):
        for kind in ("full", "qlora"):
            name = f"{stage}-{size}-{kind}"
            words = ["--config", name, "--from", BASES[size], "--dry-run"]
            main(stage, "Doc.", [*words, "--machine", "24GB", "80GB", "8x80GB"])
            parts = capsys.readouterr().out.split("\nOn ")[1:]
            cells = []
            for machine in parts:
                peak = re.search(r"^memory   ([\d.]+) of", machine, re.M)[1]
                time = re.search(r"^time     ([\d.]+ \w+)", machine, re.M)
                most = re.search(r"; ([\d.]+ \w+) where", machine)
                told = [found[1] for found in (time, most) if found]
                time = " to ".join(told) or "too small"
                cells.append(f"{peak} GiB, {time}")
            assert f"| `{name}` | {' | '.join(cells)} |" in text
