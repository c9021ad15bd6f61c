"""Gray images of pens, printers and cameras -> ink on paper: the paper taken off, the ink's box found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glyphgen.images.fitting import shrink_images
from glyphgen.images.polarity import LEAST_CONTRAST

__all__ = ["FoundInk", "extract_ink", "find_ink"]

_Gray = NDArray[np.uint8]
_Levels = NDArray[np.float32]

_NOISE = 4.0  # standard deviations of the paper's noise by which ink differs from it, at least
_LONGEST = 512  # pixels: a larger image is shrunk, for a network reads 64 or so
_SMALL = 128  # pixels: shadows are followed in a copy of this size

_INK = 64  # of 255: what belongs to the ink, with its soft edge
_SPECK = 0.02  # of the largest piece's ink: less is dust
_STRAY = 0.15  # of all ink: less that lies far from the rest is dust, too
# Ink of one character is hardly ever this much longer than wide where a gap divides it into parts
# of like length: of 7,314 kana and Latin letters of the fonts that come with glyphgen, 12 are.
_LONG = 1.85
_LIKE = 0.5  # of the longest part: what is shorter, as the dot of an i, is no character


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundInk:
    """Where the ink of an image lies.

    Attributes:
        top, bottom, left, right: Of its box, in pixels; bottom and right are the first without ink.
        is_several: Whether its parts lie as those of several characters do.
    """

    top: int
    bottom: int
    left: int
    right: int
    is_several: bool


def extract_ink(image: _Gray) -> _Gray:
    """Take the paper off an image, whatever the levels of ink and paper are.

    Paper is what the border shows. Its level is followed across the image, so that shadows go with
    it. What differs from the paper by its noise only is paper.

    Args:
        image: uint8 (H, W), ink darker than paper or lighter.

    Returns:
        uint8 (h, w), ink 255 on paper 0, all 0 where there is no ink; shrunk where a side is longer
        than 512 pixels.
    """
    above = _take_paper_off(_remove_noise(_shrink(image)).astype(np.float32))
    noise = _measure_noise(above)
    is_ink = above > max(_find_threshold(above), _NOISE * noise, LEAST_CONTRAST / 2)
    if not is_ink.any():
        return np.zeros(above.shape, dtype=np.uint8)
    full = float(np.percentile(above[is_ink], 90))
    if full < LEAST_CONTRAST:
        return np.zeros(above.shape, dtype=np.uint8)
    low = min(2 * noise, full / 4)
    ink: _Gray = ((above - low) * (255 / (full - low))).clip(0, 255).round().astype(np.uint8)
    return ink


def find_ink(image: _Gray) -> FoundInk | None:
    """Find the ink of an image (H, W), ink 255 on paper 0; None where there is none.

    Specks, and a little ink that lies far from the rest, are left out.
    """
    import cv2

    mask = (image >= _INK).astype(np.uint8)
    n, pieces, stats, _ = cv2.connectedComponentsWithStats(mask)
    if n < 2:
        return None
    weights = np.bincount(pieces.ravel(), weights=image.ravel(), minlength=n)
    weights[0] = 0
    kept = weights >= _SPECK * weights.max()
    kept[0] = False
    # Pieces that are further apart than the largest is long do not meet where each grows by half.
    reach = int(stats[weights.argmax(), [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max()) | 1
    grown = cv2.dilate(kept[pieces].astype(np.uint8), np.ones((reach, reach), np.uint8))
    n_groups, groups = cv2.connectedComponents(grown)
    shares = np.bincount(groups.ravel(), weights=(image * kept[pieces]).ravel(), minlength=n_groups)
    is_near = shares >= _STRAY * shares[1:].sum()
    is_near[0] = False
    inked = kept[pieces] & is_near[groups]
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    return FoundInk(
        top=int(rows[0]),
        bottom=int(rows[-1]) + 1,
        left=int(columns[0]),
        right=int(columns[-1]) + 1,
        is_several=is_near.sum() > 1 or _is_line(rows, columns) or _is_line(columns, rows),
    )


def _is_line(along: NDArray[np.intp], across: NDArray[np.intp]) -> bool:
    """Return whether ink is long, and in parts of like length.

    Args:
        along, across: Rows with ink and columns with ink, or columns and rows.
    """
    if np.ptp(along) + 1 < _LONG * (np.ptp(across) + 1):
        return False
    lengths = np.array(
        [len(part) for part in np.split(along, np.flatnonzero(np.diff(along) > 1) + 1)]
    )
    return bool((lengths >= _LIKE * lengths.max()).sum() > 1)


def _shrink(image: _Gray) -> _Gray:
    shrunk: _Gray = shrink_images(image[None], _LONGEST)[0]
    return shrunk


def _remove_noise(image: _Gray) -> _Gray:
    """Return an image without the noise of a camera.

    Source: Buades, Coll and Morel, "A non-local algorithm for image denoising", CVPR 2005.
    """
    import cv2

    noise = _measure_grain(image)
    if noise < 2:
        return image
    return np.asarray(cv2.fastNlMeansDenoising(image, None, 1.2 * noise, 5, 15), np.uint8)


def _measure_grain(image: _Gray) -> float:
    """Return the standard deviation of noise that differs from pixel to pixel.

    Source: Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64
        (1996); the median instead of the mean, so that strokes do not count.
    """
    import cv2

    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    filtered = cv2.filter2D(image.astype(np.float32), -1, kernel)
    return float(np.median(np.abs(filtered))) * 1.4826 / 6


def _take_paper_off(gray: _Levels) -> _Levels:
    """Return how far each pixel lies from the paper, toward the ink: float32 (H, W)."""
    off = gray - _fit_paper(gray)
    is_light = float((off * np.abs(off)).sum()) >= 0  # what lies far from the paper is ink
    return _open(gray if is_light else -gray)


def _open(levels: _Levels) -> _Levels:
    """Return what is left of levels when all that is as wide as half the image is taken off."""
    import cv2

    height, width = levels.shape
    scale = min(1.0, _SMALL / max(height, width))
    small_size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.blur(cv2.resize(levels, small_size, interpolation=cv2.INTER_AREA), (3, 3))
    reach = max(small_size) // 4
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    # Beyond the border all goes on as it is, or the disc would leave the corners of a shadow out.
    framed = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(framed, cv2.MORPH_OPEN, disc)
    shadow = opened[reach : reach + small_size[1], reach : reach + small_size[0]]
    above = levels - cv2.resize(shadow, (width, height), interpolation=cv2.INTER_LINEAR)
    left: _Levels = above - np.median(above)
    return left


def _fit_paper(gray: _Levels) -> _Levels:
    """Return the level of the paper: a surface of second degree through what the border shows."""
    height, width = gray.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=-1).astype(np.float32)
    is_paper = np.zeros(gray.shape, dtype=bool)
    is_paper[[0, -1]] = is_paper[:, [0, -1]] = True
    is_paper &= np.abs(gray - np.median(gray[is_paper])) < 64
    for _ in range(3):
        factors = np.linalg.lstsq(terms[is_paper], gray[is_paper], rcond=None)[0]
        paper: _Levels = terms @ factors
        off = np.abs(gray - paper)
        is_paper &= off <= max(2.5 * 1.4826 * float(np.median(off[is_paper])), 1)
    return paper


def _find_threshold(above: _Levels) -> float:
    """Return the level between paper and ink, by Otsu's method."""
    import cv2

    levels = above.clip(0, 255).astype(np.uint8)
    return cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[0]


def _measure_noise(above: _Levels) -> float:
    return 1.4826 * float(np.median(np.abs(above)))
