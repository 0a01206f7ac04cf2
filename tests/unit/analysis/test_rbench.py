"""R-Bench's absolute and relative robustness, from tables of judged answers and from runs."""

from dataclasses import replace

import numpy as np
import pytest

from robust_r1.analysis.entries import gather
from robust_r1.analysis.rbench import (
    PARTS,
    JudgedItem,
    items_of_run,
    items_of_tables,
    rbench_lines,
    read_judged,
)
from robust_r1.analysis.robustness import STRENGTHS, TASKS, robustness
from robust_r1.errors import DataError
from robust_r1.evaluation import load_run
from robust_r1.metrics import absolute_robustness, relative_robustness
from tests.support.paths import ROOT
from tests.support.rbench_miniature import FIGURES, ITEMS, write_miniature

RUN = ROOT / "assets" / "runs" / "tiny-rl-minibench"


def items_in(folder, items=ITEMS):
    return items_of_tables(*map(read_judged, write_miniature(folder, items)))


def by_place(lines):
    return {(line.split, line.part): line for line in lines}


@pytest.fixture(params=range(4))
def drawn(request):
    """Return 300 items of 40 pictures, one score in ten not judged."""
    rng = np.random.default_rng(request.param)
    return [
        JudgedItem(
            f"{rng.integers(40)}.png", str(rng.choice(TASKS)), str(rng.choice(STRENGTHS)),
            int(rng.integers(1, 34)), None if rng.random() < 0.1 else float(rng.integers(11)) / 10,
            None if rng.random() < 0.1 else float(rng.integers(11)) / 10,
        )
        for _ in range(300)
    ]  # fmt: skip


def test_every_figure_of_twelve_items_is_the_one_worked_out_by_hand(tmp_path):
    found = by_place(rbench_lines(items_in(tmp_path)))
    assert list(found) == list(FIGURES) == list(PARTS)
    for place, (absolute, n, relative, m) in FIGURES.items():
        line = found[place]
        assert (line.absolute.n, line.relative.n) == (n, m), place
        assert line.absolute.value == (None if absolute is None else pytest.approx(absolute))
        assert line.relative.value == pytest.approx(relative), place


def test_one_table_alone_gives_the_same_absolute_figures_and_no_relative_one(tmp_path):
    three = rbench_lines(items_in(tmp_path))
    one = rbench_lines(items_of_tables(read_judged(tmp_path / "Result_dis.csv")))
    assert [line.absolute for line in one] == [line.absolute for line in three]
    assert all(line.relative.value is None and line.relative.n == 0 for line in one)


def test_items_are_matched_by_number_and_not_by_place(tmp_path):
    expected = rbench_lines(items_in(tmp_path))
    tables = [tmp_path / f"Result_{name}.csv" for name in ("dis", "ref", "com")]
    head, *rows = tables[1].read_text("utf-8").splitlines()
    tables[1].write_text("\n".join((head, *reversed(rows))) + "\n", "utf-8")
    assert rbench_lines(items_of_tables(*map(read_judged, tables))) == expected


@pytest.mark.parametrize("seed", range(4))
def test_relative_is_no_more_than_absolute_where_answers_agree_as_far_as_they_are_right(
    tmp_path, seed
):
    rng = np.random.default_rng(seed)

    def figures(ref):
        items = [
            (*one[:4], dis := float(rng.random()), ref(), dis)
            for one in ITEMS
        ]  # fmt: skip
        return rbench_lines(items_in(tmp_path, tuple(items)))

    for line in figures(lambda: float(rng.random())):
        assert line.relative.value < line.absolute.value
    for line in figures(lambda: 1):
        assert line.relative == line.absolute


def test_overall_is_the_mean_over_all_items_and_not_over_parts(drawn):
    overall, *_ = rbench_lines(drawn)
    assert overall.split == "overall"
    assert overall.absolute.value == absolute_robustness([item.absolute for item in drawn])
    ones = [1.0] * len(drawn)
    assert overall.relative.value == relative_robustness([item.relative for item in drawn], ones)
    # Of 30 answers to MCQ that are right and 10 to VQA that are wrong, the parts' mean is a half.
    right = [JudgedItem(f"{n}", "mcq", "low", 1, 1.0) for n in range(30)]
    wrong = [JudgedItem(f"{n}", "vqa", "low", 1, 0.0) for n in range(10)]
    assert rbench_lines(right + wrong)[0].absolute.value == 0.75


def test_each_split_holds_every_item_once(drawn):
    found = by_place(rbench_lines(drawn))
    whole = found["overall", ""]
    for split in {split for split, _ in PARTS}:
        lines = [line for place, line in found.items() if place[0] == split]
        assert sum(line.absolute.n for line in lines) == whole.absolute.n
        assert sum(line.relative.n for line in lines) == whole.relative.n
        total = sum((line.absolute.value or 0) * line.absolute.n for line in lines)
        assert total / whole.absolute.n == pytest.approx(whole.absolute.value)


def test_an_interval_tells_how_pictures_differ_however_many_rows_each_has(drawn):
    once, often = rbench_lines(drawn), rbench_lines(drawn * 3)
    for single, repeated in zip(once, often, strict=True):
        for one, many in (
            (single.absolute, repeated.absolute),
            (single.relative, repeated.relative),
        ):
            assert many.n == 3 * one.n
            assert (many.low, many.high) == pytest.approx((one.low, one.high))
    # Were each row a picture of its own, three times as many would narrow it.
    alone = rbench_lines([replace(item, source=str(n)) for n, item in enumerate(drawn * 3)])[0]
    assert alone.absolute.high - alone.absolute.low < 0.75 * (
        often[0].absolute.high - often[0].absolute.low
    )


def test_of_a_single_picture_there_is_no_interval(tmp_path):
    items = items_in(tmp_path, tuple(("a.png", *one[1:]) for one in ITEMS))
    assert all(line.absolute.low is None for line in rbench_lines(items))


def test_an_item_that_is_missing_in_one_table_is_named(tmp_path):
    paths = write_miniature(tmp_path)
    lines = paths[1].read_text("utf-8").splitlines()
    paths[1].write_text("\n".join(lines[:6] + lines[8:]) + "\n", "utf-8")  # items 5 and 6
    with pytest.raises(
        DataError, match=r"ref.csv lacks item 5 of .*dis.csv:7 and 1 more; give tables of the same"
    ):
        items_of_tables(*map(read_judged, paths))
    paths = write_miniature(tmp_path)
    paths[0].write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    with pytest.raises(DataError, match=r"dis.csv lacks item 11 of .*ref.csv:13; give"):
        items_of_tables(*map(read_judged, paths))


@pytest.mark.parametrize(
    ("place", "other", "named"),
    [
        (0, "z.png", "MCQ about z.png under distortion 1 at strength 1"),
        (1, "VQA", "VQA about a.png under distortion 1 at strength 1"),
        (2, 4, "MCQ about a.png under distortion 4 at strength 1"),
        (3, 2, "MCQ about a.png under distortion 1 at strength 2"),
    ],
)
def test_another_item_under_the_same_number_is_named(tmp_path, place, other, named):
    dis, *_ = write_miniature(tmp_path)
    mine = read_judged(dis)
    (tmp_path / "b").mkdir()
    changed = list(ITEMS[0])
    changed[place] = other
    _, ref, com = write_miniature(tmp_path / "b", (tuple(changed), *ITEMS[1:]))
    with pytest.raises(DataError, match=f"item 0 is MCQ about a.png .* and {named} in .*:2; give"):
        items_of_tables(mine, read_judged(ref), read_judged(com))


def test_a_row_that_cannot_be_used_leaves_its_item_out_of_what_needs_it(tmp_path):
    twice = (*ITEMS, *ITEMS)
    dis, ref, com = write_miniature(tmp_path, twice)
    lines = ref.read_text("utf-8").splitlines()
    lines[1] = lines[1].rpartition(",")[0] + ",7"
    ref.write_text("\n".join(lines) + "\n", "utf-8")
    tables = [read_judged(path) for path in (dis, ref, com)]
    assert [error.place.line for error in tables[1].unusable] == [2]
    overall = rbench_lines(items_of_tables(*tables))[0]
    assert (overall.absolute.n, overall.relative.n) == (22, 23)
    assert overall.relative.value == pytest.approx((2 * 5.9 - 1) / 23)


def test_a_run_gives_the_cells_of_the_paper_s_table_and_no_line_by_distortion():
    done = load_run(RUN)
    found = by_place(rbench_lines(items_of_run(done.rows)))
    (row,) = robustness(gather(done.benchmark, done.model, done.rows))
    for (task, strength), figure in row.cells.items():
        mine = found["task and strength", f"{task} {strength}"].absolute
        assert (mine.value, mine.n) == (figure.value, figure.n)
    assert found["overall", ""].absolute.value == row.overall.value
    assert {split for split, _ in found} == {"overall", "task", "strength", "task and strength"}
    assert all(line.relative.value is None for line in found.values())
