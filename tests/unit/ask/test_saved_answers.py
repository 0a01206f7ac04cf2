"""Saved answers as runs: what survives, what is refused, who sees them, how long they stay."""

import json
import re
from pathlib import Path
from urllib.parse import parse_qsl

import gradio as gr
import numpy as np
import pytest

from robust_r1 import images
from robust_r1.analysis.entries import WON, gather
from robust_r1.analysis.filters import Filter
from robust_r1.analysis.robustness import by_level, robustness
from robust_r1.ask.saved import read_answer
from robust_r1.cli import main
from robust_r1.engine import Turn
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation import load_run
from robust_r1.evaluation.saved_answers import MAX_ANSWERS, write_answers
from robust_r1.paths import BUNDLED_RUNS
from robust_r1.report.pictures import case_of, picture_of
from robust_r1.report.summary import headlines
from robust_r1.report.table import to_html
from robust_r1.report.tables import level_table, robustness_table
from robust_r1.store import Notebook
from robust_r1.ui.analyze import saved_answers as analyze_answers
from robust_r1.ui.analyze import views
from robust_r1.ui.analyze.layout import build_chooser, build_filters
from robust_r1.ui.analyze.run_handlers import RunHandlers
from robust_r1.ui.analyze.runs import RunFolders
from robust_r1.ui.analyze.saved_answers import AnswerFiles
from robust_r1.ui.analyze.selection import CASES, FIGURES, Selection, SharedCases, decode
from tests.support.saved_answers import PLAN, SETTINGS, record, save
from tests.support.scripted_engine import CHAIN

HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}\u2028next"


@pytest.fixture
def values(tmp_path, picture):
    return record(tmp_path, picture)


@pytest.fixture
def warned(monkeypatch):
    told = []
    monkeypatch.setattr(analyze_answers, "warn", lambda words: told.append(str(words)))
    return told


def opened(tmp_path, *records):
    files = [read_answer(save(tmp_path / str(n), one)) for n, one in enumerate(records)]
    runs = [load_run(folder) for folder in write_answers(files, tmp_path / "runs")]
    return [entry for run in runs for entry in gather(run.benchmark, run.model, run.rows)]


def test_every_field_of_a_download_survives_into_the_run(tmp_path, values):
    entry, clean = opened(tmp_path, values)
    row, case = entry.row, entry.row.saved
    assert (entry.benchmark, entry.model) == ("saved answers", values["model"])
    assert (row.question, list(row.choices)) == (values["question"], values["choices"])
    assert (row.truth, row.plan, row.text) == (values["answer"], PLAN, CHAIN)
    told = values["reply"]
    assert (row.tokens, row.seconds, row.finish) == (told["tokens"], told["seconds"], "stop")
    assert [vars(one) for one in row.found] == told["findings"]
    assert row.answer == told["answer"] and row.well_formed == (not told["problems"])
    assert (case.settings, case.seed, case.template) == (SETTINGS, 7, values["template"])
    assert case.turns() == (Turn("What is it?", "<ANSWER>a star<ANSWER_END>"),)
    assert clean.row.saved.turns() == (Turn("What is it?", "a circle"),)
    assert clean.row.text == values["clean_reply"]["text"] and not clean.row.plan
    assert (entry.flip, entry.right, clean.right) == (WON, True, False)
    assert case_of(entry) == case
    for drawn, url in (
        (case.picture.load(), values["image"]),
        (case.further[0].load(), values["further"][0]["image"]),
    ):
        assert images.data_url(drawn) == url
    assert np.array_equal(picture_of(entry), PLAN.apply(case.picture.load()))


def test_without_a_true_answer_no_accuracy_is_made_up_but_the_damage_is_scored(tmp_path, values):
    (entry,) = opened(tmp_path, values | {"answer": None, "clean_reply": None})
    assert (entry.row.accuracy, entry.right, entry.flip) == (None, None, "")
    assert entry.row.task == "perception" and entry.row.degradation > 0
    assert "The true answer is not known" in views.heading(entry, 0, 1)


def test_tables_put_the_clean_answer_first_and_say_why_they_are_empty(tmp_path, values):
    levels = by_level(opened(tmp_path / "scored", values))
    assert [one.level for one in levels] == ["clean", "as set"]
    assert "flips" in to_html(level_table(levels))
    unscored = opened(tmp_path / "unscored", values | {"answer": None, "clean_reply": None})
    assert "no true answer is known" in to_html(level_table(by_level(unscored)))
    table = to_html(robustness_table(robustness(unscored)))
    assert "no answer to a picture at low, mid or high" in table


def test_answers_of_several_models_become_a_run_each_and_a_file_twice_one_case(tmp_path, values):
    plain = values | {"clean_reply": None}
    names = ["a/b", "a-b", "a/b"]
    entries = opened(tmp_path, *(plain | {"model": name} for name in names))
    assert [entry.model for entry in entries] == ["a/b", "a-b"]


def test_the_case_view_shows_hostile_words_of_every_field_as_text(tmp_path, values):
    texts = ("question", "answer", "model", "template", "example")
    bad = values | dict.fromkeys(texts, HOSTILE) | {"choices": [HOSTILE]}
    bad |= {"turns": [{"question": HOSTILE, "text": HOSTILE, "clean_text": HOSTILE}]}
    bad["template"] += "{question}"
    bad["reply"] = values["reply"] | {"text": HOSTILE}
    entry, _ = opened(tmp_path, bad)
    shown = views.heading(entry, 0, 1) + views.open_links(entry, [HOSTILE])
    assert "<img src=x" not in shown and "${" not in shown
    assert shown.count("&lt;img src=x") >= 7
    assert entry.row.question == HOSTILE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "other"}, "is no saved answer"),
        ({"version": 2}, "is of version 2"),
        ({"plan": None}, 'has no "plan"'),
        ({"plan": {"steps": [{"id": "fog"}]}}, "a step has the keys"),
        ({"image": None}, 'has no "image"'),
        ({"image": "data:image/png;base64,AAAA"}, "a picture in it cannot be read"),
        ({"image": "http://elsewhere/a.png"}, "must be a data URL"),
        ({"further": [{"sha256": "00"}]}, "lacks the pixels"),
        ({"model": None}, 'has no "model"'),
        ({"model": 3}, '"model" must be a text'),
        ({"reply": None}, 'has no "reply"'),
        ({"reply": {"text": 3}}, 'with a "text"'),
        ({"reply": {"text": "a", "tokens": -1}}, '"tokens" of a reply'),
        ({"reply": {"text": "a", "seconds": float("inf")}}, '"seconds" of a reply'),
        ({"reply": {"text": "a", "seconds": 10**400}}, '"seconds" of a reply'),
        ({"reply": {"text": "a", "finish": "<b>"}}, '"finish" of a reply'),
        ({"turns": [3]}, '"turns" must be a list'),
        ({"seed": "7"}, '"seed" must be a whole number'),
        ({"question": "\ud800"}, "cannot be read as JSON"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_file_is_named_with_what_is_wrong_and_not_where_it_lies(
    tmp_path, values, change, words
):
    file = save(tmp_path, values | change, "mine.json")
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        read_answer(file, "mine.json")
    assert str(caught.value).startswith("mine.json") and str(tmp_path) not in str(caught.value)


def test_good_files_open_and_the_others_are_told_one_by_one(tmp_path, values, warned):
    good = save(tmp_path / "a", values)
    again = save(tmp_path / "b", values)
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    run = save(tmp_path / "c", {"format": 1}, "run.json")
    files = AnswerFiles(str(tmp_path / "cache"), lambda _: None)
    (folder,) = files.open([str(broken), str(good), str(run), str(again)])
    assert len(load_run(Path(folder)).rows) == 2
    assert [words.split(" ")[0] for words in warned] == ['"broken.json"', '"run.json"', "1"]
    with pytest.raises(InputError, match="open the run by its folder"):
        files.open([str(run)])
    with pytest.raises(InputError, match="too many"):
        files.open([str(good)] * (MAX_ANSWERS + 1))


@pytest.mark.filterwarnings("ignore:The value passed into gr.Dropdown")
def test_a_visitors_answers_are_listed_to_nobody_stand_in_no_link_and_go_with_their_files(
    tmp_path, values
):
    kept: set[str] = set()
    files = AnswerFiles(str(tmp_path / "cache"), kept.update)
    folders = RunFolders([tmp_path / "none"])
    shared = SharedCases(folders, lambda: Notebook(tmp_path / "notes.sqlite"))
    with gr.Blocks():
        selection = gr.State(None)
        parts = build_chooser(), build_filters(), gr.State(FIGURES), gr.Tabs()
        events = RunHandlers(shared, files, selection, *parts)
    path = str(save(tmp_path / "a", values))
    first, second = (events.add_answers([path])[selection] for _ in range(2))
    assert first.runs != second.runs and folders.found() == []
    assert re.search(r"/[0-9a-f]{32}/0/saved-answers-scripted$", first.runs[0])
    assert len(folders.entries(first.runs)) == 2
    moved = Selection(first.runs, place=1)
    assert events.describe(first, CASES) == "?tab=analyze" == events.describe(moved, FIGURES)
    link = events.share({selection: first, parts[2]: CASES})
    assert link.query == "?tab=analyze" and "are in no link" in link.note
    assert shared.compute(first, headlines) is shared.compute(moved, headlines)
    written = [str(one) for one in (tmp_path / "cache").rglob("*") if one.is_file()]
    assert sorted(written) == sorted(kept)
    for file in kept:
        Path(file).unlink()
    with pytest.raises(InputError):
        folders.entries(first.runs)
    with pytest.raises(InputError):
        shared.compute(first, headlines)
    assert not folders._kept and not shared._kept


def test_a_filter_that_passes_nothing_can_still_be_shared(tmp_path):
    shared = SharedCases(RunFolders(), lambda: Notebook(tmp_path / "notes.sqlite"))
    files = AnswerFiles(str(tmp_path), lambda paths: None)
    with gr.Blocks():
        state = gr.State(None)
        parts = build_chooser(), build_filters(), gr.State(CASES), gr.Tabs()
    run = str(BUNDLED_RUNS / "tiny-rl-minibench")
    nothing = Selection((run,), Filter(text="nowhere at all"))
    events = RunHandlers(shared, files, state, *parts)
    link = events.share({state: nothing, parts[2]: CASES})
    opened = decode(dict(parse_qsl(link.query[1:])), [run])
    assert (opened.runs, opened.wanted, opened.view) == ((run,), nothing.wanted, CASES)
    assert link.note == "" and opened.problems == ()


def test_report_takes_saved_answers_in_place_of_a_run_folder(
    tmp_path, values, capsys, monkeypatch
):
    monkeypatch.setenv("ROBUST_R1_NOTEBOOK", str(tmp_path / "notebook.sqlite"))
    file = str(save(tmp_path, values))
    assert main(["report", file, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["title"] == "saved answers"
    assert found["runs"][0]["figures"]["answers, as set"]["value"] == 1
    page = tmp_path / "page.html"
    assert main(["report", file, "-o", str(page)]) == 0
    assert page.read_text("utf-8").count("data:image/png") == 2
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert main(["report", str(broken)]) == 2
    assert "cannot be read as JSON" in capsys.readouterr().err
