"""Claims about looking at pictures whole and from near, and about what is said of all tiles."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from robust_r1.analysis.perception import SHARE, TILES, perceive, perceive_in_groups, pool
from robust_r1.ask.picture import Picture
from robust_r1.chain import Finding, parse
from robust_r1.engine import Answer, GenerationSettings, load_engine
from robust_r1.errors import InputError
from robust_r1.images import fit, load, tiles
from robust_r1.report.perceptions import perception_values, read_perception
from tests.support.paths import ROOT
from tests.support.scripted_engine import ScriptedEngine

KODAK = ROOT / "assets" / "photobench2" / "kodak-01.webp"


class Noticing(ScriptedEngine):
    """See noise where neighbors in a picture differ; count the views of each call."""

    calls: list[int]

    def generate(self, requests, settings=None, batch_size=8, stop=None):
        self.calls = [*getattr(self, "calls", []), len(requests)]
        told = []
        for request in requests:
            if stop is not None and stop.is_set():
                break
            (image,) = request.images
            assert image.shape == self.fit(image).shape, "shrunk again before it is seen"
            rough = np.abs(np.diff(image[..., 0].astype(int), axis=1)).mean()
            text = f"<TYPE>{'gaussian noise(0.50)' if rough > 20 else 'none'}"
            told.append(Answer(text, parse(text), 3, 0, None, "stop", "n", GenerationSettings()))
        return tuple(told)


@pytest.fixture
def noisy(tmp_path) -> Path:
    """Write a large gray picture with noise that its small copies lack."""
    noise = np.random.default_rng(3).integers(80, 176, (1200, 1600, 1), np.uint8)
    Image.fromarray(np.repeat(noise, 3, axis=2)).save(tmp_path / "noisy.png")
    return tmp_path / "noisy.png"


@given(
    st.integers(1, 5000),
    st.integers(1, 5000),
    st.sampled_from([36_864, 65_536, 1_003_520]),
    st.sampled_from([28, 32]),
)
def test_tiles_lie_inside_are_whole_squares_and_at_most_sixteen(height, width, area, multiple):
    found = tiles(height, width, area, multiple, TILES)
    assert 1 <= len(found) <= TILES and len({(it.height, it.width) for it in found}) == 1
    for tile in found:
        assert 0 <= tile.top <= height - tile.height and 0 <= tile.left <= width - tile.width
        assert tile.height % multiple == 0 or tile.height == height
        assert tile.width % multiple == 0 or tile.width == width
        assert tile.height * tile.width <= max(area, min(height, multiple) * min(width, multiple))
        assert tile.top % 16 == tile.left % 16 == 0


@pytest.mark.parametrize(
    ("height", "width", "count"),
    [(192, 192, 1), (480, 640, 6), (3000, 4000, 16), (4000, 3000, 16), (300, 200, 1)],
)
def test_a_larger_picture_has_more_tiles_spread_over_all_of_it(height, width, count):
    found = tiles(height, width, 65_536, 32, TILES)
    assert len(found) == count
    middle = np.mean([(it.top + it.height / 2, it.left + it.width / 2) for it in found], axis=0)
    assert np.allclose(middle / (height, width), 0.5, atol=0.05)
    corners = {(it.top, it.left) for it in found}
    assert len(corners) == count


def test_noise_that_a_small_copy_lacks_is_seen_from_near_alone(noisy):
    engine = Noticing()
    assert np.abs(np.diff(fit(load(noisy), 36_864)[..., 0].astype(int))).mean() < 20
    (both,) = perceive(engine, [noisy])
    whole, close = both.looks
    assert (whole.scale, whole.tiles, whole.findings) == ("whole", 1, ())
    assert (close.scale, close.tiles) == ("close", 16)
    assert [(it.name, it.intensity, it.share) for it in close.findings] == [
        ("gaussian noise", 0.5, 1.0)
    ]
    assert both.damage == 0.5 and (both.width, both.height) == (1600, 1200)
    assert [it.looks for it in perceive(engine, [noisy], "whole")] == [(whole,)]
    assert [it.looks for it in perceive(engine, [noisy], "close")] == [(close,)]


def test_a_picture_that_is_seen_whole_in_its_own_pixels_is_looked_at_once_for_both(tmp_path):
    Image.fromarray(np.zeros((192, 192, 3), np.uint8)).save(tmp_path / "small.png")
    engine = Noticing()
    (found,) = perceive(engine, [tmp_path / "small.png"])
    assert engine.calls == [1] and [it.scale for it in found.looks] == ["whole", "close"]


def findings(*names: str, intensity: float = 0.4) -> tuple[Finding, ...]:
    return tuple(Finding(name, intensity) for name in names)


def test_what_a_single_tile_of_sixteen_says_is_not_said_of_the_picture():
    told = [findings("noise")] + [()] * 15
    assert pool(told) == ()


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=3), min_size=1, max_size=16), st.randoms()
)
def test_pooling_is_by_share_and_median_whatever_the_order(names, random):
    told = [tuple(Finding(name, place / 20) for name in own) for place, own in enumerate(names)]
    found = pool(told)
    mixed = told.copy()
    random.shuffle(mixed)
    assert pool(mixed) == found
    for one in found:
        own = [place / 20 for place, tile in enumerate(names) if one.name in tile]
        assert one.share == len(own) / len(names) >= SHARE
        assert one.intensity == pytest.approx(np.median(own), abs=0.0051)
    left = {name for own in names for name in own} - {one.name for one in found}
    assert all(sum(name in own for own in names) < SHARE * len(names) for name in left)


def test_of_many_pictures_those_that_cannot_be_read_are_named_in_their_place(noisy):
    letter = noisy.with_name("letter.jpg")
    letter.write_text("no picture")
    files = [noisy, letter, Picture(example="coffee"), noisy]
    found = list(perceive(Noticing(), files, "whole"))
    assert [it.file for it in found] == [str(noisy), str(letter), "coffee", str(noisy)]
    assert [bool(it.problem) for it in found] == [False, True, False, False]
    assert "letter.jpg" in found[1].problem and found[1].looks == ()


def test_groups_hold_the_same_number_of_readable_pictures(noisy):
    letter = noisy.with_name("letter.jpg")
    letter.write_text("no picture")
    files = [noisy, letter, noisy, noisy, letter, noisy, noisy]
    groups = list(perceive_in_groups(Noticing(), files, "whole", batch_size=2))
    assert [sum(not it.problem for it in group) for group in groups] == [2, 2, 1]
    assert [it.file for group in groups for it in group] == list(map(str, files))


def test_a_model_that_writes_no_list_is_told_of_and_not_taken_for_none(noisy):
    class Chatting(Noticing):
        def generate(self, requests, settings=None, batch_size=8, stop=None):
            told = super().generate(requests, settings, batch_size, stop)
            return tuple(
                replace(it, text="A gray wall.", parsed=parse("A gray wall.")) for it in told
            )

    (found,) = perceive(Chatting(), [noisy], "whole")
    assert "wrote no list" in found.problem and "noisy.png" in found.problem


def test_stop_ends_between_pictures_and_tells_nothing_of_half_a_picture(noisy):
    stop = threading.Event()
    found = []
    for one in perceive(Noticing(), [noisy] * 50, "close", stop=stop):
        found.append(one)
        stop.set()
    assert 1 <= len(found) <= 2 and all(it.looks for it in found)


def test_bad_arguments_are_refused_before_a_picture_is_read():
    blunt = ScriptedEngine()
    blunt.info = replace(blunt.info, reasons=False)
    for call, words in (
        (lambda: perceive(Noticing(), ["none.png"], "far"), "whole, close or both"),
        (lambda: perceive(Noticing(), ["none.png"], batch_size=0), "at least 1"),
        (lambda: perceive(blunt, ["none.png"]), "not trained to name damage"),
    ):
        with pytest.raises(InputError, match=words):
            call()


def test_what_is_written_is_read_back(noisy):
    (found,) = perceive(Noticing(), [noisy])
    values = perception_values(found)
    assert read_perception(values) == found and set(values) >= {"whole", "close", "damage"}


def test_the_bundled_model_sees_noise_of_a_large_photograph_from_near_alone(tmp_path):
    clean = load(KODAK)
    large = np.tile(np.concatenate([clean, clean[:, ::-1]], axis=1), (2, 1, 1))
    noise = np.random.default_rng(1).normal(0, 20, large.shape)
    Image.fromarray(np.clip(large + noise, 0, 255).astype(np.uint8)).save(tmp_path / "noisy.bmp")
    with load_engine("tiny-rl") as engine:
        (found,) = perceive(engine, [tmp_path / "noisy.bmp"])
    whole, close = ({it.name for it in look.findings} for look in found.looks)
    assert "gaussian noise" in close and "gaussian noise" not in whole
