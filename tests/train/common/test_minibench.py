"""Claims about MiniBench on the way: its items, and the figures that evaluation gives."""

from collections import Counter

import pytest

from robust_r1.evaluation import headline
from robust_r1.evaluation.benchmarks import minibench
from train.common.answering import Said
from train.common.minibench import minibench_figures, rows_of, some_items


@pytest.mark.parametrize("count", [4, 12, 96, 960])
def test_a_part_of_minibench_is_whole_scenes_of_all_its_tasks(count):
    items = some_items(count)
    assert len(items) == count and set(items) <= set(minibench())
    assert set(Counter(item.source for item in items).values()) == {4}
    tasks = Counter(item.task for item in items)
    assert len(tasks) == min(count // 4, 3) and len(set(tasks.values())) == 1


def test_the_figures_are_those_of_an_evaluation():
    items = some_items(24)
    # Every third one is answered as a model that sees nothing would.
    said = [
        Said("<TYPE>none<TYPE_END>" if at % 3 else f"<TYPE>noise(0.5), blur(0.3)<TYPE_END>"
             f"<ANSWER>{item.case.truth}<ANSWER_END>", (1, 2), True)
        for at, item in enumerate(items)
    ]  # fmt: skip
    rows = rows_of(items, said, "some")
    figures, whole = minibench_figures(rows), headline(rows)
    for name, other in (
        ("type_f1", "type F1"),
        ("intensity_mae", "intensity MAE"),
        ("false_alarms", "false alarm on clean"),
        ("answers_clean", "answers, clean"),
        ("well_formed", "well formed"),
    ):
        assert figures[f"minibench/{name}"] == pytest.approx(whole[other].value), name
    damaged = [row.accuracy for row in rows if row.level != "clean"]
    assert figures["minibench/answers_damaged"] == pytest.approx(sum(damaged) / 18)
    assert figures["minibench/items"] == 24
