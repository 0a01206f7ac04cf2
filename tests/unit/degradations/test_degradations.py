"""The rules that every degradation keeps, tested over the whole table: a new row joins by itself.

The photographs ship inside scikit-image; most tests take them at 320 px for speed.
"""

import hashlib
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

from robust_r1.degradations import SPECS, STAGES, degrade, find
from robust_r1.errors import InputError
from tests.support.photographs import load_photos, rmse

IDS = [spec.id for spec in SPECS]
every_degradation = pytest.mark.parametrize("id", IDS)

# Operations that draw nothing: the seed does not matter to them.
WITHOUT_DRAWS = {
    "lens_blur",
    "saturation",
    "jpeg_compression",
    "mean_shift",
    "darkness",
    "sharpness_change",
}
KEEP_BRIGHTNESS = (
    "lens_blur",
    "motion_blur",
    "block_exchange",
    "atmospheric_turbulence",
    "color_diffusion",
    "sharpness_change",
)
# Grain and JPEG blocks have a size in pixels of their own, whatever the size of the picture.
PIXEL_SIZED = {"gaussian_noise", "jpeg_compression"}
# Mean shift decides pixel by pixel where its patches end, so two sizes agree in look and strength
# only.
SAME_STRENGTH_ONLY = {"mean_shift"}
ODD_SHAPES = ((1, 1), (1, 2), (2, 2), (1, 90), (70, 1), (3, 47), (33, 47), (50, 40))


def half(image: np.ndarray) -> np.ndarray:
    """Return the picture at half its size."""
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def photos() -> list[np.ndarray]:
    """Return three photographs, 320 px wide."""
    return load_photos(320)


def test_there_are_sixteen_in_stage_order() -> None:
    assert len(SPECS) == len(set(IDS)) == 16
    ranks = [STAGES.index(spec.stage) for spec in SPECS]
    assert ranks == sorted(ranks)
    assert [ranks.count(k) for k in range(4)] == [5, 4, 4, 3]


def test_no_name_means_two_degradations() -> None:
    owners: dict[str, str] = {}
    for spec in SPECS:
        for name in spec.names:
            assert owners.setdefault(name.casefold(), spec.id) == spec.id, name


@every_degradation
def test_every_name_is_found_in_any_case(id: str) -> None:
    spec = find(id)
    for name in spec.names:
        assert find(name.upper()) is spec
        assert find(f" {name.replace('_', '  ')} ") is spec


def test_an_unknown_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(InputError, match="'lens_blurr'.*lens_blur"):
        find("lens_blurr")


# Rule 1: shape, type, input untouched, any size.


@every_degradation
@pytest.mark.parametrize("shape", ODD_SHAPES, ids=str)
def test_any_size_from_one_pixel_up_keeps_shape_and_type(id: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(5).integers(0, 256, size=(*shape, 3), dtype=np.uint8)
    for intensity in (0.01, 0.5, 1.0):
        out = degrade(image, id, intensity, seed=1)
        assert out.shape == image.shape and out.dtype == np.uint8


@every_degradation
@pytest.mark.parametrize("intensity", [0.0, 0.02, 0.7])
def test_the_input_is_neither_modified_nor_shared(
    id: str, intensity: float, photos: list[np.ndarray]
) -> None:
    image = photos[1].copy()
    image.flags.writeable = False
    out = degrade(image, id, intensity, seed=3)
    assert np.array_equal(image, photos[1])
    assert not np.shares_memory(out, image)
    out[:] = 0  # a result may be written to


@every_degradation
def test_a_strided_view_gives_the_same_as_its_copy(id: str, photos: list[np.ndarray]) -> None:
    view = photos[2][::2, ::-1]
    assert np.array_equal(degrade(view, id, 0.5, 2), degrade(view.copy(), id, 0.5, 2))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((8, 8), np.uint8),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
        np.zeros((1, 40_000, 3), np.uint8),
        [[[0, 0, 0]]],
    ],
    ids=["grey", "rgba", "float", "empty", "too wide", "list"],
)
def test_what_is_not_an_rgb_picture_is_refused(image: object) -> None:
    with pytest.raises(InputError):
        degrade(image, "lens_blur", 0.5)


@pytest.mark.parametrize("intensity", [-0.01, 1.01, float("nan"), float("inf"), "0.5", True, None])
def test_an_intensity_outside_zero_to_one_is_refused(
    intensity: object, photos: list[np.ndarray]
) -> None:
    with pytest.raises(InputError, match="intensity of lens_blur"):
        degrade(photos[0], "lens_blur", intensity)


@pytest.mark.parametrize("seed", [-1, 0.5, "1", None, True])
def test_a_seed_that_is_no_whole_number_is_refused(
    seed: object, photos: list[np.ndarray]
) -> None:
    with pytest.raises(InputError, match="seed"):
        degrade(photos[0], "graffiti", 0.5, seed)


# Rule 2: the same bytes on every run, process and thread.


def digest(threads: int = 1) -> str:
    """Return a hash over all operations on a picture that needs no file."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(threads)
    try:
        rows, cols = np.mgrid[0:300, 0:420]
        image = np.stack([rows**2 // 90 + cols, cols * 3 // 5, rows * cols // 400], axis=-1)
        image = (image % 256).astype(np.uint8)
        total = hashlib.sha256()
        for id in IDS:
            for intensity in (0.03, 0.45, 1.0):
                total.update(degrade(image, id, intensity, seed=11).tobytes())
    finally:
        cv2.setNumThreads(before)
    return total.hexdigest()


def test_bytes_do_not_depend_on_the_number_of_threads() -> None:
    assert digest(1) == digest(2) == digest(5)


def test_bytes_are_the_same_in_another_process(root) -> None:
    code = "from tests.unit.degradations.test_degradations import digest; print(digest(3))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest(1)


@every_degradation
def test_bytes_are_the_same_from_many_threads_at_once(id: str, photos: list[np.ndarray]) -> None:
    alone = degrade(photos[1], id, 0.6, seed=4)
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda _: degrade(photos[1], id, 0.6, seed=4), range(6)))
    assert all(np.array_equal(alone, out) for out in together)


@every_degradation
def test_global_random_states_are_neither_read_nor_written(
    id: str, photos: list[np.ndarray]
) -> None:
    def run(seed: int) -> np.ndarray:
        random.seed(seed)
        np.random.seed(seed)
        cv2.setRNGSeed(seed)
        return degrade(photos[1], id, 0.7, seed=4)

    first = run(1)
    python, numpy = random.getstate(), np.random.get_state()[1].copy()
    assert np.array_equal(first, run(2))
    random.seed(1)
    np.random.seed(1)
    assert random.getstate() == python
    run(1)
    assert random.getstate() == python
    assert np.array_equal(np.random.get_state()[1], numpy)


# Rule 3: draw first, scale after.


@pytest.mark.parametrize("id", [id for id in IDS if id not in WITHOUT_DRAWS])
def test_another_seed_is_further_away_than_another_intensity(
    id: str, photos: list[np.ndarray]
) -> None:
    near, far = 0.0, 0.0
    for photo in photos:
        for seed in (1, 2):
            out = degrade(photo, id, 0.5, seed)
            near += rmse(out, degrade(photo, id, 0.56, seed))
            far += rmse(out, degrade(photo, id, 0.5, seed + 10))
    assert near < 0.8 * far


@pytest.mark.parametrize("id", sorted(WITHOUT_DRAWS))
def test_the_others_do_not_depend_on_the_seed(id: str, photos: list[np.ndarray]) -> None:
    assert np.array_equal(degrade(photos[0], id, 0.5, 1), degrade(photos[0], id, 0.5, 2))


# The rounding errors of two JPEG qualities are unlike each other, block by block.
@pytest.mark.parametrize("id", [id for id in IDS if id != "jpeg_compression"])
def test_a_stronger_setting_keeps_the_damage_that_was_there(
    id: str, photos: list[np.ndarray]
) -> None:
    cosines = []
    for photo in photos:
        for low, high in ((0.2, 0.3), (0.5, 0.6), (0.85, 0.95)):
            a = (degrade(photo, id, low, 1).astype(float) - photo).ravel()
            b = (degrade(photo, id, high, 1).astype(float) - photo).ravel()
            cosines.append(a @ b / np.sqrt((a @ a) * (b @ b)))
    assert np.mean(cosines) > 0.7


@every_degradation
def test_the_slider_does_not_jump(id: str, photos: list[np.ndarray]) -> None:
    cases = [(photo, seed) for photo in photos[1:] for seed in (0, 1)]
    curve = [
        np.mean([rmse(degrade(photo, id, step / 50, seed), photo) for photo, seed in cases])
        for step in range(51)
    ]
    # The first pair of blocks is a step from none to one, the last JPEG qualities are wide steps.
    limit = 0.25 if id in ("jpeg_compression", "block_exchange") else 0.15
    assert np.diff(curve).max() < limit * curve[-1]


# Rule 4: nothing at 0, extreme but not constant at 1.


@every_degradation
def test_intensity_zero_is_the_identity(id: str, photos: list[np.ndarray]) -> None:
    for photo in photos:
        assert degrade(photo, id, 0.0, seed=9).tobytes() == photo.tobytes()


# A pair of blocks changes places at once or not at all.
@pytest.mark.parametrize("id", [id for id in IDS if id != "block_exchange"])
def test_the_smallest_intensity_stays_near_the_identity(
    id: str, photos: list[np.ndarray]
) -> None:
    for photo in photos:
        assert rmse(degrade(photo, id, 0.002, seed=9), photo) < 1.5


@every_degradation
def test_intensity_one_still_shows_a_picture(id: str, photos: list[np.ndarray]) -> None:
    for photo in photos:
        out = degrade(photo, id, 1.0, seed=0)
        assert out.std() > 1.0 and len(np.unique(out)) > 5


@every_degradation
def test_middling_damage_shows_at_training_size(id: str, photos: list[np.ndarray]) -> None:
    for photo in photos:
        small = cv2.resize(photo, (192, 192), interpolation=cv2.INTER_AREA)
        assert rmse(degrade(small, id, 0.4, seed=0), small) > 3.0


# Rule 5: monotone.


@every_degradation
def test_damage_does_not_shrink_as_intensity_grows(id: str, photos: list[np.ndarray]) -> None:
    curve = np.array(
        [
            np.mean([rmse(degrade(photo, id, step / 20, 3), photo) for photo in photos])
            for step in range(21)
        ]
    )
    assert curve[-1] > 5.0
    assert (np.maximum.accumulate(curve) - curve).max() <= 0.02 * curve.max()


# Rule 6: sizes are fractions of the long side.


@pytest.mark.parametrize("id", [id for id in IDS if id not in PIXEL_SIZED])
def test_a_half_size_copy_is_damaged_alike(id: str) -> None:
    for photo in load_photos(640):
        for intensity in (0.4, 0.9):
            small = half(photo)
            shrunk = half(degrade(photo, id, intensity, 2))
            direct = degrade(small, id, intensity, 2)
            assert 0.6 < rmse(direct, small) / rmse(shrunk, small) < 1.6
            if id not in SAME_STRENGTH_ONLY:
                assert rmse(direct, shrunk) < 0.6 * rmse(shrunk, small)


# Rule 7: brightness.


@pytest.mark.parametrize("id", KEEP_BRIGHTNESS)
def test_brightness_is_kept(id: str, photos: list[np.ndarray]) -> None:
    for photo in photos:
        for intensity in (0.25, 0.5, 0.75, 1.0):
            for seed in range(3):
                shift = degrade(photo, id, intensity, seed).mean() - photo.mean()
                assert abs(shift) < 3.0


def test_color_diffusion_keeps_luma(photos: list[np.ndarray]) -> None:
    for photo in photos:
        out = degrade(photo, "color_diffusion", 0.6, 1)
        before, after = (cv2.cvtColor(p, cv2.COLOR_RGB2YCrCb)[..., 0] for p in (photo, out))
        assert np.median(cv2.absdiff(before, after)) <= 1.0


def test_importing_needs_neither_torch_nor_pillow_and_sets_nothing(root) -> None:
    code = (
        "import sys, cv2; before = cv2.getNumThreads(); import robust_r1.degradations;"
        "heavy = {'torch', 'transformers', 'PIL', 'gradio', 'scipy', 'skimage'} & set(sys.modules);"
        "assert not heavy, heavy; assert cv2.getNumThreads() == before"
    )
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
