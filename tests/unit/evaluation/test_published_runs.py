"""Claims about runs of published benchmarks: what is asked, what is kept, what is refused."""

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from robust_r1.ask.picture import seen
from robust_r1.ask.prompts import DIRECT, read_prompt
from robust_r1.cli import main
from robust_r1.degradations import LEVELS, DegradationPlan
from robust_r1.engine import load_engine
from robust_r1.errors import InputError
from robust_r1.evaluation import evaluate, headline, load_run
from robust_r1.evaluation.known import find_benchmark, known_benchmarks, known_file
from robust_r1.evaluation.lock import held
from robust_r1.evaluation.published import (
    ALL_LEVELS,
    CLEAN,
    PublishedItems,
    Selection,
    plan_of,
)
from robust_r1.images import encode_png
from robust_r1.records import UnusableRows, open_benchmark
from tests.support.benchmark_files import RBENCH_ROWS, base64_of, write_rbench, write_tsv
from tests.support.paths import ROOT
from tests.support.published_tables import ROWS, SHARED, write_mmstar
from tests.support.running import has_lines, wait_for
from tests.support.sayer import Sayer


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a table of ten rows."""
    return write_mmstar(tmp_path_factory.mktemp("data") / "MMStar.tsv")


@pytest.fixture(scope="module")
def tiny():
    """Return the bundled model."""
    engine = load_engine("tiny-rl")
    yield engine
    engine.close()


def items_of(path, engine, prompt="ours", **chosen):
    return PublishedItems(
        open_benchmark(path), engine.info, Selection(**chosen), read_prompt(prompt)
    )


def run_lines(folder):
    """Return the lines of a run without what differs from time to time."""
    lines = (folder / "cases.jsonl").read_text("utf-8").splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


def test_every_row_is_asked_at_every_level_under_the_same_degradation(table):
    items = list(items_of(table, Sayer("")))
    assert len({item.id for item in items}) == len(items) == ROWS * len(ALL_LEVELS)
    for start in range(0, len(items), len(ALL_LEVELS)):
        group = items[start : start + len(ALL_LEVELS)]
        assert [item.level for item in group] == list(ALL_LEVELS)
        assert len({item.source for item in group}) == 1 and not group[0].case.plan
        steps = [item.case.plan.steps for item in group[1:]]
        assert len({tuple((step.id, step.seed) for step in one) for one in steps}) == 1
        assert [one[0].intensity for one in steps] == list(LEVELS.values())
        assert {len(one) for one in steps} == {1}


def test_damage_is_drawn_from_benchmark_item_and_seed_alone(table):
    plans = {item.id: item.case.plan for item in items_of(table, Sayer(""))}
    few = items_of(table, Sayer(""), levels=("50",), shard=(2, 3), limit=8)
    assert {item.id: item.case.plan for item in few}.items() <= plans.items()
    assert plans[f"{SHARED}-100"] == plans["0-100"]  # one picture, one damage
    assert plan_of("MMStar", "4", "25") == plans["4-25"]
    others = [plan_of("MMStar", "4", "25", seed=1), plan_of("RealWorldQA", "4", "25")]
    assert plans["4-25"] not in others


def test_native_damage_is_the_pixels_of_the_corrupted_copy(table, tmp_path, tiny):
    assert main(["degrade", str(table), "-o", str(tmp_path), "--levels", "25"]) == 0
    published = list(items_of(tmp_path / "MMStar_Robust_25.tsv", tiny))
    drawn = list(items_of(table, tiny, levels=("25",)))
    assert [one.level for one in published] == ["25"] * ROWS == [one.level for one in drawn]
    for ours, theirs in zip(drawn, published, strict=True):
        pair = [seen(one.case.picture, tiny, one.case.plan) for one in (ours, theirs)]
        assert np.array_equal(*pair)


def test_native_damages_before_the_model_shrinks_and_fitted_after(table, tiny):
    native, fitted = (
        next(iter(items_of(table, tiny, levels=("100",), native=at))) for at in (True, False)
    )
    plan, whole = native.case.plan, native.case.picture.load()
    assert whole.shape == (480, 640, 3) and fitted.case.plan == plan
    shown = seen(native.case.picture, tiny, plan)
    assert np.array_equal(shown, tiny.fit(plan.apply(whole)))
    other = seen(fitted.case.picture, tiny, plan)
    assert np.array_equal(other, plan.apply(tiny.fit(whole))) and not np.array_equal(shown, other)


def test_pictures_that_came_damaged_are_asked_as_they_are_and_are_no_clean_ones(table, tmp_path):
    named = tmp_path / "MMStar_LOW_LEVEL_HIGH.tsv"
    named.write_bytes(table.read_bytes())
    engine = Sayer("<TYPE>lens blur(0.40)<TYPE_END><ANSWER>0<ANSWER_END>")
    run = evaluate(engine, "MMStar", items_of(named, engine), tmp_path / "run")
    assert [row.level for row in run.rows] == ["100"] * ROWS
    first = open_benchmark(table).read().__next__().load_pictures()[0]
    assert np.array_equal(engine.asked[0].images[0], first)
    assert not any(row.known or row.plan or row.degradation is not None for row in run.rows)
    figures = headline(load_run(tmp_path / "run").rows)
    assert figures["false alarm on clean"].n == figures["type F1"].n == 0
    assert figures["answers, 100"].n == ROWS
    # The file of one operation says what the true finding is, and nothing is done to the picture.
    blurred = tmp_path / "MMStar_lens_blur.tsv"
    blurred.write_bytes(table.read_bytes())
    item = next(iter(items_of(blurred, engine)))
    assert item.known and item.case.plan == DegradationPlan.of({"lens_blur": LEVELS["100"]})
    assert np.array_equal(seen(item.case.picture, engine, item.case.plan), first)


def test_r_bench_dis_of_vlmevalkit_came_damaged_and_nothing_is_added(table, tmp_path, tiny):
    named = tmp_path / "R-Bench-Dis.tsv"
    named.write_bytes(table.read_bytes())
    items = list(items_of(named, tiny))
    assert [item.level for item in items] == ["as published"] * ROWS
    assert not any(item.known or item.case.plan for item in items)
    assert (open_benchmark(named).name, open_benchmark(table).damage) == ("R-Bench-Dis", None)


def test_direct_letters_the_options_and_a_number_is_then_a_text(tmp_path, picture):
    row = (1, base64_of(picture), "How many?", "2", "3", "4", "", "A", "count", "")
    path = write_tsv(tmp_path / "Counts.tsv", [row])
    for prompt, accuracy in (("ours", 0), (DIRECT, 1)):
        engine = Sayer("2")  # of numbered options the third, which is 4
        items = items_of(path, engine, prompt, levels=(CLEAN,))
        (row,) = evaluate(engine, "Counts", items, tmp_path / prompt).rows
        assert row.accuracy == accuracy and row.lettered == (prompt == DIRECT)
        assert load_run(tmp_path / prompt).rows == (row,)
    (asked,) = engine.asked
    assert (asked.question, asked.template) == ("How many?\nA. 2\nB. 3\nC. 4", "{question}")


def test_a_prompt_is_a_word_a_text_or_a_file_and_nothing_else(tmp_path):
    file = tmp_path / "theirs.txt"
    file.write_text("{question} Think first.\n", "utf-8")
    assert read_prompt(str(file)) == read_prompt("{question} Think first.")
    assert read_prompt("ours").template == ""
    with pytest.raises(InputError, match="names no file"):
        read_prompt("think first")
    file.write_text("Think first.", "utf-8")
    with pytest.raises(InputError, match="lacks"):
        read_prompt(str(file))


def test_captions_of_photographs_are_not_scored_without_a_judge(tmp_path, picture):
    path = write_rbench(tmp_path / "Ref_Release.csv", RBENCH_ROWS[:9])
    for name in {row[0] for row in RBENCH_ROWS}:
        (tmp_path / name).write_bytes(encode_png(picture))
    engine = Sayer("<ANSWER>bmx<ANSWER_END>")
    run = evaluate(engine, "R-Bench", items_of(path, engine), tmp_path / "run")
    scores = {row.question: row.accuracy for row in run.rows if row.task != "mcq"}
    assert scores["What type of bike is it?"] == 1 and scores["What letters are there?"] == 0
    assert [row.accuracy for row in run.rows if row.task == "cap"] == [None, None]
    assert {row.level for row in run.rows} == {"low", "mid", "high"}


def test_shards_are_the_whole_without_a_rest(table):
    parts = [list(items_of(table, Sayer(""), shard=(place, 3))) for place in (1, 2, 3)]
    ids = [item.id for part in parts for item in part]
    assert sorted(ids) == sorted(item.id for item in items_of(table, Sayer("")))
    assert [len(part) for part in parts] == [16, 12, 12]


def test_rows_that_cannot_be_used_are_counted_named_and_left_out(tmp_path, capsys):
    path = write_mmstar(tmp_path / "MMStar.tsv", rows=24, broken=(5,))
    engine = Sayer("0")
    items = items_of(path, engine, levels=(CLEAN,))
    run = evaluate(engine, "MMStar", items, tmp_path / "run")
    assert len(run.rows) == 23 and "5-clean" not in {row.id for row in run.rows}
    (fault,) = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["unusable"]
    assert "image" in fault["place"] and fault["wrong"]
    assert load_run(tmp_path / "run").unusable == run.unusable
    again = evaluate(engine, "MMStar", items, tmp_path / "run")
    assert again == run  # started again, the row is still named, and nothing is asked twice
    assert len(engine.asked) == 23
    assert main(["report", str(tmp_path / "run")]) == 0
    assert re.search(r"1 row could not be used \(line \d+, column image", capsys.readouterr().out)
    path = write_mmstar(tmp_path / "MMStar.tsv", broken=(5,))
    with pytest.raises(UnusableRows, match="1 of the first 10 rows"):
        evaluate(engine, "MMStar", items_of(path, engine), tmp_path / "more")
    kept = json.loads((tmp_path / "more" / "run.json").read_text("utf-8"))
    assert len(kept["unusable"]) == 1 and kept["rows"] == 10


def test_what_a_model_cannot_be_asked_is_an_unusable_row(tmp_path, picture):
    two = repr([base64_of(picture), base64_of(picture)])
    rows = [(n, base64_of(picture), "Who?", "a", "b", "", "", "A", "", "") for n in range(30)]
    rows[7] = (7, two, *rows[7][2:])
    path = write_tsv(tmp_path / "Pairs.tsv", rows)
    items = items_of(path, Sayer("0"), levels=(CLEAN,))
    assert len(list(items)) == 29
    (fault,) = items.unusable
    assert "2 pictures, and Sayer takes 1" in str(fault)
    both = items_of(path, Sayer("0", pictures=2), levels=("100",))
    case = next(item.case for item in both if item.source == "7")
    shown = [seen(one, Sayer(""), DegradationPlan()) for one in case.further]
    assert np.array_equal(shown[0], case.plan.apply(picture))  # every picture of a row is damaged


def test_a_second_process_in_a_folder_is_refused(table, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    command = ["evaluate", str(table), "--model", "tiny-rl", "-o", str(tmp_path / "run")]
    with held(tmp_path / "run"):
        assert main(command) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: another process writes into ") and said.count("\n") == 1
    assert not (tmp_path / "run" / "cases.jsonl").exists()


def test_a_run_with_other_settings_is_refused_and_the_differences_are_named(table, tmp_path):
    engine, terms = Sayer("0"), {"prompt": "ours", "levels": ["clean"]}

    def go_on(**changed):
        items = items_of(table, engine, levels=(CLEAN,))
        given = {"settings": engine.info.defaults, "terms": terms, **changed}
        return evaluate(engine, "MMStar", items, tmp_path, **given)

    first = go_on()
    assert go_on() == first
    with pytest.raises(InputError, match="prompt 'ours', not 'direct'; levels .'clean'., not "):
        go_on(terms={"prompt": "direct", "levels": ["clean", "25"]})
    with pytest.raises(InputError, match="settings temperature 0.0, not 0.5"):
        go_on(settings=replace(engine.info.defaults, temperature=0.5))


def test_an_id_that_stands_twice_in_a_run_counts_once(table, tmp_path):
    engine = Sayer("0")
    run = evaluate(engine, "MMStar", items_of(table, engine), tmp_path)
    path = tmp_path / "cases.jsonl"
    path.write_text(path.read_text("utf-8") * 2, "utf-8")
    assert load_run(tmp_path).rows == run.rows


def test_a_benchmark_is_found_by_its_name_and_else_said_where_to_get(tmp_path, monkeypatch):
    given, own = tmp_path / "given", tmp_path / "own"
    given.mkdir()
    own.mkdir()
    monkeypatch.setenv("LMUData", str(own))
    known = known_benchmarks()
    with pytest.raises(InputError) as missing:
        find_benchmark(known["realworldqa"], given)
    for told in (str(given), str(own), "RealWorldQA.tsv", "CC BY-ND", "https://", "--data"):
        assert told in str(missing.value)
    (own / "mmmb_en.tsv").touch()
    assert find_benchmark(known["mmmb-en"], None) == own / "mmmb_en.tsv"
    (given / "MMMB_en.tsv").touch()
    assert find_benchmark(known["mmmb-en"], given) == given / "MMMB_en.tsv"
    assert known_file(own / "mmmb_en.tsv") is known["mmmb-en"]


def test_the_table_of_benchmarks_has_each_name_once_and_an_address_for_each():
    known = known_benchmarks()
    assert {"mmstar", "realworldqa", "rbench", "mmd-bench"} <= known.keys()
    languages = ("en", "cn", "pt", "ar", "tr", "ru")
    assert [known[f"mmmb-{code}"].language for code in languages] == list(languages)
    assert len({one.name for one in known.values()}) == len(known)
    for one in known.values():
        assert one.where.startswith("https://") and one.files
        assert one.fetchable or one.by_hand


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_files_of_other_formats_are_asked_as_a_table_is(tmp_path, picture, ending):
    picture_file, path = tmp_path / "a.png", tmp_path / f"Few.{ending}"
    picture_file.write_bytes(encode_png(picture))
    asked = {"question": "How many?", "choices": ["2", "3"], "answer": "3"}
    if ending == "csv":
        path.write_text("image,question,A,B,answer\na.png,How many?,2,3,B\n", "utf-8")
    elif ending == "jsonl":
        path.write_text(json.dumps({"image": "a.png", **asked}) + "\n", "utf-8")
    else:
        parquet = pytest.importorskip("pyarrow.parquet")
        pyarrow = pytest.importorskip("pyarrow")
        row = {"question": "How many?", "A": "2", "B": "3", "answer": "B", "index": "1",
               "image": picture_file.read_bytes()}  # fmt: skip
        parquet.write_table(pyarrow.Table.from_pylist([row]), path)
    engine = Sayer("<ANSWER>1<ANSWER_END>")
    run = evaluate(engine, "Few", items_of(path, engine), tmp_path / "run")
    assert [row.level for row in run.rows] == list(ALL_LEVELS)
    assert {(row.question, row.choices, row.truth) for row in run.rows} == {
        ("How many?", ("2", "3"), "3")
    }
    assert {row.accuracy for row in run.rows} == {1.0}
    assert np.array_equal(engine.asked[0].images[0], picture)
    assert not np.array_equal(engine.asked[3].images[0], picture)


@pytest.mark.parametrize(
    "words, said",
    [
        (["minibench", "--shard", "5/4"], "--shard is '5/4'; write I/N"),
        (["minibench", "--damage-seed", "1"], "leave out --data, --pictures and --damage-seed"),
        (["no-such-set"], "unknown benchmark 'no-such-set'; choose one of minibench"),
        (["no-such-set.tsv"], "there is no file no-such-set.tsv; check the path"),
        (["{table}", "--levels", "clean,30"], "unknown level '30'; choose from clean, 25"),
        (["{table}", "--limit", "0"], "--limit is 0; give at least 1"),
        (["{damaged}", "--levels", "25"], "came damaged and are asked about as they are"),
        (["mmstar", "--data", "{folder}/none"], "which is no folder"),
        (["{folder}/RealWorldQA.tsv"], "is no RealWorldQA, whose format is vlmevalkit"),
    ],
)
def test_bad_input_costs_one_sentence_before_the_model_is_loaded(
    table, tmp_path, capsys, monkeypatch, words, said
):
    monkeypatch.setattr("robust_r1.engine.load_engine", None)
    damaged = tmp_path / "MMStar_Robust_25.tsv"
    damaged.write_bytes(table.read_bytes())
    (tmp_path / "RealWorldQA.tsv").write_text("image,question\na.png,Who?\n", "utf-8")
    places = {"table": table, "damaged": damaged, "folder": tmp_path}
    command = ["evaluate", *(word.format(**places) for word in words), "-o", str(tmp_path / "run")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_name_is_evaluated_reported_and_read_again(table, tmp_path, capsys):
    command = ["evaluate", "mmstar", "--data", str(table.parent), "--model", "tiny-rl"]
    run = tmp_path / "run"
    assert main([*command, "-o", str(run), "--limit", "4", "--levels", "clean,100"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("MMStar, tiny-rl (fp32), 8 cases")
    assert "prompt: ours; each picture damaged at full size" in said
    head = json.loads((run / "run.json").read_text("utf-8"))
    assert head["terms"]["degrade_at"] == "native" and head["terms"]["levels"] == ["clean", "100"]
    rows = load_run(run).rows
    assert [row.id for row in rows[:3]] == ["0-clean", "0-100", "1-clean"]
    assert {(row.category, row.language) for row in rows} == {("coarse perception", "en")}
    # More of the same goes on; other levels are another run.
    assert main([*command, "-o", str(run), "--limit", "5", "--levels", "clean,100"]) == 0
    assert load_run(run).rows[:8] == rows and len(load_run(run).rows) == 10
    capsys.readouterr()
    assert main([*command, "-o", str(run)]) == 2
    assert "levels ['clean', '100'], not ['clean', '25', '50', '100']" in capsys.readouterr().err
    assert main(["report", str(run), "-o", str(tmp_path / "report.html")]) == 0
    assert "damaged at full size" in (tmp_path / "report.html").read_text("utf-8")


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_one_that_was_not(table, tmp_path, capsys):
    def command(name):
        return ["evaluate", str(table), "--model", "tiny-rl", "-o", str(tmp_path / name)]

    words = [sys.executable, "-m", "robust_r1", *command("cut")]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL)
    path = tmp_path / "cut" / "cases.jsonl"
    wait_for(lambda: has_lines(path, 16), process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = path.read_bytes().count(b"\n")
    assert 16 <= kept < ROWS * len(ALL_LEVELS)
    # As a kill in the middle of a line and of a batch leaves it.
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:11]) + lines[11][:40])
    for name in ("cut", "whole"):
        assert main(command(name)) == 0
        capsys.readouterr()
    assert run_lines(tmp_path / "cut") == run_lines(tmp_path / "whole")
    heads = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("cut", "whole")]
    assert heads[0] == heads[1]
    reports = []
    for name in ("cut", "whole"):
        assert main(["report", str(tmp_path / name)]) == 0
        reports.append(capsys.readouterr().out)
    assert reports[0] == reports[1]


def test_a_limit_is_judged_by_the_five_percent_of_what_was_read(tmp_path):
    path = write_mmstar(tmp_path / "MMStar.tsv", rows=24, broken=(5, 21))
    engine = Sayer("0")

    def limited(number, folder):
        items = items_of(path, engine, levels=(CLEAN,), limit=number)
        return evaluate(engine, "MMStar", items, tmp_path / folder)

    # The picture of row 5 is decoded after the reading stopped, and judged all the same.
    with pytest.raises(UnusableRows, match="1 of the first 12 rows"):
        limited(12, "few")
    assert len(run_lines(tmp_path / "few")) == 0
    assert len(limited(20, "more").rows) == 19  # 1 of 20 is no more than 5 %
    assert json.loads((tmp_path / "more" / "run.json").read_text("utf-8"))["rows"] == 20
    assert len(limited(5, "before").rows) == 5
    with pytest.raises(UnusableRows, match="2 of the first 24 rows"):
        limited(100, "all")


@pytest.mark.parametrize("ending", ["tsv", "csv", "jsonl", "parquet"])
def test_the_share_of_a_file_that_was_read_rises_to_one(tmp_path, picture, ending):
    rows = [
        {"index": str(n), "image": "a.png", "question": f"Who? {n}", "A": "x", "B": "y",
         "answer": "A"} for n in range(8)
    ]  # fmt: skip
    (tmp_path / "a.png").write_bytes(encode_png(picture))
    path = tmp_path / f"Few.{ending}"
    if ending == "tsv":
        write_tsv(path, [(n, base64_of(picture), "Who?", "x", "y", "", "", "A", "", "")
                         for n in range(8)])  # fmt: skip
    elif ending == "csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines), "utf-8")
    elif ending == "jsonl":
        lines = [{"image": "a.png", "question": row["question"], "choices": ["x", "y"],
                  "answer": "x"} for row in rows]  # fmt: skip
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    else:
        pyarrow, parquet = (pytest.importorskip(f"pyarrow{end}") for end in ("", ".parquet"))
        whole = [{**row, "image": encode_png(picture)} for row in rows]
        parquet.write_table(pyarrow.Table.from_pylist(whole), path)
    items = items_of(path, Sayer("0"), levels=(CLEAN,))
    assert items.share == 0
    shares = [items.share for _ in items]
    assert len(shares) == 8 and shares == sorted(set(shares)) and items.share == 1
    assert all(abs(share - (n + 1) / 8) < 0.15 for n, share in enumerate(shares))
