"""Claims that need a CUDA GPU; elsewhere they are skipped. Run: python -m pytest tests/gpu"""

import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]

from robust_r1.bench.full_size import BATCHES, WAYS, measure_full_size  # noqa: E402
from robust_r1.engine import GenerationSettings, Request, load_engine  # noqa: E402
from tests.support.tiny_checkpoint import make_checkpoint  # noqa: E402
from train import grpo, sft  # noqa: E402
from train.common.adapter_config import AdapterConfig  # noqa: E402
from train.common.config import load_config  # noqa: E402
from train.common.samples import scene_samples  # noqa: E402
from train.make_data import make_data  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA GPU"),
    pytest.mark.timeout(900),
]
SHORT = GenerationSettings(max_new_tokens=24)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.mark.parametrize("precision", ["4bit", "8bit", "bf16", "fp16", "fp32"])
def test_every_precision_answers_on_the_gpu_alone_and_in_batches(folder, make_picture, precision):
    pictures = [make_picture(seed=seed) for seed in range(3)]
    with load_engine(str(folder), precision) as engine:
        assert engine.device.startswith("cuda")
        single = [list(engine.stream(Request.of(one, "a?"), SHORT))[-1] for one in pictures]
        batch = engine.generate([Request.of(one, "a?") for one in pictures], SHORT)
    assert all(answer.tokens > 0 for answer in (*single, *batch))
    if precision == "fp32":
        assert [one.text for one in single] == [one.text for one in batch]


def test_closing_an_engine_frees_the_gpu():
    load_engine("tiny-rl", "bf16").close()  # what the first use of a GPU allocates stays
    before = torch.cuda.memory_allocated()
    engine = load_engine("tiny-rl", "bf16")
    assert torch.cuda.memory_allocated() > before + 5_000_000
    engine.close()
    assert torch.cuda.memory_allocated() <= before + 1_000_000


@pytest.mark.parametrize("quantized", ["true", "false"])
def test_chains_and_rewards_are_learned_on_the_gpu_and_the_adapter_answers(
    quantized, make_picture, tmp_path
):
    make_data(scene_samples("train", 0, 16), tmp_path / "data")
    settings = ["sft.global_batch=4", "sft.batch=2", "grpo.batch=8", "grpo.max_tokens=48"]
    settings += ["workers=0", "lora.rank=8"]
    config = load_config("3b-qlora", AdapterConfig, [*settings, f"lora.quantized={quantized}"])
    start = "tiny-rl"
    data = tmp_path / "data" / "records.jsonl"
    for stage in (sft, grpo):
        folder = tmp_path / stage.__name__
        stage.run(Namespace(start=start, data=data, output=folder, validation=None), config)
        start = str(folder)
    with load_engine(start, "4bit") as engine:
        assert list(engine.stream(Request.of(make_picture(), "a?"), SHORT))[-1].tokens > 0


def test_full_size_is_measured_in_every_way():
    costs, faults = measure_full_size()
    # A static cache is compiled for, which need not succeed in every way.
    assert all(" static: " in fault for fault in faults)
    assert len(costs) == (len(WAYS) - len(faults)) * len(BATCHES)
    assert all(cost.tokens_per_second > 0 and cost.first_token_seconds > 0 for cost in costs)
    # Attention that plans anew for each length would take longer than the plain way.
    speed = {(cost.attention, cost.batch): cost.tokens_per_second
             for cost in costs if (cost.precision, cost.cache) == ("bf16", "dynamic")}  # fmt: skip
    assert all(speed["sdpa", batch] > 0.8 * speed["eager", batch] for batch in BATCHES)
    memory = {(cost.precision, cost.attention, cost.batch): cost.peak_bytes
              for cost in costs if cost.cache == "dynamic"}  # fmt: skip
    assert memory["4bit", "sdpa", 1] < memory["bf16", "sdpa", 1] / 2
