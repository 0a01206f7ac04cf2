"""Claims about comparisons: columns, differences, the pinned run, what is refused."""

import json
import threading
from dataclasses import replace

import pytest

from robust_r1.analysis import Comparison, Side, Sweep, compare, comparison_json, run_sweep
from robust_r1.degradations import DegradationPlan
from robust_r1.engine import GenerationSettings
from robust_r1.errors import InputError
from tests.support.light_meter import last
from tests.support.scripted_engine import ScriptedEngine


def plan(text: str = "") -> DegradationPlan:
    return DegradationPlan.parse(text, seed=1)


def sides(light, *plans: str):
    return [(light, Side(light.info.name, "Light", plan(text))) for text in plans]


def test_two_plans_are_asked_the_same_and_their_differences_told(light, bright):
    found = list(compare(sides(light, "", "darkness=1"), [bright]))
    assert [one.done for one in found] == [0, 1, 2]
    gap = found[-1].difference(bright, 1)
    ((name, old, new),) = gap.findings
    assert (name, old) == ("dark illumination", None) and new > 0.5
    assert gap.answer is True and gap.tokens > 0 and gap.distance == 1.0
    assert found[-1].difference(bright, 0) is None and found[0].difference(bright, 1) is None


def test_questions_come_most_different_first(bright):
    texts = {"same": "<ANSWER>yes<ANSWER_END>", "longer": "<ANSWER>yes<ANSWER_END> and more and",
             "other": "<ANSWER>no<ANSWER_END>",
             "finding": "<TYPE>lens blur(0.4)<TYPE_END><ANSWER>yes<ANSWER_END>"}
    plain = ScriptedEngine("plain", texts={"": "<ANSWER>yes<ANSWER_END>"})
    talker = ScriptedEngine("talker", texts=texts)
    pair = [(one, Side(one.info.name, one.info.name, plan())) for one in (plain, talker)]
    cases = [replace(bright, question=key, truth="") for key in texts]
    result = last(compare(pair, cases))
    order = [case.question for case in result.by_difference()]
    assert order == ["other", "finding", "longer", "same"]


def test_swapping_holds_the_other_side_to_the_first(light, bright):
    result = last(compare(sides(light, "", "darkness=1"), [bright]))
    turned = result.swapped()
    there, back = result.difference(bright, 1), turned.difference(bright, 1)
    assert back.tokens == -there.tokens and back.distance == there.distance
    assert [(name, new, old) for name, old, new in back.findings] == list(there.findings)
    assert turned.swapped() == result


def test_a_pinned_column_is_the_reference_of_later_runs_and_is_not_asked_again(light, bright):
    first = last(compare(sides(light, "", "darkness=1"), [bright]))
    asked = len(light.asked)
    later = replace(bright, question="Anything else?")
    found = compare(sides(light, "darkness=0.5"), [bright, later], pinned=first.columns[0])
    result = last(found)
    assert len(light.asked) == asked + 2
    assert [column.side.pinned for column in result.columns] == [True, False]
    assert result.difference(bright, 1).tokens > 0
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
def test_what_cannot_be_compared_is_refused(light, bright, plans, count, words):
    cases = [replace(bright, question=f"Question {number}?") for number in range(count)]
    with pytest.raises(InputError, match=words):
        list(compare(sides(light, *plans), cases))
    assert light.asked == []


def test_stop_leaves_the_rest_of_a_comparison_open(light, bright):
    stop, done = threading.Event(), []
    for result in compare(sides(light, "", "darkness=1"), [bright], stop=stop):
        done.append(result)
        if result.done:
            stop.set()
    assert isinstance(done[-1], Comparison) and done[-1].done == 1


@pytest.mark.parametrize(
    ("text", "choices", "words"), [(" ", (), "no question"), ("What?", ("one",), "one answer")]
)
def test_a_question_needs_words_and_more_than_one_option(light, bright, text, choices, words):
    broken = replace(bright, question=text, choices=choices)
    for results in (
        compare(sides(light, "", "darkness=1"), [broken]),
        run_sweep(light, broken, Sweep(("darkness",), 2)),
    ):
        with pytest.raises(InputError, match=words):
            list(results)
    assert light.asked == []


def test_a_comparison_leaves_the_settings_to_the_models_unless_they_are_given(light, bright):
    given = GenerationSettings(max_new_tokens=99)
    for settings, wanted in ((None, light.info.defaults), (given, given)):
        case = replace(bright, settings=settings)
        result = last(compare(sides(light, "", "darkness=1"), [case]))
        asked = [column.outcomes[0].reply.answer.settings for column in result.columns]
        assert asked == [wanted] * 2
