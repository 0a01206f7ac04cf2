"""Claims about Beat the model: seeded rounds, scores, and what a model is asked in a round."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.analysis import (
    MAX_ROUND,
    Game,
    case_of,
    draw_round,
    play,
    round_of,
    score_round,
)
from robust_r1.analysis.rounds import RoundScore, game_record, read_game
from robust_r1.chain import Finding, parse
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from tests.support.scripted_engine import ScriptedEngine

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


def test_a_model_plays_a_round_by_what_it_perceives_and_a_stopped_one_does_not_play():
    played, stop = round_of(3, 1), threading.Event()
    score = play(ScriptedEngine(), played, played.applied, stop)
    said = [finding.name for finding in score.perceived]
    assert said == ["lens blur", "scan lines"] and score.model == "Scripted"
    assert score.guess == played.applied and score.winner == "you"
    stop.set()
    assert play(ScriptedEngine(), played, played.applied, stop) is None


def test_a_browser_keeps_a_game_without_what_was_applied_and_broken_scores_go():
    played = round_of(7, 1)
    score = RoundScore(played, "model", (Finding("lens blur", 0.5),), (), 0.25, -1.0)
    game = Game(7).add(score)
    record = json.loads(json.dumps(game_record(game)))
    assert read_game(7, record) == game and "plan" not in str(record)
    assert game.next_number == 2
    for broken in (None, 5, [{}], [{**record[0], "round": 900}], [{**record[0], "picture": "x"}]):
        assert read_game(7, broken) == Game(7)
