"""Claims about data files: rows hold what records say, and a broken file is named."""

import numpy as np
import pytest

from robust_r1.chain import build_prompt, parse
from robust_r1.errors import DataError
from robust_r1.images import load
from robust_r1.scenes import make_item
from train.common.rows import chain_rows, part_of, read_data, rollout_rows


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


def test_a_picture_is_fitted_to_the_pixel_budget_and_a_smaller_one_is_left_alone(data_file):
    records = read_data(data_file)
    for rows in (chain_rows, rollout_rows):
        (whole,), (fitted,) = (
            rows(records, data_file.parent, budget)[0]["images"] for budget in (10**6, 96 * 96)
        )
        assert whole.size == load(records[0].picture(data_file.parent)).shape[1::-1]
        assert 0.8 * 96 * 96 < fitted.size[0] * fitted.size[1] <= 96 * 96


def test_a_file_that_is_not_there_is_named(data_file):
    with pytest.raises(DataError, match="cannot be read|no such|No such"):
        read_data(data_file.with_name("missing.jsonl"))
