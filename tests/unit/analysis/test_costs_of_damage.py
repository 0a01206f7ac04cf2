"""Claims about what damage costs: drops, degradations, confidence, tokens, groups, pairs."""

import json
from dataclasses import replace
from math import comb

import numpy as np
import pytest

from robust_r1.analysis.confidence import (
    ACCURACY_CHANGE,
    CALIBRATION,
    KEPT_CHANGE,
    MARGIN,
    ConfidenceFigures,
    confidence,
    lost_first,
)
from robust_r1.analysis.confusion import confusion, mistakes
from robust_r1.analysis.corruption import ALL, DEGRADATION, STAGE, corruption
from robust_r1.analysis.costs import costs
from robust_r1.analysis.entries import Terms, gather
from robust_r1.analysis.groups import by_group
from robust_r1.analysis.intensities import intensity_errors
from robust_r1.analysis.pairs import EVERY, differing, exact_p, paired, shared
from robust_r1.analysis.robustness import by_level, robustness
from robust_r1.degradations import DegradationPlan
from robust_r1.evaluation import headline, load_run, paired_differences, recall_by_band
from robust_r1.metrics import (
    Figure,
    average,
    mean_corruption_error,
    relative_corruption_error,
)
from robust_r1.paths import BUNDLED_RUNS
from robust_r1.report.robustness_tables import NOT_AVAILABLE, corruption_table
from tests.support.analyze_runs import LEVELS, chain, line, write_run

RIGHT, WRONG = 1.0, 0.0


@pytest.fixture(scope="module")
def bundled():
    """Return the cases of two models about 60 pictures, with odds that their damage lowers."""
    found = []
    for model in ("tiny-base", "tiny-rl"):
        run = load_run(BUNDLED_RUNS / f"{model}-minibench")
        rows = [_with_odds(row) for row in run.rows[:240]]
        found += gather(run.benchmark, model, rows)
    return tuple(found)


def _with_odds(row):
    if not row.choices:
        return row
    kind = ("letters", "colors")[int(row.source[-1]) % 2]
    logs = [-2.0 - 0.1 * place for place in range(len(row.choices))]
    logs[int(row.truth)] = -0.3 - row.plan.total_intensity
    return replace(row, option_logprobs=tuple(logs), category=kind)


def figures_of(entries, others):
    """Return every figure that anything computes from some cases."""
    rows, theirs = ([entry.row for entry in side] for side in (entries, others))
    found = [
        *headline(rows).values(), *recall_by_band(rows).values(),
        *paired_differences(rows, theirs).values(),
        *(one.share for one in mistakes(entries, confusion(entries, entries[0].model), 99)),
        *(figure for _, *pair in intensity_errors(entries).by_degradation for figure in pair),
        *(figure for one in robustness(entries) for figure in (*one.cells.values(), one.overall)),
        *(figure for one in costs(entries) for figure in (one.tokens, one.seconds)),
        *(figure for one in confidence(entries) for figure in one.figures.values()),
        *(one.accuracy for one in by_group(entries, "category")),
        *(line.gap for line in paired(shared([*entries, *others], *names(entries, others)))),
    ]  # fmt: skip
    for one in by_level(entries):
        found += [one.accuracy, one.tokens, one.drop, one.lost, one.won]
    for one in (*corruption(entries), *corruption([*entries, *others], names(entries, others)[1])):
        for each in one.lines:
            found += [each.clean, each.damaged, each.drop, each.error, each.relative_error]
    return [figure for figure in found if figure]


def names(*sides):
    return [side[0].model for side in sides]


def test_no_interval_changes_where_every_question_is_asked_twice_about_its_picture(bundled):
    """Two rows about one picture are no two witnesses, whatever is computed from them."""
    sides = [[entry for entry in bundled if entry.model == model] for model in
             ("tiny-rl", "tiny-base")]  # fmt: skip
    twice = []
    for side in sides:
        again = [replace(e.row, id=f"{e.row.id}-again", source=f"{e.row.source}-again",
                         picture=e.row.source) for e in side]  # fmt: skip
        first = [replace(entry.row, picture=entry.row.source) for entry in side]
        twice.append(gather(side[0].benchmark, side[0].model, [*first, *again]))
    once, doubled = figures_of(*sides), figures_of(*twice)
    assert len(once) == len(doubled) > 150
    for one, two in zip(once, doubled, strict=True):
        assert two.n in (one.n, 2 * one.n)
        known = [(figure.value, figure.low, figure.high) for figure in (one, two)]
        if None in known[0]:
            assert [value is None for value in known[0]] == [value is None for value in known[1]]
        else:
            assert known[0] == pytest.approx(known[1], abs=1e-9)


def entries_of(folder, wrong, model="paper", more=None):
    """Return cases at all levels of some pictures; `wrong` has the (picture, level) that are."""
    lines = [
        line(number, level, chain("none"), WRONG if (number, level) in wrong else RIGHT,
             **(more(number, level) if more else {}))
        for number in range(8) for level in LEVELS
    ]  # fmt: skip
    run = load_run(write_run(folder, lines, model=model))
    return gather(run.benchmark, run.model, run.rows)


def lens(number, level):
    """Blur the pictures of even numbers, and darken the others."""
    id = "darkness" if number % 2 else "lens_blur"
    plan = DegradationPlan.of({id: LEVELS[level]}, seed=number)
    return {"plan": json.loads(plan.to_json())}


def line_of(found, kind, name=""):
    (one,) = found
    return next(each for each in one.lines if (each.kind, each.name) == (kind, name))


def test_drops_and_turns_are_shares_of_the_same_questions(tmp_path):
    entries = entries_of(tmp_path, {(0, "clean"), (1, "high"), (2, "high"), (0, "mid")})
    levels = {one.level: one for one in by_level(entries)}
    assert levels["high"].drop.value == pytest.approx((7 - 6) / 7)
    assert (levels["high"].lost.value, levels["high"].won.value) == (2 / 8, 1 / 8)
    assert levels["mid"].drop.value == levels["mid"].lost.value == 0
    assert levels["clean"].drop.n == 0
    flips = levels["high"].flips
    assert flips.rate == levels["high"].lost.value + levels["high"].won.value
    none_right = entries_of(tmp_path / "none", {(n, level) for n in range(8) for level in LEVELS})
    assert all(one.drop.value is None for one in by_level(none_right))


def test_corruption_errors_are_ratios_of_errors_and_of_their_growth(tmp_path):
    mine = {(0, "clean"), (0, "high"), (2, "high"), (4, "mid"), (1, "high")}
    theirs = {(0, "low"), (0, "mid"), (0, "high"), (2, "mid"), (2, "high"), (3, "low")}
    both = (
        *entries_of(tmp_path / "a", mine, "mine", lens),
        *entries_of(tmp_path / "b", theirs, "base", lens),
    )
    found = corruption(both, "base")
    blur, dark = (line_of(found, DEGRADATION, id) for id in ("lens_blur", "darkness"))
    # Of four blurred pictures: 3 errors at all levels, 1 clean; the base 5 and none.
    assert blur.error.value == pytest.approx(3 / 5)
    assert blur.relative_error.value == pytest.approx((3 - 3 * 1) / 5)
    assert (dark.error.value, dark.relative_error.value) == (pytest.approx(1), pytest.approx(1))
    whole = line_of(found, ALL)
    assert whole.error.value == pytest.approx((3 / 5 + 1) / 2)
    assert line_of(found, STAGE, "acquisition").error.value == pytest.approx(3 / 5)
    assert blur.drop.value == pytest.approx(3 / 12 - 1 / 4) and whole.damaged.n == 24
    assert whole.damaged.value == pytest.approx(1 - 4 / 24)


def test_a_model_against_itself_has_errors_of_one_and_none_where_nothing_is_lost(tmp_path):
    wrong = {(0, "high"), (1, "clean"), (1, "low"), (1, "mid"), (1, "high")}
    both = (
        *entries_of(tmp_path / "a", wrong, "mine", lens),
        *entries_of(tmp_path / "b", wrong, "base", lens),
    )
    found = corruption(both, "base")
    blur, dark = (line_of(found, DEGRADATION, id) for id in ("lens_blur", "darkness"))
    assert blur.error.value == dark.error.value == blur.relative_error.value == 1
    # Darkness costs the base nothing: it was as wrong before.
    assert dark.relative_error.value is None
    rows = {row[1].text: [cell.text for cell in row] for row in corruption_table(found).rows}
    assert rows["Darkness"][2:4] == ["1.000", NOT_AVAILABLE]
    assert line_of(found, ALL).relative_error.value == 1  # over those that there are


def test_the_worst_degradation_costs_most_and_is_not_of_a_handful_of_pictures(tmp_path):
    wrong = {(number, "high") for number in (1, 3, 5)} | {(0, "high")}
    few = corruption(entries_of(tmp_path, wrong, more=lens))
    assert few[0].worst is None  # four pictures each
    lines = [line(n, level, "x", WRONG if n < 3 and level == "high" else RIGHT, **lens(0, level))
             for n in range(6) for level in LEVELS]  # fmt: skip
    lines += [line(n, level, "x", RIGHT, **lens(1, level))
              for n in range(6, 12) for level in LEVELS]  # fmt: skip
    run = load_run(write_run(tmp_path / "more", lines))
    (found,) = corruption(gather(run.benchmark, run.model, run.rows))
    assert found.worst.name == "lens_blur" and found.worst.pictures == 6
    assert found.worst.drop.value == pytest.approx(3 / 18)


def test_costs_go_by_the_total_intensity(tmp_path):
    def length(number, level):
        return {"tokens": 10 + 100 * int(level == "high"), "seconds": 0.5}

    found = {one.band: one for one in costs(entries_of(tmp_path, (), more=length))}
    assert list(found) == ["none", "up to .25", "up to .5", "up to 1"]
    assert [one.tokens.value for one in found.values()] == [10, 10, 10, 110]
    assert {one.seconds.value for one in found.values()} == {0.5}
    assert {one.tokens.n for one in found.values()} == {8}


def sure(number, level):
    """Give the right option less and less, until it is no more the likeliest at high."""
    right = {"clean": 0.9, "low": 0.8, "mid": 0.6, "high": 0.4}[level] + number / 100
    logs = [float(np.log(right)), float(np.log(1 - right))]
    return {"choices": ["two", "three"], "task": "mcq", "option_logprobs": logs}


def test_confidence_is_lost_before_accuracy_where_margins_fall_and_answers_stay(tmp_path):
    wrong = {(number, "high") for number in range(8)}
    lines = confidence(entries_of(tmp_path, wrong, more=sure))
    assert [one.level for one in lines] == list(LEVELS)
    clean, low = lines[0].figures, lines[1].figures
    assert KEPT_CHANGE not in clean and low[KEPT_CHANGE].value == pytest.approx(-0.2)
    assert clean[MARGIN].value == pytest.approx(np.mean([0.8 + n / 50 for n in range(8)]))
    # All are right, with a confidence of .90 to .97.
    confidences = [0.9 + number / 100 for number in range(8)]
    assert clean[CALIBRATION].value == pytest.approx(1 - np.mean(confidences))
    assert lines[3].figures[ACCURACY_CHANGE].value == -1
    assert lines[3].figures[KEPT_CHANGE].n == 0
    said = lost_first(lines)
    assert "loses confidence before accuracy: from low" in said and "from high on" in said
    assert lost_first(lines[:1]) == ""
    assert "accuracy falls beyond noise at no level" in lost_first(lines[:3])


def test_what_is_lost_first_is_said_as_it_is():
    falls, stays = Figure(-0.2, 9, -0.3, -0.1), Figure(0.0, 9, -0.1, 0.1)

    def said(*levels):
        lines = [ConfidenceFigures("m", name, {KEPT_CHANGE: kept, ACCURACY_CHANGE: right})
                 for name, kept, right in levels]  # fmt: skip
        return lost_first(lines)

    assert "neither" in said(("25", stays, stays))
    assert "accuracy before confidence" in said(("25", stays, falls), ("50", falls, falls))
    assert "at the same level, 25" in said(("25", falls, falls))
    assert "no confidence where it stays right" in said(("25", stays, falls))


def test_groups_are_compared_where_there_are_several(tmp_path):
    def group(number, level):
        return {"category": "count" if number < 3 else "color", "language": "en"}

    entries = entries_of(tmp_path, {(0, "high")}, more=group)
    found = {(one.group, one.level): one.accuracy for one in by_group(entries, "category")}
    assert found["count", "high"].value == pytest.approx(2 / 3) and found["color", "high"].n == 5
    assert by_group(entries, "language") == () == by_group(entries, "prompt")
    other = [replace(entry, terms=Terms(prompt="direct")) for entry in entries]
    names = {one.group for one in by_group([*entries, *other], "prompt")}
    assert names == {"ours", "direct"}


@pytest.mark.parametrize(
    ("first", "second"), [(0, 0), (1, 0), (3, 9), (40, 40), (0, 60), (700, 812)]
)
def test_the_exact_test_is_the_binomial_one_and_knows_no_side(first, second):
    tosses = first + second
    tail = sum(comb(tosses, heads) for heads in range(min(first, second) + 1)) / 2**tosses
    assert exact_p(first, second) == pytest.approx(min(1, 2 * tail)) == exact_p(second, first)


def test_two_runs_are_paired_by_item_and_over_levels_by_picture(tmp_path):
    one = entries_of(tmp_path / "a", {(0, "clean"), (1, "high"), (2, "high"), (2, "mid")}, "one")
    two = entries_of(tmp_path / "b", {(0, "clean"), (3, "high"), (2, "mid")}, "two")
    pairs = shared([*one, *two], "one", "two")
    lines = {line.level: line for line in paired(pairs)}
    high = lines["high"]
    assert (high.both, high.neither, high.first, high.second, high.n) == (5, 0, 1, 2, 8)
    assert high.p == 1 and high.gap.value == pytest.approx(-1 / 8)
    assert (lines["clean"].neither, lines["clean"].both) == (1, 7)
    whole = lines[EVERY]
    assert (whole.first, whole.second, whole.both, whole.n) == (1, 2, 5, 8)
    assert [found.item for found in differing(pairs, 2)] == ["s00001", "s00002"]
    back = {line.level: line for line in paired(shared([*one, *two], "two", "one"))}
    assert (back["high"].first, back["high"].second) == (2, 1)
    assert back["high"].gap.value == -high.gap.value
    (most,) = differing(pairs, 1)
    assert most.weight == -1 and [pair[0].row.level for pair in most.pairs] == ["high"]


def test_the_interval_of_a_gap_is_that_of_pictures(bundled):
    pairs = shared(bundled, "tiny-base", "tiny-rl")
    gaps = [one.row.accuracy - other.row.accuracy for one, other in pairs]
    whole = paired(pairs)[-1]
    assert whole.gap == average(gaps, [one.row.source for one, _ in pairs])


def test_corruption_errors_are_those_of_the_metrics(bundled):
    sides = {model: [e for e in bundled if e.model == model] for model in ("tiny-rl", "tiny-base")}
    (found,) = corruption(bundled, "tiny-base")
    singles = [line for line in found.lines if line.kind == DEGRADATION]
    errors: dict[str, dict[str, list[float]]] = {model: {} for model in sides}
    for line_ in singles:
        relative = []
        for model, side in sides.items():
            own = [entry for entry in side if line_.name in entry.row.plan.intensities]
            levels = [[1 - entry.row.accuracy for entry in own if entry.row.level == level]
                      for level in ("low", "mid", "high")]  # fmt: skip
            errors[model][line_.name] = [float(np.mean(level)) for level in levels]
            clean = float(np.mean([1 - entry.clean.accuracy for entry in own]))
            relative += [errors[model][line_.name], clean]
        expected = relative_corruption_error(*relative)
        if expected is None or line_.relative_error.value is None:
            assert expected is line_.relative_error.value or abs(expected) > 1e9
        else:
            assert line_.relative_error.value == pytest.approx(expected)
    whole = line_of((found,), ALL).error.value
    assert whole == pytest.approx(mean_corruption_error(errors["tiny-rl"], errors["tiny-base"]))
