"""Training pictures of photographs: crops as they are served, sound ones, damage that counts."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from robust_r1.degradations import SPECS, degrade
from robust_r1.errors import InputError
from robust_r1.evaluation.benchmarks import minibench
from robust_r1.images import fit, load
from robust_r1.scenes import example_items, make_item
from robust_r1.scenes.backgrounds import EXAMPLES, canvas
from robust_r1.scenes.photographs import (
    Photograph,
    blockiness,
    draw_canvas,
    draw_photo_size,
    find_photographs,
    is_sound,
    of_split,
    relit,
    save_once,
)
from robust_r1.scenes.variants import AMOUNTS, VARIANTS, amount_of, damage
from train.tiny.pictures import IDS, RENDITIONS, SIGHT, Pictures

BUDGET = 192 * 192


@pytest.fixture(scope="module")
def photograph() -> np.ndarray:
    return load(EXAMPLES / "coffee.jpg")


@pytest.fixture(scope="module")
def photographs() -> tuple[Photograph, ...]:
    return tuple(Photograph(path.name, path) for path in sorted(EXAMPLES.glob("*.jpg")))


def _digest(pictures) -> str:
    return hashlib.sha256(b"".join(picture.tobytes() for picture in pictures)).hexdigest()[:16]


# --- What was there before keeps every pixel


@pytest.mark.parametrize(
    ("split", "places", "digest"),
    [
        ("train", range(0, 8), "308b62c7ed5bf846"),
        ("validation", range(640, 646), "e07f3e379d9d9aea"),
        ("test", range(704, 710), "41ca2028399d1f30"),
    ],
)
def test_canvases_of_scenes_keep_every_pixel(split, places, digest):
    assert _digest(canvas(place, split) for place in places) == digest


@pytest.mark.parametrize(
    ("split", "digest"),
    [
        ("train", "f609391d78fad1ba"),
        ("validation", "b499cbd6dfab3776"),
        ("test", "388071393a049051"),
    ],
)
def test_scenes_keep_every_pixel(split, digest):
    assert _digest(make_item(split, index).image() for index in range(6)) == digest


def test_minibench_and_the_example_scenes_keep_every_pixel():
    cases = [item.case for item in minibench()[::97]]
    assert _digest(case.plan.apply(case.picture.load()) for case in cases) == "0554f7b74f340838"
    assert _digest(item.image() for item in example_items()) == "dc1ed8390cf8c6ab"


# --- Crops


@pytest.mark.parametrize("budget", [BUDGET, 256 * 256])
def test_a_crop_has_the_size_that_was_drawn_and_is_never_enlarged(photograph, budget):
    rng, found = np.random.default_rng(1), 0
    for _ in range(40):
        size = draw_photo_size(budget, rng)
        assert budget // 2 <= size[0] * size[1] <= budget
        drawn = draw_canvas(photograph, size, budget, rng)
        if drawn is not None:
            found += 1
            assert drawn.picture.shape == (*size, 3)
    assert found > 20


def test_a_photograph_that_would_be_enlarged_gives_no_crop(photograph):
    small = fit(photograph, 120 * 120)
    drawn = [draw_canvas(small, (192, 192), BUDGET, np.random.default_rng(k)) for k in range(8)]
    assert drawn == [None] * 8


@pytest.mark.parametrize(
    "spoil",
    [
        lambda picture: cv2.GaussianBlur(picture, (0, 0), 9),
        lambda picture: (picture * 0.3).astype(np.uint8),
        lambda picture: np.repeat(picture.mean(2, keepdims=True), 3, 2).astype(np.uint8),
    ],
    ids=["soft all over", "no highlights", "gray"],
)
def test_a_picture_that_looks_damaged_is_no_clean_example(photograph, spoil):
    fitted = fit(photograph, BUDGET, 0, 32)
    assert is_sound(fitted)
    assert not is_sound(spoil(fitted))


def test_a_jpeg_grid_is_seen_at_any_phase_and_slight_saving_is_not_much_of_one(photograph):
    coarse = degrade(fit(photograph, 300_000), "jpeg_compression", 0.8, 1)
    assert blockiness(coarse[3:, 5:]) > 1.4
    saved = save_once(photograph, np.random.default_rng(0))
    assert saved.shape == photograph.shape
    assert 0 < np.abs(saved.astype(int) - photograph).mean() < 4
    assert blockiness(saved) < 1.4


def test_relighting_moves_light_a_little_and_leaves_the_canvas_alone(photograph):
    before = photograph.copy()
    changes = [
        abs(float(relit(photograph, np.random.default_rng(k)).mean()) - float(before.mean()))
        for k in range(12)
    ]
    assert 0 < max(changes) < 35
    assert (photograph == before).all()


# --- Folders


def _folder(path: Path, count: int) -> Path:
    path.mkdir()
    for number in range(count):
        Image.new("RGB", (40, 30), (number * 9, 80, 120)).save(path / f"{number}.png")
    return path


def test_a_smaller_copy_belongs_to_the_same_split():
    first, second = Photograph("a/lake.webp", Path("x")), Photograph("lake.jpg", Path("y"))
    assert first.split == second.split


def test_splits_share_no_photograph_and_hold_them_all():
    many = [Photograph(f"{number}.jpg", Path()) for number in range(200)]
    train, validation = of_split(many, "train"), of_split(many, "validation")
    assert len(train) + len(validation) == 200
    assert 4 < len(validation) < 30


def test_photographs_carry_the_digest_of_their_pixels(tmp_path):
    found = find_photographs([_folder(tmp_path / "a", 8)])
    assert len({photo.sha256 for photo in found}) == 8
    assert [photo.name for photo in found] == [f"{number}.png" for number in range(8)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "there is no folder"),
        (lambda path: path.mkdir(), "holds no pictures"),
        (lambda path: (_folder(path, 8) / "notes.txt").write_text("a"), "notes.txt is no picture"),
        (lambda path: (_folder(path, 8) / "b.png").write_bytes(b"broken"), "b.png cannot be"),
        (lambda path: _folder(path, 3), "hold 3 photographs"),
    ],
    ids=["none", "empty", "another file", "unreadable", "too few"],
)
def test_a_folder_that_is_no_good_is_one_sentence(tmp_path, make, words):
    make(tmp_path / "photos")
    with pytest.raises(InputError, match=words) as caught:
        find_photographs([tmp_path / "photos"])
    assert "\n" not in str(caught.value)


# --- Damage from life


@pytest.mark.parametrize("id", VARIANTS)
def test_a_variant_is_as_strong_as_the_operation_of_its_name(id, photograph):
    clean = fit(photograph, 256 * 256, 0, 32)
    before = clean.copy()
    for intensity in (0.23, 0.45, 0.9):
        wanted = _change(clean, degrade(clean, id, intensity, 3))
        for seed in range(6):
            done = damage(clean, id, intensity, seed)
            assert done.shape == clean.shape and done.dtype == np.uint8
            assert (done == damage(clean, id, intensity, seed)).all()
            assert wanted / 4 < _change(clean, done) < wanted * 4
    assert (clean == before).all()


def _change(clean: np.ndarray, other: np.ndarray) -> float:
    return float(np.sqrt(((clean.astype(np.float32) - other) ** 2).mean()))


def test_every_variant_has_amounts_that_grow_with_intensity():
    assert set(AMOUNTS) == {variant for variants in VARIANTS.values() for variant in variants}
    for variant in AMOUNTS:
        amounts = [amount_of(variant, step / 20) for step in range(21)]
        assert amounts[0] == 0 and amounts == sorted(amounts)


# --- Batches


def test_a_batch_holds_pictures_of_one_size_and_follows_from_its_number(photographs):
    pictures = Pictures(photographs, BUDGET)
    first, again = pictures.photos(5, 12), pictures.photos(5, 12)
    assert len({one.picture.shape for one in first}) == 1
    assert all((a.picture == b.picture).all() for a, b in zip(first, again, strict=True))
    assert len(pictures.scenes(0, 4, (192, 192))) == 4


def test_a_crop_is_shown_clean_and_damaged_in_one_batch(photographs):
    shown = [one for number in range(6) for one in Pictures(photographs, BUDGET).photos(number, 24)]
    clean = [not one.item.plan for one in shown]
    assert sum(clean[::RENDITIONS]) > 0.6 * len(clean[::RENDITIONS])
    assert 0.2 < sum(clean) / len(clean) < 0.5
    assert 0.3 < sum(not one.item.scene.things for one in shown) / len(shown) < 0.7


def test_what_cannot_be_seen_is_not_said(photographs):
    blind = Pictures(photographs, BUDGET, dict.fromkeys(IDS, 1.1))
    seeing = Pictures(photographs, BUDGET)
    for number in range(4):
        for one, other in zip(blind.photos(number, 8), seeing.photos(number, 8), strict=True):
            assert (one.picture == other.picture).all()
            assert not one.item.plan and not one.local.any()
            said = other.item.plan.intensities
            assert all(value >= SIGHT[id] for id, value in said.items())


def test_every_kind_has_an_intensity_from_which_it_counts():
    assert tuple(SIGHT) == tuple(spec.id for spec in SPECS)
    assert all(0.05 <= value <= 0.75 for value in SIGHT.values())


def test_the_list_beside_a_checkpoint_names_what_was_used_and_refuses_others(tmp_path):
    pytest.importorskip("torch")
    from train.common.config import load_config
    from train.tiny.config import TrainingConfig
    from train.tiny.photos import FILE, open_pictures

    folder, config = _folder(tmp_path / "photos", 40), load_config("smoke", TrainingConfig)
    assert open_pictures([], config, tmp_path) is None
    pictures = open_pictures([folder], config, tmp_path)
    names = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert set(names) == {photo.name for photo in pictures.photographs}
    first, second = list(names)[:2]
    (folder / first).unlink()
    Image.new("RGB", (40, 30), (1, 2, 3)).save(folder / second)
    with pytest.raises(InputError, match=rf"1 missing \({first}\), 1 changed \({second}\)"):
        open_pictures([folder], config, tmp_path)
    with pytest.raises(InputError, match="--photos or --data"):
        open_pictures([folder], config, tmp_path, Path("data.jsonl"))
