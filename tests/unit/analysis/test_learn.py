"""The lesson without a page: rounds, chains judged by hand, the cases, what is drawn of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robust_r1.analysis import MAX_ROUND, MAX_TEXT, Game, draw_round, judge, score_round, variants
from robust_r1.chain import Finding, parse, render
from robust_r1.degradations import SPECS
from robust_r1.engine import catalog
from robust_r1.errors import InputError
from robust_r1.metrics import match_findings
from robust_r1.rewards import accuracy_reward, degradation_reward, format_reward, length_reward
from robust_r1.ui.learn.cases import lesson_cases
from robust_r1.ui.learn.rounds import case_of, round_of
from robust_r1.ui.learn.story import in_order_of_training
from robust_r1.ui.learn.views import findings_table
from tests.support.page_driver import ScriptedEngine

PICTURES = ("a", "b", "c", "d")
SEEDS = st.integers(0, 2**31 - 1)
NUMBERS = st.integers(1, MAX_ROUND)
FINDINGS = st.lists(
    st.builds(
        Finding, st.sampled_from([spec.chain_name for spec in SPECS] + ["gremlins"]),
        st.integers(1, 100).map(lambda cent: cent / 100),
    ),
    max_size=5,
)
CASES = [pytest.param(case, id=case.title) for case in lesson_cases()]


@given(SEEDS, NUMBERS)
def test_a_seed_and_a_number_always_give_the_same_round(seed, number):
    assert draw_round(seed, number, PICTURES) == draw_round(seed, number, PICTURES)


@given(SEEDS, NUMBERS)
def test_a_round_has_at_most_three_degradations_and_none_that_cannot_be_seen(seed, number):
    applied = draw_round(seed, number, PICTURES).applied
    assert len(applied) <= 3
    assert all(0.2 <= finding.intensity <= 1 for finding in applied)


@given(SEEDS, st.integers(1, MAX_ROUND - 1))
def test_the_next_round_shows_another_picture(seed, number):
    one, other = (draw_round(seed, place, PICTURES).picture for place in (number, number + 1))
    assert one != other


def test_rounds_differ_between_seeds_cover_the_table_and_are_sometimes_undamaged():
    rounds = [draw_round(seed, number, PICTURES) for seed in range(6) for number in range(1, 60)]
    assert len({str(one.plan) for one in rounds}) > 250
    named = {id for one in rounds for id in one.plan.intensities}
    assert named == {spec.id for spec in SPECS}
    assert 0.05 < sum(not one.plan for one in rounds) / len(rounds) < 0.25


@pytest.mark.parametrize(
    ("seed", "number", "words"), [(-1, 1, "from 0 up"), (1, 0, "1 to 99"), (1, 100, "1 to 99")]
)
def test_a_round_that_there_is_not_is_refused_in_words(seed, number, words):
    with pytest.raises(InputError, match=words):
        draw_round(seed, number, PICTURES)


@given(SEEDS, NUMBERS, FINDINGS)
def test_whoever_knows_the_truth_never_loses(seed, number, perceived):
    played = draw_round(seed, number, PICTURES)
    listed = ", ".join(f"{finding.name}({finding.intensity:.2f})" for finding in perceived)
    chain = parse(f"<TYPE>{listed or 'none'}<TYPE_END>")
    score = score_round(played, played.applied, "model", chain)
    assert score.winner in ("you", "draw")
    assert score.yours == max(1, len(played.applied))


@given(FINDINGS.filter(bool))
def test_a_guess_and_a_chain_that_say_the_same_are_a_draw(findings):
    played = draw_round(1, 1, PICTURES)
    listed = ", ".join(f"{finding.name}({finding.intensity:.2f})" for finding in findings)
    score = score_round(played, findings, "model", parse(f"<TYPE>{listed}<TYPE_END>"))
    assert score.winner == "draw"


def test_of_a_round_played_twice_the_first_guess_counts():
    played = draw_round(5, 1, PICTURES)
    silent = parse("<TYPE>none<TYPE_END>")
    first = score_round(played, (), "model", silent)
    second = score_round(played, played.applied, "model", silent)
    game = Game(5).add(first).add(second)
    assert game.scores == (first,) and game.totals == (first.yours, first.theirs)


def test_a_score_of_another_seed_does_not_count():
    score = score_round(draw_round(5, 1, PICTURES), (), "model", parse(""))
    assert Game(6).add(score).scores == ()


def test_rounds_of_the_page_ask_a_question_that_fits_their_picture():
    for number in range(1, 12):
        case = case_of(round_of(3, number))
        assert case.question and case.plan == round_of(3, number).plan


@pytest.mark.parametrize("case", CASES)
def test_judging_by_hand_gives_the_rewards_of_training(case):
    truth, choices = render(case.reference), case.case.choices
    for variant in variants(case.reference):
        score = judge(variant.text, truth, choices).score
        texts, solution = [variant.text], [truth]
        assert [score.degradation] == degradation_reward(texts, solution)
        assert [score.length] == length_reward(texts, solution)
        assert [score.format] == format_reward(texts)
        assert [score.accuracy] == accuracy_reward(texts, solution, choices=[choices])


# Which rewards each mistake lowers; the others keep what the reference earns.
MISTAKES = {
    "Reference": set(),
    "Intensity off": {"degradation"},
    "One missed": {"degradation", "length"},
    "False alarm": {"degradation", "length"},
    "Wrong answer": {"accuracy", "length"},
    "Too short": {"length"},
    "Too long": {"length"},
    "Section missing": {"format", "length"},
    "Chatter outside": {"format", "length"},
    "Said twice": {"degradation", "format", "length"},
}


@pytest.mark.parametrize("case", CASES)
def test_each_ready_made_mistake_costs_exactly_the_rewards_that_it_should(case):
    truth = render(case.reference)
    best = judge(truth, truth).score
    names = [variant.name for variant in variants(case.reference)]
    assert set(names) == set(MISTAKES) if case.reference.findings else set(names) < set(MISTAKES)
    for variant in variants(case.reference):
        score = judge(variant.text, truth).score
        lowered = {
            name
            for name in ("degradation", "length", "format", "accuracy")
            if getattr(score, name) < getattr(best, name)
        }
        assert lowered == MISTAKES[variant.name], variant.name


@settings(max_examples=60)
@given(st.text(max_size=200))
def test_whatever_is_typed_is_judged_and_never_raises(text):
    truth = render(lesson_cases()[0].reference)
    judgment = judge(text, truth)
    assert judgment.score.format == judgment.parsed.well_formed
    assert -1 <= judgment.score.length <= 1


@pytest.mark.parametrize(
    ("text", "truth", "words"),
    [
        ("x" * (MAX_TEXT + 1), "<TYPE>none<TYPE_END>", "The chain has 20001 characters"),
        ("x", "a kite", "The true chain is not well formed"),
    ],
)
def test_what_cannot_be_judged_is_refused_in_words(text, truth, words):
    with pytest.raises(InputError, match=words):
        judge(text, truth)


def test_the_lesson_has_cases_of_every_kind_of_damage():
    counts = [len(case.reference.findings) for case in lesson_cases()]
    assert 0 in counts and 1 in counts and max(counts) >= 3
    assert len({case.title for case in lesson_cases()}) == len(counts)


@given(FINDINGS, st.lists(st.sampled_from(SPECS), max_size=3, unique=True))
def test_the_table_says_of_every_finding_whether_it_is_true(perceived, specs):
    applied = [Finding(spec.chain_name, 0.5) for spec in specs]
    table = findings_table(applied, [("You", perceived)])
    matching = match_findings(perceived, applied)
    assert table.count("missed, -1") == len(matching.misses)
    assert table.count("match, +") == len(matching.matched)
    names = {name for name, _, _ in matching.matched}
    alarms = {name for name in matching.false_alarms if name not in names}
    assert table.count("false alarm, -1") == len(alarms)


def test_bundled_models_stand_in_the_order_of_training_whoever_is_there():
    bundled = [info.name for info in catalog.bundled()]
    here = [ScriptedEngine(name) for name in reversed(bundled)]
    shown = in_order_of_training([*here, ScriptedEngine("elsewhere")])
    assert [engine.info.name for engine in shown] == bundled
    alone = (ScriptedEngine("elsewhere"),)
    assert in_order_of_training(alone) == alone
