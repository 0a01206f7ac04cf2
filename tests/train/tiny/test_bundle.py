"""Claims about bundling: a card of the stages, and no figures of another model."""

import pytest

from robust_r1.engine import GenerationSettings
from robust_r1.errors import InputError
from robust_r1.evaluation import Run
from train.tiny import bundle as bundling


@pytest.mark.slow
def test_a_bundled_model_has_a_card_of_its_stages_and_refuses_figures_of_another(
    base_run, tmp_path, monkeypatch
):
    monkeypatch.setattr(bundling, "MODELS", tmp_path / "models")
    run = Run(tmp_path, "scenes", "tiny-sft", "fp32", GenerationSettings(), ())
    with pytest.raises(InputError, match="measures tiny-sft, not tiny-base"):
        bundling.bundle(base_run / "base", "tiny-base", [run])
    folder = bundling.bundle(base_run / "sft", "tiny-sft", [])
    card = (folder / "README.md").read_text()
    assert "| encoder warm-up | `python -m train.tiny.base --config smoke" in card
    assert (folder / "model.safetensors.index.json").exists() or (
        folder / "model.safetensors"
    ).exists()
    with pytest.raises(InputError, match="holds no checkpoint"):
        bundling.bundle(tmp_path, "tiny-sft", [])
