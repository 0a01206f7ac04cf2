"""Analyses of runs: entries, filters, confusion, intensities, robustness, exports, reports."""

import csv
import io
import json
import re
import time
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from robust_r1.analysis import filters
from robust_r1.analysis.confusion import NAMES, ORDER, confusion, mistakes, with_chains
from robust_r1.analysis.entries import LOST, WON, gather
from robust_r1.analysis.filters import EITHER, FLIPS, OUTCOMES, Filter, select
from robust_r1.analysis.intensities import intensity_errors
from robust_r1.analysis.robustness import by_level, robustness
from robust_r1.cli import main
from robust_r1.degradations import SPECS
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation import BANDS, load_run, recall_by_band, recall_by_degradation
from robust_r1.metrics import bootstrap_interval
from robust_r1.report.files import COLUMNS, to_csv, to_jsonl
from robust_r1.report.page import html_report
from robust_r1.report.pictures import case_of, picture_of
from robust_r1.report.summary import summarize, to_values
from robust_r1.store import Marks
from robust_r1.ui.analyze.runs import RunFolders
from robust_r1.ui.analyze.views import heading, open_links
from tests.support.analyze_runs import chain, line, many, write_run
from tests.support.paths import ROOT

BUNDLED = ROOT / "assets" / "runs" / "tiny-sft-minibench"
HOSTILE = "<img src=x onerror=alert(1)>${alert(2)}"
some = st.lists(st.sampled_from(["a", "b"]), max_size=2, unique=True).map(tuple)


@pytest.fixture(scope="module")
def bundled():
    """Return the entries of a bundled run."""
    run = load_run(BUNDLED)
    return gather(run.benchmark, run.model, run.rows)


def entries_of(tmp_path, lines, **heads):
    run = load_run(write_run(tmp_path / heads.get("model", "run"), lines, **heads))
    return gather(run.benchmark, run.model, run.rows)


def test_an_empty_filter_lets_everything_pass_and_each_field_only_takes_away(bundled):
    assert select(bundled, Filter()) == bundled
    for wanted in (
        Filter(levels=("high",)), Filter(tasks=("mcq", "cap")), Filter(outcome="wrong"),
        Filter(degradations=("lens_blur",)), Filter(flip=LOST), Filter(text="purple"),
    ):  # fmt: skip
        chosen = select(bundled, wanted)
        assert 0 < len(chosen) < len(bundled)
        assert [entry for entry in bundled if entry in set(chosen)] == list(chosen)


def test_right_and_wrong_share_the_scored_cases_and_flips_share_the_flipped(bundled):
    right, wrong = (len(select(bundled, Filter(outcome=one))) for one in ("right", "wrong"))
    assert right + wrong == len(bundled)
    lost, won, both = (select(bundled, Filter(flip=one)) for one in (LOST, WON, EITHER))
    assert {*lost, *won} == set(both) and not {*lost} & {*won}
    assert all(entry.right is False for entry in lost) and all(entry.right for entry in won)


def test_a_filter_by_tag_needs_the_tag_of_that_model(bundled):
    tagged = {("minibench/tiny-sft", bundled[3].row.id), ("minibench/other", bundled[4].row.id)}
    assert select(bundled, Filter(tag="odd"), tagged) == (bundled[3],)


@given(some, some, st.sampled_from(OUTCOMES), st.sampled_from(FLIPS), st.booleans(),
       st.text(max_size=30))  # fmt: skip
def test_a_filter_reads_back_as_it_was_written(models, tasks, outcome, flip, malformed, text):
    ids = (SPECS[0].id, SPECS[5].id)
    wanted = Filter(models, tasks, (), ids, outcome, flip, malformed, text)
    assert filters.from_json(filters.to_json(wanted)) == wanted


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "must be JSON text"),
        ("[1]", "must be a JSON object"),
        ('{"level": []}', "has no 'level'"),
        ('{"levels": "high"}', "must be a list"),
        ('{"outcome": "good"}', "choose 'right', 'wrong'"),
        ('{"malformed": 1}', "must be true or false"),
        ('{"degradations": ["gremlins"]}', "gremlins"),
    ],
)
def test_a_filter_that_cannot_be_read_says_why(text, words):
    with pytest.raises(InputError, match=re.escape(words)):
        filters.from_json(text)


def test_each_cell_of_the_confusion_counts_cases_that_bear_witness_to_it(bundled):
    (model,) = with_chains(bundled)
    found = confusion(bundled, model)
    for row, one in enumerate(ORDER):
        for column, other in enumerate(ORDER):
            witnesses = 0
            for entry in bundled:
                perceived = {finding.name for finding in entry.row.found}
                applied = {f.name: f.intensity for f in entry.row.true}
                seen = {name for name, strength in applied.items() if strength >= 0.1}
                missed = (seen - perceived) or {"nothing"}
                alarms = (perceived - {*applied}) or {"nothing"}
                hit = one == other and one in seen & perceived
                mistaken = one in missed and other in alarms and (one, other) != ("nothing",) * 2
                witnesses += hit or mistaken
            assert found.counts[row][column] == witnesses, (one, other)


def test_the_diagonal_over_the_cases_of_its_line_is_recall(bundled):
    (model,) = with_chains(bundled)
    found, recall = confusion(bundled, model), recall_by_degradation([e.row for e in bundled], 0.1)
    for place, spec in enumerate(SPECS):
        assert found.applied[place] == recall[spec.id].n
        assert found.shares()[place][place] == pytest.approx(recall[spec.id].value)


def test_a_case_counts_whole_in_each_pair_of_what_it_missed_and_falsely_named(tmp_path):
    first, second = NAMES[7], NAMES[11]
    said = [chain(f"{first}(0.40), {second}(0.30)"), chain("none"), chain("lens blur(0.40)")]
    lines = [line(0, "mid", said[0]), line(0, "high", said[1]), line(0, "clean", said[2])]
    found = confusion(entries_of(tmp_path, lines), "paper")
    place = {name: number for number, name in enumerate(ORDER)}
    blur = found.counts[place["lens blur"]]
    assert (blur[place[first]], blur[place[second]], blur[-1]) == (1, 1, 1)
    assert found.applied[place["lens blur"]] == 2
    assert found.counts[-1][place["lens blur"]] == 1 and found.applied[-1] == 1


def test_each_run_has_its_own_confusions_and_one_without_chains_is_named_instead(tmp_path):
    runs = {"sees": chain("noise(0.40)"), "blind": chain("none"), "<b>mute": "<ANSWER>2"}
    entries = [
        entry
        for model, text in runs.items()
        for entry in entries_of(tmp_path, [line(0, "mid", text)], model=model)
    ]
    found = summarize(entries).details
    assert [one.model for one in found.confusions] == ["sees", "blind"]
    assert found.without_chains == ("<b>mute",)
    assert [sum(map(sum, one.counts)) for one in found.confusions] == [1, 1]
    assert found.confusions[1].counts[0][-1] == 1
    text = html_report(entries, {}, "three")
    assert "Left out: &lt;b&gt;mute" in text
    assert "blind: applied" in text and "mute: applied" not in text


def test_mistakes_are_ranked_with_the_cases_of_their_cells_and_intervals_around_the_share(bundled):
    (model,) = with_chains(bundled)
    found = confusion(bundled, model)
    ranked = mistakes(bundled, found, 12)
    counts = [one.cases for one in ranked]
    beside = [count for row, line in enumerate(found.counts)
              for column, count in enumerate(line) if row != column]  # fmt: skip
    assert counts == sorted(beside, reverse=True)[:12]
    for one in ranked:
        row, column = map(ORDER.index, one.cell)
        assert (one.cases, one.share.n) == (found.counts[row][column], found.applied[row])
        assert one.share.low <= one.share.value == one.cases / one.share.n <= one.share.high


def test_intensity_errors_are_perceived_minus_applied(tmp_path):
    lines = [line(0, "mid", chain("lens blur(0.35)")), line(0, "high", chain("lens blur(1.00)"))]
    found = intensity_errors(entries_of(tmp_path, lines))
    assert (found.n, found.mean, found.size) == (2, pytest.approx(0), pytest.approx(0.1))
    assert sum(found.counts) == 2 and found.by_degradation[0][0] == "lens blur"
    bins = [low for low, count in zip(found.edges, found.counts, strict=False) if count]
    assert bins == pytest.approx([-0.1, 0.1])


def test_robustness_is_the_mean_score_of_damaged_cases_in_the_papers_layout(bundled):
    (row,) = robustness(bundled)
    damaged = [entry.row.accuracy for entry in bundled if entry.row.level != "clean"]
    assert row.overall.value == pytest.approx(np.mean(damaged)) and row.overall.n == 720
    assert len(row.cells) == 9 and all(figure.n == 80 for figure in row.cells.values())


def test_levels_come_with_all_tasks_first_and_flips_against_the_clean_twin(tmp_path):
    lines = [line(1, "clean", "x", 1.0), line(1, "high", "x", 0.0), line(2, "clean", "x", 0.0),
             line(2, "high", "x", 1.0), line(3, "high", "x", None)]  # fmt: skip
    clean, high = by_level(entries_of(tmp_path, lines))
    assert (clean.accuracy.value, high.accuracy.value, high.accuracy.n) == (0.5, 0.5, 2)
    assert (high.flips.n, high.flips.right_to_wrong, high.flips.wrong_to_right) == (2, 0.5, 0.5)
    assert clean.flips.n == 0


def test_no_case_at_all_has_figures_that_say_so_and_no_error():
    values = to_values(summarize(()))
    assert values["cases"] == 0 and values["headline"] == {}
    assert "Nothing to show" in html_report((), {}, "none")


def test_many_scores_get_the_interval_that_drawing_one_by_one_gives():
    scores = [1.0] * 3000 + [0.0] * 3000 + [0.5] * 1000
    low, high = bootstrap_interval(scores)
    error = 1.96 * np.std(scores) / np.sqrt(len(scores))
    assert (low, high) == pytest.approx((0.5 - error, 0.5 + error), abs=0.001)


def test_pictures_and_links_are_those_of_the_benchmarks_own_cases(bundled):
    entry = bundled[3]
    case = case_of(entry)
    assert np.array_equal(picture_of(entry), case.plan.apply(case.picture.load()))
    link = open_links(entry, ["tiny-sft"])
    assert f"example={case.picture.example}" in link and "model=tiny-sft" in link
    assert "model=" not in open_links(entry, [])


def test_exports_hold_every_case_and_what_was_written_about_it(bundled):
    few = bundled[:5]
    marks = {(few[1].run, few[1].row.id): Marks(("odd", "blue"), "=SUM(A1)")}
    rows = list(csv.DictReader(io.StringIO(to_csv(few, marks))))
    assert tuple(rows[0]) == COLUMNS and [row["id"] for row in rows] == [e.row.id for e in few]
    assert (rows[1]["tags"], rows[1]["note"]) == ("#odd #blue", "'=SUM(A1)")
    lines = [json.loads(text) for text in to_jsonl(few, marks).splitlines()]
    assert lines[1]["tags"] == ["odd", "blue"] and lines[3]["plan"]["steps"]


def test_tables_tell_options_by_their_text_and_then_the_number(tmp_path):
    text = chain("none", "1")
    lines = [line(1, "high", text, choices=["one", "zero"], truth="1")]
    entries = entries_of(tmp_path, lines)
    (row,) = csv.DictReader(io.StringIO(to_csv(entries, {})))
    assert (row["answer"], row["truth"]) == ("zero (1)", "zero (1)")
    assert json.loads(to_jsonl(entries, {}))["answer"] == "1"
    report = html_report(entries, {}, "one")
    assert "<td>zero (1)</td>" in report and "Answer: <b>zero (1)</b>, truth: zero (1)" in report
    assert "True answer: <b>zero (1)</b>" in heading(entries[0], 0, 1)


class Tags(HTMLParser):
    """Collect what a page would load or run."""

    def __init__(self):
        super().__init__()
        self.names, self.sources, self.handlers = [], [], []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.sources += [value for key, value in attrs if key in ("src", "href")]
        self.handlers += [key for key, _ in attrs if key.startswith("on")]


def test_the_report_stands_alone_and_runs_nothing_that_a_run_brought(tmp_path):
    text = chain("lens blur(0.30)", HOSTILE, HOSTILE)
    lines = [line(1, "high", text, question=HOSTILE, choices=[HOSTILE], truth=HOSTILE)]
    entries = entries_of(tmp_path, lines, model=HOSTILE.replace("/", ""))
    marks = {(entries[0].run, entries[0].row.id): Marks((HOSTILE[:20],), HOSTILE)}
    page = Tags()
    page.feed(html_report(entries, marks, HOSTILE, HOSTILE))
    assert "script" not in page.names and page.handlers == [] and "img" not in page.names
    page = Tags()
    run = load_run(BUNDLED)
    page.feed(html_report(gather(run.benchmark, run.model, run.rows)[:3], {}, "three"))
    assert page.names.count("img") == 3
    assert all(source.startswith("data:image/png") for source in page.sources)


def test_report_writes_the_page_and_splits_by_task(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("ROBUST_R1_NOTEBOOK", str(tmp_path / "notebook.sqlite"))
    file = tmp_path / "report.html"
    assert main(["report", str(BUNDLED), "-o", str(file)]) == 0
    assert "960 cases" in capsys.readouterr().out
    text = file.read_text("utf-8")
    assert "type F1" in text and "Absolute robustness" in text
    assert main(["report", str(BUNDLED), "--by-task"]) == 0
    out = capsys.readouterr().out
    assert "| mcq, clean |" in out and "| cap, high |" in out
    assert main(["report", str(BUNDLED), "-o", str(tmp_path / "report.pdf")]) == 2
    assert "must end in .html" in capsys.readouterr().err


@pytest.mark.parametrize(
    "folder",
    sorted(head.parent for head in BUNDLED.parent.rglob("run.json")),
    ids=lambda path: path.relative_to(BUNDLED.parent).as_posix(),
)
def test_recall_by_band_takes_recall_apart_and_loses_nothing(folder):
    rows = load_run(folder).rows
    bands, whole = recall_by_band(rows), recall_by_degradation(rows, BANDS[0][0])
    assert [band[0] for band in BANDS[1:]] == [band[1] for band in BANDS[:-1]]
    for id, figure in whole.items():
        parts = [bands[id, band] for band in BANDS]
        assert sum(part.n for part in parts) == figure.n
        hits = sum((part.value or 0) * part.n for part in parts)
        assert hits == pytest.approx((figure.value or 0) * figure.n)
    for band in BANDS:
        assert bands["", band].n == sum(bands[id, band].n for id in whole)


def test_report_tells_recall_by_degradation_and_the_training_notes_quote_it(
    capsys, tmp_path, monkeypatch
):
    runs = [str(BUNDLED.with_name(f"{name}-minibench")) for name in ("tiny-sft", "tiny-rl")]
    assert main(["report", *runs, "--by-degradation"]) == 0
    found: dict[str, list[str]] = {}
    for printed in capsys.readouterr().out.splitlines()[2:]:
        name, one, other, _ = (cell.strip() for cell in printed.strip("|").split("|"))
        values = [f"{float(cell.split()[0]):.2f}".removeprefix("0") for cell in (one, other)]
        found.setdefault(name.partition(",")[0], []).append(", ".join(values))
    assert len(found) == 17
    notes = (ROOT / "train" / "README.md").read_text("utf-8")
    for name, cells in found.items():
        assert f"| {name} | {' | '.join(cells)} | " in notes, name
    assert main(["report", runs[0], "--by-degradation", "--by-task"]) == 2
    assert "stands alone" in capsys.readouterr().err
    monkeypatch.setenv("ROBUST_R1_NOTEBOOK", str(tmp_path / "notebook.sqlite"))
    assert main(["report", *runs, "-o", str(tmp_path / "report.html")]) == 0
    text = (tmp_path / "report.html").read_text("utf-8")
    assert "Perceived, by degradation and applied intensity" in text


def test_reading_a_run_that_is_being_written_leaves_its_folder_alone(tmp_path):
    folder = write_run(tmp_path / "run", [line(1, "high", "x"), line(2, "high", "x")])
    cases = folder / "cases.jsonl"
    cases.write_bytes(cases.read_bytes()[:-30])
    before = cases.read_bytes()
    assert len(load_run(folder).rows) == 1 and cases.read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "run.json").unlink(), "has no run.json"),
        (lambda run: (run / "run.json").write_text("{"), "cannot be read"),
        (lambda run: (run / "run.json").write_text("[]"), "no JSON object"),
        (lambda run: (run / "run.json").write_text('{"format": 9}'), "written in format 9"),
        (lambda run: (run / "run.json").write_text('{"format": 1}'), "not as evaluate writes it"),
        (lambda run: (run / "cases.jsonl").write_text("[1]\n"), "line 1"),
        (lambda run: (run / "cases.jsonl").write_text('{"id": 1}\n'), "line 1"),
    ],
)
def test_a_broken_run_folder_is_named_with_what_is_wrong(tmp_path, spoil, words):
    folder = write_run(tmp_path / "run", [line(1, "high", "x")])
    spoil(folder)
    with pytest.raises((InputError, DataError), match=words):
        RunFolders([tmp_path]).entries([str(folder)])


def test_runs_that_do_not_go_together_are_refused_and_a_grown_run_is_read_again(tmp_path):
    first = write_run(tmp_path / "a", [line(1, "high", "x")])
    write_run(tmp_path / "b", [line(1, "high", "x")])
    write_run(tmp_path / "c", [line(1, "high", "x")], model="other", benchmark="else")
    library = RunFolders([tmp_path])
    a, b, c = library.found()
    for pair, words in (([a, b], "one run of each model"), ([a, c], "one benchmark at a time")):
        with pytest.raises(InputError, match=words):
            library.entries(pair)
    assert len(library.entries([a])) == 1
    write_run(first, [line(1, "high", "x"), line(2, "high", "x")])
    assert len(library.entries([a])) == 2


def test_a_page_that_others_can_reach_opens_its_own_runs_alone_and_tells_nothing_of_others(
    tmp_path, monkeypatch
):
    runs, other = tmp_path / "runs", tmp_path / "other"
    own = write_run(runs / "a", [line(1, "high", "x")])
    elsewhere = write_run(other / "b", [line(1, "high", "x")])
    lent = write_run(tmp_path / "lent" / "c", [line(1, "high", "x")])
    (runs / "linked").symlink_to(elsewhere)
    deeper = write_run(runs / "sets" / "d", [line(1, "high", "x")])
    monkeypatch.setenv("HOME", str(other))
    library = RunFolders([runs], besides=[str(lent)].__contains__)
    for folder in (*library.found(), str(own), str(lent), str(deeper)):
        assert len(library.entries([folder])) == 1
    said = set()
    strange = [
        str(elsewhere), str(tmp_path / "none"), "~/b", "/etc", "", str(runs), "a\0b",
        f"{runs}/../other/b", f"{runs}/a/../../other/b", f"{runs}/none/../../other/b", "/" * 5000,
    ]
    for folder in strange:
        with pytest.raises(InputError) as refused:
            library.run(folder)
        said.add(str(refused.value))
    assert len(said) == 1 and "only its own runs" in said.pop()
    assert len(RunFolders([runs]).entries([str(elsewhere)])) == 1


def test_ten_thousand_cases_open_in_three_seconds_and_filter_in_a_third(tmp_path):
    folder = write_run(tmp_path / "big", many(2500))
    library = RunFolders([tmp_path])
    begun = time.process_time()
    entries = library.entries([str(folder)])
    summarize(entries)
    opened = time.process_time() - begun
    begun = time.process_time()
    chosen = select(entries, Filter(levels=("mid", "high"), outcome="wrong", text="number 7"))
    filtered = time.process_time() - begun
    print(f"10,000 cases: opened with all figures in {opened:.2f} s, filtered in {filtered:.3f} s")
    assert len(entries) == 10_000 and 0 < len(chosen) < 2000
    assert opened < 3 and filtered < 0.3
