"""Claims about the analyses: comparing and sweeping, without the page."""

import csv
import io
import json
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1 import images
from robust_r1.analysis import (
    MAX_STEPS,
    AnswerCache,
    Comparison,
    Query,
    Side,
    Sweep,
    compare,
    comparison_json,
    run_sweep,
    sweep_csv,
    sweep_json,
    try_once,
)
from robust_r1.cli import main
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.engine import GenerationSettings, load_engine
from robust_r1.errors import InputError
from tests.support.page_driver import ScriptedEngine

IDS = [spec.id for spec in SPECS]
GREEDY = GenerationSettings()
BRIGHT = Query("Is it bright?", truth="yes")


class LightMeter(ScriptedEngine):
    """Perceive darkness by measuring light; the answer flips where less than half is left.

    `leaning` is what it adds to each intensity: its bias.
    """

    def __init__(self, full: float, leaning: float = 0.0, **options):
        super().__init__(**options)
        self.full, self.leaning = full, leaning

    def _pieces(self, question):
        lost = 1 - float(self.asked[-1].mean()) / self.full
        said = min(max(lost + self.leaning, 0), 1)
        type_ = f"dark illumination({said:.2f})" if lost > 0.02 else "none"
        dark = "It is dark. " * round(10 * lost)
        answer = "no" if lost > 0.5 else "yes"
        yield (
            f"<TYPE>{type_}<TYPE_END><INFLUENCE>{dark}So.<INFLUENCE_END><REASONING>r<REASONING_END>"
            f"<CONCLUSION>c<CONCLUSION_END><ANSWER>{answer}<ANSWER_END>"
        )


@pytest.fixture
def light(picture):
    return LightMeter(float(picture.mean()))


def last(results):
    return list(results)[-1]


def plan(text: str = "") -> DegradationPlan:
    return DegradationPlan.parse(text, seed=1)


# -- sweeps


@given(
    ids=st.lists(st.sampled_from(IDS), min_size=1, unique=True),
    levels=st.integers(2, 13),
    together=st.booleans(),
)
def test_a_sweep_starts_undamaged_and_rises_to_full_intensity(ids, levels, together):
    sweep = Sweep(tuple(ids), levels, together, seed=5)
    plans = list(sweep.plans())
    assert len(plans) == sweep.count
    assert plans[0] == ("", 0.0, DegradationPlan())
    for name in sweep.series:
        of_one = [(level, plan) for series, level, plan in plans if series == name]
        rising = [level for level, _ in of_one]
        assert rising == sorted(set(rising)) and rising[-1] == 1.0 and len(rising) == levels - 1
        wanted = set(ids) if together else {name}
        for level, plan in of_one:
            assert plan == DegradationPlan.of(dict.fromkeys(wanted, level), seed=5)


def test_all_sixteen_at_eleven_levels_is_within_the_bound():
    assert Sweep(tuple(IDS), 11).count <= MAX_STEPS


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ids": ()}, "choose at least one degradation"),
        ({"ids": ("lens_blurr",)}, "lens_blur"),
        ({"ids": ("lens_blur",), "levels": 1001}, "1,001 steps.*answer of the model.*200"),
        ({"ids": tuple(IDS), "levels": 51}, "801 steps"),
        ({"ids": ("lens_blur",), "levels": 150}, "2 to 101 levels"),
        ({"ids": ("lens_blur",), "levels": 1}, "2 to 101 levels"),
        ({"ids": tuple(IDS), "levels": -5}, "2 to 101 levels"),
        ({"ids": ("lens_blur",), "seed": -1, "levels": 3}, "seed"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_in_one_sentence(arguments, words):
    with pytest.raises(InputError, match=words) as refusal:
        list(Sweep(**arguments).plans())
    assert "\n" not in str(refusal.value)


def test_calibration_tells_perceived_from_applied(light, picture):
    result = last(run_sweep(light, picture, BRIGHT, Sweep(("darkness",), 6)))
    assert result.finished and [point.applied for point in result.points] == [.2, .4, .6, .8, 1]
    said = [point.perceived for point in result.points]
    assert said == sorted(said) and said[-1] > said[0] > 0
    off = np.mean([point.perceived - point.applied for point in result.points])
    assert result.bias() == result.bias("darkness") == pytest.approx(off)


def test_a_model_that_leans_has_that_bias_more(picture):
    sweep, full = Sweep(("darkness",), 5), float(picture.mean())
    straight, leaning = (
        last(run_sweep(LightMeter(full, by), picture, BRIGHT, sweep)).bias() for by in (0, -0.05)
    )
    assert leaning - straight == pytest.approx(-0.05, abs=0.01)


def test_what_goes_unnoticed_has_no_point_on_the_curve_but_counts(light, picture):
    result = last(run_sweep(light, picture, BRIGHT, Sweep(("darkness", "watermark_damage"), 3)))
    assert result.noticed("watermark_damage") == (0, 2) and result.bias("watermark_damage") is None
    assert result.noticed("darkness") == (2, 2) and result.noticed() == (2, 4)


def test_together_every_degradation_has_a_point_at_every_step(light, picture):
    sweep = Sweep(("darkness", "watermark_damage"), 3, together=True)
    result = last(run_sweep(light, picture, BRIGHT, sweep))
    assert len(result.steps) == 3 and len(result.points) == 4
    assert [step.trial.plan.total_intensity for step in result.steps] == [0, 1, 2]


def test_flips_are_counted_from_the_undamaged_answer(light, picture):
    result = last(run_sweep(light, picture, BRIGHT, Sweep(("darkness",), 11)))
    assert result.steps[0].flipped is None
    flips = [step.flipped for step in result.damaged]
    assert flips == sorted(flips) and {step.trial.said for step in result.flips} == {"no"}
    assert [bool(step.trial.score.accuracy) for step in result.damaged] == [not f for f in flips]


def test_a_step_is_what_asking_once_gives(light, picture):
    result = last(run_sweep(light, picture, BRIGHT, Sweep(("darkness",), 3, seed=4)))
    step = result.steps[-1]
    once = try_once(light, picture, BRIGHT, step.trial.plan, GREEDY)
    assert once.answer.text == step.trial.answer.text and once.score == step.trial.score
    assert np.array_equal(once.thumbnail, step.trial.thumbnail)


def test_known_answers_are_not_asked_again(light, picture):
    cache, sweep = AnswerCache(), Sweep(("darkness",), 4)
    fresh = last(run_sweep(light, picture, BRIGHT, sweep, cache=cache))
    asked = len(light.asked)
    again = last(run_sweep(light, picture, BRIGHT, sweep, cache=cache))
    assert len(light.asked) == asked and all(step.trial.cached for step in again.steps)
    assert [s.trial.answer for s in again.steps] == [s.trial.answer for s in fresh.steps]
    for other in (Query("Else?"), Query(BRIGHT.text, ("yes", "no"))):
        assert not try_once(light, picture, other, plan(), GREEDY, cache=cache).cached
    longer = GenerationSettings(max_new_tokens=99)
    assert not try_once(light, picture, BRIGHT, plan(), longer, cache=cache).cached
    other = LightMeter(light.full, name="other")
    assert not try_once(other, picture, BRIGHT, plan(), GREEDY, cache=cache).cached


def test_the_cache_is_bounded_and_forgets_what_was_used_longest_ago(light, picture):
    cache = AnswerCache(size=2)
    first, second, third = (Query(text) for text in ("one?", "two?", "three?"))

    def cached(query):
        return try_once(light, picture, query, plan(), GREEDY, cache=cache).cached

    assert [cached(query) for query in (first, second, first, third)] == [False, False, True, False]
    assert len(cache) == 2 and cached(first) and not cached(second)


def test_stop_ends_a_sweep_and_what_was_done_is_known(light, picture):
    stop, cache, done = threading.Event(), AnswerCache(), []
    for result in run_sweep(light, picture, BRIGHT, Sweep(("darkness",), 9), None, stop, cache):
        done.append(result)
        if len(done) == 3:
            stop.set()
    assert len(done[-1].steps) == 3 and not done[-1].finished
    again = last(run_sweep(light, picture, BRIGHT, Sweep(("darkness",), 9), cache=cache))
    assert [step.trial.cached for step in again.steps] == [True] * 3 + [False] * 6


def test_half_an_answer_is_neither_a_step_nor_remembered(picture):
    stop, cache, engine = threading.Event(), AnswerCache(), ScriptedEngine()
    threading.Timer(0.3, stop.set).start()
    query = Query("Go on endlessly")
    assert list(run_sweep(engine, picture, query, Sweep(("darkness",)), None, stop, cache)) == []
    assert len(cache) == 0 and engine.running == 0


# -- what is written


def test_the_table_has_a_line_for_each_degradation_at_each_step(light, picture):
    sweep = Sweep(("darkness", "watermark_damage"), 3, together=True)
    result = last(run_sweep(light, picture, BRIGHT, sweep))
    rows = list(csv.DictReader(io.StringIO(sweep_csv(result))))
    assert [row["series"] for row in rows] == ["clean"] + ["together"] * 4
    assert [row["degradation"] for row in rows] == ["", *["darkness", "watermark_damage"] * 2]
    assert rows[2]["perceived"] == "" and float(rows[1]["perceived"]) > 0
    assert rows[-1]["flipped"] == "true" and rows[0]["right"] == "true"
    assert json.loads(sweep_json(result))["steps"][-1]["answer"] == rows[-1]["answer"]


@pytest.mark.parametrize("answer", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_an_answer_cannot_run_in_a_spreadsheet(picture, answer):
    engine = ScriptedEngine(texts={"": f"<ANSWER>{answer}<ANSWER_END>"})
    result = last(run_sweep(engine, picture, BRIGHT, Sweep(("darkness",), 2)))
    rows = list(csv.DictReader(io.StringIO(sweep_csv(result))))
    assert rows[0]["answer"] == f"'{answer}"


# -- comparisons


def sides(light, *plans: str):
    return [(light, Side(light.info.name, "Light", plan(text))) for text in plans]


def test_two_plans_are_asked_the_same_and_their_differences_told(light, picture):
    found = list(compare(sides(light, "", "darkness=1"), picture, [BRIGHT]))
    assert [one.done for one in found] == [0, 1, 2]
    gap = found[-1].difference(BRIGHT, 1)
    ((name, old, new),) = gap.findings
    assert (name, old) == ("dark illumination", None) and new > 0.5
    assert gap.answer is True and gap.tokens > 0 and gap.distance == 1.0
    assert found[-1].difference(BRIGHT, 0) is None and found[0].difference(BRIGHT, 1) is None


def test_questions_come_most_different_first(light, picture):
    texts = {"same": "<ANSWER>yes<ANSWER_END>", "longer": "<ANSWER>yes<ANSWER_END> and more and",
             "other": "<ANSWER>no<ANSWER_END>",
             "finding": "<TYPE>lens blur(0.4)<TYPE_END><ANSWER>yes<ANSWER_END>"}
    plain = ScriptedEngine("plain", texts={"": "<ANSWER>yes<ANSWER_END>"})
    talker = ScriptedEngine("talker", texts=texts)
    pair = [(one, Side(one.info.name, one.info.name, plan())) for one in (plain, talker)]
    queries = [Query(key) for key in texts]
    result = last(compare(pair, picture, queries))
    order = [query.text for query in result.by_difference()]
    assert order == ["other", "finding", "longer", "same"]


def test_swapping_holds_the_other_side_to_the_first(light, picture):
    result = last(compare(sides(light, "", "darkness=1"), picture, [BRIGHT]))
    turned = result.swapped()
    there, back = result.difference(BRIGHT, 1), turned.difference(BRIGHT, 1)
    assert back.tokens == -there.tokens and back.distance == there.distance
    assert [(name, new, old) for name, old, new in back.findings] == list(there.findings)
    assert turned.swapped() == result


def test_a_pinned_column_is_the_reference_of_later_runs_and_is_not_asked_again(light, picture):
    first = last(compare(sides(light, "", "darkness=1"), picture, [BRIGHT]))
    asked = len(light.asked)
    later = Query("Anything else?")
    found = compare(
        sides(light, "darkness=0.5"), picture, [BRIGHT, later], pinned=first.columns[0]
    )
    result = last(found)
    assert len(light.asked) == asked + 2
    assert [column.side.pinned for column in result.columns] == [True, False]
    assert result.difference(BRIGHT, 1).tokens > 0
    assert result.difference(later, 1) is None
    written = json.loads(comparison_json(result))
    assert written["columns"][0]["pinned"] and written["questions"][1]["answers"][0] is None


@pytest.mark.parametrize(
    ("plans", "count", "words"),
    [
        (("",), 1, "2 to 3 columns"),
        (("", "darkness=1", "darkness=0.5", "lens_blur=1"), 1, "2 to 3 columns"),
        (("darkness=1", "darkness=1"), 1, "Two columns are the same"),
        (("", "darkness=1"), 0, "1 to 12 questions"),
        (("", "darkness=1"), 13, "1 to 12 questions at a time, not 13"),
    ],
)
def test_what_cannot_be_compared_is_refused(light, picture, plans, count, words):
    queries = [Query(f"Question {number}?") for number in range(count)]
    with pytest.raises(InputError, match=words):
        list(compare(sides(light, *plans), picture, queries))
    assert light.asked == []


def test_stop_leaves_the_rest_of_a_comparison_open(light, picture):
    stop, done = threading.Event(), []
    for result in compare(sides(light, "", "darkness=1"), picture, [BRIGHT], stop=stop):
        done.append(result)
        if result.done:
            stop.set()
    assert isinstance(done[-1], Comparison) and done[-1].done == 1


def test_a_query_needs_words_and_more_than_one_option():
    for text, choices in ((" ", ()), ("What?", ("one",))):
        with pytest.raises(InputError):
            Query(text, choices)


# -- the command, with a real model of random weights


@pytest.fixture(scope="module")
def model(tiny_checkpoint) -> str:
    return str(tiny_checkpoint)


@pytest.fixture
def photo(tmp_path, picture) -> str:
    images.save(picture, tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_the_command_writes_what_the_function_gives(model, photo, picture, tmp_path, capsys):
    words = ["--vary", "noise", "--levels", "3", "--seed", "7", "--max-new-tokens", "8"]
    file = tmp_path / "sweep.csv"
    assert main(["sweep", photo, "What?", *words, "--model", model, "--json", "-o", str(file)]) == 0
    printed = json.loads(capsys.readouterr().out)
    engine = load_engine(model)
    sweep, short = Sweep(("gaussian_noise",), 3, seed=7), GenerationSettings(max_new_tokens=8)
    wanted = last(run_sweep(engine, picture, Query("What?"), sweep, short))
    engine.close()
    said = [step.trial.answer.text for step in wanted.steps]
    assert [step["text"] for step in printed["steps"]] == said
    assert printed["finished"] and printed["sweep"]["ids"] == ["gaussian_noise"]
    rows = list(csv.DictReader(file.open()))
    assert [row["intensity"] for row in rows] == ["0.0", "0.5", "1.0"]


def test_the_command_prints_a_table_of_steps(model, photo, capsys):
    words = ["--vary", "darkness", "--levels", "2", "--max-new-tokens", "4", "--model", model]
    assert main(["sweep", photo, "What?", *words]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("clean") and "Darkness: noticed at" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "choose at least one degradation"),
        (["--vary", "darkness", "--levels", "1001"], "at most 200"),
        (["--vary", "gremlins"], "gremlins"),
        (["--vary", "darkness", "-o", "sweep.xlsx"], "end its name in .csv or .json"),
        (["--vary", "darkness", "-o", "no/such/folder/a.csv"], "no folder"),
        (["--vary", "darkness", "--choices", "one"], "only one answer choice"),
    ],
)
def test_a_bad_sweep_is_one_line_and_status_two(photo, words, sentence, capsys):
    assert main(["sweep", photo, "What?", *words]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1 and sentence in err
