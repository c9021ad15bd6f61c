"""Faces and forms through ImageMagick, by Wand.

ImageMagick transforms outlines exactly but sets text on whole pixels, so it draws on a finer grid,
and the exact position enters when that grid is averaged. Its library must not be shared by threads
nor carried over a fork: give each engine a process of its own.
"""

import os
from collections.abc import Sequence
from math import atan2, degrees, floor, hypot
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.engines import EngineInputs
from glyphgen.engines.shaping import needs_shaping
from glyphgen.errors import EngineError
from glyphgen.files.opening import FONT, open_regular
from glyphgen.fonts import Face
from glyphgen.plan import Placements
from glyphgen.text import show_some, show_text

__all__ = ["ImageMagickEngine"]

# Fine pixels to one of the image, each way. Over the bundled fonts the mean difference from exact
# coverage is 1.5, 0.4, 0.2 gray levels with 1, 2, 4.
_OVERSAMPLING = 4
_LARGEST_CANVAS = 4096  # fine pixels each way: Debian's policy allows 256 MiB for two such images
# Outlines are loaded, and hinted, at an em of at least this many pixels before they are transformed:
# hinting moves them by a thousandth of an em at most. 1000 halves that, in 1.6 times the time.
_LOADED_EM = 512


class ImageMagickEngine:
    """Draws the texts of cells with ImageMagick.

    Args:
        inputs: Of which faces, forms and the frame are used.

    Raises:
        EngineError: ImageMagick's library is not installed, or cannot draw these faces or forms.
    """

    def __init__(self, inputs: EngineInputs) -> None:
        self._canvas = _Canvas(inputs.height, inputs.width)
        self._faces = inputs.faces
        self._forms = inputs.forms
        _check_forms(inputs.forms, self._canvas.delegates)
        _check_faces(inputs.faces)

    @staticmethod
    def find_version() -> str:
        """Return the version of ImageMagick's library."""
        return str(_import_wand().version.MAGICK_VERSION).split(" https")[0]

    def draw(self, placements: Placements, out: NDArray[np.uint8]) -> None:
        """Fill ``out`` (n, H, W) with the ink of n placements; see ``Engine``.

        Raises:
            EngineError: ImageMagick failed, or left an image all paper.
        """
        faces, forms = np.divmod(placements.cell, len(self._forms))
        for face in np.unique(faces).tolist():
            _check_file(self._faces[face].path)
        for row, (face, form) in enumerate(zip(faces.tolist(), forms.tolist(), strict=True)):
            self._draw_sample(face, form, placements.matrix[row], out[row])

    def _draw_sample(
        self, face: int, form: int, matrix: NDArray[np.float64], image: NDArray[np.uint8]
    ) -> None:
        path, text = self._faces[face].path, self._forms[form]
        try:
            self._canvas.draw(path, text, matrix, image)
        except self._canvas.failure as error:
            raise EngineError(
                f"{path}: ImageMagick cannot draw {show_text(text)}: {error}"
            ) from error
        if not image.any():
            raise EngineError(f"{path}: ImageMagick draws no ink for {show_text(text)}")


class _Canvas:
    """The one place that calls Wand.

    Attributes:
        delegates: What the library was built with.
        failure: The exception that Wand raises.
    """

    def __init__(self, height: int, width: int) -> None:
        wand = _import_wand()
        wand.resource.limits["thread"] = 1
        self.delegates = str(wand.version.MAGICK_VERSION_DELEGATES).split()
        self.failure: type[Exception] = wand.exceptions.WandException
        self._wand = wand
        self._scale = max(1, min(_OVERSAMPLING, _LARGEST_CANVAS // max(height, width)))
        self._em_px = max(_LOADED_EM, height * self._scale)
        # One pixel more, above and to the left: ink is set up to one fine pixel too far there.
        self._fine = np.empty(((height + 1) * self._scale, (width + 1) * self._scale), np.uint8)
        self._white = wand.color.Color("white")
        self._paper = self._make_paper()

    def _make_paper(self) -> Any:
        height, width = self._fine.shape
        black = self._wand.color.Color("black")
        paper = self._wand.image.Image(width=width, height=height, background=black)
        if paper.size != (width, height):  # Wand says nothing when a limit forbids the size
            raise EngineError(
                f"imagemagick engine: cannot make an image of {width} x {height} pixels"
                " (ImageMagick's limits are in its policy.xml; or use the engine 'vector')"
            )
        return paper

    def draw(
        self, path: Path, text: str, matrix: NDArray[np.float64], image: NDArray[np.uint8]
    ) -> None:
        """Set every pixel of ``image`` (H, W) to the ink of a text under a matrix (2, 3)."""
        fine_matrix = matrix * self._scale
        x, y = (floor(value) for value in fine_matrix[:, 2].tolist())
        with self._paper.clone() as paper, self._wand.drawing.Drawing() as drawing:
            drawing.font = _quote_path(path)
            drawing.font_size = self._em_px
            drawing.fill_color = self._white
            drawing.translate(x + self._scale, y + self._scale)
            _transform(drawing, fine_matrix[:, :2] / self._em_px)
            drawing.text(0, 0, text)
            drawing(paper)
            self._read_pixels(paper)
        shift_x, shift_y = fine_matrix[:, 2] - (x, y)
        rows = _average(self._fine, self._scale, shift_y)
        image[:] = np.rint(_average(rows.T, self._scale, shift_x).T)

    def _read_pixels(self, paper: Any) -> None:
        # Image.export_pixels gives a list of Python integers, six times as slow.
        height, width = self._fine.shape
        char = self._wand.image.STORAGE_TYPES.index("char")
        done = self._wand.api.library.MagickExportImagePixels(
            paper.wand, 0, 0, width, height, b"R", char, self._fine.ctypes.data
        )
        if not done:
            paper.raise_exception()
            raise self.failure("the pixels of the image cannot be read")


def _import_wand() -> Any:
    try:
        import wand.api
        import wand.color
        import wand.drawing
        import wand.exceptions
        import wand.image
        import wand.resource
        import wand.version
    except ImportError as error:
        raise EngineError(
            "imagemagick engine: ImageMagick's library is not found"
            " (install the package libmagickwand-6.q16-6, or use the engine 'vector')"
        ) from error
    return wand


def _transform(drawing: Any, linear: NDArray[np.float64]) -> None:
    """Add a linear map (2, 2), from y up to y down, to a drawing.

    It is split by singular values into a turn, two scales and a turn. In 6.9.11 `affine` takes its
    off-diagonal numbers in the other order than documented, and `skewX` takes the sine of its angle
    for the tangent; a later version may mend either.
    """
    (a, b), (c, d) = (linear * (1, -1)).tolist()
    even, odd = hypot(a + d, c - b) / 2, hypot(a - d, c + b) / 2
    total, between = atan2(c - b, a + d), atan2(c + b, a - d)
    drawing.rotate(degrees(total + between) / 2)
    drawing.scale(even + odd, even - odd)
    drawing.rotate(degrees(total - between) / 2)


def _average(fine: NDArray[Any], scale: int, shift: float) -> NDArray[np.float32]:
    """Average each ``scale`` rows, from ``shift`` rows above the second such block on.

    Args:
        fine: ((n + 1) * scale, m).
        scale: Rows that become one.
        shift: From 0 to 1, how much farther down the ink belongs.

    Returns:
        (n, m): a row that is cut by the shift counts on either side by its share.
    """
    blocks = fine.reshape(-1, scale, fine.shape[1])
    sums = blocks.sum(axis=1, dtype=np.float32)
    last = blocks[:, -1].astype(np.float32)
    moved: NDArray[np.float32] = sums[1:] + np.float32(shift) * (last[:-1] - last[1:])
    return moved / np.float32(scale)


def _quote_path(path: Path) -> str:
    # Absolute, so that no '@', '-' or '^' begins it; Wand puts it between quotes as it is, in UTF-8.
    name = os.fsencode(path.absolute()).decode()
    return name.replace("\\", "\\\\").replace("'", "\\'")


def _check_file(path: Path) -> None:
    """ImageMagick draws a font that it does not find with another."""
    if not (path.is_file() and os.access(path, os.R_OK)):
        raise EngineError(f"{path}: no such font file, or it cannot be read")


def _check_faces(faces: Sequence[Face]) -> None:
    problems = []
    for face in faces:
        _check_file(face.path)
        with open_regular(face.path, FONT) as file:
            is_woff2 = file.read(4) == b"wOF2"
        try:
            _quote_path(face.path)
        except UnicodeDecodeError:
            problems.append(
                f"{face.path}: ImageMagick takes only names in UTF-8"
                " (rename the file, or use the engine 'vector' or 'pillow')"
            )
        if is_woff2:
            problems.append(
                f"{face.path}: ImageMagick draws no WOFF2 fonts (use the engine 'vector' or 'pillow')"
            )
        if face.index:
            problems.append(
                f"{face.path}: ImageMagick draws only the first face of a collection,"
                f" not index {face.index} (use the engine 'vector' or 'pillow')"
            )
        if face.axes:
            axes = ", ".join(f"{tag}={value:g}" for tag, value in face.axes)
            problems.append(
                f"{face.path}: ImageMagick draws only the default of a variable font,"
                f" not {axes} (use the engine 'vector' or 'pillow')"
            )
    if problems:
        raise EngineError(*problems)


def _check_forms(forms: Sequence[str], delegates: Sequence[str]) -> None:
    wrong = [show_text(form) for form in forms if needs_shaping(form)]
    if wrong and "raqm" not in delegates:
        raise EngineError(
            f"imagemagick engine: cannot shape {show_some(wrong)}: this ImageMagick has no Raqm"
            " (use the engine 'vector' or 'pillow')"
        )
