"""Claims about MMD-Bench: a run for each table, one summary, and the clean table degraded here."""

import json
from dataclasses import replace

import pytest

from robust_r1.cli import main
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from robust_r1.evaluation import load_run
from robust_r1.evaluation.published import plan_of
from robust_r1.evaluation.sets import (
    MIXED,
    Choice,
    accuracy,
    chosen,
    difference,
    read_choice,
    tables_of,
)
from tests.support.file_server import Files, ask_there, serving
from tests.support.published_tables import ROWS, write_mmstar
from tests.support.sayer import Sayer

# As in the data set: three levels and one operation, by the authors' name.
TABLES = {
    "MMStar_LOW_LEVEL_LOW": ("25", ""),
    "MMStar_LOW_LEVEL_HIGH": ("100", ""),
    "MMStar_dark_illumination": ("100", "darkness"),
}
REPO = "/datasets/CUDAOUTOFMEMORY/MMD-Bench"


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Return the published tables by name, and the clean one."""
    folder = tmp_path_factory.mktemp("made")
    clean = write_mmstar(folder / "MMStar.tsv")
    made = {"MMStar": clean.read_bytes()}
    for name, (level, operation) in TABLES.items():

        def draw(index, level=level, operation=operation):
            return plan_of("MMStar", index, level, 0, operation)

        made[name] = write_mmstar(folder / f"{name}.tsv", damage=draw).read_bytes()
    return made


@pytest.fixture
def data(tmp_path, contents):
    """Return a folder of data with the tables in MMD-Bench, and the clean one beside it."""
    (tmp_path / "data" / "MMD-Bench").mkdir(parents=True)
    for name, content in contents.items():
        home = "." if name == "MMStar" else "MMD-Bench"
        (tmp_path / "data" / home / f"{name}.tsv").write_bytes(content)
    return tmp_path / "data"


@pytest.fixture
def sayer(monkeypatch, tmp_path):
    """Answer with the first option, whatever is asked; data lies in no folder of the user's."""
    engine = Sayer("<ANSWER>0<ANSWER_END>")
    monkeypatch.setattr("robust_r1.commands.evaluate_sets.load_engine", lambda *a, **k: engine)
    monkeypatch.setenv("LMUData", str(tmp_path / "none"))
    return engine


def evaluate(data, run, *words):
    return main(["evaluate", "mmd-bench", "--data", str(data), "-o", str(run), *words])


def test_every_table_is_a_run_of_its_own_and_one_summary_ends_it(data, sayer, tmp_path, capsys):
    run = tmp_path / "run"
    assert evaluate(data, run) == 0
    told = capsys.readouterr()
    assert {path.name for path in run.iterdir()} == {*TABLES, "summary.json"}
    assert [len(load_run(run / name).rows) for name in TABLES] == [ROWS] * 3
    assert len(sayer.asked) == 3 * ROWS
    assert "MMStar_dark_illumination (3 of 3)" in told.err and "\r" not in told.err
    lines = told.out.splitlines()
    assert lines[0] == "MMD-Bench, sayer (exact), 3 runs"
    assert lines[lines.index("Accuracy, pictures as published, by level:") + 1].split() == [
        "benchmark", "25", "100"
    ]  # fmt: skip
    kept = json.loads((run / "summary.json").read_text("utf-8"))
    shares = [load_run(run / name).rows for name in TABLES]
    for one, rows in zip(kept["tables"], shares, strict=True):
        right = sum(row.accuracy for row in rows) / ROWS
        assert one["published"]["value"] == pytest.approx(right) and one["published"]["n"] == ROWS
        assert one["own"] is None and one["difference"] is None
    assert [(one["level"], one["operation"]) for one in kept["tables"]] == [
        ("25", MIXED), ("100", MIXED), ("100", "darkness")
    ]  # fmt: skip
    # The same command asks nothing again and says the same.
    assert evaluate(data, run, "--json") == 0
    assert json.loads(capsys.readouterr().out) == kept and len(sayer.asked) == 3 * ROWS


def test_the_clean_table_degraded_here_is_asked_the_same_and_the_difference_is_paired(
    data, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("LMUData", str(tmp_path / "none"))
    run = tmp_path / "run"
    words = ["--model", "tiny-rl", "--max-new-tokens", "8", "--prompt", "direct", "--degrade-clean"]
    words += ["--limit", "4"]
    assert evaluate(data, run, *words, "--levels", "high") == 0
    said = capsys.readouterr().out
    values = json.loads((run / "summary.json").read_text("utf-8"))
    assert len(values["tables"]) == 2 and values["clean"]["MMStar"]["n"] == 4
    for one in values["tables"]:
        assert one["difference"]["n"] == 4 and one["difference"]["value"] == 0
    assert "Published minus degraded here, same items, by operation:" in said
    # These tables were made by our own operations under the same seed: the pixels are the same, and
    # so is every word that a model says of them.
    for name, own in (
        ("MMStar_LOW_LEVEL_HIGH", "MMStar-ours-mixed-100"),
        ("MMStar_dark_illumination", "MMStar-ours-darkness-100"),
    ):
        texts = [[row.text for row in load_run(run / at).rows] for at in (name, own)]
        assert texts[0] == texts[1] and len(texts[0]) == 4
    plans = [row.plan for row in load_run(run / "MMStar-ours-darkness-100").rows]
    assert {step.id for plan in plans for step in plan.steps} == {"darkness"}
    assert all(not row.plan for row in load_run(run / "MMStar-clean").rows)


def test_tables_are_chosen_by_benchmark_level_and_operation(data, contents):
    tables = tables_of(sorted(data.rglob("*.tsv")))
    assert [table.path.stem for table in tables] == list(TABLES)
    for words, names in (
        ((None, None, None), list(TABLES)),
        (("mmstar", "LOW, 50", None), ["MMStar_LOW_LEVEL_LOW"]),
        ((None, "100", None), ["MMStar_LOW_LEVEL_HIGH", "MMStar_dark_illumination"]),
        ((None, None, "mixed"), ["MMStar_LOW_LEVEL_LOW", "MMStar_LOW_LEVEL_HIGH"]),
        ((None, None, "dark_illumination,lens-blur"), ["MMStar_dark_illumination"]),
    ):
        assert [table.path.stem for table in chosen(tables, read_choice(*words), "")] == names


def test_the_whole_of_the_published_names_is_known(tmp_path):
    sets = ("MMBench_DEV_EN_V11", "MMVet", "MMVP", "CV-Bench-2D", "MMStar", "RealWorldQA")
    theirs = {"saturation": "hsv_saturation", "darkness": "dark_illumination"}
    operations = [theirs.get(spec.id, spec.id) for spec in SPECS]
    ends = [f"LOW_LEVEL_{level}" for level in ("LOW", "MID", "HIGH")] + operations
    paths = [tmp_path / f"{name}_{end}.tsv" for name in sets for end in ends]
    tables = tables_of(paths)
    assert len(tables) == len(paths) == 18 + 96
    assert {table.set for table in tables} == set(sets)
    others = (
        *("MMStar.tsv", "MMStar_Robust_25.tsv", "README.md"),
        *("MMStar_lens_blur.csv", "MMStar_lens_blur_0.3.tsv"),
    )
    assert tables_of(tmp_path / name for name in others) == ()
    with pytest.raises(InputError, match="are the same table; take one of them away"):
        tables_of([paths[0], tmp_path / "copy" / paths[0].name])
    with pytest.raises(InputError, match="no table of MMD-Bench that was asked for; there are 0"):
        chosen((), Choice(), "here")


def test_a_table_that_cannot_be_used_is_named_at_the_end_and_the_others_are_answered(
    data, sayer, tmp_path, capsys
):
    (data / "MMD-Bench" / "MMStar_scan_lines.tsv").write_bytes(b"")
    broken = data / "MMD-Bench" / "MMStar_LOW_LEVEL_LOW.tsv"
    broken.write_bytes(broken.read_bytes()[:2000])
    assert evaluate(data, tmp_path / "run") == 2
    told = capsys.readouterr()
    assert "2 of 4 runs could not be made: " in told.err and "MMStar_LOW_LEVEL_LOW" in told.err
    assert "darkness" in told.out and len(sayer.asked) == 2 * ROWS
    said = json.loads((tmp_path / "run" / "summary.json").read_text("utf-8"))["not_made"]
    assert "the file is empty" in said[0] and "1 of the first 1 rows cannot be used" in said[1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--sets", "MMMU"], "has no tables of 'mmmu'; there are MMStar"),
        (["--levels", "75"], "has no level '75'; choose from 25, 50, 100, low, mid, high"),
        (["--degradations", "fog"], "there is no operation 'fog'; choose from mixed, lens_blur"),
        (["--levels", "50"], "has no table of MMD-Bench that was asked for; there are 3"),
        (["--degrade-at", "native"], "leave out --degrade-at, or add --degrade-clean"),
        (["--download"], "say with --sets which of its benchmarks --download is to fetch"),
    ],
)
def test_bad_words_cost_one_sentence_before_the_model_is_loaded(
    data, tmp_path, capsys, monkeypatch, words, said
):
    monkeypatch.setattr("robust_r1.commands.evaluate_sets.load_engine", None)
    assert evaluate(data, tmp_path / "run", *words) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "run").exists()


def test_flags_of_the_tables_are_refused_elsewhere(tmp_path, capsys):
    for flag in (["--sets", "MMStar"], ["--degradations", "mixed"], ["--degrade-clean"]):
        assert main(["evaluate", "mmstar", "-o", str(tmp_path), *flag]) == 2
        assert f"{flag[0]} is for mmd-bench" in capsys.readouterr().err


def test_without_the_clean_table_it_is_said_where_it_is_to_be_had(data, tmp_path, capsys, sayer):
    (data / "MMStar.tsv").unlink()
    assert evaluate(data, tmp_path / "run", "--degrade-clean") == 2
    said = capsys.readouterr().err
    assert "MMStar is not here" in said and "or leave out --degrade-clean" in said
    (data / "MMD-Bench" / "MMVet_scan_lines.tsv").write_bytes(b"")
    assert evaluate(data, tmp_path / "run", "--sets", "MMVet", "--degrade-clean") == 2
    assert not sayer.asked


def test_download_fetches_the_tables_that_were_asked_and_lack(
    contents, sayer, tmp_path, capsys, monkeypatch
):
    there = {f"{REPO}/sub/{name}.tsv": content for name, content in contents.items()}
    there[f"{REPO}/README.md"] = b"read"
    data = tmp_path / "data"
    (data / "MMD-Bench").mkdir(parents=True)
    (data / "MMD-Bench" / "MMStar_LOW_LEVEL_LOW.tsv").write_bytes(contents["MMStar_LOW_LEVEL_LOW"])
    with serving(Files(there)) as hub:
        ask_there(monkeypatch, hub.url)
        words = ["evaluate", "mmd-bench", "--data", str(data), "--download", "--sets", "mmstar"]
        assert main([*words, "--degradations", "mixed"]) == 0
        said = capsys.readouterr().err
        size = len(contents["MMStar_LOW_LEVEL_HIGH"]) / 1e6
        assert f"fetching 1 of 2 tables, {size:.1f} MB" in said and "Apache-2.0" in said
        assert [path.rpartition("/")[2] for path, _ in hub.asked] == ["MMStar_LOW_LEVEL_HIGH.tsv"]
        assert not sayer.asked  # without -o nothing is
        assert main([*words, "-o", str(tmp_path / "run")]) == 0
        assert len(hub.asked) == 2 and len(sayer.asked) == 3 * ROWS
        assert main([*words[:-1], "MMMU"]) == 2
        assert "has no tables of 'mmmu'; there are MMStar" in capsys.readouterr().err
    got = {path.name for path in (data / "MMD-Bench").iterdir()}
    assert got == {f"{name}.tsv" for name in TABLES}
    assert (data / "MMD-Bench" / "MMStar_dark_illumination.tsv").read_bytes() == contents[
        "MMStar_dark_illumination"
    ]


def test_the_difference_is_of_the_items_that_both_hold_and_draws_pictures(data, sayer, tmp_path):
    run = tmp_path / "run"
    assert evaluate(data, run, "--degradations", "darkness") == 0
    rows = load_run(run / "MMStar_dark_illumination").rows
    right = [replace(row, accuracy=1.0) for row in rows]
    wrong = [replace(row, accuracy=0.0) for row in rows]
    gap = difference(right[:6], [*right[:3], *wrong[3:]])
    assert (gap.value, gap.n) == (0.5, 6) and gap.low < 0.5 < gap.high
    assert difference(wrong[:4], right).value == -1 and difference(right[:2], right[5:]).n == 0
    unscored = [replace(row, accuracy=None) for row in rows]
    assert difference(unscored, right).n == 0 and difference(right, unscored).n == 0
    assert accuracy(right, "100").n == ROWS and accuracy(right, "25").n == 0
    # Rows of one picture are drawn together: of one picture alone nothing is known of others.
    half = [*right[:5], *wrong[5:]]
    one = [replace(row, picture="0") for row in half]
    assert accuracy(one, "100").low is None and 0 < accuracy(half, "100").low < 0.5
