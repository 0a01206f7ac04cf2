"""Claims about training: settings fail early, data round-trips, the stages run and resume."""

import argparse
import dataclasses
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from robust_r1.chain import TAGS, build_prompt, close_tag, open_tag, parse, render
from robust_r1.engine import GenerationSettings
from robust_r1.engine.catalog import find
from robust_r1.errors import DataError, InputError, ModelError
from robust_r1.evaluation import Run
from robust_r1.scenes import make_item
from robust_r1.scenes.vocabulary import COUNT_WORDS
from train.common.completions import CompletionLog
from train.common.completions import scene_samples as asked_scenes
from train.common.config import load_config
from train.common.history import history_of, minutes_of
from train.common.rows import chain_rows, read_data, rollout_rows
from train.make_data import make_data
from train.samples import scene_samples
from train.tiny import bundle as bundling
from train.tiny import sft, stages, warmup
from train.tiny.data import Collator, completion_of, scene_item
from train.tiny.decoder import IGNORED, Decoder
from train.tiny.encoder import Encoder, patches_of, rotate
from train.tiny.model import make_model, make_processor, make_tokenizer, prepare_vision
from train.tiny.optim import MuonAdamW, cosine, orthogonalize
from train.tiny.patches import basis
from train.tiny.sampler import Sampler
from train.tiny.stages import freeze_vision, load_checkpoint, with_samples

SMOKE = load_config("smoke")
# Runs commands as `python -m` does, one after another, but imports torch once for all of them. No
# file that a command writes may grow beyond its limit, in bytes; 0 sets none.
RUN = """
import json, resource, runpy, sys
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
for words, limit in json.load(sys.stdin):
    sys.argv, status = words, 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit or most, most))
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        status = end.code or 0
    print("ended with", status, file=sys.stderr, flush=True)
"""


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer(SMOKE.model.vocabulary)


@pytest.fixture(scope="module")
def commands(tmp_path_factory, root):
    """Run the stages as a user would, once for the module; first two that cannot begin.

    Chains are tried once with a disk that takes no large file, then again in the same folder. Gives
    their folders, and of each the exit status and what it wrote to stderr.
    """
    folder = tmp_path_factory.mktemp("run")
    base, empty = str(folder / "base"), str(folder / "empty")
    lines = {
        "nowhere": ["train.tiny.base", "--config", "nowhere"],
        "unfounded": ["train.tiny.grpo", "--config", "smoke", "--from", empty],
        "base": ["train.tiny.base", "--config", "smoke"],
        "full": ["train.tiny.sft", "--config", "smoke", "--from", base],
        "sft": ["train.tiny.sft", "--config", "smoke", "--from", base],
    }
    calls = [
        ([*words, "-o", str(folder / name.replace("full", "sft"))], 60_000 * (name == "full"))
        for name, words in lines.items()
    ]
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=root, input=json.dumps(calls), text=True,
        capture_output=True,
    )  # fmt: skip
    *told, rest = re.split(r"^ended with (\d+)\n", done.stderr, flags=re.M)
    assert (len(told), rest) == (2 * len(lines), ""), done.stderr
    statuses = map(int, told[1::2])
    return folder, dict(zip(lines, zip(statuses, told[::2], strict=True), strict=True))


@pytest.fixture(scope="module")
def base_run(commands):
    """Return the folder of those runs, which all went well."""
    folder, told = commands
    for stage in ("base", "sft"):
        assert told[stage][0] == 0, told[stage][1]
    return folder


def test_all_faults_of_a_configuration_are_named_at_once(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text("warmup: {samples: 8, batch: 2, rate: fast, first_index: 0}\nbase: 3\nspeed: 1")
    with pytest.raises(InputError) as caught:
        load_config(str(file))
    text = str(caught.value)
    for fault in ("unknown key speed", "warmup.rate must be a number", "base", "missing key sft"):
        assert fault in text


def test_a_setting_on_the_command_line_overrides_the_file():
    assert load_config("smoke", ["sft.samples=64"]).sft.samples == 64
    with pytest.raises(InputError, match="unknown key sft.sample"):
        load_config("smoke", ["sft.sample=64"])


def test_every_bundled_configuration_loads_and_has_widths_in_multiples_of_64():
    for name in ("cpu", "gpu", "smoke"):
        model = dataclasses.asdict(load_config(name).model)
        for key in ("vision_width", "vision_mlp", "text_width", "text_mlp"):
            assert model[key] % 64 == 0


def test_stages_draw_from_index_ranges_that_do_not_overlap():
    config = load_config("cpu")
    stages = (config.warmup, config.base, config.sft)
    ranges = [range(stage.first_index, stage.first_index + stage.samples) for stage in stages]
    for one, other in zip(ranges, ranges[1:], strict=False):
        assert one.stop <= other.start


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (96, 32)])
def test_orthogonalize_keeps_directions_and_evens_out_strengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    strengths = torch.diagonal(u.T @ orthogonalize(matrix) @ v.T)
    assert strengths.min() > 0.3 and strengths.max() < 1.3
    assert strengths.median() > 0.6


def test_the_optimizer_solves_a_linear_problem():
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 8)
    inputs, wanted = torch.randn(256, 16), torch.randn(16, 8)
    optimizer = MuonAdamW(layer.named_parameters(), rate=0.1)
    losses = []
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * cosine(step, 200, 0.1)
        loss = (layer(inputs) - inputs @ wanted).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_the_rate_rises_then_falls_to_its_floor():
    rates = [cosine(step, 100, 0.1) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10) and max(rates) == pytest.approx(1, abs=0.01)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.03, abs=0.01)


def test_the_patch_basis_is_never_empty_and_its_block_filters_are_orthogonal():
    filters = basis(16, 192, seed=0).reshape(192, -1)
    assert (np.linalg.norm(filters, axis=1) > 0.05).all()
    block = filters[40:172]
    gram = block @ block.T
    off = gram - np.diag(np.diag(gram))
    assert np.abs(off).max() < 1e-5 * np.diag(gram).max()


def test_tags_are_one_token_each_and_survive_decoding(tokenizer):
    for tag in TAGS:
        assert len(tokenizer(tag, add_special_tokens=False)["input_ids"]) == 1
    text = render(make_item("train", 3).chain)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_intensities_are_read_digit_by_digit(tokenizer):
    pieces = tokenizer.tokenize("lens blur(0.31)")
    assert [piece for piece in pieces if any(sign.isdigit() for sign in piece)] == ["0", "3", "1"]


def test_a_batch_holds_prompts_pictures_and_chains_that_parse(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    collator = Collator(processor, "train", 40, 4, "chain")
    seen = []
    for number in range(16):
        batch = collator([{"index": 40 + 4 * number}])
        height, width = batch["images"].shape[1:3]
        assert batch["grid"].tolist() == [1, height // 16, width // 16]
        for tokens, labels, image in zip(
            batch["tokens"], batch["labels"], batch["images"], strict=True
        ):
            said = parse(tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True))
            assert said.well_formed
            asked = tokenizer.decode(tokens[labels == IGNORED], skip_special_tokens=True)
            match = [
                index
                for index in range(40, 104)
                if (item := make_item("train", index, (width, height))).chain == said.chain
                and build_prompt(item.question.prompt) in asked
                and np.array_equal(item.image(), image)
            ]
            assert len(match) == 1
            seen += match
    assert sorted(seen) == list(range(40, 104))


def test_a_tower_that_attends_within_windows_is_not_run_as_if_it_did_not(tokenizer):
    model = make_model(load_config("smoke", ["model.vision_depth=2"]).model, tokenizer, seed=1)
    Encoder(model.model.visual)
    model.model.visual.fullatt_block_indexes = [1]
    with pytest.raises(ModelError, match="attends within windows"):
        Encoder(model.model.visual)


def test_a_drill_is_a_chain_and_then_answers_from_its_list(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    collator = Collator(processor, "train", 0, 8, "chain", drills=2)
    plain, drills = (collator([{"index": 8 * number}]) for number in (0, 1))
    assert len(plain["tokens"]) == 8 and len(drills["tokens"]) == 4
    for tokens, labels, weights in zip(
        drills["tokens"], drills["labels"], drills["weights"], strict=True
    ):
        said = tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True)
        first, *rest = said.replace("<ANSWER_END>", "<ANSWER_END>\n").splitlines()
        chain = parse(first)
        assert chain.well_formed and rest
        answers = [parse(text).chain for text in rest]
        assert all(answer.conclusion and answer.answer for answer in answers)
        counts = [answer.answer for answer in answers if answer.conclusion.startswith("The number")]
        assert all(answer.isdigit() or answer in COUNT_WORDS for answer in counts)
        opened = tokenizer.convert_tokens_to_ids(open_tag("ANSWER"))
        inside = (tokens == opened).nonzero().flatten() + 1
        assert (weights[inside] > weights[0]).all() and weights[0] == 1


def test_conclusions_and_answers_can_weigh_more_and_nothing_else_does(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    for number in (0, 1):
        rows = [{"index": 8 * number}]
        plain, more = (
            Collator(processor, "train", 0, 8, "chain", drills=2, emphasis=emphasis)(rows)
            for emphasis in (1.0, 2.0)
        )
        tokens = plain["tokens"]
        looked_up = torch.zeros(tokens.shape, dtype=torch.bool)
        for section in ("CONCLUSION", "ANSWER"):
            begin, end = map(
                tokenizer.convert_tokens_to_ids, (open_tag(section), close_tag(section))
            )
            looked_up |= ((tokens == begin).cumsum(1) - (tokens == end).cumsum(1)) > 0
        ratio = more["weights"] / plain["weights"]
        assert looked_up.any() and (ratio[looked_up] == 2).all() and (ratio[~looked_up] == 1).all()


def test_a_drill_of_answers_is_answers_alone(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    drills = Collator(processor, "train", 0, 8, "answer", drills=1)([{"index": 0}])
    for labels in drills["labels"]:
        said = tokenizer.decode(labels[labels != IGNORED], skip_special_tokens=True)
        assert said.count("<ANSWER>") > 3 and "<CONCLUSION>" not in said
        assert said.startswith("<ANSWER>") and said.endswith("<ANSWER_END>")


def test_the_share_of_undamaged_scenes_can_be_raised():
    def clean(share):
        items = [scene_item("train", index, 0.0, clean=share) for index in range(200)]
        return sum(not item.plan.steps for item in items) / len(items)

    assert clean(0.0) < 0.25 and clean(1.0) == 1
    assert clean(0.0) + 0.25 < clean(0.5) < 0.75


def test_first_heads_look_back_by_one_two_and_three_tokens(text_side):
    weights = attention_of(text_side, torch.randn(1, 40, 256), layer=0)
    for head, distance in enumerate((1, 2, 3)):
        back = weights[0, head].diagonal(-distance)
        assert back.min() > 0.4 and back.mean() > 0.6


def test_matching_heads_of_later_layers_find_the_same_word_again(text_side):
    words = torch.randn(1, 20, 256)
    weights = attention_of(text_side, torch.cat([words, words], 1), layer=2)
    matching = weights[0, ::2, 20:, :20]  # from each repeated word to the first mentions
    for head in matching:
        assert (head.argmax(-1) == torch.arange(20)).float().mean() > 0.9


def attention_of(language, hidden, layer):
    """Return softmax weights, batch x heads x length x length, of one layer on given inputs."""
    attention, length = language.layers[layer].self_attn, hidden.shape[1]
    places = torch.arange(length).expand(3, 1, -1)
    rotation = [part[0] for part in language.rotary_emb(hidden, places)]
    query, key = (
        rotate(part(hidden).view(1, length, -1, attention.head_dim).transpose(1, 2), *rotation)
        for part in (attention.q_proj, attention.k_proj)
    )
    key = key.repeat_interleave(attention.num_key_value_groups, 1)
    later = torch.full((length, length), -torch.inf).triu(1)
    return (query @ key.transpose(-1, -2) * attention.scaling + later).softmax(-1).detach()


@pytest.fixture(scope="module")
def text_side():
    """Make the text side of the bundled models' size, as training begins with it."""
    config = load_config("cpu").model
    return make_model(config, make_tokenizer(config.vocabulary), seed=3).model.language_model


def test_a_batch_is_the_same_whoever_draws_it_and_when(tokenizer):
    processor = make_processor(SMOKE.model, tokenizer)
    rows = [{"index": 12}]
    one, other = (Collator(processor, "train", 0, 4, "answer") for _ in range(2))
    one([{"index": 0}])
    for name, part in one(rows).items():
        assert torch.equal(part, other(rows)[name])


def test_answers_are_asked_for_without_the_chain():
    items = [scene_item("train", index, captions=0.5) for index in range(60)]
    for item in items:
        said = completion_of(item, "answer")
        assert parse(said).chain.answer == item.question.answer and "<TYPE>" not in said
    assert 15 < sum(item.question.kind == "cap" for item in items) < 50


@pytest.mark.parametrize("size", [(192, 192), (224, 160), (256, 128)])
def test_the_forward_passes_for_training_give_the_numbers_of_transformers(tokenizer, size):
    config = load_config("smoke", ["model.text_heads=2", "model.vision_depth=2"]).model
    model = make_model(config, tokenizer, seed=1).eval()
    processor = make_processor(config, tokenizer)
    processor.tokenizer.padding_side = "right"
    collator = Collator(processor, "train", 0, 3, "chain")
    items = [scene_item("train", index, 0.0, size) for index in range(3)]
    texts = ["".join(tokenizer.batch_decode(collator._turn(item, 1))) for item in items]
    images = [[item.image()] for item in items]
    whole = processor(images=images, text=texts, return_tensors="pt", padding=True)
    labels = whole["input_ids"].masked_fill(whole["attention_mask"] == 0, IGNORED)
    encoder, decoder = Encoder(model.model.visual), Decoder(model)
    encoder.dtype = decoder.dtype = torch.float32
    grid = whole["image_grid_thw"][0]
    with torch.no_grad():
        wanted = model(**whole).logits[:, :-1][labels[:, 1:] != IGNORED]
        pixels = torch.from_numpy(np.concatenate([image[0][None] for image in images]))
        pictures = encoder(patches_of(pixels, processor.image_processor), *grid[1:].tolist())
        got, asked = decoder(whole["input_ids"], labels, pictures, grid)
        encoder.replace_forward()
        again = model.model.visual(whole["pixel_values"], grid_thw=whole["image_grid_thw"])
    assert torch.allclose(got, wanted, atol=1e-4)
    assert asked.tolist() == labels[:, 1:][labels[:, 1:] != IGNORED].tolist()
    assert torch.allclose(again.pooler_output, pictures.flatten(0, 1), atol=1e-5)


def test_labels_mark_the_tokens_under_each_object():
    for index in range(30):
        item = make_item("train", index)
        _, intensity, noun, color, center = warmup.token_labels(item)
        assert (intensity > 0).sum() == len(item.plan)
        columns = item.scene.width // warmup.TOKEN
        for thing in item.scene.things:
            cell = int(thing.y // warmup.TOKEN) * columns + int(thing.x // warmup.TOKEN)
            assert noun[cell] == 1 + warmup.NOUNS.index(thing.noun)
            assert center[cell] == 1
        assert ((noun > 0) == (color > 0)).all()
        assert center.sum() == len(item.scene.things)


@pytest.mark.slow
def test_an_interrupted_warm_up_resumes_to_the_same_encoder(tokenizer, tmp_path, monkeypatch):
    stage = dataclasses.replace(SMOKE.warmup, save_every=2)
    config = dataclasses.replace(SMOKE, warmup=stage)
    images = make_processor(config.model, tokenizer).image_processor

    def encoder():
        vision = make_model(config.model, tokenizer, config.seed).model.visual
        prepare_vision(vision, images, config)
        return vision

    def train(vision, name):
        (tmp_path / name).mkdir(exist_ok=True)
        warmup.train_encoder(vision, images, config, tmp_path / name)
        return torch.nn.utils.parameters_to_vector(vision.parameters()).detach()

    whole = train(encoder(), "whole")
    real = warmup._save

    def save_and_die(path, module, optimizer, step):
        real(path, module, optimizer, step)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(warmup, "_save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train(encoder(), "cut")
    assert torch.equal(train(encoder(), "cut"), whole)


@pytest.mark.slow
@pytest.mark.parametrize("stops", [1, 3])
def test_interrupted_chains_resume_to_the_same_weights(base_run, tmp_path, monkeypatch, stops):
    stage = dataclasses.replace(SMOKE.sft, save_every=1)
    config = dataclasses.replace(SMOKE, sft=stage)

    class Stop(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == stops:
                raise KeyboardInterrupt

    def train(name):
        sft.run(
            argparse.Namespace(
                start=base_run / "base", output=tmp_path / name, data=None, no_reasoning=False
            ),
            config,
        )
        return load_checkpoint(tmp_path / name)[0].state_dict()

    whole = train("whole")
    with monkeypatch.context() as patch:
        patch.setattr(stages, "JsonLines", lambda path: Stop())
        with pytest.raises(KeyboardInterrupt):
            train("cut")
    assert (tmp_path / "cut" / f"checkpoint-{stops}").is_dir()
    resumed = train("cut")
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.slow
def test_the_stages_write_checkpoints_logs_and_small_files(base_run):
    for stage in ("base", "sft"):
        folder = base_run / stage
        rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        assert any("train_loss" in row for row in rows)
        weights = list((folder / "half").glob("*.safetensors"))
        assert weights and all(file.stat().st_size < 10_000_000 for file in weights)
    assert (base_run / "base" / "warmup.jsonl").is_file()
    stages = history_of(base_run / "sft")
    assert [stage.stage for stage in stages] == ["encoder warm-up", "answers", "chains"]
    assert stages[2].command.startswith("python -m train.tiny.sft --config smoke --from")
    assert stages[2].samples == SMOKE.sft.samples and stages[2].seed == SMOKE.seed


@pytest.fixture(scope="module")
def data_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_data(scene_samples("train", 300, 8), folder)
    return folder / "records.jsonl"


@pytest.mark.slow
def test_who_loads_a_checkpoint_of_answers_alone_asks_for_no_chain(base_run):
    for stage, reasons in (("base", False), ("sft", True)):
        for folder in (base_run / stage, base_run / stage / "half"):
            assert find(str(folder)).reasons == reasons


@pytest.mark.slow
@pytest.mark.parametrize("name", ["records.jsonl", "authors.jsonl"])
def test_chains_are_learned_from_a_data_file(base_run, data_file, tmp_path, name):
    arguments = argparse.Namespace(
        start=base_run / "base", output=tmp_path, data=data_file.with_name(name), no_reasoning=False
    )
    sft.run(arguments, SMOKE)
    (stage,) = history_of(tmp_path)[2:]
    assert stage.samples == 8
    rows = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert rows[-1]["step"] == 2 and rows[-1]["train_loss"] > 0


def test_rows_of_a_file_hold_what_its_records_say(data_file):
    records = read_data(data_file)
    row = chain_rows(records, data_file.parent)[3]
    item = make_item("train", 303)
    assert np.array_equal(np.asarray(row["images"][0]), item.image())
    assert row["prompt"][0]["content"] == build_prompt(item.question.prompt)
    assert parse(row["completion"][0]["content"]).chain == item.chain
    rollout = rollout_rows(records, data_file.parent)[3]
    assert rollout["solution"] == row["completion"][0]["content"]
    assert rollout["choices"] == list(item.question.choices)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda lines: [], "holds no samples"),
        (lambda lines: [*lines[:2], lines[2][:40]], ":3: "),
        (lambda lines: [lines[0].replace("images/", "nowhere/")], "there is no picture"),
        (lambda lines: ['{"image": "a.png", "question": "Why?"}'], "there is no picture"),
    ],
    ids=["empty", "broken line", "missing picture", "missing picture of a bare record"],
)
def test_a_data_file_that_cannot_be_used_is_named_with_its_line(data_file, spoil, fault):
    path = data_file.with_name("spoiled.jsonl")
    path.write_text("\n".join(spoil(data_file.read_text().splitlines())))
    with pytest.raises(DataError, match=fault) as caught:
        read_data(path)
    assert "spoiled.jsonl" in str(caught.value)


def test_less_than_a_batch_of_samples_is_refused(data_file):
    stage = dataclasses.replace(SMOKE.sft, batch=16)
    with pytest.raises(InputError, match="8 samples, less than one batch of 16"):
        with_samples(stage, 8, data_file)
    with pytest.raises(DataError, match="cannot be read|no such|No such"):
        read_data(data_file.with_name("missing.jsonl"))


def test_the_minutes_of_an_interrupted_run_are_added_up(tmp_path):
    times = [60, 120, None, 180, 30, 60, 90]
    rows = [json.dumps({"step": 1} if time is None else {"seconds": time}) for time in times]
    (tmp_path / "log.jsonl").write_text("\n".join(rows) + "\n")
    assert minutes_of(tmp_path / "log.jsonl") == 4.5


@pytest.mark.slow
def test_a_bundled_model_has_a_card_of_its_stages_and_refuses_figures_of_another(
    base_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(bundling, "MODELS", tmp_path / "models")
    run = Run(tmp_path, "scenes", "tiny-sft", "fp32", GenerationSettings(), ())
    with pytest.raises(InputError, match="measures tiny-sft, not tiny-base"):
        bundling.bundle(base_run / "base", "tiny-base", [run])
    folder = bundling.bundle(base_run / "sft", "tiny-sft", [])
    card = (folder / "README.md").read_text()
    assert "| encoder warm-up | `python -m train.tiny.base --config smoke" in card
    assert (folder / "model.safetensors.index.json").exists() or (
        folder / "model.safetensors"
    ).exists()
    with pytest.raises(InputError, match="holds no checkpoint"):
        bundling.bundle(tmp_path, "tiny-sft", [])


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "style"), [("base", "answer"), ("sft", "chain")])
def test_what_the_model_says_of_held_out_scenes_is_kept(base_run, stage, style):
    rows = [json.loads(line) for line in (base_run / stage / "samples.jsonl").open()]
    items = [scene_item("validation", index, 0.0) for index in range(4)]
    assert [row["solution"] for row in rows] == [completion_of(item, style) for item in items]
    for row, item in zip(rows, items, strict=True):
        assert item.question.prompt in row["prompt"]
        assert row["step"] == getattr(SMOKE, stage).steps
        assert 0 < row["tokens"] <= SMOKE.grpo.max_tokens


def test_what_is_kept_is_what_the_model_answers_and_leaves_it_in_training(tokenizer, tmp_path):
    model = make_model(SMOKE.model, tokenizer, seed=1).train()
    processor = make_processor(SMOKE.model, tokenizer)
    told, arguments = {}, SimpleNamespace(gradient_checkpointing_kwargs=None)
    for name, generate in (("own", model.generate), ("fast", Sampler(model))):
        log = CompletionLog(tmp_path / name, asked_scenes("chain"), processor, generate, 8)
        before = torch.random.get_rng_state()
        first = SimpleNamespace(is_world_process_zero=True, global_step=3)
        log.on_save(arguments, first, None, model)
        assert torch.equal(before, torch.random.get_rng_state())
        told[name] = [json.loads(line) for line in (tmp_path / name).open()]
    assert told["own"] == told["fast"] and model.training
    log.on_save(arguments, SimpleNamespace(is_world_process_zero=False), None, model)
    assert len((tmp_path / "fast").read_text().splitlines()) == 4


@pytest.mark.slow
def test_sft_leaves_the_vision_encoder_as_it_was_and_changes_the_text_side(base_run):
    before, _ = load_checkpoint(base_run / "base")
    after, _ = load_checkpoint(base_run / "sft")
    for name, value in before.model.visual.state_dict().items():
        assert torch.equal(value, after.model.visual.state_dict()[name]), name
    changed = before.model.language_model.state_dict()["layers.0.mlp.up_proj.weight"]
    assert not torch.equal(
        changed, after.model.language_model.state_dict()["layers.0.mlp.up_proj.weight"]
    )


def test_the_text_side_can_tell_neighboring_picture_tokens_apart(tokenizer):
    """Two tokens side by side, and two above one another, are turned by far more than nothing."""
    rotary = make_model(load_config("cpu").model, tokenizer, 0).model.language_model.rotary_emb
    places = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]]).T[:, None]  # (t, h, w) of 3 tokens
    cosine_part, sine_part = rotary(torch.zeros(1), places)
    angles = torch.atan2(sine_part, cosine_part)[0]
    for other in (1, 2):
        assert (angles[other] - angles[0]).abs().max() > 0.5


def test_freezing_leaves_only_text_parameters_to_train(tokenizer):
    model = make_model(SMOKE.model, tokenizer, 0)
    freeze_vision(model)
    names = [name for name, value in model.named_parameters() if value.requires_grad]
    assert names and not [name for name in names if "visual" in name]


def test_a_folder_without_a_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match="run the stage before"):
        load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("nowhere", "no configuration"), ("unfounded", "holds no checkpoint")]
)
def test_what_cannot_begin_ends_with_one_line_and_exit_2(commands, name, words):
    folder, told = commands
    status, error = told[name]
    assert status == 2 and not (folder / name).exists()
    assert error.startswith("error: ") and error.count("\n") == 1 and words in error


@pytest.mark.slow
def test_a_disk_that_takes_no_checkpoint_is_told_in_one_line_and_the_command_goes_on_later(
    commands, base_run
):
    _, told = commands
    status, error = told["full"]
    last = error.splitlines()[-1]
    assert status == 2 and "Traceback" not in error
    assert last.startswith(f"error: {base_run / 'sft'} could not be written: ")
    assert last.endswith("make room or choose another folder")
    assert told["sft"][0] == 0


@pytest.mark.slow
def test_what_another_model_left_in_a_runs_folder_is_refused(base_run, tokenizer, tmp_path):
    wider = make_model(load_config("smoke", ["model.text_width=128"]).model, tokenizer, 0)
    with pytest.raises(ModelError, match="checkpoint-4 is of a model of another shape"):
        stages.resume(wider, base_run / "sft")
    optimizer = MuonAdamW(wider.named_parameters(), rate=0.1)
    warmup._save(tmp_path / "left.pt", wider, optimizer, 1)
    with pytest.raises(ModelError, match="left.pt is of a model of another shape"):
        warmup._restore(tmp_path / "left.pt", make_model(SMOKE.model, tokenizer, 0), optimizer)


def _misfit(folder):
    config = json.loads((folder / "config.json").read_text())
    config["text_config"]["intermediate_size"] *= 2
    (folder / "config.json").write_text(json.dumps(config))


def _cut(folder):
    file = next(folder.glob("*.safetensors"))
    file.write_bytes(file.read_bytes()[:-10])


@pytest.mark.parametrize(
    ("damage", "words"), [(_misfit, "could not be loaded"), (_cut, "broken or cut short")]
)
def test_a_broken_checkpoint_is_refused_in_one_sentence(tmp_path, tokenizer, damage, words):
    model = make_model(SMOKE.model, tokenizer, 0)
    stages.save_checkpoint(model, make_processor(SMOKE.model, tokenizer), tmp_path, torch.float32)
    assert load_checkpoint(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError, match=words) as caught:
        load_checkpoint(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_interruption_says_that_the_same_command_goes_on(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["train.tiny.sft", "--config", "smoke", "-o", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        stages.main_of(stages.parser_of("Train."), interrupt)
    assert ended.value.code == 130
    assert capsys.readouterr().err == (
        "interrupted; the same command goes on from the last checkpoint\n"
    )


def test_a_fault_that_is_nobodys_disk_keeps_its_traceback(monkeypatch):
    def fail(*_):
        raise RuntimeError("shapes differ")

    monkeypatch.setattr(sys, "argv", ["train.tiny.sft", "--config", "smoke", "-o", "nowhere"])
    with pytest.raises(RuntimeError, match="shapes differ"):
        stages.main_of(stages.parser_of("Train."), fail)


def test_a_stage_that_is_started_several_times_over_says_that_it_runs_alone(monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(sys, "argv", ["train.tiny.sft", "--config", "smoke", "-o", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        stages.main_of(stages.parser_of("Train."), lambda *_: None)
    said = capsys.readouterr().err
    assert ended.value.code == 2 and said.count("\n") == 1
    assert said.startswith("error: this stage runs in one process, not in 2")
