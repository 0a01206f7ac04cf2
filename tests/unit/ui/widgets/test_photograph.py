"""How large a photograph is drawn, by which pixels, and when there is nothing else to show."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from robust_r1 import images
from robust_r1.ask.examples import gallery
from robust_r1.ask.picture import Picture, fitted
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.ui.widgets.photograph import (
    MAX_PIXELS,
    inset,
    large_size,
    read_screen,
    show_large,
    show_seen,
)
from tests.support.scripted_engine import ScriptedEngine


@pytest.fixture(scope="module")
def engine():
    return ScriptedEngine()


@pytest.mark.parametrize(
    ("size", "screen", "drawn"),
    [
        ((3000, 4000), (600, 400), (400, 533)),
        ((3000, 4000), (4000, 4000), (866, 1154)),
        ((200, 300), (600, 400), (200, 300)),  # never above its own
        ((1, 5000), (600, 400), (1, 600)),
    ],
)
def test_a_photograph_fills_the_screen_up_to_its_own_size_and_a_megapixel(size, screen, drawn):
    assert large_size(*size, screen) == drawn
    assert drawn[0] * drawn[1] <= MAX_PIXELS


@pytest.mark.parametrize("text", [None, "", "x", "600", "0x0", "ax4", "-3x4", "600x400x2"])
def test_what_is_no_size_counts_as_an_ordinary_window(text):
    assert read_screen(text) == read_screen("611x414")


def test_scenes_and_what_a_model_sees_whole_have_no_second_view(engine, tmp_path):
    scene = next(example for example in gallery() if example.is_scene)
    screen, plan = (600, 400), DegradationPlan()
    assert show_large(Picture(example=scene.id), engine, plan, screen, str(tmp_path)) is None
    sharp = ScriptedEngine(pixels=1_000_000)
    photograph = Picture(example="coffee")
    assert show_large(photograph, sharp, plan, screen, str(tmp_path)) is None
    assert show_large(photograph, engine, plan, screen, str(tmp_path)) is not None
    assert "button" not in inset(None, "Tiny", False)


def test_the_inset_holds_exactly_the_pixels_that_the_model_sees(engine, tmp_path):
    plan = DegradationPlan.parse("gaussian_noise=0.4", seed=3)
    photograph = Picture(example="coffee")
    seen = show_seen(photograph, engine, plan, str(tmp_path))
    assert np.array_equal(images.load(seen.after), plan.apply(fitted(photograph, engine)))
    drawn = inset(seen, "<b>", False)
    assert f'width="{seen.width}" height="{seen.height}"' in drawn and "<b>" not in drawn


def test_a_file_that_the_cache_was_cleared_of_is_written_again(engine, tmp_path):
    arguments = (Picture(example="coffee"), engine, DegradationPlan(), (600, 400), str(tmp_path))
    first = show_large(*arguments)
    Path(first.before).unlink()
    assert images.load(show_large(*arguments).before).shape[:2] == (first.height, first.width)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.id)
def test_the_large_files_own_loss_is_not_seen(spec):
    clean = images.fit(Picture(example="coffee").load(), 240_000)
    damaged = DegradationPlan.of({spec.id: 0.5}, seed=2).apply(clean)
    kept = np.array(Image.open(io.BytesIO(images.encode_large(damaged))))
    loss, damage = kept.astype(float) - damaged, damaged.astype(float) - clean
    decibels = 10 * np.log10(255**2 / (loss**2).mean())
    assert decibels > 39 or np.abs(loss).mean() < 0.2 * np.abs(damage).mean()
