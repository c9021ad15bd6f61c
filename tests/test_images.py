"""One way each to decode, fit, turn and encode images; docs/images.md is the table of the decoder."""

import io
import os
import re
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from glyphgen.errors import DatasetError, ImageError
from glyphgen.images.canvas import Canvas
from glyphgen.images.decoding import KINDS, MOST_BYTES, SUFFIXES, decode_image, read_image_file
from glyphgen.images.fitting import fit_image, shrink_images
from glyphgen.images.png import encode_png, encode_pngs, make_data_uri, make_strip, write_png
from glyphgen.images.polarity import (
    find_paper,
    find_polarity,
    from_ink,
    lay_on_paper,
    to_ink,
)
from glyphgen.images.sheets import join_images, write_sheet

DOCS = Path(__file__).parent.parent / "docs" / "images.md"
Pixels = list[list[Any]]


def save(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def parse(text: str) -> Pixels:
    """Return rows of pixels: numbers, tuples, or None where nothing is seen."""

    def parse_one(word: str) -> Any:
        if word == "-":
            return None
        if word.startswith("("):
            return tuple(map(int, word.strip("()").split(",")))
        return int(word) if re.fullmatch(r"-?\d+", word) else float(word)

    return [[parse_one(word) for word in row.split()] for row in text.split("/")]


def fill(pixels: Pixels, dtype: Any, unseen: Any = 0) -> NDArray[Any]:
    return np.array([[unseen if p is None else p for p in row] for row in pixels], dtype)


def make_palette(pixels: Pixels, unseen: int = 0) -> Image.Image:
    """The color of the unseen pixel is that of none of the others."""
    colors = [(unseen,) * 3 if p is None else p for row in pixels for p in row]
    image = Image.new("P", (len(colors), 1))
    image.putpalette([level for color in colors for level in color])
    image.putdata(range(len(colors)))
    return image


def pack_png(pixels: NDArray[Any], *, transparent: int) -> bytes:
    """A PNG of 16-bit gray in which one level is not seen, which Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tRNS", struct.pack(">H", transparent))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def save_each(image: Image.Image, *kinds: str, **options: Any) -> list[bytes]:
    lossless = {"WEBP": {"lossless": True, "exact": True}}
    return [save(image, kind, **lossless.get(kind, {}) | options) for kind in kinds]


def make_gray(pixels: Pixels) -> list[bytes]:
    image = Image.fromarray(fill(pixels, np.uint8))
    return [
        *save_each(image, "PNG", "BMP", "TIFF", "GIF", "PPM"),
        *save_each(image.convert("RGB"), "WEBP"),
        save(image, "TIFF", compression="tiff_lzw"),
    ]


def make_bits(pixels: Pixels) -> list[bytes]:
    image = Image.fromarray(fill(pixels, np.uint8) * 255).convert("1", dither=Image.Dither.NONE)
    return save_each(image, "PNG", "BMP", "TIFF", "PPM")


def make_sixteen(pixels: Pixels) -> list[bytes]:
    values = fill(pixels, np.uint16)
    height, width = values.shape
    big = Image.frombytes("I;16B", (width, height), values.astype(">u2").tobytes())
    return [*save_each(Image.fromarray(values), "PNG", "TIFF"), save(big, "TIFF")]


def make_pgm(most: int) -> Callable[[Pixels], list[bytes]]:
    def make(pixels: Pixels) -> list[bytes]:
        [row] = pixels
        return [f"P2\n{len(row)} 1\n{most}\n{' '.join(map(str, row))}\n".encode()]

    return make


def make_floats(pixels: Pixels) -> list[bytes]:
    return [save(Image.fromarray(fill(pixels, np.float32)), "TIFF")]


def make_rgb(pixels: Pixels) -> list[bytes]:
    return save_each(Image.fromarray(fill(pixels, np.uint8)), "PNG", "BMP", "TIFF", "PPM", "WEBP")


def make_cmyk(kind: str) -> Callable[[Pixels], list[bytes]]:
    return lambda pixels: [save(Image.fromarray(fill(pixels, np.uint8), "CMYK"), kind)]


def make_opacity(pixels: Pixels) -> list[bytes]:
    """The unseen pixel has the color that would hide the other one."""
    [[seen, _]] = pixels
    image = Image.fromarray(fill(pixels, np.uint8, (255 - seen[0],) * 3 + (0,)))
    return [*save_each(image, "PNG", "TIFF", "WEBP"), save(image.convert("LA"), "PNG")]


def make_half_seen(pixels: Pixels) -> list[bytes]:
    return [save(Image.fromarray(fill(pixels, np.uint8, (77, 77, 77, 0))), "PNG")]


def make_unseen_color(pixels: Pixels) -> list[bytes]:
    [row] = pixels
    image = make_palette(pixels, unseen=128)
    return save_each(image, "PNG", "GIF", transparency=row.index(None))


def make_unseen_gray(pixels: Pixels) -> list[bytes]:
    return [save(Image.fromarray(fill(pixels, np.uint8, 17)), "PNG", transparency=17)]


def make_unseen_rgb(pixels: Pixels) -> list[bytes]:
    image = Image.fromarray(fill(pixels, np.uint8, (17, 17, 17)))
    return [save(image, "PNG", transparency=(17, 17, 17))]


def make_turned(pixels: Pixels) -> list[bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6  # a viewer turns it by 90 degrees clockwise
    image = Image.fromarray(np.kron(fill(pixels, np.uint8), np.ones((16, 16), np.uint8)))
    return [
        *save_each(image.convert("RGB"), "PNG", "WEBP", exif=exif),
        save(image, "JPEG", exif=exif, quality=100),
        save(image, "TIFF", tiffinfo={0x0112: 6}),
    ]


def make_animation(pixels: Pixels) -> list[bytes]:
    first = Image.fromarray(fill(pixels, np.uint8))
    others = [Image.new("L", first.size, level) for level in (50, 60)]
    return save_each(first.convert("RGB"), "WEBP", save_all=True, append_images=others) + save_each(
        first, "GIF", "PNG", save_all=True, append_images=others
    )


def make_cut(_: Pixels) -> list[bytes]:
    noise = np.arange(4096, dtype=np.uint32).reshape(64, 64) ** 2 % 251
    image = Image.fromarray(noise.astype(np.uint8))
    whole = [*save_each(image, "PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM"), save(image, "WEBP")]
    return [data[: len(data) // 2] for data in whole]


MAKERS: dict[str, Callable[[Pixels], list[bytes]]] = {
    "8-bit gray: PNG, BMP, TIFF, GIF, PGM, lossless WebP": make_gray,
    "1-bit gray: PNG, BMP, TIFF, PBM": make_bits,
    "PGM with 16 levels": make_pgm(15),
    "16-bit gray: PNG, TIFF of either byte order": make_sixteen,
    "PGM with 4,096 levels": make_pgm(4095),
    "16-bit gray that uses 12 bits or fewer": make_sixteen,
    "16-bit gray that is all 0": make_sixteen,
    "32-bit integers: TIFF": lambda p: [save(Image.fromarray(fill(p, np.int32)), "TIFF")],
    "floats from 0 to 1: TIFF": make_floats,
    "floats from 0 to 255: TIFF": make_floats,
    "floats beyond: TIFF": make_floats,
    "floats with NaN: TIFF": make_floats,
    "RGB: PNG, BMP, TIFF, PPM, lossless WebP": make_rgb,
    "palette: PNG, GIF, BMP, TIFF": lambda p: save_each(
        make_palette(p), "PNG", "GIF", "BMP", "TIFF"
    ),
    "CMYK: TIFF": make_cmyk("TIFF"),
    "CMYK: JPEG": make_cmyk("JPEG"),
    "LAB: TIFF": lambda p: [save(Image.fromarray(fill(p, np.uint8), "LAB"), "TIFF")],
    "dark ink on nothing: RGBA PNG, TIFF and WebP, gray with opacity PNG": make_opacity,
    "light ink on nothing: RGBA PNG, TIFF and WebP, gray with opacity PNG": make_opacity,
    "half-seen dark ink: RGBA PNG": make_half_seen,
    "half-seen light ink: RGBA PNG": make_half_seen,
    "dark ink, a palette with one color that is not seen: PNG, GIF": make_unseen_color,
    "light ink, a palette with one color that is not seen: PNG, GIF": make_unseen_color,
    "gray with one level that is not seen: PNG": make_unseen_gray,
    "16-bit gray with one level that is not seen: PNG": lambda p: [
        pack_png(fill(p, np.uint16, 99), transparent=99)
    ],
    "RGB with one color that is not seen: PNG": make_unseen_rgb,
    "turned by EXIF (orientation 6): PNG, JPEG, WebP, TIFF": make_turned,
    "animation, of which the first image counts: GIF, WebP, PNG": make_animation,
    "nothing at all": lambda _: [b""],
    "text": lambda _: [b"no image", b"P"],
    "a program: EPS": lambda _: [b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
    "cut short: PNG, JPEG, GIF, BMP, TIFF, WebP, PGM": make_cut,
    "more than 67,108,864 pixels: PNG": lambda _: [save(Image.new("1", (9000, 9000)), "PNG")],
}


def read_table() -> dict[str, tuple[str, str]]:
    rows = re.findall(r"^\| (.+?) \| (.*?) ?\| (.+?) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    return {kind: (pixels, becomes) for kind, pixels, becomes in rows if kind != "Kind of file"}


TABLE = read_table()


def test_every_row_of_the_page_is_made_here() -> None:
    assert list(TABLE) == list(MAKERS)


@pytest.mark.parametrize("kind", MAKERS)
def test_a_file_becomes_what_the_page_says(kind: str) -> None:
    pixels, becomes = TABLE[kind]
    files = MAKERS[kind](parse(pixels.strip("`")) if pixels else [])
    for data in files:
        if not becomes.startswith("`"):
            with pytest.raises(ImageError) as caught:
                decode_image(data)
            assert str(caught.value) == becomes
            continue
        image, expected = decode_image(data), fill(parse(becomes.strip("`")), np.uint8)
        assert image.dtype == np.uint8
        if kind.startswith("turned"):  # blocks of 16 pixels, as a JPEG keeps them
            assert image.shape == (32, 16)
            image = image[8::16, 8::16]
        assert image.tolist() == expected.tolist(), data[:8]


def test_the_page_names_the_suffixes_and_the_limit() -> None:
    page = DOCS.read_text("utf-8")
    [paragraph] = [part for part in page.split("\n\n") if "Names that end in" in part]
    assert tuple(re.findall(r"`(\.\w+)`", paragraph)) == SUFFIXES
    assert f"more than {MOST_BYTES >> 20} MiB" in page


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"]),
    changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=6),
    end=st.integers(1, 2**16),
)
def test_a_damaged_file_gives_an_image_or_a_reason(
    kind: str, changes: list[tuple[int, int]], end: int
) -> None:
    noise = np.arange(400, dtype=np.uint32).reshape(20, 20) ** 2 % 251
    data = bytearray(save(Image.fromarray(noise.astype(np.uint8)), kind))
    for at, value in changes:
        data[at % len(data)] = value
    image = None
    with suppress(ImageError):
        image = decode_image(bytes(data[:end]))
    assert image is None or (image.ndim == 2 and image.size)


def test_only_a_regular_file_within_the_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    assert read_image_file(path) == b"content"
    os.mkfifo(tmp_path / "pipe.png")
    for odd in (tmp_path / "pipe.png", tmp_path):
        with pytest.raises(ImageError, match=r"^not a file$"):
            read_image_file(odd)
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(ImageError, match=r"^67,108,865 bytes, expected at most 67,108,864$"):
        read_image_file(path)
    with pytest.raises(FileNotFoundError):
        read_image_file(tmp_path / "b.png")


def test_the_limit_of_pixels_is_met_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", refuse)
    with pytest.raises(ImageError, match="pixels, expected at most"):
        decode_image(save(Image.new("1", (9000, 9000)), "PNG"))


def test_every_suffix_belongs_to_one_kind() -> None:
    assert len(set(SUFFIXES)) == len(SUFFIXES) == sum(map(len, KINDS.values()))
    Image.init()
    assert {Image.EXTENSION[suffix] for suffix in SUFFIXES} == set(KINDS)


# --- Polarity


def test_polarity_is_turned_in_one_place_and_back() -> None:
    images = np.array([[[0, 100, 255]]], np.uint8)
    assert to_ink(images, "white-on-black") is images
    assert to_ink(images, "black-on-white").tolist() == [[[255, 155, 0]]]
    assert from_ink(to_ink(images, "black-on-white"), "black-on-white").tolist() == images.tolist()
    assert to_ink(images.astype(np.float32), "black-on-white").dtype == np.float32
    assert from_ink(images, "black-on-white", out=images) is images
    assert images.tolist() == [[[255, 155, 0]]]
    assert (find_paper("white-on-black"), find_paper("black-on-white")) == (0, 255)


def test_the_border_is_taken_for_paper() -> None:
    image = np.zeros((5, 5), np.uint8)
    image[1:4, 1:4] = 255
    assert find_polarity(image) == "white-on-black"
    assert find_polarity(255 - image) == "black-on-white"
    assert find_polarity(image // 5) == "white-on-black"  # faint ink, paper of any gray
    assert find_polarity(100 - image // 5) == "black-on-white"
    assert find_polarity(200 + image // 5) == "white-on-black"
    corners = np.zeros((3, 3), np.uint8)
    corners[::2, ::2] = 250  # counted once each, four of eight
    assert find_polarity(corners) == "white-on-black"


def test_opacity_weighs_what_is_seen() -> None:
    gray = np.array([[255, 255, 40]], np.uint8)
    opacity = np.array([[0, 10, 250]], np.uint8)
    assert lay_on_paper(gray, opacity).tolist() == [[255, 255, 44]]
    assert lay_on_paper(gray, opacity[:, ::-1]).tolist() == [[250, 10, 0]]
    half = np.array([[128]], np.uint8)
    assert lay_on_paper(half // 128, half).tolist() == [[128]], "127.5 is rounded up"


# --- Fitting


def test_sizes_follow_area_and_aspect() -> None:
    image = np.zeros((4, 8), np.uint8)
    image[:, :2] = 200
    small = fit_image(image, 4, 4, "pad")
    assert small.tolist() == [[0] * 4, [200, 0, 0, 0], [200, 0, 0, 0], [0] * 4]
    assert fit_image(image, 2, 2, "stretch").tolist() == [[100, 0], [100, 0]]
    assert fit_image(image, 4, 8, "pad") is image
    assert fit_image(image.T, 8, 4, "pad").tolist() == image.T.tolist()


def test_an_image_that_grows_is_interpolated_by_lanczos() -> None:
    """The kernel of four lobes, at a quarter and three quarters between pixels, on a step."""

    def weigh(phase: float) -> NDArray[np.float64]:
        x = phase - np.arange(-3, 5)
        weights = np.sinc(x) * np.sinc(x / 4)
        return np.asarray(weights / weights.sum())

    row = np.zeros(24)
    row[12:] = 200
    expected = []
    for at in range(16, 32):
        place = (at + 0.5) / 2 - 0.5
        first = int(np.floor(place))
        expected.append(float(row[first - 3 : first + 5] @ weigh(place - first)))
    wide = fit_image(np.tile(row.astype(np.uint8), (8, 1)), 8, 48, "stretch")
    assert wide[4, 16:32].tolist() == pytest.approx(np.clip(expected, 0, 255), abs=2)
    assert len(np.unique(wide)) > 5, "an edge that grows is neither hard nor a ramp"


def test_an_image_that_shrinks_is_averaged_by_area() -> None:
    rows = (np.arange(12 * 12, dtype=np.uint32) ** 2 % 251).astype(np.uint8).reshape(12, 12)
    expected = rows.reshape(4, 3, 4, 3).mean(axis=(1, 3))
    assert np.abs(fit_image(rows, 4, 4, "pad") - expected).max() <= 0.5
    assert fit_image(rows.T, 4, 4, "pad").tolist() == fit_image(rows, 4, 4, "pad").T.tolist()
    stripes = np.tile(np.array([0, 255], np.uint8), (8, 4))
    assert set(fit_image(stripes, 4, 4, "pad").ravel().tolist()) <= {127, 128}
    mixed = fit_image(stripes, 16, 4, "stretch")  # grows in height, shrinks in width
    assert mixed.shape == (16, 4)
    assert set(mixed.ravel().tolist()) <= {127, 128}


def test_a_share_of_the_frame_is_filled() -> None:
    image = np.full((4, 8), 255, np.uint8)
    framed = fit_image(image, 16, 16, "pad", share=0.5)
    assert framed[6:10, 4:12].min() == 255
    assert int(framed.sum()) == 255 * 4 * 8
    assert fit_image(framed, 16, 16, "pad", share=0.5) is not framed


def test_thumbnails_keep_their_aspect() -> None:
    images = np.arange(2 * 4 * 8, dtype=np.uint8).reshape(2, 4, 8)
    assert shrink_images(images, 8) is images
    small = shrink_images(images, 4)
    assert (
        small.tolist() == np.floor(images.reshape(2, 2, 2, 4, 2).mean(axis=(2, 4)) + 0.5).tolist()
    )


# --- PNG files and sheets


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (1, 1), (300, 2)])
def test_a_png_holds_the_pixels(shape: tuple[int, ...], tmp_path: Path) -> None:
    image = (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)
    assert np.asarray(Image.open(io.BytesIO(encode_png(image)))).tolist() == image.tolist()
    write_png(tmp_path / "a.png", image)
    assert (tmp_path / "a.png").read_bytes() == encode_png(image)
    assert make_data_uri(image).startswith("data:image/png;base64,iVBOR")
    assert make_strip([image, image]) == make_data_uri(np.hstack([image, image]))
    with pytest.raises(DatasetError, match="cannot be written: No such file or directory"):
        write_png(tmp_path / "none" / "a.png", image)


def test_a_png_is_three_whole_chunks() -> None:
    images = (np.arange(2 * 9 * 7) % 251).astype(np.uint8).reshape(2, 9, 7)
    first, second = encode_pngs(images)
    assert (first, second) == tuple(encode_png(image, quick=True) for image in images)
    rest, kinds = first[8:], []
    while rest:
        (length,) = struct.unpack(">I", rest[:4])
        kinds.append(rest[4:8])
        assert struct.pack(">I", zlib.crc32(rest[4 : 8 + length])) == rest[8 + length : 12 + length]
        rest = rest[12 + length :]
    assert kinds == [b"IHDR", b"IDAT", b"IEND"]
    large = np.zeros((64, 64), np.uint8)
    large[::2, ::3] = 200
    assert len(encode_png(large)) < len(encode_png(large, quick=True))


def test_images_are_joined_row_after_row() -> None:
    images = np.arange(3, dtype=np.uint8).repeat(2).reshape(3, 1, 2) + 1
    assert join_images(images, 2).tolist() == [[1, 1, 2, 2], [3, 3, 0, 0]]


def test_a_sheet_has_each_strip_and_its_caption(tmp_path: Path) -> None:
    tiles = [np.full((2, 16, 16), level, np.uint8) for level in (0, 90, 255)]
    write_sheet(tmp_path / "sheet.png", tiles, ["", "i", ""], aspect=0.2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (3 * (16 + 13 + 6) + 6, 2 * 16 + 6 + 6)
    for number, tile in enumerate(tiles):
        top = 6 + number * 35
        assert (sheet[top : top + 16, 6:38] == tile[0, 0, 0]).all()
        below = sheet[top + 16 : top + 29]
        assert (below.max() > 150) == (number == 1), "a caption where there is one"


def test_a_symbol_stands_before_its_caption(tmp_path: Path) -> None:
    tiles = [np.zeros((1, 32, 64), np.uint8)] * 2
    symbol = np.full((5, 5), 255, np.uint8)
    write_sheet(tmp_path / "sheet.png", tiles, ["i", "i"], [symbol, None], aspect=0.2)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (2 * (32 + 22 + 6) + 6, 64 + 6 + 6)
    first, second = (sheet[top + 32 : top + 54] for top in (6, 66))
    assert (first[1:21, 7:27] == 210).all()
    assert (first[:, 28:34] == 52).all()
    assert first[:, 34:40].max() > 150, "the caption follows"
    assert (second[:, 12:] == 52).all()
    assert second[:, 6:12].max() > 150


def test_a_canvas_has_what_was_laid_on_it(tmp_path: Path) -> None:
    canvas = Canvas(9, 7, (1, 2, 3))
    canvas.add_image((1, 1), np.full((2, 2), 200, np.uint8))
    canvas.add_box((4, 1), (7, 5), (250, 0, 0))
    canvas.add_box((4, 1), (7, 5), (0, 250, 0), line_px=1)
    canvas.write(tmp_path / "a.png")
    picture = np.asarray(Image.open(tmp_path / "a.png"))
    assert picture.shape == (7, 9, 3)
    assert picture[1:3, 1:3].tolist() == [[[200] * 3] * 2] * 2
    assert picture[3, 5].tolist() == [250, 0, 0]
    assert picture[1, 4].tolist() == picture[5, 7].tolist() == [0, 250, 0]
    assert picture[0, 0].tolist() == [1, 2, 3]
