"""Every mark of a figure has a filter that lets exactly its cases pass, over whole tables."""

import json

import pytest

from robust_r1.analysis import filters
from robust_r1.analysis.confusion import NOTHING, ORDER, all_cells, cell_id, cell_of, confusion
from robust_r1.analysis.entries import gather, is_right
from robust_r1.analysis.filters import OFF_BY, SCORED, Filter, select, why_none
from robust_r1.analysis.intensities import intensity_errors
from robust_r1.analysis.robustness import by_level
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from robust_r1.evaluation import load_run
from robust_r1.ui.analyze.charts import confusion_chart, error_chart, level_chart
from robust_r1.ui.analyze.clicks import narrowed
from tests.support.paths import ROOT

RUNS = ROOT / "assets" / "runs"
MODELS = ("tiny-base", "tiny-sft", "tiny-rl")


def open_runs(benchmark, models=MODELS):
    runs = [load_run(RUNS / f"{model}-{benchmark}") for model in models]
    return tuple(e for run in runs for e in gather(run.benchmark, run.model, run.rows))


@pytest.fixture(scope="module", params=["minibench", "photobench2"])
def entries(request):
    """Return the cases of three runs side by side."""
    return open_runs(request.param)


def marks(figure):
    """Yield (what the hover counts, filter) of each mark of a chart that leads anywhere."""
    for trace in figure.data:
        rows = trace.customdata if trace.type == "heatmap" else [trace.customdata]
        for data in (one for row in rows for one in row):
            if data[-1]:
                yield data[1] if trace.type == "bar" else data[0], filters.from_json(data[-1])


@pytest.mark.parametrize("asked", [Filter(), Filter(outcome="wrong"), Filter(levels=("mid",))])
def test_each_mark_counts_the_cases_that_its_filter_lets_pass(entries, asked):
    chosen = select(entries, asked)
    charts = [confusion_chart(confusion(chosen, model)) for model in MODELS[1:]]
    errors = [(model, intensity_errors([e for e in chosen if e.model == model]))
              for model in MODELS]  # fmt: skip
    charts += [error_chart(errors), level_chart(by_level(chosen))]
    found = [mark for chart in charts for mark in marks(chart)]
    for cases, wanted in found:
        assert len(select(entries, narrowed(asked, wanted))) == cases, wanted
    if chosen:
        assert len(found) > 50


def test_cells_of_a_cell_count_cases_that_lie_in_both(entries):
    (first, *_) = marks(confusion_chart(confusion(entries, "tiny-rl")))
    chosen = select(entries, first[1])
    for cases, wanted in marks(confusion_chart(confusion(chosen, "tiny-rl"))):
        assert len(select(entries, narrowed(first[1], wanted))) == cases


def test_missed_and_false_alarm_are_those_of_the_matching_and_make_up_the_cells(entries):
    for spec in SPECS:
        missed = select(entries, Filter(missed=(spec.id,)))
        alarmed = select(entries, Filter(false_alarms=(spec.id,)))
        name = spec.chain_name
        assert missed == tuple(e for e in entries if name in e.row.matching.misses)
        assert alarmed == tuple(e for e in entries if name in e.row.matching.false_alarms)
        line = {e for other in ORDER if other != name
                for e in select(entries, Filter(taken=(cell_id((name, other)),)))}  # fmt: skip
        assert line == set(missed)


def test_only_this_run_right_are_cases_that_all_others_with_an_answer_get_wrong(entries):
    total = 0
    for model in MODELS:
        alone = select(entries, Filter(only_right=model))
        total += len(alone)
        expected = []
        for entry in entries:
            same = [e for e in entries if e.row.id == entry.row.id and e.model != model]
            if entry.model == model and entry.right and any(e.right is False for e in same):
                expected += [] if any(e.right for e in same) else [entry]
        assert alone == tuple(expected)
    scored = any(is_right(entry.row) is not None for entry in entries)
    assert (total > 0) == scored
    assert select(entries[:960], Filter(only_right="tiny-base")) == ()


def test_scored_is_right_or_wrong(entries):
    parts = [select(entries, Filter(outcome=one)) for one in ("right", "wrong", SCORED)]
    assert len(parts[0]) + len(parts[1]) == len(parts[2])


def test_what_passes_nothing_says_why():
    photographs = open_runs("photobench", MODELS[:1])
    for wanted in (Filter(outcome="wrong"), Filter(flip="either way"), Filter(only_right="x")):
        assert select(photographs, wanted) == ()
        assert "ask for the damage alone" in why_none(photographs, wanted)
    one = open_runs("minibench", MODELS[:1])
    assert "A single run is open" in why_none(one, Filter(only_right="tiny-base"))
    assert why_none(one, Filter(text="nowhere")) == ""
    for wanted in (Filter(models=("gone",)), Filter(only_right="gone")):
        assert why_none(one, wanted).startswith("No run of gone is open: open its run")


def test_every_cell_reads_back_as_it_was_written_and_nothing_else_does():
    cells = all_cells()
    assert len(cells) == len(set(cells)) == 17 * 17 - 1
    assert all(cell_of(cell_id(cell)) == cell for cell in cells)
    wanted = Filter(taken=tuple(map(cell_id, cells[:5])), off_by=OFF_BY[:2], missed=("darkness",))
    assert filters.from_json(filters.to_json(wanted)) == wanted
    for text in ("", "lens_blur", f"{NOTHING}:{NOTHING}", "lens_blur:noise:noise", "x:nothing"):
        with pytest.raises(InputError):
            filters.from_json(json.dumps({"taken": [text]}))
    with pytest.raises(InputError, match="off_by"):
        filters.from_json('{"off_by": ["much"]}')
