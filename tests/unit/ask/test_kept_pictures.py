"""Pictures that an operator keeps: for a time, a bounded number of them, without what is secret."""

import re
from itertools import count

import numpy as np
import pytest
from PIL import Image

from robust_r1 import images
from robust_r1.ask.kept_pictures import KeptPictures
from robust_r1.ask.picture import OwnPicture, Picture
from robust_r1.errors import DataError, InputError

DAY = 86_400


class Clock:
    """Tell a time that a test sets."""

    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bring(tmp_path):
    """Return a function that brings another small picture each time, or the same by its number."""
    numbers = count(1)

    def make(number=None, size=8):
        number = number or next(numbers)
        image = np.random.default_rng(number).integers(0, 256, (size, size, 3), dtype=np.uint8)
        path = tmp_path / f"secret {number}.png"
        picture, exif = Image.fromarray(image), Image.Exif()
        exif[0x010E] = "at home, 51.5 N"
        picture.save(path, exif=exif)
        return Picture(path=str(path), own=OwnPicture(path.name, images.describe(image)))

    return make


@pytest.fixture
def kept(tmp_path, clock):
    return KeptPictures(tmp_path / "kept", 7, now=clock)


def test_a_kept_picture_has_the_pixels_and_a_random_name_and_no_metadata(kept, bring, tmp_path):
    picture = bring()
    own = kept.keep(picture)
    assert np.array_equal(kept.find(own).load(), picture.load())
    (file,) = (tmp_path / "kept").iterdir()
    assert re.fullmatch(r"[\w-]{16}\.png", file.name) and file.stem == own.kept
    assert b"secret" not in file.read_bytes() and b"51.5" not in file.read_bytes()
    assert not Image.open(file).getexif() and not Image.open(file).info


def test_a_picture_that_is_shared_again_is_kept_once_and_longer(kept, bring, tmp_path, clock):
    own = kept.keep(bring(1))
    clock.now += 6 * DAY
    assert kept.keep(bring(1)) == own
    assert len(list((tmp_path / "kept").iterdir())) == 1
    clock.now += 6 * DAY
    assert kept.find(own) is not None


def test_after_its_days_a_picture_is_gone_with_its_file(kept, bring, tmp_path, clock):
    own = kept.keep(bring())
    clock.now += 7 * DAY - 1
    assert kept.find(own) is not None and kept.until(own.kept) is not None
    clock.now += 1
    assert kept.until(own.kept) is None
    assert kept.find(own) is None
    assert list((tmp_path / "kept").iterdir()) == []


def test_the_oldest_go_first_beyond_the_number_and_beyond_the_bytes(tmp_path, bring, clock):
    few = KeptPictures(tmp_path / "few", 7, most=2, now=clock)
    names = []
    for _ in range(3):
        names.append(few.keep(bring()))
        clock.now += 1
    assert [few.find(own) is not None for own in names] == [False, True, True]
    one = len(images.encode_png(bring().load()))
    small = KeptPictures(tmp_path / "small", 7, most_bytes=2 * one + one // 2, now=clock)
    names = []
    for _ in range(3):
        names.append(small.keep(bring()))
        clock.now += 1
    assert [small.find(own) is not None for own in names] == [False, True, True]


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "x" * 16, "/etc/passwd-----"])
def test_a_name_that_is_none_finds_nothing(kept, bring, name):
    assert kept.find(OwnPicture("a", bring().own.identity, name)) is None


def test_a_kept_picture_is_given_to_no_link_of_another_one(kept, bring):
    own, other = kept.keep(bring()), bring()
    assert kept.find(OwnPicture("a", other.own.identity, own.kept)) is None


def test_what_is_damaged_on_the_disk_is_as_good_as_gone(kept, bring, tmp_path):
    own = kept.keep(bring())
    (file,) = (tmp_path / "kept").iterdir()
    file.write_bytes(file.read_bytes()[:40])
    assert kept.find(own) is None


def test_who_looks_at_a_picture_that_goes_meanwhile_is_told_in_one_sentence(
    kept, bring, tmp_path
):
    shown = kept.find(kept.keep(bring()))
    next((tmp_path / "kept").iterdir()).unlink()
    with pytest.raises(InputError, match="no longer kept here"):
        shown.load()


def test_a_folder_that_cannot_be_written_is_said_in_one_sentence(bring, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be kept"):
        KeptPictures(tmp_path / "file" / "kept", 7).keep(bring())
