"""Claims about Variants: damage from life on the photographs of PhotoBench 2."""

from collections import Counter

import numpy as np
import pytest

from robust_r1.ask.picture import seen
from robust_r1.cli import main
from robust_r1.evaluation import STRENGTHS, benchmark, load_run
from robust_r1.evaluation.benchmarks import photograph_of
from robust_r1.evaluation.photobench2 import PHOTOGRAPHS, view_of
from robust_r1.scenes.variants import VARIANTS, damage_by_variants

ITEMS = benchmark("variants")
DAMAGED = {level: value for level, value in STRENGTHS.items() if value}


def test_each_kind_is_shown_once_on_each_photograph_at_each_strength():
    counts = Counter(
        (photograph_of(item.source), *item.case.plan.intensities.items()) for item in ITEMS
    )
    assert set(counts.values()) == {1}
    assert len(counts) == len(PHOTOGRAPHS) * len(VARIANTS) * len(DAMAGED)
    for item in ITEMS:
        kind, _, source = item.source.partition("-")
        assert item.case.plan.intensities == {kind: DAMAGED[item.level]}
        assert view_of(source) is not None and item.task == "perception"


def test_half_of_the_views_are_saved_once_of_every_kind():
    saved = Counter(
        (item.source.partition("-")[0], "-saved-" in item.source)
        for item in ITEMS
        if item.level == "low"
    )
    assert set(saved.values()) == {len(PHOTOGRAPHS) // 2}


def test_a_stronger_case_differs_in_amount_alone_and_changes_the_picture_more():
    for source in ("darkness-kodak-03-", "gaussian_noise-kodak-07-", "lens_blur-kodak-11-"):
        items = [item for item in ITEMS if item.source.startswith(source)]
        assert len({item.case.plan.steps[0].seed for item in items}) == 1
        clean = items[0].case.picture.load()
        changes = [
            np.abs(item.case.picture.damaged(clean, item.case.plan).astype(float) - clean).mean()
            for item in items
        ]
        assert [item.level for item in items] == list(DAMAGED) and changes == sorted(changes)


def test_models_are_shown_the_variant_and_the_clean_picture_stays_as_it_is(tiny_engine):
    case = ITEMS[1].case
    clean = tiny_engine.fit(case.picture.load())
    shown = seen(case.picture, tiny_engine, case.plan)
    assert np.array_equal(shown, damage_by_variants(clean, case.plan))
    assert not np.array_equal(shown, case.plan.apply(clean))
    assert np.array_equal(seen(case.picture, tiny_engine, type(case.plan)()), clean)


@pytest.mark.slow
def test_a_run_of_it_has_intervals_that_resample_photographs(tmp_path, capsys):
    command = ["evaluate", "variants", "--model", "tiny-rl", "-o", str(tmp_path / "run")]
    assert main([*command, "--limit", "9", "--levels", "high"]) == 0
    assert "type recall" in capsys.readouterr().out
    rows = load_run(tmp_path / "run").rows
    assert len(rows) == 9 and {row.cluster for row in rows} == {"kodak-01", "kodak-02"}
