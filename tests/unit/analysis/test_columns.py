"""Claims about runs as columns: what goes together, what is told apart, what is refused."""

import pytest

from robust_r1.errors import InputError
from robust_r1.evaluation import load_run
from robust_r1.evaluation.published import plan_of
from robust_r1.images import encode_png
from robust_r1.report.columns import entries_of
from robust_r1.report.paper import paper_tables
from robust_r1.report.pictures import picture_of, why_absent
from robust_r1.report.published_pictures import LookUp
from robust_r1.report.table import DASH
from tests.support.benchmark_files import base64_of, write_tsv
from tests.support.published_runs import run_of
from tests.support.published_tables import write_mmstar

ROWS = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder with a table and its corrupted copy at 25."""
    folder = tmp_path_factory.mktemp("data")
    write_mmstar(folder / "MMStar.tsv", rows=ROWS)
    copy = folder / "MMStar_Robust_25.tsv"
    write_mmstar(copy, rows=ROWS, damage=lambda index: plan_of("MMStar", index, "25"))
    return folder


def columns(*folders):
    """Return the cases of runs by column."""
    found = {}
    for entry in entries_of([load_run(folder) for folder in folders]):
        found.setdefault(entry.model, []).append(entry)
    return found


def test_levels_that_are_files_of_their_own_are_one_column_with_their_clean_twins(data, tmp_path):
    clean = run_of(data / "MMStar.tsv", tmp_path / "clean", levels=("clean",))
    copy = run_of(data / "MMStar_Robust_25.tsv", tmp_path / "25")
    (entries,) = columns(copy, clean).values()
    assert [entry.row.level for entry in entries] == ["25"] * ROWS + ["clean"] * ROWS
    assert {entry.benchmark for entry in entries} == {"MMStar", "MMStar, 25"}
    assert all(entry.clean.id == f"{entry.item}-clean" for entry in entries)
    (table,) = paper_tables(entries)
    levels = dict(zip(table.columns, (cell.text for cell in table.rows[0]), strict=True))
    shares = [f"{100 * sum(e.row.accuracy for e in entries if e.row.level == level) / ROWS:.2f}"
              for level in ("clean", "25")]  # fmt: skip
    assert [levels["clean"], levels["25"], levels["50"]] == [*shares, DASH]
    assert [row[-1].text for row in table.rows] == ["measured here", *["published"] * 3]


def test_two_prompts_are_two_columns_named_by_them(data, tmp_path):
    ours = run_of(data / "MMStar.tsv", tmp_path / "ours")
    direct = run_of(data / "MMStar.tsv", tmp_path / "direct", prompt="direct")
    other = run_of(data / "MMStar.tsv", tmp_path / "other", name="other")
    found = columns(ours, other, direct)
    assert list(found) == ["tiny-sft, prompt ours", "other", "tiny-sft, prompt direct"]
    runs = {name: entries[0].run for name, entries in found.items()}
    # What people noted of a case stays with it, whatever else is open.
    assert runs["tiny-sft, prompt ours"] == columns(ours)["tiny-sft"][0].run == "MMStar/tiny-sft"
    assert len({*runs.values()}) == 3
    assert {entry.engine for entry in found["tiny-sft, prompt direct"]} == {"tiny-sft"}


def test_what_is_asked_alike_twice_and_other_benchmarks_are_refused(data, tmp_path):
    first = run_of(data / "MMStar.tsv", tmp_path / "a", levels=("clean",))
    second = run_of(data / "MMStar.tsv", tmp_path / "b", levels=("clean", "25"))
    other = run_of(write_mmstar(tmp_path / "Else.tsv", rows=2), tmp_path / "c")
    with pytest.raises(InputError, match="asked alike; give one run of each model"):
        columns(first, second)
    with pytest.raises(InputError, match="of Else and MMStar; show one benchmark at a time"):
        columns(first, other)


def test_languages_of_one_benchmark_are_one_column_whose_pictures_are_drawn_together(
    tmp_path, picture
):
    runs = []
    for language in ("en", "cn"):
        rows = [(n, base64_of(picture), "Who?", "a", "b", "", "", "A", "x", "") for n in range(3)]
        table = write_tsv(tmp_path / f"MMMB_{language}.tsv", rows)
        runs.append(run_of(table, tmp_path / language, levels=("clean", "100")))
    (entries,) = columns(*runs).values()
    assert len({entry.row.id for entry in entries}) == len(entries) == 12
    assert {entry.row.language for entry in entries} == {"en", "cn"}
    assert {entry.family for entry in entries} == {"MMMB"}
    assert len({entry.row.cluster for entry in entries}) == 3
    assert all(entry.clean.id.startswith(f"{entry.row.language}/") for entry in entries)
    assert [row[-1].text for row in paper_tables(entries)[0].rows].count("published") == 3
    files = LookUp(tmp_path)
    assert all(picture_of(entry, files=files).shape == picture.shape for entry in entries)


def test_pictures_come_from_the_file_of_the_runs_name_and_size_alone(data, tmp_path, monkeypatch):
    table = data / "MMStar.tsv"
    (entries,) = columns(run_of(table, tmp_path / "run")).values()
    last = entries[-1]
    shown = picture_of(last, files=LookUp(data))
    clean = picture_of(last, clean=True, files=LookUp(data))
    assert shown.shape == (480, 640, 3) and (shown == last.row.plan.apply(clean)).all()
    small = picture_of(last, files=LookUp(data), most=10_000)
    assert small.shape[0] * small.shape[1] <= 10_000
    copy = run_of(data / "MMStar_Robust_25.tsv", tmp_path / "25")
    (damaged,) = columns(copy).values()
    twin = next(entry for entry in entries if entry.row.id == damaged[0].row.id)
    pair = [encode_png(picture_of(entry, files=LookUp(data))) for entry in (damaged[0], twin)]
    assert pair[0] == pair[1]
    monkeypatch.setenv("LMUData", str(tmp_path))
    (tmp_path / "MMStar.tsv").write_bytes(table.read_bytes()[:-1])
    assert f"no MMStar.tsv of {table.stat().st_size} bytes lies in" in why_absent(last)
    with pytest.raises(InputError, match="a run keeps no pictures"):
        picture_of(last)
    monkeypatch.setenv("LMUData", str(data))
    assert (picture_of(last) == shown).all()
