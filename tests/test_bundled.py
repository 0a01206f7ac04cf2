"""Claims about the bundled models: small files, honest cards, better than chance."""

import json

import pytest

from robust_r1.engine import catalog, load_engine
from robust_r1.evaluation import benchmark, evaluate, headline

MODELS = catalog.MODELS
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
    assert results["model"] == name and results["figures"]
    for figure, found in results["figures"].items():
        assert f"| {figure} | {found['value']:.3f} |" in card, figure


@pytest.mark.slow
def test_tiny_sft_makes_again_what_its_results_say(tmp_path):
    """On the first 40 scenes, whose figures lie within three standard errors of all 300."""
    stored = json.loads((MODELS / "tiny-sft" / "results.json").read_text())["figures"]
    cases = [case for case in benchmark("scenes") if int(case.source[-3:]) < 40]
    figures = headline(evaluate(load_engine("tiny-sft"), "scenes", cases, tmp_path).rows)
    assert figures["well formed"].value > 0.95
    for name, share in (("type F1", 0.2), ("answers, clean", 0.25)):
        assert abs(figures[name].value - stored[name]["value"]) < share, name
