"""Claims about the bundled models: small files, honest cards, better than chance."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from robust_r1.engine import catalog, load_engine
from robust_r1.evaluation import benchmark, evaluate, headline, load_run
from robust_r1.ui.analyze.runs import RunFolders
from tests.support.paths import ROOT

MODELS = catalog.MODELS
RUNS = ROOT / "assets" / "runs"
EARLIER = RUNS / "earlier"  # of models before photographs, whose weights are not kept
TODAY = [RUNS / f"{name}-photobench2" for name in ("tiny-base", "tiny-sft", "tiny-rl")]
NAMES = sorted(folder.name for folder in MODELS.iterdir() if folder.is_dir())


def test_a_model_that_writes_chains_is_bundled():
    assert "tiny-sft" in NAMES
    assert catalog.newest_bundled().reasons


@pytest.mark.parametrize("name", NAMES)
def test_files_are_below_10_mb_in_half_precision_and_without_pickles(name):
    files = [file for file in (MODELS / name).iterdir() if file.is_file()]
    assert max(file.stat().st_size for file in files) < 10_000_000
    assert {file.suffix for file in files} <= {".json", ".jinja", ".md", ".safetensors"}
    config = json.loads((MODELS / name / "config.json").read_text())
    assert config["dtype"] == "float16"


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_how_it_was_made_what_it_reaches_and_what_it_cannot(name):
    card = (MODELS / name / "README.md").read_text()
    for word in ("seed", "python -m train.", "minutes", "type F1", "answers, clean", "photograph"):
        assert word in card, word


@pytest.mark.parametrize("name", NAMES)
def test_the_card_quotes_the_figures_that_were_measured(name):
    card = (MODELS / name / "README.md").read_text()
    results = json.loads((MODELS / name / "results.json").read_text())
    assert results["model"] == name
    benchmarks = {"minibench", "photobench", "photobench2", "scenes"}
    assert benchmarks <= set(results["benchmarks"])
    for benchmark_name, measured in results["benchmarks"].items():
        part = card.partition(f"### {benchmark_name}\n")[2].partition("\n### ")[0]
        for figure, found in measured["figures"].items():
            value = "not scored" if found["value"] is None else f"{found['value']:.3f}"
            assert f"| {figure} | {value} |" in part, (benchmark_name, figure)


@pytest.mark.parametrize(
    "folder", sorted(head.parent for head in RUNS.glob("*/run.json")), ids=lambda path: path.name
)
def test_the_stored_runs_give_the_figures_of_the_cards(folder):
    run = load_run(folder)
    assert folder.name == f"{run.model}-{run.benchmark}"
    assert [row.id for row in run.rows] == [case.id for case in benchmark(run.benchmark)]
    results = json.loads((MODELS / run.model / "results.json").read_text())
    stored = results["benchmarks"][run.benchmark]["figures"]
    for figure, value in headline(run.rows).items():
        assert asdict(value) == pytest.approx(stored[figure]), figure


@pytest.mark.parametrize(
    "folder", sorted(head.parent for head in EARLIER.glob("*/run.json")), ids=lambda path: path.name
)
def test_the_runs_of_earlier_models_stay_whole_and_are_not_of_todays_weights(folder):
    run = load_run(folder)
    assert folder.name == f"{run.model}-{run.benchmark}"
    assert [row.id for row in run.rows] == [case.id for case in benchmark(run.benchmark)]
    weights = [json.loads((one / "run.json").read_text())["weights"] for one in (folder, *TODAY)]
    assert weights[0] not in weights[1:]


def test_the_page_lists_the_runs_of_todays_models_and_opens_earlier_ones_by_their_folders():
    folders = RunFolders([RUNS])
    assert {Path(one).parent for one in folders.found()} == {RUNS}
    assert {folders.run(one).model for one in folders.found()} == set(NAMES)
    assert folders.run(str(EARLIER / "no-r_deg-minibench")).model == "no-r_deg"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name != "tiny-base"])
def test_a_bundled_model_makes_again_what_its_results_say(name, tmp_path):
    """On the first 40 scenes, whose figures lie within three standard errors of all 300."""
    results = json.loads((MODELS / name / "results.json").read_text())
    stored = results["benchmarks"]["scenes"]["figures"]
    cases = [case for case in benchmark("scenes") if int(case.source[-3:]) < 40]
    figures = headline(evaluate(load_engine(name), "scenes", cases, tmp_path).rows)
    assert figures["well formed"].value > 0.95
    for figure, share in (("type F1", 0.2), ("answers, clean", 0.25)):
        assert abs(figures[figure].value - stored[figure]["value"]) < share, figure
