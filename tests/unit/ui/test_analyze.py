"""The tab Analyze without a browser."""

from dataclasses import replace

import pytest
from starlette.datastructures import QueryParams

from robust_r1.analysis.entries import gather
from robust_r1.evaluation import load_run
from robust_r1.ui import build_ui
from robust_r1.ui.analyze.views import open_links, outcome_of
from tests.support.analyze_runs import chain, line, write_run
from tests.support.page_visit import Visit
from tests.support.scripted_engine import ScriptedEngine


@pytest.fixture
def visit():
    return Visit(build_ui((ScriptedEngine("tiny-sft"), ScriptedEngine("other", "Other"))))


@pytest.mark.parametrize(("query", "named"), [("", False), ("tab=analyze&view=cases", True)])
def test_only_a_link_that_names_a_part_goes_to_it(visit, query, named):
    """Whoever goes to the cases while the runs are read must not be called back."""
    visit.request.query_params = QueryParams(query)
    (update,) = visit.call("RunHandlers.arrive")
    assert (visit.component("analyze-tabs") in update) is named


def test_an_answer_asked_again_is_marked_while_another_model_is_chosen(visit):
    visit.call("RunHandlers.arrive")
    visit.call("CaseHandlers.ask_again")
    mark = visit.component("again-old")
    said = []
    for model in ("tiny-sft", "other", "tiny-sft"):
        visit.values[visit.component("again-model")] = model
        visit.call("CaseHandlers.mark_again")
        said.append(visit.values[mark])
    assert said[0] == said[2] == "" and "for the model before" in said[1]


@pytest.mark.parametrize(
    ("benchmark", "words"),
    [
        ("minibench", "This version of the benchmark has no such case"),
        ("MMStar", "A run keeps no pictures of a published benchmark"),
    ],
)
def test_a_case_without_its_picture_says_why(benchmark, words, tmp_path):
    run = load_run(write_run(tmp_path, [line(1, "high", chain("none"))], benchmark=benchmark))
    (entry,) = gather(run.benchmark, run.model, run.rows)
    assert f"{words}, so its picture is not here." in open_links(entry, ())


@pytest.mark.parametrize(
    ("judged", "accuracy", "words"),
    [
        (None, 0.0, "does not match the true answer"),
        (True, 0.5, "A judge's score: 0.50."),
        (False, None, "Not judged: no score came."),
    ],
)
def test_a_judged_answer_shows_the_judge_s_score_and_says_whose_it_is(
    tmp_path, judged, accuracy, words
):
    run = load_run(write_run(tmp_path, [line(1, "high", chain("none"))]))
    row = replace(run.rows[0], choices=(), truth="a red kite", judged=judged, accuracy=accuracy)
    score = outcome_of(row, None, "model").score
    assert score.accuracy == accuracy and words in score.explain["accuracy"]
