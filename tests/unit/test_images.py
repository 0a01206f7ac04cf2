"""Claims about reading, fitting and writing pictures."""

import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from robust_r1 import images
from robust_r1.errors import ImageError, InputError
from robust_r1.images import reading

RED, GREEN, BLUE = (200, 30, 40), (10, 220, 90), (20, 40, 230)


@pytest.fixture
def flag() -> np.ndarray:
    """Return a picture with a different color in three corners: 40 high, 60 wide."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :30], picture[:20, 30:], picture[20:, 30:] = RED, GREEN, BLUE
    return picture


def encode(picture: Image.Image, format_: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format_, **options)
    return buffer.getvalue()


def checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))


def png(width: int, height: int, depth: int, row: bytes) -> bytes:
    """Write a color PNG whose header need not fit its data, as a decompression bomb's does not."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + checksum(kind + data)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    content = chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + content


def swapped_profile() -> bytes:
    """Return an sRGB profile in which red and blue have changed places, under another name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"tmp.").replace(b"bXYZ", b"rXYZ").replace(b"tmp.", b"bXYZ")
    return profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


# -- Reading


@pytest.mark.parametrize(
    ("format_", "options", "tolerance"),
    [
        ("PNG", {}, 0),
        ("BMP", {}, 0),
        ("TIFF", {}, 0),
        ("GIF", {}, 0),
        ("WEBP", {"lossless": True}, 0),
        ("WEBP", {"quality": 95}, 3),
        ("JPEG", {"quality": 95, "subsampling": 0}, 3),
        ("AVIF", {"quality": 95, "subsampling": "4:4:4"}, 3),
    ],
)
def test_every_format_reads_as_what_was_written(flag, format_, options, tolerance):
    read = images.load(encode(Image.fromarray(flag), format_, **options))
    assert (read.dtype, read.shape) == (np.uint8, flag.shape)
    assert np.abs(read.astype(int) - flag).mean() <= tolerance


def test_a_path_its_bytes_and_its_pillow_image_read_the_same(flag, tmp_path):
    path = tmp_path / "name with spaces, ä.png"
    Image.fromarray(flag).save(path)
    for source in (path, str(path), path.read_bytes(), Image.open(path), flag):
        assert np.array_equal(images.load(source), flag)


def test_the_loaded_array_is_a_copy_that_can_be_written(flag):
    before = flag.copy()
    for source in (flag, Image.fromarray(flag)):
        images.load(source)[:] = 0
    assert np.array_equal(flag, before)


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled_not_clipped(format_):
    levels = np.repeat(np.array([[0, 257 * 64, 257 * 128, 65535]], np.uint16), 5, axis=0)
    read = images.load(encode(Image.fromarray(levels), format_))
    assert read[2, :, 0].tolist() == [0, 64, 128, 255]


def test_16_bit_color_keeps_its_brightness():
    row = struct.pack(">6H", 65535, 0, 257 * 100, 257 * 10, 257 * 20, 257 * 30)
    assert images.load(png(2, 1, 16, b"\0" + row)).tolist() == [[[255, 0, 100], [10, 20, 30]]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([0.0, 0.5, 1.0], [0, 128, 255], id="floats from 0 to 1"),
        pytest.param([0.0, 100.0, 255.0], [0, 100, 255], id="floats from 0 to 255"),
        pytest.param([-10.0, 0.0, 10.0], [0, 128, 255], id="floats from below 0 are stretched"),
        pytest.param([0.0, 5e8, 1e9], [0, 128, 255], id="huge floats are stretched"),
        pytest.param([0.0, math.nan, math.inf], [0, 0, 0], id="not numbers are black"),
    ],
)
def test_a_float_tiff_is_scaled_by_its_range(values, expected):
    read = images.load(encode(Image.fromarray(np.array([values], np.float32)), "TIFF"))
    assert read[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    "mode", ["L", "1", "P", "CMYK", "YCbCr", "HSV", "LAB", "RGBX", "RGBa", "La"]
)
def test_every_mode_of_pillow_becomes_three_channels(flag, mode):
    picture = Image.fromarray(flag)
    if mode == "LAB":
        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")
    elif mode in ("RGBa", "La"):
        converted = picture.convert("RGBA" if mode == "RGBa" else "LA").convert(mode)
    else:
        converted = picture.convert(mode)
    read = images.load(converted)
    assert read.shape == flag.shape
    brightness = flag.mean(axis=2).astype(int)
    if mode != "1":
        assert np.abs(read.mean(axis=2) - brightness).max() < 70


def test_a_cmyk_jpeg_is_not_inverted(flag):
    data = encode(Image.fromarray(flag).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(images.load(data)[5, 5].astype(int) - RED).max() < 12


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(format_):
    options = {"lossless": True, "exact": True} if format_ == "WEBP" else {}
    layer = np.zeros((8, 8, 4), np.uint8)
    layer[:, 4:] = (0, 0, 0, 255)
    layer[4:, :4] = (0, 0, 0, 51)
    read = images.load(encode(Image.fromarray(layer), format_, **options))
    assert read[0, 0].tolist() == [255, 255, 255]
    assert read[0, 6].tolist() == [0, 0, 0]
    assert read[6, 0].tolist() == [204, 204, 204]


def test_a_transparent_palette_color_is_laid_on_white(flag):
    paletted = Image.fromarray(flag).quantize(4)
    data = encode(paletted, "PNG", transparency=paletted.getpixel((0, 0)))
    read = images.load(data)
    assert read[0, 0].tolist() == [255, 255, 255]
    assert read[0, 59].tolist() == list(GREEN)


def test_of_an_animation_the_first_frame_is_read(flag):
    frames = [Image.fromarray(flag), Image.new("RGB", (60, 40), "black")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert images.load(data)[5, 5].tolist() == list(RED)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(flag, orientation):
    undo = {1: None, **{key: turn for key, turn in reading._UPRIGHT.items()}}[orientation]
    inverse = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }.get(undo, undo)
    stored = Image.fromarray(flag)
    stored = stored if inverse is None else stored.transpose(inverse)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encode(stored, "PNG", exif=exif)
    assert np.array_equal(images.load(data), flag)


def test_orientation_6_turns_a_phone_picture_clockwise():
    stored = np.zeros((2, 4, 3), np.uint8)
    stored[0, 0] = RED  # the camera's top left is the upright picture's top right
    exif = Image.Exif()
    exif[0x0112] = 6
    read = images.load(encode(Image.fromarray(stored), "PNG", exif=exif))
    assert read.shape == (4, 2, 3)
    assert read[0, 1].tolist() == list(RED)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_color_profile_is_applied(mode):
    data = encode(Image.new(mode, (4, 4), "red"), "PNG", icc_profile=swapped_profile())
    assert np.abs(images.load(data)[0, 0].astype(int) - (0, 0, 255)).max() <= 2


@pytest.mark.parametrize("profile", [b"no profile", b""])
def test_a_broken_color_profile_is_ignored(flag, profile):
    data = encode(Image.fromarray(flag), "PNG", icc_profile=profile)
    assert np.array_equal(images.load(data), flag)


def linear_profile() -> bytes:
    """Return linear sRGB, the name of which is all that it shares with sRGB's curves."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    for entry in range(count):
        name, place, size = struct.unpack(">4sII", profile[132 + 12 * entry : 144 + 12 * entry])
        if name in (b"rTRC", b"gTRC", b"bTRC"):  # a curve of no points is a straight line
            profile[place : place + size] = b"curv".ljust(size, b"\0")
    return bytes(profile)


def test_a_profile_is_judged_by_what_it_does_not_by_its_name():
    data = encode(Image.new("RGB", (4, 4), (55, 55, 55)), "PNG", icc_profile=linear_profile())
    # IEC 61966-2-1: a linear .2157 is .502 in sRGB.
    assert np.abs(images.load(data).astype(int) - 128).max() <= 1


def test_a_profile_of_grays_is_applied_to_grays(flag):
    gray = ImageCms.createProfile("sRGB")
    profile = ImageCms.ImageCmsProfile(gray).tobytes()
    data = encode(Image.fromarray(flag).convert("L"), "PNG", icc_profile=profile)
    assert images.load(data).shape == flag.shape


def test_a_photograph_as_phones_keep_it_is_read_upright():
    picture = images.load(Path(__file__).with_name("phone.heic"))
    assert picture.shape == (64, 40, 3)
    corners = picture[5, 5], picture[-5, 5], picture[-5, -5]
    for found, true in zip(corners, (RED, BLUE, GREEN), strict=True):
        assert np.abs(found.astype(int) - true).max() < 8


def test_a_palette_without_its_colors_is_damaged_not_a_traceback():
    data = encode(Image.new("P", (8, 8)), "PNG")
    place = data.index(b"PLTE") - 4
    size = int.from_bytes(data[place : place + 4], "big") + 12
    with pytest.raises(ImageError, match="damaged"):
        images.load(data[:place] + data[place + size :])


def float_tiff() -> bytes:
    """Write 4 x 4 pixels of three 32-bit floats each, as renderers and microscopes do."""
    pixels = np.full((4, 4, 3), 0.5, "<f4").tobytes()
    shorts = {256: 4, 257: 4, 259: 1, 262: 2, 277: 3, 278: 4}
    end = 8 + 2 + 12 * 10 + 4
    tags = {**{tag: (3, 1, value) for tag, value in shorts.items()},
            258: (3, 3, end), 339: (3, 3, end + 6), 273: (4, 1, end + 12),
            279: (4, 1, len(pixels))}  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)
    return head + struct.pack("<3H", 32, 32, 32) + struct.pack("<3H", 3, 3, 3) + pixels


def test_a_tiff_of_floating_point_colors_is_called_unreadable_not_damaged():
    with pytest.raises(ImageError, match="floating-point colors; save it with 8 or 16 bits"):
        images.load(float_tiff())


@pytest.mark.parametrize(
    "name", ["._a.jpg", "__MACOSX/a.jpg", "x/Thumbs.db", ".DS_Store", ".cache/b.png", "desktop.ini"]
)
def test_what_computers_leave_beside_pictures_is_no_picture(tmp_path, name):
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).write_bytes(b"notes")
    (tmp_path / "a b.JPG").write_bytes(b"")
    assert images.files_below(tmp_path) == [tmp_path / "a b.JPG"]
    assert not images.is_picture(Path(name)) and images.is_picture(Path("a b.JPG"))


def test_the_usual_color_profile_changes_nothing(flag):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encode(Image.fromarray(flag), "PNG", icc_profile=profile)
    assert np.array_equal(images.load(data), flag)


def test_one_pixel_is_a_picture():
    assert images.load(encode(Image.new("RGB", (1, 1), RED), "PNG")).tolist() == [[list(RED)]]


# -- Refusing


def refusal(source) -> str:
    with pytest.raises(ImageError) as caught:
        images.load(source)
    text = str(caught.value)
    assert text.endswith(".") and "\n" not in text
    return text


def test_a_huge_picture_is_refused_by_its_header_with_both_numbers():
    text = refusal(png(20_000, 20_000, 8, b""))
    assert "20000 x 20000" in text and "400 million" in text and "64 million" in text


@pytest.mark.parametrize("format_", ["JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_every_format_is_bounded(monkeypatch, flag, format_):
    monkeypatch.setattr(reading, "MAX_PIXELS", 1000)
    assert "60 x 40" in refusal(encode(Image.fromarray(flag), format_))


def test_arrays_and_pillow_images_are_bounded_too(monkeypatch, flag):
    monkeypatch.setattr(reading, "MAX_PIXELS", 1000)
    assert "60 x 40" in refusal(flag)
    assert "60 x 40" in refusal(Image.fromarray(flag))


def test_a_large_file_is_refused_with_both_numbers(tmp_path):
    assert "25.0 MB" in refusal(bytes(25_000_000)) and "20 MB" in refusal(bytes(25_000_000))
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(25_000_000)
    assert "large.png" in refusal(path)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_a_truncated_file_is_refused(make_picture, format_):
    data = encode(Image.fromarray(make_picture(200, 300)), format_)
    assert "cut short" in refusal(data[: len(data) // 2])


@pytest.mark.parametrize(
    "data", [b"", b"hello", b"GIF8", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe", b"RIFF"]
)
def test_what_is_no_picture_is_refused(data):
    refusal(data)


def test_text_named_jpg_is_refused_by_name(tmp_path):
    path = tmp_path / "notes.jpg"
    path.write_text("these are notes", encoding="utf-8")
    assert "notes.jpg" in refusal(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    assert "nowhere.png" in refusal(tmp_path / "nowhere.png")
    assert "folder" in refusal(tmp_path)
    refusal("a\0b.png")
    refusal(3)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((4, 4, 3), np.int64),
        np.full((4, 4), 300.0),
        np.full((4, 4), np.nan),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array):
    refusal(array)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((2, 2), 7, np.uint8), 7),
        (np.full((2, 2, 1), 7, np.uint8), 7),
        (np.ones((2, 2), bool), 255),
        (np.full((2, 2, 3), 0.2), 51),
        (np.full((2, 2, 3), 65535, np.uint16), 255),
        (np.full((2, 2, 4), (7, 7, 7, 255), np.uint8), 7),
    ],
)
def test_arrays_of_other_kinds_are_converted(array, expected):
    assert images.load(array).tolist() == [[[expected] * 3] * 2] * 2


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_picture_or_an_image_error(data):
    format_ = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"]))
    picture = np.arange(12 * 16 * 3, dtype=np.uint8).reshape(12, 16, 3)
    encoded = bytearray(encode(Image.fromarray(picture), format_))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(encoded) - 1))
        encoded[place] = data.draw(st.integers(0, 255))
    try:
        read = images.load(bytes(encoded))
    except ImageError:
        return
    assert read.dtype == np.uint8 and read.ndim == 3 and read.shape[2] == 3


# -- Fitting

sides = st.integers(1, 6000)
budgets = st.tuples(
    st.sampled_from([1, 2, 14, 28, 32, 64]),
    st.sampled_from([4096, 36_864, 40_000, 1_003_520]),
    st.sampled_from([0, 1024, 4096]),
)


@given(height=sides, width=sides, budget=budgets)
def test_a_fitted_size_has_the_multiples_and_the_area_and_is_a_fixpoint(height, width, budget):
    multiple, high, low = budget
    fitted = images.fitted_size(height, width, high, low, multiple)
    assert fitted[0] % multiple == fitted[1] % multiple == 0
    assert 0 < fitted[0] * fitted[1] <= high
    assert images.fitted_size(*fitted, high, low, multiple) == fitted


@given(height=sides, width=sides, budget=budgets)
@example(height=1, width=9, budget=(14, 36_864, 0))  # both sides below one square
@example(height=4, width=2485, budget=(1, 4096, 0))  # one row less is nearer than one column more
def test_the_aspect_is_kept_to_within_one_multiple(height, width, budget):
    multiple, high, low = budget
    fitted = images.fitted_size(height, width, high, low, multiple)
    # A shape that no budget of so few squares can hold is bounded by the squares instead.
    if max(height, width) / min(height, width) <= high / multiple**2 / 4:
        error = abs(math.log(fitted[0] * width / (fitted[1] * height)))
        assert error <= math.log(1 + multiple / min(fitted)) + 1e-9


@given(height=sides, width=sides)
def test_small_pictures_grow_to_the_lower_bound(height, width):
    fitted = images.fitted_size(height, width, 1_003_520, 3136 * 16, 28)
    assert (fitted[0] + 28) * (fitted[1] + 28) > 3136 * 16


def test_a_picture_within_the_budget_is_returned_as_it_is(picture):
    assert images.fit(picture, max_pixels=10_000) is picture


@pytest.mark.parametrize(
    ("size", "budget", "expected"),
    [
        ((427, 640), (36_864, 1024, 32), (160, 224)),
        ((192, 192), (36_864, 36_864, 32), (192, 192)),
        ((3000, 4000), (1_003_520, 3136, 28), (868, 1148)),
        ((1, 1), (36_864, 1024, 32), (32, 32)),
        ((1, 6000), (36_864, 1024, 32), (32, 1152)),
    ],
)
def test_known_sizes(size, budget, expected):
    assert images.fitted_size(*size, *budget) == expected


def test_fitting_twice_changes_nothing(make_picture):
    once = images.fit(make_picture(300, 501), 36_864, 1024, 32)
    assert once.shape == (128, 224, 3) and once.dtype == np.uint8
    assert np.array_equal(images.fit(once, 36_864, 1024, 32), once)


def test_shrinking_averages_instead_of_picking():
    checkers = np.indices((512, 512)).sum(axis=0) % 2 * 255
    small = images.fit(np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8), 64 * 64)
    assert small.shape[:2] == (64, 64)
    assert np.abs(small[4:-4, 4:-4].astype(int) - 127).max() <= 4


@pytest.mark.parametrize("budget", [(100, 0, 32), (100, 200, 1), (100, 0, 0)])
def test_an_impossible_budget_is_an_input_error(picture, budget):
    with pytest.raises(InputError):
        images.fit(picture, *budget)


# -- Writing


@pytest.mark.parametrize("ending", images.LOSSLESS)
def test_lossless_endings_keep_every_pixel(flag, tmp_path, ending):
    path = tmp_path / f"picture{ending.upper()}"
    images.save(flag, path)
    assert np.array_equal(images.load(path), flag)


def test_jpeg_is_written_when_asked_for(flag, tmp_path):
    images.save(flag, tmp_path / "picture.jpg")
    assert Image.open(tmp_path / "picture.jpg").format == "JPEG"


def test_png_bytes_read_back(flag):
    assert np.array_equal(images.load(images.encode_png(flag)), flag)


@pytest.mark.parametrize("size", [(1, 1), (1, 5), (40, 1), (17, 33), (130, 90)])
@pytest.mark.parametrize("noisy", [False, True])
def test_previews_keep_every_pixel(make_picture, size, noisy):
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 256, (130, 130, 3), np.uint8) if noisy else make_picture(130, 130)
    picture = whole[: size[0], : size[1]]
    picture.setflags(write=False)
    file = images.encode_preview(picture)
    assert np.array_equal(images.load(file), picture)
    assert Image.open(io.BytesIO(file)).format == "PNG"


def test_a_preview_is_coded_only_where_that_saves_a_quarter(make_picture):
    smooth = make_picture(240, 320)
    noise = np.random.default_rng(0).integers(-40, 40, smooth.shape)
    noisy = (smooth + noise).clip(0, 255).astype(np.uint8)
    assert len(images.encode_preview(smooth)) < 0.5 * smooth.size
    assert noisy.size < len(images.encode_preview(noisy)) < 1.01 * noisy.size


@pytest.mark.parametrize("name", ["picture.xyz", "picture", Path("missing") / "picture.png"])
def test_what_cannot_be_written_is_an_image_error(flag, tmp_path, name):
    with pytest.raises(ImageError):
        images.save(flag, tmp_path / name)
