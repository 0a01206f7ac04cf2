"""Metrics: each figure against a hand calculation, and the bounds that nobody can cheat."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1 import metrics
from robust_r1.chain import Chain, Finding, parse, render
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from robust_r1.metrics import (
    answer_matches,
    bootstrap_interval,
    degradation_score,
    length_score,
    match_findings,
    normalize_answer,
    score_answer,
)

# The paper's Fig. 2. Its fourth finding carries a name that is not true; lens flare is missed.
TRUE = (
    Finding("lens blur", 0.69),
    Finding("lens flare", 0.52),
    Finding("sharpness change", 0.96),
    Finding("graffiti", 0.43),
)
PERCEIVED = (
    Finding("lens blur", 0.45),
    Finding("sharpness change", 0.44),
    Finding("graffiti", 0.44),
    Finding("dark illumination", 0.40),
)

names = st.sampled_from([spec.chain_name for spec in SPECS])
findings = st.lists(st.builds(Finding, names, st.floats(0, 1)), max_size=6)
distinct = st.lists(
    st.builds(Finding, names, st.floats(0, 1)), max_size=6, unique_by=lambda finding: finding.name
)


def test_degradation_score_of_the_papers_worked_example():
    assert degradation_score(PERCEIVED, TRUE) == pytest.approx(0.76 + 0.48 + 0.99 - 1 - 1)
    assert degradation_score(PERCEIVED[:3], TRUE[:1] + TRUE[2:]) == pytest.approx(2.23)


def test_two_empty_lists_score_one_and_a_full_match_its_number_of_findings():
    assert degradation_score((), ()) == 1
    assert degradation_score(TRUE, TRUE) == 4
    assert degradation_score((), TRUE) == -4
    assert degradation_score(TRUE, ()) == -4


@given(findings, distinct)
def test_degradation_score_never_exceeds_the_number_of_true_findings(perceived, true):
    score = degradation_score(perceived, true)
    assert -len(perceived) - len(true) <= score <= max(len(true), 1 - len(perceived))


@given(distinct.filter(bool))
def test_the_truth_is_the_best_answer(true):
    best = degradation_score(true, true)
    assert degradation_score([*true, true[0]], true) == pytest.approx(best - 1), "repeats cost 1"
    assert degradation_score(true[1:], true) == pytest.approx(best - 2), "earns less, and a miss"


def test_a_repeated_name_matches_once_and_its_first_intensity_counts():
    matching = match_findings([Finding("graffiti", 0.1), Finding("graffiti", 0.43)], TRUE)
    assert matching.matched == (("graffiti", 0.1, 0.43),)
    assert matching.false_alarms == ("graffiti",)


def test_matching_figures_against_hand_calculation():
    matching = match_findings(PERCEIVED, TRUE)
    assert matching.misses == ("lens flare",)
    assert matching.precision == 0.75 and matching.recall == 0.75 and matching.f1 == 0.75
    assert matching.mae == pytest.approx((0.24 + 0.52 + 0.01) / 3)
    assert matching.bias == pytest.approx((-0.24 - 0.52 + 0.01) / 3)


def test_what_is_undefined_is_none_and_not_zero():
    empty = match_findings((), ())
    assert (empty.precision, empty.recall, empty.f1, empty.mae, empty.bias) == (None,) * 5
    missed = match_findings((), TRUE)
    assert (missed.precision, missed.recall, missed.f1, missed.mae) == (None, 0, 0, None)
    assert length_score(5, 0) is None
    assert metrics.mean([None, None]) is None
    assert bootstrap_interval([None]) is None
    assert metrics.relative_drop(0, 0) is None
    assert metrics.flips([None], [1]).rate is None
    assert metrics.calibration_error([], []) is None


def test_pooled_matchings_count_findings_and_not_pictures():
    pooled = metrics.pool([match_findings(TRUE[:1], TRUE[:1]), match_findings((), TRUE)])
    assert pooled.recall == 1 / 5 and pooled.precision == 1


@pytest.mark.parametrize(
    ("tokens", "score"), [(100, 1), (120, 0.8), (80, 0.8), (0, 0), (200, 0), (290, -0.9), (900, -1)]
)
def test_length_score_falls_to_minus_one_on_either_side_of_the_reference(tokens, score):
    assert length_score(tokens, 100) == pytest.approx(score)


CHOICES = ("red ball", "Dog.", "kite")


@pytest.mark.parametrize(
    "said",
    ["2", " 2. ", "(2)", "2)", "option 2", "Option 2.", "OPTION  2: kite", "2. kite", "2: Kite."]
    + ["kite", "KITE", " kite. ", "\nKite\n"],
)
@pytest.mark.parametrize("truth", ["2", "kite", "2. kite"])
def test_an_option_may_be_given_by_number_text_or_both(said, truth):
    assert answer_matches(said, truth, CHOICES)


@pytest.mark.parametrize("said", ["", "1", "dog", "2. dog", "1. kite", "2 kites", "a kite", "0 2"])
def test_another_option_a_contradiction_or_nothing_is_wrong(said):
    assert not answer_matches(said, "2", CHOICES)


def test_a_bare_number_is_the_options_number_where_there_is_one():
    assert answer_matches("2", "5", ("3", "2", "5"))
    assert not answer_matches("1", "5", ("3", "2", "5"))
    assert answer_matches("9", "9", ("7", "8", "9")), "no option 9, so its text"


@pytest.mark.parametrize(
    ("said", "truth", "matches"),
    [
        ("A red  Kite.", "a red kite", True),
        ("2. kite", "2", True),
        ("option 2", "2", True),
        ("2 kites", "2", False),
        ("2.5", "2", False),
        ("kite", "kites", False),
        ("", "", False),
        ("anything", " . ", False),
    ],
)
def test_without_choices_normalized_texts_are_compared(said, truth, matches):
    assert answer_matches(said, truth) is matches


@given(st.text())
def test_normalizing_an_answer_twice_changes_nothing_but_full_stops(text):
    once = normalize_answer(text)
    assert once == " ".join(once.split())
    assert answer_matches(text, text) is bool(once)


def test_nothing_against_nothing_is_not_scored():
    assert metrics.accuracy_score("", "") is None
    assert metrics.accuracy_score("", " . ") is None
    assert metrics.accuracy_score("kite", None) is None
    assert metrics.accuracy_score("", "kite") == 0.0


def test_bootstrap_interval_is_seeded_and_covers_the_mean():
    values = np.random.default_rng(3).random(200)
    low, high = bootstrap_interval(values, seed=1)
    assert (low, high) == bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)
    assert low < values.mean() < high
    # The normal approximation: 1.96 standard errors on either side.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=0.1)
    narrow = bootstrap_interval(values, seed=1, level=0.5)
    assert low < narrow[0] < narrow[1] < high


def test_bootstrap_interval_leaves_out_none_and_refuses_a_level_of_95():
    assert bootstrap_interval([1.0, None, 1.0]) == (1.0, 1.0)
    with pytest.raises(InputError, match="between 0 and 1"):
        bootstrap_interval([1.0], level=95)


def test_values_that_hang_together_are_drawn_together():
    rng = np.random.default_rng(3)
    apart = rng.random(20)
    plain = metrics.bootstrap_interval(apart)
    # Alone in its group each value is drawn as before, and copies of it tell nothing new.
    assert metrics.bootstrap_interval(apart, groups=range(20)) == pytest.approx(plain)
    copied = metrics.bootstrap_interval(np.tile(apart, 50), groups=list(range(20)) * 50)
    assert copied == pytest.approx(plain)
    low, high = metrics.bootstrap_interval(np.tile(apart, 50))
    assert high - low < (plain[1] - plain[0]) / 5
    assert metrics.bootstrap_interval(apart, groups=[None] * 20) == plain
    assert metrics.bootstrap_interval(apart, groups=["one"] * 20) is None


def test_a_group_weighs_as_many_values_as_it_holds():
    groups = ["a"] * 9 + ["b"]
    figure = metrics.average([1.0] * 9 + [0.0], groups)
    assert (figure.value, figure.n, figure.low, figure.high) == (0.9, 10, 0, 1)
    unscored = metrics.average([1.0, None, 0.0], ["a", "a", None])
    assert (unscored.value, unscored.n, unscored.low, unscored.high) == (0.5, 2, 0, 1)
    assert metrics.average([None], ["a"]) == metrics.Figure(None, 0)


def test_counts_of_groups_are_those_of_all_their_items():
    places, groups = np.array([0, 0, 1, 2, 1]), np.array([0, 1, 1, 2, 2])
    (counts,) = metrics.resampled_counts(places, 40, seed=2, groups=groups)
    drawn = np.random.default_rng(2).integers(3, size=(2000, 3))[:40]
    for row, chosen in zip(counts, drawn, strict=True):
        items = np.concatenate([places[groups == group] for group in chosen])
        assert np.array_equal(row, np.bincount(items, minlength=3))
    assert list(metrics.groups_of(["b", None, "b", 1])) == [0, 1, 0, 2]
    assert metrics.groups_of([None, None]) is None


def test_bootstrap_interval_of_many_values_is_drawn_in_parts_of_bounded_size():
    values = np.tile([0.0, 1.0], 20_000)
    low, high = bootstrap_interval(values)
    assert 0.494 < low < 0.5 < high < 0.506


def test_resampled_counts_are_those_of_items_drawn_one_by_one():
    places = np.random.default_rng(5).integers(7, size=300)
    drawn = places[np.random.default_rng(2).integers(300, size=(50, 300))]
    (counts,) = metrics.resampled_counts(places, 50, seed=2)
    assert (counts == (drawn[:, :, None] == np.arange(7)).sum(1)).all()
    assert list(metrics.resampled_counts(places[:0], 50)) == []


@pytest.mark.parametrize("kinds", [20, 4000])  # drawn by count, and one by one in parts
def test_resampled_counts_of_many_items_sum_to_all_and_spread_as_they_should(kinds):
    places = np.arange(20_000) % kinds
    counts = np.concatenate(list(metrics.resampled_counts(places, 400)))
    assert counts.shape == (400, kinds) and (counts.sum(1) == 20_000).all()
    share = 1 / kinds
    assert counts.mean() == 20_000 * share
    assert counts.var() == pytest.approx(20_000 * share * (1 - share), rel=0.05)


def test_flips_are_split_by_direction():
    flips = metrics.flips([1, 1, 0, 0, 1, None], [0, 1, 1, 0, 0, 1])
    assert (flips.n, flips.right_to_wrong, flips.wrong_to_right) == (5, 0.4, 0.2)
    assert flips.rate == pytest.approx(0.6)


def test_corruption_errors_against_hand_calculation():
    errors, base = {"noise": [0.2, 0.4], "blur": [0.3, 0.3]}, {"noise": [0.4, 0.8], "blur": [1, 1]}
    assert metrics.mean_corruption_error(errors, base) == pytest.approx((0.5 + 0.3) / 2)
    # noise: (0.1 + 0.3) / (0.2 + 0.6); blur: (0.2 + 0.2) / (0.8 + 0.8)
    relative = metrics.relative_mean_corruption_error(errors, 0.1, base, 0.2)
    assert relative == pytest.approx((0.5 + 0.25) / 2)


def test_relative_corruption_error_is_not_available_where_the_base_drops_by_nothing():
    assert metrics.relative_corruption_error([0.5], 0.1, [0.2], 0.2) is None
    assert metrics.relative_corruption_error([0.5], 0.1, [0.1], 0.2) is None
    assert metrics.corruption_error([0.5], [0.0]) is None
    both = {"noise": [0.5], "blur": [0.3]}
    base = {"noise": [0.2], "blur": [0.4]}
    assert metrics.relative_mean_corruption_error(both, 0.1, base, 0.2) == pytest.approx(1.0)


def test_robustness_leaves_unjudged_items_out():
    assert metrics.absolute_robustness([1, 0.5, None]) == 0.75
    assert metrics.relative_robustness([1, 0.5, None, 1], [0.5, 1, 1, None]) == 0.5
    with pytest.raises(ValueError, match="shorter"):
        metrics.relative_robustness([1, 1], [1])


def test_relative_drop_is_the_share_of_the_clean_accuracy():
    assert metrics.relative_drop(0.8, 0.6) == pytest.approx(0.25)


def test_calibration_error_against_hand_calculation():
    # Bins of 0.5: |mean(.2, .4) - 0| * 2/4 + |mean(.8, 1) - 1/2| * 2/4
    error = metrics.calibration_error([0.2, 0.4, 0.8, 1.0], [0, 0, 1, 0], bins=2)
    assert error == pytest.approx(0.3 / 2 + 0.4 / 2)


def test_scorecard_of_a_perfect_answer_is_full_and_explains_itself():
    chain = Chain(TRUE, "a", "b", "c", "2")
    card = score_answer(parse(render(chain)), TRUE, "2", CHOICES, tokens=90, true_tokens=100)
    assert (card.degradation, card.length, card.format, card.accuracy) == (4, 0.9, 1, 1)
    assert card.matching == match_findings(TRUE, TRUE)
    assert card.explain == {
        "degradation": "4 matches at 1 - |perceived - applied| earn 4.00, minus 1 for each of "
        "0 false alarms and 0 misses: 4.00.",
        "length": "1 - |90 - 100| / 100 tokens, at least -1: 0.90.",
        "format": "Every section stands in its place and nothing stands outside: 1.",
        "accuracy": '"2" matches the true answer "2": 1.',
    }


def test_scorecard_of_an_unknown_picture_scores_the_form_alone():
    card = score_answer(parse("junk"), None)
    assert (card.matching, card.degradation, card.length, card.accuracy) == (None,) * 4
    assert card.format == 0
    assert card.explain["format"].startswith("5 problems, the first one text outside sections")
    not_scored = [name for name, words in card.explain.items() if words.startswith("Not scored")]
    assert not_scored == ["degradation", "length", "accuracy"]


@pytest.mark.parametrize("text", ["", "<TYPE>", "<TYPE>noise(loud)<TYPE_END>", "<TYPE>?<TYPE_END>"])
def test_silence_or_nonsense_on_a_clean_picture_does_not_pay(text):
    assert metrics.perception_score(parse(text), ()) == 0
    assert metrics.perception_score(parse("<TYPE>none<TYPE_END>"), ()) == 1
    assert "missing or cannot be read" in score_answer(parse(text), ()).explain["degradation"]


def test_every_public_name_is_documented():
    undocumented = [name for name in metrics.__all__ if not getattr(metrics, name).__doc__]
    assert undocumented == []


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("1", "zero (1)"), ("1.", "zero (1)"), ("(1)", "zero (1)"), ("option 1", "zero (1)"),
        ("1. zero", "zero (1)"), (" 1 ", "zero (1)"), ("zero", "zero"), ("Zero.", "Zero."),
        ("1. one", "1. one"),  # number and text contradict each other
        ("2", "2"), ("1 object", "1 object"), ("", ""),
    ],
)
def test_an_answer_by_number_reads_as_the_options_text_and_then_the_number(said, words):
    assert metrics.answer_words(said, ("one", "zero")) == words
    assert metrics.answer_words(said) == said


NUMBERS = ("2", "3", "4")


def test_a_truth_that_is_literally_an_option_is_that_option_and_no_place():
    assert metrics.option_of("2", NUMBERS) == 0
    assert answer_matches("0. 2", "2", NUMBERS)
    assert answer_matches("0", "2", NUMBERS)
    assert answer_matches("two", "2", NUMBERS)
    assert not answer_matches("2. 4", "2", NUMBERS)
    assert not answer_matches("2", "2", NUMBERS), "a reply's number is an option's, as it was asked"


def test_a_truth_that_is_no_option_is_a_place_a_letter_or_none():
    assert metrics.option_of("0", NUMBERS) == 0
    assert metrics.option_of("2. kite", CHOICES) == 2
    assert metrics.option_of("C", CHOICES) == metrics.option_of("(C).", CHOICES) == 2
    assert metrics.option_of("2. dog", CHOICES) is None
    assert metrics.option_of("a tree", CHOICES) is None


@pytest.mark.parametrize(
    ("truth", "choices", "words"),
    [("1", ("one", "zero"), "zero (1)"), ("2", NUMBERS, "2"), ("0", NUMBERS, "2 (0)"),
     ("zero", ("one", "zero"), "zero"), ("1", (), "1")],
)  # fmt: skip
def test_a_true_answer_is_shown_as_it_is_read(truth, choices, words):
    assert metrics.truth_words(truth, choices) == words


def test_the_number_in_a_true_chain_is_an_options_even_where_options_are_numbers():
    assert metrics.truth_in_words("2", NUMBERS) == "4"
    assert metrics.truth_in_words("1", ("one", "zero")) == "zero"
    assert metrics.truth_in_words("red", ()) == "red"


def test_an_answer_outside_of_a_chain_is_found_where_all_of_the_reply_is_given():
    text = "Looks like a kite. The answer is (C)."
    card = score_answer(parse(text), None, "kite", CHOICES, reply=text)
    assert (card.accuracy, card.unparsed) == (1, False)
    assert score_answer(parse(text), None, "kite", CHOICES).accuracy == 0, "as training reads it"


def test_a_scorecard_tells_no_answer_from_a_wrong_one():
    unclear, wrong = "A or B", "red ball"
    card = score_answer(parse(unclear), None, "kite", CHOICES, reply=unclear)
    assert (card.accuracy, card.unparsed) == (0, True)
    assert card.explain["accuracy"].startswith("No answer is found in the reply")
    card = score_answer(parse(wrong), None, "kite", CHOICES, reply=wrong)
    assert (card.accuracy, card.unparsed) == (0, False)
    assert card.explain["accuracy"] == '"red ball" does not match the true answer "kite": 0.'
    assert not score_answer(parse(unclear), None, None, CHOICES, reply=unclear).unparsed


def test_a_number_that_is_another_options_text_explains_itself():
    card = score_answer(parse("<ANSWER>2<ANSWER_END>"), None, "2", NUMBERS)
    assert card.explain["accuracy"] == '"2. 4" does not match the true answer "2": 0.'
