"""rbench: what it prints in each form, and how bad input ends."""

import json
import re

import pytest

from robust_r1.cli import main
from robust_r1.report.published import ABSOLUTE_OVERALL
from tests.support.benchmark_files import write_results
from tests.support.paths import ROOT
from tests.support.rbench_miniature import FIGURES, ITEMS, rows_of, write_miniature

MINIBENCH = ROOT / "assets" / "runs" / "tiny-rl-minibench"
PHOTOBENCH = ROOT / "assets" / "runs" / "tiny-rl-photobench"


@pytest.fixture
def tables(tmp_path):
    """Return the files of the miniature: dis, ref, com."""
    return write_miniature(tmp_path)


def rbench(capsys, *words):
    """Run the command and return what it prints."""
    assert main(["rbench", *map(str, words)]) == 0
    return capsys.readouterr().out


def fails(capsys, *words):
    """Run the command, which must end with 2, and return its one line on stderr."""
    assert main(["rbench", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err


def test_json_has_every_figure_with_n_and_interval(tables, capsys):
    values = json.loads(rbench(capsys, *tables, "--json"))
    assert (values["name"], values["items"], values["pictures"]) == ("Result_dis", 12, 4)
    assert values["files"] == list(map(str, tables)) and values["left_out"] == []
    assert "published" not in values
    for one, (place, figures) in zip(values["figures"], FIGURES.items(), strict=True):
        absolute, n, relative, m = figures
        assert (one["split"], one["part"]) == place
        assert (one["absolute"]["n"], one["relative"]["n"]) == (n, m)
        assert one["absolute"]["value"] == (None if n == 0 else pytest.approx(absolute))
        assert one["relative"]["value"] == pytest.approx(relative)
    whole = values["figures"][0]["absolute"]
    assert whole["low"] < whole["value"] < whole["high"]


def test_tables_may_be_given_by_name_in_any_order(tables, capsys):
    dis, ref, com = tables
    by_place = rbench(capsys, dis, ref, com)
    by_name = rbench(capsys, "--consistency", com, "--reference", ref, "--distorted", dis)
    assert by_name == by_place
    assert rbench(capsys, "--distorted", dis) == rbench(capsys, dis)


def test_the_terminal_shows_a_line_a_part_and_says_what_was_not_judged(tables, capsys):
    out = rbench(capsys, *tables)
    lines = [re.split(r"  +", line) for line in out.splitlines()]
    assert lines[2] == ["by", "part", "absolute", "relative", "n"]
    assert lines[3][:2] == ["overall", "all tasks"] and lines[3][-1] == "11/12"
    assert lines[3][2].startswith("0.5455 (") and lines[3][3].startswith("0.4917 (")
    assert ["task and strength", "CAP mid", "\u2013", "0.2500", "0/1"] in lines
    assert len([one for one in lines if len(one) == 5]) == 1 + len(FIGURES)
    assert "12 items about 4 pictures, 1 not judged." in out
    assert "published" not in out.lower()


def test_one_table_shows_absolute_robustness_alone(tables, capsys):
    out = rbench(capsys, tables[0])
    assert "relative" not in out and "0.5455" in out


def test_markdown_and_latex_are_the_project_s_tables(tables, capsys):
    markdown = rbench(capsys, *tables, "--markdown").splitlines()
    assert markdown[0].startswith("**R-Bench's robustness of Result\\_dis, with 95 % intervals")
    assert markdown[2] == "| by | part | absolute | relative | n |"
    assert len(markdown) == 4 + len(FIGURES)
    assert "| task | MCQ | 0.5000 (" in markdown[5]
    latex = rbench(capsys, *tables, "--latex")
    assert latex.startswith("% needs \\usepackage{booktabs}") and "{llrrr}" in latex
    assert latex.count("\\\\\n") == 1 + len(FIGURES)
    assert "Result\\_dis, with 95 \\% intervals" in latex


def test_published_figures_stand_beside_ours_marked_as_such_and_only_where_there_are_any(
    tables, capsys
):
    out = rbench(capsys, *tables, "--published", "--markdown")
    head = next(line for line in out.splitlines() if line.startswith("| by"))
    columns = head.strip("| ").split(" | ")
    assert columns[4:6] == ["LLaVA-1.5, published: absolute", "LLaVA-1.5, published: relative"]
    cells = {}
    for line in out.splitlines():
        row = line.strip("| ").split(" | ")
        if len(row) == len(columns):
            cells[row[0], row[1]] = tuple(row[4:6])
    printed = {place: pair for place, pair in cells.items() if pair != ("\u2013", "\u2013")}
    del printed["by", "part"], printed["---", "---"]
    assert printed == {
        ("task", "MCQ"): ("0.4364", "0.3758"),
        ("task", "VQA"): ("0.5980", "0.4920"),
        ("task", "CAP"): ("0.3455", "0.1896"),
        ("strength", "low"): ("0.4679", "\u2013"),
        ("strength", "mid"): ("0.4398", "\u2013"),
        ("strength", "high"): ("0.4721", "\u2013"),
    }
    field = out.rpartition("| model | absolute | from |")[2].splitlines()[2:]
    assert len(field) == len(ABSOLUTE_OVERALL) + 1
    assert sum(line.endswith("| published |") for line in field) == len(ABSOLUTE_OVERALL)
    (ours,) = [line for line in field if line.endswith("| measured here |")]
    assert ours.startswith("| Result\\_dis | 0.545 (")
    shares = [float(line.split(" | ")[1].split(" ")[0]) for line in field]
    assert shares == sorted(shares)


def test_published_figures_are_in_the_json_where_asked(tables, capsys):
    published = json.loads(rbench(capsys, tables[0], "--json", "--published"))["published"]
    assert published["absolute_overall"]["Robust-R1"] == 0.502
    relative = published["LLaVA-1.5"]["relative"]
    assert relative[0] == {"split": "task", "part": "mcq", "value": 0.3758}


def test_a_run_gives_absolute_robustness_and_says_what_it_cannot_give(capsys):
    out = rbench(capsys, MINIBENCH)
    assert "R-Bench's robustness of tiny-rl on minibench" in out
    assert "strength" in out and "Environment" not in out
    assert "not of R-Bench's pictures: there are no figures by step and group" in out
    assert "judge" not in out and "R-Bench-Dis" not in out


def test_rows_that_cannot_be_used_are_counted_and_named_and_the_others_go_on(tmp_path, capsys):
    rows = rows_of((*ITEMS, *ITEMS))
    dis = write_results(tmp_path / "dis.csv", rows, [*[0.5] * 23, "good"])
    assert main(["rbench", str(dis), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["items"] == 23
    assert json.loads(out)["left_out"] == err.splitlines()[1:]
    assert err.splitlines()[0] == "1 row left out:"
    assert err.splitlines()[1].startswith(f"{dis}:25: column result: 'good' stands there; give")


def test_too_many_of_them_end_with_the_list(tmp_path, capsys):
    dis = write_results(tmp_path / "dis.csv", rows_of(), ["good", *[0.5] * 10, "bad"])
    err = fails(capsys, dis)
    assert "2 of the first 12 rows cannot be used" in err
    assert "line 2, column result: 'good'" in err and "line 13, column result: 'bad'" in err


def test_a_missing_column_is_named(tables, capsys):
    text = tables[1].read_text("utf-8").replace("distortion,strength,result", "x,strength,y", 1)
    tables[1].write_text(text, "utf-8")
    assert "Result_ref.csv:1: no column distortion, result; a table" in fails(capsys, *tables)


def test_tables_that_do_not_match_are_refused(tables, capsys):
    lines = tables[2].read_text("utf-8").splitlines()
    tables[2].write_text("\n".join(lines[:-1]) + "\n", "utf-8")
    err = fails(capsys, *tables)
    assert "Result_com.csv lacks item 11 of" in err and "Result_dis.csv:13; give tables" in err


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "0 tables are given; give DIS.csv alone"),
        (["{0}", "{1}"], "2 tables are given"),
        (["{0}", "{1}", "{2}", "{0}"], "4 tables are given"),
        (["--reference", "{1}"], "give DIS.csv alone"),
        (["--distorted", "{0}", "--reference", "{1}"], "2 tables are given"),
        (["{0}", "--write", "x"], "Result_dis.csv is a table already; give --write the folder of"),
        ([str(MINIBENCH), "--write", "x"], "none of R-Bench's distortions; give a run of evaluate"),
        (["{0}", "--reference", "{1}"], "both by name and by place; give them one way"),
        (["{0}", "{0}", "{1}"], "Result_dis.csv is given twice"),
        ([str(MINIBENCH), "{0}", "{1}"], "minibench is a folder; give a run alone"),
        (["{0}x"], "x could not be read"),
        ([str(ROOT / "assets")], "assets is no evaluation run"),
        ([str(PHOTOBENCH)], "holds no answer to a question at low, mid or high"),
        (
            [str(MINIBENCH), "--published"],
            "a run of minibench and published figures are of R-Bench",
        ),
    ],
)
def test_wrong_arguments_end_with_one_sentence(tables, capsys, words, fault):
    assert fault in fails(capsys, *(word.format(*tables) for word in words))
