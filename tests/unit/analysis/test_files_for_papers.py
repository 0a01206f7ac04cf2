"""What leaves the page for a paper: tables as Markdown and LaTeX, figures of cases as SVG."""

import re
from xml.etree import ElementTree

import pytest

from robust_r1.analysis.entries import gather
from robust_r1.analysis.filters import Filter, select
from robust_r1.errors import InputError
from robust_r1.evaluation import load_run
from robust_r1.report.figure import MAX_CASES, figure_svg
from robust_r1.report.files import file_name
from robust_r1.report.summary import details, headlines
from robust_r1.report.table import Cell, Table, to_html, to_latex, to_markdown
from robust_r1.report.tables import error_table, figures_tables, left_out, level_table
from tests.support.analyze_runs import chain, line, write_run
from tests.support.paths import ROOT

RUNS = ROOT / "assets" / "runs"
HOSTILE = "a_b & 50% {x} $y$ #1 \\z | *w* ~^ <b>"


@pytest.fixture(scope="module", params=["minibench", "photobench", "photobench2"])
def entries(request):
    """Return the cases of three runs side by side."""
    runs = [load_run(RUNS / f"tiny-{model}-{request.param}") for model in ("base", "sft", "rl")]
    return tuple(e for run in runs for e in gather(run.benchmark, run.model, run.rows))


def tables_of(entries):
    return figures_tables(headlines(entries), details(entries))


@pytest.mark.parametrize("wanted", [Filter(), Filter(levels=("high",)), Filter(text="nowhere")])
def test_every_line_of_every_table_fills_the_columns_in_all_three_forms(entries, wanted):
    for table in tables_of(select(entries, wanted)):
        assert all(len(row) == len(table.columns) for row in table.rows)
        lines = to_markdown([table]).splitlines()[2:]
        bars = [len(re.findall(r"(?<!\\)\|", each)) for each in lines if each]
        assert bars == [len(table.columns) + 1] * (len(table.rows) + 2 if table.rows else 0)
        body = to_latex([table]).partition("\\toprule")[2]
        ands = [len(re.findall(r"(?<!\\)&", each)) for each in body.splitlines() if "\\\\" in each]
        assert ands == [len(table.columns) - 1] * (len(table.rows) + 1 if table.rows else 0)
        drawn = to_html(table)
        assert drawn.count("<tr>") == 1 + max(1, len(table.rows))


def test_a_further_model_adds_columns_and_no_lines(entries):
    one = [entry for entry in entries if entry.model == "tiny-sft"]
    two = [entry for entry in entries if entry.model != "tiny-base"]
    for build, columns in ((lambda e: error_table(details(e).errors), 2),
                           (lambda e: level_table(details(e).levels), 1)):  # fmt: skip
        single, double = build(one), build(two)
        if single.rows:
            assert len(double.columns) == len(single.columns) + columns
            names = [{row[0].text for row in table.rows} for table in (single, double)]
            assert names[0] <= names[1] and len(double.rows) == len(names[1])


def test_words_of_a_run_are_text_in_every_form():
    table = Table(HOSTILE, (HOSTILE, "n"), ((Cell(HOSTILE), Cell("1", HOSTILE)),))
    markdown, latex, drawn = to_markdown([table]), to_latex([table]), to_html(table)
    assert len(re.findall(r"(?<!\\)\|", markdown)) == 9 and r"\<b\>" in markdown
    shown = r"a\_b \& 50\% \{x\} \$y\$ \#1 \textbackslash{}z | *w* \textasciitilde{}"
    assert latex.count(shown) == 4 and "<b>" not in drawn


def test_a_figure_holds_each_case_with_picture_plan_chain_and_answer(entries):
    for count in (1, 2, MAX_CASES):
        chosen = entries[-960:][1 : 1 + count] if len(entries) > 2000 else entries[-count:]
        drawing = ElementTree.fromstring(figure_svg(chosen))
        pictures = drawing.findall(".//{*}image")
        hrefs = [picture.get("href", "") for picture in pictures]
        assert len(hrefs) == count and all(one.startswith("data:image/png") for one in hrefs)
        cards = drawing.findall("{*}g")
        for card, entry in zip(cards, chosen, strict=True):
            said = " ".join(one.text or "" for one in card.findall("{*}text"))
            assert entry.row.id in said and "Applied:" in said and "Names:" in said
            assert entry.row.answer.split()[0] in said if entry.row.answer else "none" in said
            width = float(card.find("{*}rect").get("width"))
            height = float(card.find("{*}rect").get("height"))
            for one in card.findall("{*}text"):
                assert float(one.get("y")) < height and float(one.get("x")) < width


def test_a_figure_of_too_many_cases_or_none_says_how_to_come_to_fewer(entries):
    for many in (entries[: MAX_CASES + 1], ()):
        with pytest.raises(InputError, match=f"{len(many)} pass the filter: narrow it, or tag"):
            figure_svg(many)


def test_a_figure_without_a_picture_says_so_and_shows_words_as_themselves(tmp_path):
    text = chain(f"noise(0.30), {HOSTILE}(0.2)", HOSTILE, "word " * 2000)
    run = load_run(write_run(tmp_path / "run", [line(1, "high", text, question=HOSTILE)]))
    drawing = ElementTree.fromstring(figure_svg(gather(run.benchmark, run.model, run.rows)))
    said = [one.text or "" for one in drawing.findall(".//{*}text")]
    assert "picture not here" in said and any("a_b & 50% {x}" in one for one in said)
    assert len(said) < 70  # a chain without end is cut


def test_a_files_name_says_what_it_is(entries):
    name = file_name(entries, "figures", "tex")
    assert name == f"{entries[0].benchmark}-tiny-base-tiny-sft-tiny-rl-figures.tex"
    assert re.fullmatch(r"[a-z0-9.-]{1,110}", file_name(entries, "../" * 50 + HOSTILE, "md"))


def test_those_left_out_are_named():
    assert left_out(["one"]).startswith("Left out: one, which answers")
    assert left_out(["one", "two"]).startswith("Left out: one and two, which answer ")
