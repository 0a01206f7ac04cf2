"""Claims about `report`: the paper's tables, bases, pairs, pictures, LaTeX, and the Hub's file."""

import json
import re

import huggingface_hub
import pytest
import yaml

from robust_r1.cli import main
from robust_r1.evaluation import load_run
from robust_r1.images import encode_png
from robust_r1.report.published import CORRUPTED, R_BENCH
from tests.support.analyze_runs import chain, line, write_run
from tests.support.benchmark_files import RBENCH_ROWS, write_rbench
from tests.support.published_runs import run_of, with_odds
from tests.support.published_tables import write_mmstar

ROWS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a table, and two runs of it that differ on one item."""
    home = tmp_path_factory.mktemp("runs")
    (home / "data").mkdir()
    table = write_mmstar(home / "data" / "MMStar.tsv", rows=ROWS)
    run_of(table, home / "base", name="base")
    run_of(table, home / "mine", name="mine")
    cases = (home / "mine" / "cases.jsonl").read_text("utf-8").splitlines()
    turned = [_turned(json.loads(one)) for one in cases]
    (home / "mine" / "cases.jsonl").write_text("\n".join(map(json.dumps, turned)) + "\n", "utf-8")
    return home


def _turned(case):
    """Turn the answers to one item that is damaged."""
    if case["source"] != "2" or case["level"] == "clean":
        return case
    accuracy = 1 - case["accuracy"]
    right = case["choices"].index(case["truth"])
    answer = right if accuracy else (right + 1) % len(case["choices"])
    return {**case, "accuracy": accuracy, "text": chain("none", str(answer))}


def said(capsys, *words):
    assert main(["report", *map(str, words)]) == 0
    return capsys.readouterr().out


def rows_of(text, caption):
    """Return the rows of a Markdown table below a caption, as texts."""
    table = re.search(rf"^\*\*{caption}.*\n\n((?:\|.*\n)+)", text, re.M)[1]
    return [one.strip("| ").split(" | ") for one in table.replace("\\_", "_").splitlines()[2:]]


def test_published_rows_stand_below_ours_and_are_marked(folder, capsys):
    rows = rows_of(said(capsys, folder / "base"), "MMStar, accuracy in percent")
    run = load_run(folder / "base")
    clean = [row.accuracy for row in run.rows if row.level == "clean"]
    assert rows[0][0] == "base" and rows[0][-1] == "measured here"
    assert rows[0][1].startswith(f"{100 * sum(clean) / len(clean):.2f}")
    theirs = {row[0]: tuple(map(float, row[1:5])) for row in rows[1:]}
    assert theirs == CORRUPTED["MMStar"] and {row[-1] for row in rows[1:]} == {"published"}


def test_r_bench_stands_in_the_papers_layout(tmp_path, capsys, picture):
    table = write_rbench(tmp_path / "R-Bench.csv", RBENCH_ROWS[:9])
    for name in {row[0] for row in RBENCH_ROWS}:
        (tmp_path / name).write_bytes(encode_png(picture))
    text = said(capsys, run_of(table, tmp_path / "run"))
    rows = rows_of(text, "R-Bench, absolute robustness by task and strength")
    assert [row[0] for row in rows] == ["tiny-sft", *R_BENCH]
    assert [float(cell) for cell in rows[3][1:11]] == list(R_BENCH["Robust-R1 SFT+RL"])
    assert "of other prompts and other judges" in text


def test_corruption_errors_are_printed_against_the_base_and_it_comes_first(folder, capsys):
    text = said(capsys, folder / "mine", "--base", folder / "base")
    assert text.startswith("| MMStar | base | mine |")
    rows = rows_of(text, "Corruption errors against base")
    assert rows[0][0] == "all" and {row[-1] for row in rows} <= set("123456")
    values = json.loads(said(capsys, folder / "mine", "--base", folder / "base", "--json"))
    lines = values["corruption_errors"]["mine"]["lines"]
    assert [one["name"] for one in lines if one["kind"] == "all"] == [""]
    unavailable = [one for one in lines if one["error"]["value"] is None]
    assert bool(unavailable) == ("not available" in "".join(map("".join, rows)))
    assert values["paper"][0]["rows"][-1][-1] == "published"


def test_two_runs_are_compared_item_by_item_with_the_items_that_differ(folder, capsys):
    text = said(capsys, folder / "mine", folder / "base")
    rows = {row[0]: row for row in rows_of(text, "mine against base on the items of both")}
    assert rows["clean"][3:5] == ["0", "0"] and sorted(rows["100"][3:5]) == ["0", "1"]
    (item,) = rows_of(text, "Items on which they differ most")
    assert item[:2] == ["2", "25 50 100"] and item[3] != item[4]


def test_the_page_shows_pictures_of_published_items_or_says_what_is_missing(
    folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("LMUData", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    runs = (folder / "mine", folder / "base")
    said(capsys, *runs, "--data", folder / "data", "-o", tmp_path / "with.html")
    page = (tmp_path / "with.html").read_text("utf-8")
    assert page.count("data:image/png") >= 24 and "No picture" not in page
    assert "The two runs, item by item" in page and "Robust-R1 SFT+RL" in page
    said(capsys, *runs, "-o", tmp_path / "without.html")
    page = (tmp_path / "without.html").read_text("utf-8")
    assert "data:image/png" not in page and "No picture: a run keeps no pictures, and no" in page


def test_full_tells_confidence_and_costs_and_plain_does_not(folder, tmp_path, capsys):
    def odds(case):
        logs = [-2.0] * len(case["choices"])
        logs[case["choices"].index(case["truth"])] = -0.1
        return logs

    table = folder / "data" / "MMStar.tsv"
    run = with_odds(run_of(table, tmp_path / "run"), odds)
    plain, full = said(capsys, run), said(capsys, run, "--full")
    captions = re.findall(r"^\*\*(.*?)[,:*]", full, re.M)
    for words in ("Confidence", "Tokens and seconds an answer", "Accuracy under each degradation"):
        assert words in captions and words not in plain
    assert "calibration error, clean" in full and "margin, 100" in full


def test_latex_holds_the_tables_that_markdown_has(folder, capsys):
    text = said(capsys, folder / "mine", folder / "base", "--latex")
    captions = re.findall(r"\\caption\{(.*)\}", text)
    assert captions[0] == "MMStar" and any("accuracy in percent" in one for one in captions)
    assert text.count("\\begin{tabular}") == text.count("\\end{tabular}") == len(captions)


def test_the_hub_reads_back_what_is_written_for_it(folder, tmp_path, capsys):
    path = tmp_path / "mmstar.yaml"
    assert ".eval_results/mmstar.yaml" in said(capsys, folder / "base", "--leaderboard", path)
    found = huggingface_hub.parse_eval_result_entries(yaml.safe_load(path.read_text("utf-8")))
    assert {one.dataset_id for one in found} == {"Lin-Chen/MMStar"}
    assert [one.task_id for one in found] == ["default", "robust_25", "robust_50", "robust_100"]
    run = load_run(folder / "base")
    for one, level in zip(found, ("clean", "25", "50", "100"), strict=True):
        scores = [row.accuracy for row in run.rows if row.level == level]
        assert one.value == pytest.approx(100 * sum(scores) / len(scores), abs=0.005)
        assert f"level {level}" in one.notes and "native" in one.notes
    card = huggingface_hub.eval_result_entries_to_yaml(found)
    assert card == yaml.safe_load(path.read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "wrong"),
    [
        (["{own}", "--leaderboard", "{out}"], "give it with --dataset"),
        (["{own}", "--dataset", "a/b"], "--dataset is for --leaderboard"),
        (["{mine}", "{base}", "--leaderboard", "{out}"], "of mine and base; give one"),
        (["{mine}", "--base", "{own}"], "show one benchmark at a time"),
        (["{mine}", "--full", "--against", "{base}"], "shows differences alone"),
        (["{mine}", "--by-degradation", "--full"], "stands alone"),
        (["{mine}", "--full", "-o", "{out}.html"], "the page has every figure"),
        (["{mine}", "{mine}"], "asked alike"),
        (["{mine}", "--data", "{out}"], "which is no folder"),
    ],
)
def test_what_does_not_go_together_costs_one_sentence(folder, tmp_path, capsys, words, wrong):
    own = write_run(tmp_path / "own", [line(1, "high", chain("none"))])
    places = {"own": own, "mine": folder / "mine", "base": folder / "base", "out": tmp_path / "x"}
    assert main(["report", *(word.format(**places) for word in words)]) == 2
    error = capsys.readouterr().err
    assert wrong in error and error.count("\n") == 1 and not (tmp_path / "x").exists()
