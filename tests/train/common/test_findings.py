"""Claims about findings by degradation: the parts make the whole, and nothing is made up."""

import numpy as np
import pytest

from robust_r1.chain import Chain, Finding, render
from robust_r1.degradations import SPECS
from robust_r1.metrics import pool
from train.common.findings import finding_figures, matching_of


def chain_of(findings):
    return render(Chain(tuple(findings), "It hides much.", "I look.", "So it is.", "1"))


def drawn(rng):
    chosen = rng.permutation(len(SPECS))[: rng.integers(0, 4)]
    return [Finding(SPECS[at].chain_name, float(rng.integers(0, 100)) / 100) for at in chosen]


@pytest.mark.parametrize("seed", range(5))
def test_all_findings_are_those_of_the_sixteen_together(seed):
    rng = np.random.default_rng(seed)
    pairs = [(drawn(rng), drawn(rng)) for _ in range(40)]
    matchings = [matching_of(chain_of(said), chain_of(true)) for said, true in pairs]
    figures, whole = finding_figures(matchings, "f"), pool(matchings)
    assert figures["f/all/f1"] == pytest.approx(whole.f1, abs=1e-4)
    assert figures["f/all/mae"] == pytest.approx(whole.mae, abs=1e-4)
    # What is too weak to be seen counts neither way, as in evaluation.
    seen = sum(one.intensity >= 0.1 for _, true in pairs for one in true)
    assert figures["f/all/true"] == seen == sum(figures.get(f"f/{s.id}/true", 0) for s in SPECS)
    for spec in SPECS:
        true = figures.get(f"f/{spec.id}/true", 0)
        hits = figures.get(f"f/{spec.id}/recall", 0) * true
        assert hits == pytest.approx(sum(m[0] == spec.chain_name for m in whole.matched), abs=1e-2)


def test_what_cannot_be_measured_is_left_out():
    assert finding_figures([], "f") == {}
    assert finding_figures([matching_of("no chain", chain_of([]))], "f") == {}
    missed = matching_of("no chain", chain_of([Finding("noise", 0.5)]))
    assert finding_figures([missed], "f") == {
        f"f/{place}/{name}": value
        for place in ("all", "gaussian_noise")
        for name, value in (("recall", 0.0), ("f1", 0.0), ("true", 1))
    }
