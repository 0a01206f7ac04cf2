"""Claims about the full-size recipe: what is trained on is what is served, and all of it is met."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from robust_r1.errors import InputError
from tests.support.tiny_checkpoint import write_lora
from tests.support.training import small
from train import grpo, sft
from train.common.adapters import open_start, weights_of
from train.common.course import Course, begin_course
from train.common.going_on import go_on, recipe_of, write_start
from train.common.measured import Measured
from train.common.rows import read_data
from train.common.splits import part_of

FULL = "lora.quantized=false"


@pytest.mark.parametrize("shape", [(100, 37), (9, 300), (427, 640)])
def test_the_processor_leaves_a_picture_as_it_was_fitted_for_serving(
    tiny_checkpoint, tiny_engine, shape
):
    start = open_start(str(tiny_checkpoint), small(FULL))
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    fitted = start.info.fit(picture)
    assert np.array_equal(fitted, tiny_engine.fit(picture))
    grid = start.processor.image_processor([Image.fromarray(fitted)])["image_grid_thw"][0]
    assert tuple(16 * int(side) for side in grid[1:]) == fitted.shape[:2]


def test_a_pixel_budget_that_holds_no_picture_is_refused(tiny_checkpoint):
    with pytest.raises(InputError, match="9 pixels are too few"):
        open_start(str(tiny_checkpoint), small(FULL, "max_pixels=9"))


@pytest.mark.parametrize(("samples", "epochs", "per_step"), [(5, 3, 2), (7, 1, 2), (4, 2.5, 3)])
def test_every_sample_is_met_in_each_pass_and_steps_are_whole(samples, epochs, per_step):
    course = begin_course(samples, epochs, per_step, "samples")
    assert len(course.order) == course.last_step * per_step
    for number in range(int(epochs)):
        assert sorted(course.order[number * samples :][:samples]) == list(range(samples))
    assert len(course.order) - epochs * samples < per_step


def test_rewards_meet_every_prompt_in_each_pass(tiny_checkpoint, data_file, tmp_path):
    config = small(FULL, "grpo.group=2", "grpo.global_batch=4", "grpo.epochs=3", "sft_share=0.4")
    records = part_of(read_data(data_file), "grpo", config.sft_share, config.seed)
    start = open_start(str(tiny_checkpoint), config)
    course = grpo.course_of(len(records), config)
    where = (data_file.parent, config, course, tmp_path, Measured())
    trainer = grpo.make_trainer(start, records, *where)
    assert len(records) == 5 and trainer.args.max_steps == 8
    met = [row["solution"] for rows in trainer.get_train_dataloader() for row in rows]
    for number in range(3):
        pass_ = met[number * 10 : (number + 1) * 10]
        assert sorted(pass_) == sorted(2 * [record.chain for record in records])


def test_a_run_goes_on_with_the_samples_that_it_has_not_seen(data_file, tmp_path):
    records = read_data(data_file)[:7]
    recipe = recipe_of("sft", small(), records)

    def start_again(per_step, checkpoint):
        (tmp_path / f"checkpoint-{checkpoint}").mkdir()
        (tmp_path / f"checkpoint-{checkpoint}" / "trainer_state.json").touch()
        course = go_on(begin_course(7, 2, per_step, "samples"), recipe, tmp_path)
        write_start(course, recipe, tmp_path)
        return course

    write_start(begin_course(7, 2, 1, "samples"), recipe, tmp_path)
    course = start_again(per_step=2, checkpoint=4)
    assert course.order == [4, 5, 6, 0, 1, 2, 3, 4, 5, 6] and course.last_step == 9
    course = start_again(per_step=3, checkpoint=6)  # two steps of two later
    assert course.order == [1, 2, 3, 4, 5, 6] and course.last_step == 8
    # As it was killed before it saved again, it has seen no more than that checkpoint.
    assert go_on(begin_course(7, 2, 3, "samples"), recipe, tmp_path) == course
    course = start_again(per_step=3, checkpoint=8)
    assert course.last_step == course.step == 8 and course.seen == 14


def test_a_run_of_an_earlier_version_goes_on_after_its_last_step(data_file, tmp_path):
    (tmp_path / "checkpoint-3").mkdir()
    (tmp_path / "checkpoint-3" / "trainer_state.json").touch()
    recipe = recipe_of("sft", small(), read_data(data_file))
    course = go_on(begin_course(8, 1, 2, "samples"), recipe, tmp_path)
    assert course.order == [6, 7]


def test_the_learning_rate_follows_the_samples_whatever_the_batch():
    whole, part = Course(8, 8, 1), Course(8, 8, 2, step=4, seen=4)
    rates = [whole.rate_at(step, 0.25) for step in range(9)]
    assert rates[0] == 0 and rates[2] == 1 and rates[8] == pytest.approx(0)
    assert [part.rate_at(step, 0.25) for step in (4, 5, 6)] == rates[4::2]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("lora.rank=8", r"lora\.rank=8 \(it was 4\)"),
        ("lora.dropout=0.1", r"lora\.dropout=0\.1 \(it was 0\.0\)"),
        ("sft.rate=0.1", r"sft\.rate=0\.1 \(it was 0\.02\)"),
        ("max_pixels=9000", "max_pixels=9000"),
        ("seed=3", "seed=3"),
        ("finetuning=full", r'finetuning="full" \(it was "lora"\)'),
        ("sft.batch=1", None),
        ("sft.global_batch=1", None),
        ("sft.save_every=7", None),
        ("threads=2", None),
        ("grpo.vllm_tensor_parallel_size=2", None),
        ("grpo.rate=0.1", None),
    ],
)
def test_settings_that_make_another_model_are_refused_by_name_on_going_on(
    data_file, tmp_path, change, said
):
    records = read_data(data_file)
    course = begin_course(8, 1, 2, "samples")
    write_start(course, recipe_of("sft", small(FULL), records), tmp_path)
    other = recipe_of("sft", small(FULL, change), records)
    assert go_on(course, other, tmp_path) == course  # nothing was learned yet
    (tmp_path / "checkpoint-1").mkdir()
    (tmp_path / "checkpoint-1" / "trainer_state.json").touch()
    if said is None:
        assert go_on(course, other, tmp_path).seen == 2
        return
    with pytest.raises(InputError, match=said):
        go_on(course, other, tmp_path)
    with pytest.raises(InputError, match="the samples differ"):
        go_on(course, recipe_of("sft", small(FULL), records[::-1]), tmp_path)


def test_a_run_refuses_to_go_on_from_other_weights_of_the_same_shape(tiny_checkpoint, tmp_path):
    other = shutil.copytree(tiny_checkpoint, tmp_path / "other")
    weights = load_file(other / "model.safetensors")
    save_file({name: value + 1 for name, value in weights.items()}, other / "model.safetensors")
    # Those of a base and those of an adapter on it are weights that a run begins with.
    adapters = [write_lora(one, tmp_path / f"{one.name}-lora") for one in (tiny_checkpoint, other)]
    starts = [tiny_checkpoint, other, *adapters]
    recipes = [recipe_of("sft", small(), [], weights_of(str(start))) for start in starts]
    assert len({recipe.start for recipe in recipes}) == len(starts)
    course, run = begin_course(8, 1, 2, "samples"), tmp_path / "run"
    (run / "checkpoint-1").mkdir(parents=True)
    (run / "checkpoint-1" / "trainer_state.json").touch()
    write_start(course, recipes[0], run)
    assert go_on(course, recipes[0], run).step == 1
    for another in recipes[1:]:
        with pytest.raises(InputError, match="begun otherwise: the weights of --from differ"):
            go_on(course, another, run)
    # A run of an earlier version does not know them.
    before = json.loads((run / "recipe.json").read_text())
    del before["start"]
    (run / "recipe.json").write_text(json.dumps(before))
    assert go_on(course, recipes[1], run).step == 1


@pytest.mark.parametrize(
    ("batch", "processes", "share"),
    [(8, 1, (8, 2)), (8, 8, (2, 1)), (8, 2, (8, 1)), (3, 2, (2, 4)), (1, 1, (1, 16))],
)
def test_what_a_process_does_of_a_step_follows_from_the_global_batch(batch, processes, share):
    assert small("sft.global_batch=16", f"sft.batch={batch}").sft.share(processes) == share


def test_a_global_batch_that_cannot_be_shared_is_refused():
    with pytest.raises(InputError, match="16, which 3 processes cannot share evenly; set a mult"):
        small("sft.global_batch=16").sft.share(3)
    with pytest.raises(InputError, match="16, which 32 processes cannot share"):
        small("sft.global_batch=16").sft.share(32)
    with pytest.raises(InputError, match="6, which cannot be divided into groups of 4"):
        small("grpo.global_batch=6")
    with pytest.raises(InputError, match="prompts .*there are only 3"):
        grpo.course_of(3, small("grpo.global_batch=16"))
    with pytest.raises(InputError, match="takes 16 samples .sft.global_batch., .*only 8"):
        sft.course_of(8, small("sft.global_batch=16"))
