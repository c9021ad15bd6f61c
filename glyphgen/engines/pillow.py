"""Faces and forms through Pillow.

Pillow draws text upright only. So each glyph is drawn once, large and upright, and every sample is
that picture under one affine map, sampled on a fine grid and averaged over the pixels.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, features

from glyphgen.engines import EngineInputs
from glyphgen.engines.shaping import needs_shaping
from glyphgen.errors import EngineError
from glyphgen.plan import Placements
from glyphgen.text import show_some, show_text

__all__ = ["PillowEngine"]

# Pixels of the glyph picture to one of the image, at least. Pillow cannot switch hinting off, which
# moves a glyph by up to half a pixel of its picture: here a sixteenth of the image's.
_OVERSAMPLING = 8
# The em of a glyph picture is a power of the square root of 2, so that samples of like size share
# it, and at most this many pixels: a picture is then 4 MB.
_LARGEST_EM = 2048
# Bilinear samples of the glyph picture to a pixel of the image, each way. Over the bundled fonts
# the mean difference from exact coverage is 0.21 gray levels, and no less with bicubic samples in
# 2.5 times the time; 8 x 8 nearest pixels give 0.26 in three quarters of it.
_SAMPLES = 4
_LARGEST_CANVAS = 8192  # pixels each way while sampling; a larger image gets fewer samples a pixel
_CACHE_BYTES = 96 << 20  # of glyph pictures; 64-pixel images need about 70 kB for each cell


@dataclass(frozen=True, slots=True, kw_only=True)
class _Glyph:
    """One cell drawn large and upright.

    Attributes:
        picture: Its ink, just as large.
        em_px: Size of the em in the picture.
        left, top: Where the picture begins, in its pixels from the pen's origin, y down.
    """

    picture: Image.Image
    em_px: int
    left: int
    top: int


class PillowEngine:
    """Draws the texts of cells with Pillow.

    Args:
        inputs: Of which faces, forms and the frame are used.

    Raises:
        EngineError: A form needs shaping that this Pillow lacks, or a font cannot be opened.
    """

    @staticmethod
    def find_version() -> str:
        """Return the versions of Pillow and of its FreeType."""
        return f"Pillow {PIL.__version__}, FreeType {features.version('freetype2')}"

    def __init__(self, inputs: EngineInputs) -> None:
        _check_shaping(inputs.forms)
        self._faces = inputs.faces
        self._forms = inputs.forms
        self._frame = (inputs.height, inputs.width)
        self._samples = max(1, min(_SAMPLES, _LARGEST_CANVAS // max(self._frame)))
        self._glyphs = _GlyphCache()
        for face in range(len(self._faces)):
            self._open_font(face, _OVERSAMPLING)

    def draw(self, placements: Placements, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (n, H, W) with the ink of n placements; see ``Engine``."""
        out[:] = 0
        sizes = _choose_em(placements.matrix)
        for row in np.lexsort((sizes, placements.cell)).tolist():
            glyph = self._find_glyph(int(placements.cell[row]), int(sizes[row]))
            self._draw_sample(glyph, placements.matrix[row], out[row])

    def _find_glyph(self, cell: int, em_px: int) -> _Glyph:
        glyph = self._glyphs.get(cell, em_px)
        if glyph is None:
            face, form = divmod(cell, len(self._forms))
            glyph = _draw_glyph(self._open_font(face, em_px), self._forms[form], em_px)
            self._glyphs.add(cell, glyph)
        return glyph

    def _open_font(self, face: int, em_px: int) -> ImageFont.FreeTypeFont:
        # Not kept: opening takes 20 us, drawing a glyph 400, and each open font holds its file.
        path, index = self._faces[face].path, self._faces[face].index
        try:
            font = ImageFont.truetype(str(path), em_px, index)
            if self._faces[face].axes:
                font.set_variation_by_axes(list(self._faces[face].location))
        except OSError as error:
            raise EngineError(f"{path}: Pillow cannot open this font: {error}") from error
        return font

    def _draw_sample(
        self, glyph: _Glyph, matrix: NDArray[np.float64], image: NDArray[np.uint8]
    ) -> None:
        """Draw one sample into ``image`` (H, W), which is paper; only the ink's box is touched."""
        linear, origin = _map_picture(glyph, matrix)
        left, top, right, bottom = self._find_box(glyph, linear, origin)
        if left >= right or top >= bottom:
            return
        # From samples of the box back to the picture; Pillow itself counts from pixel centers.
        inverse = _invert(linear)
        start = inverse @ ((left, top) - origin)
        step = inverse / self._samples
        box = (right - left, bottom - top)
        sampled = glyph.picture.transform(
            (box[0] * self._samples, box[1] * self._samples),
            Image.Transform.AFFINE,
            (*step[0], start[0], *step[1], start[1]),
            Image.Resampling.BILINEAR,
        )
        image[top:bottom, left:right] = np.asarray(sampled.reduce(self._samples))

    def _find_box(
        self, glyph: _Glyph, linear: NDArray[np.float64], origin: NDArray[np.float64]
    ) -> tuple[int, int, int, int]:
        """Return the pixels that the picture can reach: left, top, right, bottom in the frame."""
        width, height = glyph.picture.size
        corners = np.array([(0, 0), (width, 0), (0, height), (width, height)]) @ linear.T + origin
        height, width = self._frame
        left, top = np.floor(corners.min(axis=0)).clip(0, (width, height)).astype(int).tolist()
        right, bottom = np.ceil(corners.max(axis=0)).clip(0, (width, height)).astype(int).tolist()
        return left, top, right, bottom


class _GlyphCache:
    """Glyph pictures by cell and em, those used last, in bounded memory."""

    def __init__(self) -> None:
        self._glyphs: OrderedDict[tuple[int, int], _Glyph] = OrderedDict()
        self._n_bytes = 0

    def get(self, cell: int, em_px: int) -> _Glyph | None:
        glyph = self._glyphs.get((cell, em_px))
        if glyph is not None:
            self._glyphs.move_to_end((cell, em_px))
        return glyph

    def add(self, cell: int, glyph: _Glyph) -> None:
        self._glyphs[cell, glyph.em_px] = glyph
        self._n_bytes += _count_bytes(glyph)
        while self._n_bytes > _CACHE_BYTES:
            _, oldest = self._glyphs.popitem(last=False)
            self._n_bytes -= _count_bytes(oldest)


def _count_bytes(glyph: _Glyph) -> int:
    return glyph.picture.width * glyph.picture.height


def _check_shaping(forms: Sequence[str]) -> None:
    if features.check("raqm"):
        return
    wrong = [show_text(form) for form in forms if needs_shaping(form)]
    if wrong:
        raise EngineError(
            f"pillow engine: cannot shape {show_some(wrong)}: this Pillow has no Raqm"
            " (install the package libfribidi0, or use the engine 'vector')"
        )


def _choose_em(matrix: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the em in pixels of the pictures that placements (n, 2, 3) are made from, (n,)."""
    # The mean square of the map's two stretches, whatever the rotation.
    size_px = np.sqrt((matrix[:, :, :2] ** 2).sum(axis=(1, 2)) / 2)
    half_octaves = np.ceil(2 * np.log2(np.maximum(size_px * _OVERSAMPLING, 1)))
    em_px: NDArray[np.float64] = np.minimum(np.rint(2 ** (half_octaves / 2)), _LARGEST_EM)
    return em_px.astype(np.int64)


def _draw_glyph(font: ImageFont.FreeTypeFont, form: str, em_px: int) -> _Glyph:
    left, top, right, bottom = (int(edge) for edge in font.getbbox(form, anchor="ls"))
    picture = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(picture).text((-left, -top), form, font=font, fill=255, anchor="ls")
    return _Glyph(picture=picture, em_px=em_px, left=left, top=top)


def _map_picture(
    glyph: _Glyph, matrix: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the map from the picture to the image: linear part (2, 2) and origin (2,)."""
    linear = matrix[:, :2] * (1 / glyph.em_px, -1 / glyph.em_px)
    return linear, linear @ (glyph.left, glyph.top) + matrix[:, 2]


def _invert(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    (a, b), (c, d) = linear.tolist()
    determinant = a * d - b * c
    return np.array([[d / determinant, -b / determinant], [-c / determinant, a / determinant]])
