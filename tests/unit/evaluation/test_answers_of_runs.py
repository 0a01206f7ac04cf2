"""Claims about the answers of runs: stored ones keep their score, unparsed ones are counted."""

import json
from dataclasses import replace

import pytest

from robust_r1.chain import parse
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.evaluation import benchmark, headline, load_run, row_of
from robust_r1.metrics import accuracy_score, judge_answer
from robust_r1.paths import BUNDLED_RUNS
from robust_r1.rewards import accuracy_reward
from robust_r1.scenes.captions import caption_score

FOLDERS = sorted(path.parent for path in BUNDLED_RUNS.rglob("cases.jsonl"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda one: str(one.relative_to(BUNDLED_RUNS)))
def test_every_stored_answer_is_worth_what_is_stored(folder):
    for line in (folder / "cases.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        said, truth, choices = parse(case["text"]).chain.answer, case["truth"], case["choices"]
        if case["task"] == "cap":
            assert caption_score(said, truth) == pytest.approx(case["accuracy"])
            continue
        verdict = judge_answer(case["text"], truth, choices)
        assert verdict.accuracy == accuracy_score(said, truth, choices) == case["accuracy"]
        solution = f"<ANSWER>{truth}<ANSWER_END>"
        rewards = accuracy_reward([case["text"]], [solution], choices=[choices])
        assert rewards == [case["accuracy"]]


def test_stored_runs_have_no_unparsed_answer_and_so_no_such_figure():
    run = load_run(BUNDLED_RUNS / "tiny-base-minibench")
    assert not any(row.unparsed for row in run.rows)
    assert "no answer found" not in headline(run.rows)


def said(item, text):
    """Return the row of an item that was answered with a text."""
    answer = Answer(text, parse(text), 9, 0.1, None, "stop", "free", GenerationSettings())
    return row_of(item, answer)


def test_free_replies_are_scored_and_those_without_an_answer_are_counted():
    item = next(one for one in benchmark("minibench") if one.task == "mcq" and one.level == "clean")
    letter = "ABCD"[int(item.case.truth)]
    other = next(one for one in "ABCD"[: len(item.case.choices)] if one != letter)
    replies = (f"The answer is ({letter}).", f"The answer is ({other}).", f"{letter} or {other}")
    rows = [said(item, text) for text in replies]
    assert [row.accuracy for row in rows] == [1, 0, 0]
    assert [row.unparsed for row in rows] == [False, False, True]
    figures = headline([replace(row, id=str(place)) for place, row in enumerate(rows)])
    assert figures["no answer found"].value == pytest.approx(1 / 3)
    assert figures["no answer found"].n == 3
    assert "no answer found" not in headline(rows[:2])


def test_captions_and_questions_without_a_known_answer_are_never_unparsed():
    item = next(one for one in benchmark("minibench") if one.task == "cap")
    assert not said(item, "").unparsed
    unknown = replace(item, case=replace(item.case, truth=""), task="perception")
    assert not said(unknown, "").unparsed
