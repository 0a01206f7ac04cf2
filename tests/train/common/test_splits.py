"""Claims about splits: no picture serves twice, and what is held out is what says so."""

from dataclasses import replace

import pytest

from robust_r1.errors import InputError
from robust_r1.records import Record
from tests.support.training import adapter_weights, base_of, rows_of, small
from train.common.rows import read_data
from train.common.splits import part_of, source_of, validation_of

# Three questions about each of ten pictures, each question about a damaged copy of its own.
COPIES = [Record(f"{n}.png", "Why?", clean=f"coco/{n // 3}.jpg") for n in range(30)]


@pytest.mark.parametrize("share", [0.25, 0.5, 0.9])
def test_no_sample_serves_both_stages_and_none_is_left_out(data_file, share):
    records = read_data(data_file)
    first, second = (part_of(records, stage, share, 20) for stage in ("sft", "grpo"))
    assert len(first) == round(share * len(records))
    assert sorted(record.image for record in (*first, *second)) == sorted(
        record.image for record in records
    )
    other = part_of(records, "sft", share, 21)
    assert first == part_of(records, "sft", share, 20) != other


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_no_source_picture_serves_both_stages(share):
    first, second = (part_of(COPIES, stage, share, 20) for stage in ("sft", "grpo"))
    assert not set(map(source_of, first)) & set(map(source_of, second))
    assert len(first) + len(second) == 30 and abs(len(first) - share * 30) < 3
    # Shuffled: copies of a picture do not follow one another.
    assert [source_of(record) for record in second] != sorted(source_of(one) for one in second)


def test_what_is_held_out_is_not_learned_from_nor_is_another_copy_of_it():
    marked = [replace(COPIES[0], split="validation"), replace(COPIES[4], split="test"), *COPIES]
    learned = [one for stage in ("sft", "grpo") for one in part_of(marked, stage, 0.5, 20)]
    assert {source_of(one) for one in learned} == {f"coco/{n}.jpg" for n in range(2, 10)}
    assert validation_of(marked, 200, 20) == marked[:1]
    many = [replace(record, split="validation") for record in COPIES]
    assert len(validation_of(many, 7, 20)) == 7
    with pytest.raises(InputError, match="0 samples are too few for both stages"):
        part_of(many, "sft", 0.5, 20)


def test_the_division_stays_where_only_the_seed_of_training_is_another():
    assert small("seed=3").split_seed == small().split_seed


def test_the_loss_on_what_is_held_out_is_logged_and_best_and_last_are_kept(
    adapt, data_file, tmp_path
):
    records = [record.replace('"split": "train"', '"split": "validation"') if number < 2 else record
               for number, record in enumerate(data_file.read_text().splitlines())]  # fmt: skip
    file = data_file.with_name("marked.jsonl")
    file.write_text("\n".join(records) + "\n")
    assert [record.split for record in read_data(file)[:3]] == ["validation"] * 2 + ["train"]
    # So fast that every step makes it worse.
    # In 4 bits, which measuring must leave as they are trained through.
    changes = ("lora.quantized=true", "sft.rate=0.5", "sft.save_every=1", "sft.epochs=4")
    run = adapt("sft", tmp_path, config=small(*changes, "sft.global_batch=3"), data=file)
    losses = {r["step"]: r["eval_loss"] for r in rows_of(run / "log.jsonl") if "eval_loss" in r}
    assert sorted(losses) == [1, 2, 3, 4] and min(losses, key=losses.get) == 1
    assert {folder.name for folder in run.glob("checkpoint-*")} == {"checkpoint-1", "checkpoint-4"}
    best, first = adapter_weights(run / "best"), adapter_weights(run / "checkpoint-1")
    assert all((best[name] == value).all() for name, value in first.items())
    assert base_of(run / "best") == base_of(run)
