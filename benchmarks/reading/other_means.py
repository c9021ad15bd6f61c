"""Changes clean images of characters as careless writers, pens, paper and scanners do.

None of these changes is in glyphgen: strokes are thinned and drawn again with a slanted nib, their ends run
over, planes are bent by lenses, waves and thin plates, ink spreads and breaks, and scans lose pixels. They
serve to choose settings by. No recipe may draw its training images with them, or it would be measured on
itself.

Source: the idea of arXiv 2409.19774, to choose by augmented images of held-out domains where real ones are
not at hand.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from glyphgen.images.ink import extract_ink

__all__ = ["change_images"]

Gray = NDArray[np.float32]
Random = np.random.Generator
Change = Callable[[Gray, Random], Gray]

_TOGETHER = 64  # images that are thinned at once
_FRAME = 128  # pixels of the square in which ink is changed, whatever its size is in the image
_SHARE = 0.72  # of this frame that the ink takes
_MARGIN = 24  # pixels about it: ink may be bent beyond
_MOST_ENLARGED = 4.0
_ATTEMPTS = 20
_INSIDE = 0.97  # of all ink that has to stay in the frame
_LEAST_INK = 0.3  # of the clean image's ink: what has less is changed anew
_LEAST_OF_PIECE = 0.6  # of a piece of ink that has to be left
_SMALL = 0.02  # of the ink, or of its box: smaller pieces and holes do not count
_NODES = 32  # along each side of what is bent, and smooth between
_INK = 80  # of 255
_DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


def change_images(images: NDArray[np.uint8], side: int, seed: int = 0) -> NDArray[np.uint8]:
    """Change every image by other means than glyphgen's own.

    Args:
        images: uint8 (n, H, W), ink 255, clean and upright, its ink 100 pixels long or so.
        side: Height in pixels of the images that come back.
        seed: Of all random numbers; image k depends on seed and k alone.

    Returns:
        uint8 (n, side, side * W / H), ink 255, the paper taken off as ``predict`` does it.
    """
    cv2.setNumThreads(1)
    height, width = images.shape[1:]
    shape = side, round(side * width / height)
    changed = np.empty((len(images), *shape), np.uint8)
    for start in range(0, len(images), _TOGETHER):
        written = [_enlarge(image) for image in images[start : start + _TOGETHER]]
        lines = _thin(np.stack([one.ink for one in written]) > 0.5)
        for k, (one, line) in enumerate(zip(written, lines, strict=True), start):
            changed[k] = _change(one, line, shape, (seed, k))
    return changed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Written:
    """The ink of an image, as large as it is changed.

    Attributes:
        ink: (h, w), with a margin on each side; its middle is that of the ink's box.
        scale: How large it is, for the image is 1 high.
        row, column: Of its middle in the image, which is 1 high.
    """

    ink: Gray
    scale: float
    row: float
    column: float

    def put_back(self, ink: Gray, shape: tuple[int, ...]) -> Gray:
        """Return changed ink where it was in the image, at the size that it had: (H, W)."""
        unit = shape[0] * self.scale / len(self.ink)
        height, width = (max(1, round(side * unit)) for side in ink.shape)
        small = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
        top, left = self.row * shape[0] - height / 2, self.column * shape[0] - width / 2
        move = np.array([[1, 0, round(left)], [0, 1, round(top)]], np.float32)
        return np.asarray(cv2.warpAffine(small, move, shape[::-1]), np.float32)


def _enlarge(image: NDArray[np.uint8]) -> _Written:
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    top, bottom, left, right = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)
    factor = _SHARE * _FRAME / max(bottom - top, right - left)
    factor = min(factor, _MOST_ENLARGED * _FRAME / len(image))
    row, column = (top + bottom) / 2, (left + right) / 2
    middle = _FRAME / 2 + _MARGIN
    move = np.array([[factor, 0, middle - factor * column], [0, factor, middle - factor * row]])
    levels: Gray = np.asarray(image / np.float32(255), np.float32)
    if factor < 1:  # what lies between the pixels that are taken counts, too
        levels = _blur(levels, 0.4 / factor)
    sides = (_FRAME + 2 * _MARGIN,) * 2
    return _Written(
        ink=np.asarray(cv2.warpAffine(levels, move, sides, flags=cv2.INTER_LINEAR), np.float32),
        scale=sides[1] / len(image) / factor,
        row=row / len(image),
        column=column / len(image),
    )


def _change(
    clean: _Written, line: NDArray[np.bool_], shape: tuple[int, ...], key: tuple[int, int]
) -> NDArray[np.uint8]:
    for attempt in range(_ATTEMPTS):
        rng = np.random.Generator(np.random.Philox(key=[key[0], key[1] * _ATTEMPTS + attempt]))
        drawn = _draw_with_nib(line, rng) if rng.random() < 0.6 else clean.ink
        if _count_holes(drawn) < _count_holes(clean.ink):
            continue
        drawn = _bend(drawn, rng)
        ink = drawn
        for chance, change in _OF_INK:
            if rng.random() < chance:
                ink = change(ink, rng)
        if _count_pieces(ink) < _count_pieces(clean.ink):
            continue
        put = clean.put_back(ink, shape)
        is_inked = ink.sum() > _LEAST_INK * clean.ink.sum()
        is_inside = put.sum() > _INSIDE * ink.sum() * (shape[0] * clean.scale / len(ink)) ** 2
        scanned = _scan(put, rng)
        if is_inked and is_inside and _is_whole(clean.put_back(drawn, shape), scanned):
            return scanned
    return np.asarray(np.rint(clean.put_back(clean.ink, shape).clip(0, 1) * 255), np.uint8)


def _count_pieces(ink: Gray) -> int:
    """Return how many pieces of ink there are that are more than specks."""
    _, _, stats, _ = cv2.connectedComponentsWithStats((ink > 0.4).astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int(np.count_nonzero(areas >= _SMALL * areas.sum()))


def _count_holes(ink: Gray) -> int:
    """Return how many holes the ink has that are more than pricks."""
    paper = np.pad((ink <= 0.4).astype(np.uint8), 1, constant_values=1)
    _, _, stats, _ = cv2.connectedComponentsWithStats(paper, connectivity=4)
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[:-1]
    return int(np.count_nonzero(areas >= _SMALL / 2 * (_SHARE * _FRAME) ** 2))


def _is_whole(drawn: Gray, scanned: NDArray[np.uint8]) -> bool:
    """Return whether every piece of ink is still there, as a dot has to be, and little beside."""
    n, pieces = cv2.connectedComponents((drawn > 0.4).astype(np.uint8))
    is_ink = scanned > _INK
    weights = np.bincount(pieces.ravel(), minlength=n)[1:]
    left = np.bincount(pieces.ravel(), weights=is_ink.ravel(), minlength=n)[1:]
    large = weights >= _SMALL * weights.sum()
    beside = float((is_ink & (pieces == 0)).mean()) / max(float((pieces > 0).mean()), 1e-6)
    return bool(large.any() and (left >= _LEAST_OF_PIECE * weights)[large].all() and beside < 2)


def _thin(ink: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return lines of one pixel along the middle of all ink: bool (n, H, W).

    Source: Zhang and Suen, "A fast parallel algorithm for thinning digital patterns", Communications of
        the ACM 27 (3), 1984.
    """
    line = ink.copy()
    line[:, [0, -1]] = line[:, :, [0, -1]] = False
    while True:
        before = line.sum()
        for is_second in (False, True):
            around = _list_neighbors(line)
            n = sum(of.view(np.uint8) for of in around)
            turns = sum(
                (~one & other).view(np.uint8)
                for one, other in zip(around, (*around[1:], around[0]), strict=True)
            )
            north, east, south, west = around[0], around[2], around[4], around[6]
            first = ~(north & east & south) & ~(east & south & west)
            second = ~(north & east & west) & ~(north & south & west)
            line &= ~((n >= 2) & (n <= 6) & (turns == 1) & (second if is_second else first))
        if line.sum() == before:
            return line


def _list_neighbors(line: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return the eight neighbors of each pixel, from the north with the clock: bool (n, H, W) each."""
    steps = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    return [np.roll(line, (-down, -right), (1, 2)) for down, right in steps]


def _draw_with_nib(line: NDArray[np.bool_], rng: Random) -> Gray:
    """Draw along lines with a nib that is wider one way than the other, and pressed more or less."""
    height = len(line)
    drawn = _run_over(line, rng) if rng.random() < 0.7 else line.astype(np.uint8)
    # No wider than the gaps between the lines are, as if they stood evenly in the frame.
    most = 0.4 * (_SHARE * _FRAME) ** 2 / max(float(line.sum()), 1)
    wide = min(rng.uniform(0.035, 0.1) * height, most)
    narrow, angle = wide * rng.uniform(0.35, 1.0), rng.uniform(0, 180)
    heavy = cv2.dilate(drawn, _make_nib(wide, narrow, angle))
    light = cv2.dilate(drawn, _make_nib(wide * 0.6, narrow * 0.6, angle))
    pressed = _make_clouds(line.shape, height / 3, rng) > rng.uniform(-1, 1)
    ink = np.where(cv2.dilate(pressed.astype(np.uint8), _DISC) > 0, heavy, light)
    return _harden(_blur(ink.astype(np.float32), 1.5), 0.5, 0.4)


def _make_nib(wide: float, narrow: float, angle: float) -> NDArray[np.uint8]:
    side = int(wide) // 2 * 2 + 3
    nib = np.zeros((side, side), np.uint8)
    axes = (max(wide / 2, 1), max(narrow / 2, 1))
    cv2.ellipse(nib, ((side // 2, side // 2), (2 * axes[0], 2 * axes[1]), angle), 1, -1)
    return nib


def _run_over(line: NDArray[np.bool_], rng: Random) -> NDArray[np.uint8]:
    """Let the ends of lines run over a little, in the direction in which they came."""
    height = len(line)
    drawn = line.astype(np.uint8)
    n = cv2.filter2D(drawn, -1, np.ones((3, 3), np.float32), borderType=cv2.BORDER_CONSTANT)
    reach = max(height // 16, 3)
    ends = np.argwhere(line & (n == 2))
    for row, column in ends.tolist():
        box = line[
            max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1
        ]
        near = np.argwhere(box) - (min(row, reach), min(column, reach))
        toward = -near.mean(axis=0)
        length = float(np.hypot(*toward))
        if length < reach / 4:  # a dot has no direction
            continue
        down, right = toward / length * rng.uniform(0, 0.06) * height
        turned = rng.normal(0, 0.3)
        end = (round(column + right - turned * down), round(row + down + turned * right))
        cv2.line(drawn, (column, row), end, 1, 1)
    return drawn


def _bend(ink: Gray, rng: Random) -> Gray:
    """Photograph the image at an angle, through a lens, on paper that is not flat."""
    height, width = ink.shape
    coarse = (np.arange(_NODES) + 0.5) / _NODES * 2 - 1
    y, x = np.meshgrid(coarse, coarse, indexing="ij")
    places = np.stack([x, y])
    places = places + (rng.random() < 0.7) * _bend_plate(x, y, rng)
    places = places + (rng.random() < 0.5) * _wave(x, y, rng)
    if rng.random() < 0.5:
        places = _see_through_lens(places, rng)
    columns, rows = (
        cv2.resize((of + 1) / 2 * side - 0.5, (width, height), interpolation=cv2.INTER_CUBIC)
        for of, side in zip(_project(places, rng), (width, height), strict=True)
    )
    places_px = columns.astype(np.float32), rows.astype(np.float32)
    return np.asarray(cv2.remap(ink, *places_px, cv2.INTER_LINEAR), np.float32)


def _bend_plate(x: NDArray[np.float64], y: NDArray[np.float64], rng: Random) -> NDArray[np.float64]:
    """Return the offsets (2, H, W) of a thin plate that is held at nine pegs out of their places.

    Source: Bookstein, "Principal warps: thin-plate splines and the decomposition of deformations",
        IEEE Transactions on Pattern Analysis and Machine Intelligence 11 (6), 1989.
    """
    pegs = np.array([(a, b) for a in (-0.6, 0, 0.6) for b in (-0.6, 0, 0.6)])
    pegs = pegs + rng.uniform(-0.15, 0.15, pegs.shape)
    moved = rng.normal(0, rng.uniform(0.02, 0.08), pegs.shape)
    matrix = np.zeros((12, 12))
    matrix[:9, :9] = _find_energy(np.hypot(*(pegs[:, None] - pegs[None]).transpose(2, 0, 1)))
    matrix[:9, 9], matrix[:9, 10:] = 1, pegs
    matrix[9:, :9] = matrix[:9, 9:].T
    weights = np.linalg.solve(matrix, np.concatenate([moved, np.zeros((3, 2))]))
    away = _find_energy(np.hypot(x[..., None] - pegs[:, 0], y[..., None] - pegs[:, 1]))
    terms = np.concatenate([away, np.stack([np.ones_like(x), x, y], axis=-1)], axis=-1)
    offsets: NDArray[np.float64] = (terms @ weights).transpose(2, 0, 1)
    return offsets


def _find_energy(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    energy: NDArray[np.float64] = distance**2 * np.log(np.maximum(distance, 1e-9))
    return energy


def _wave(x: NDArray[np.float64], y: NDArray[np.float64], rng: Random) -> NDArray[np.float64]:
    angle, phase = rng.uniform(0, 2 * np.pi, 2)
    along = np.cos(angle) * x + np.sin(angle) * y
    height = rng.uniform(0, 0.06) * np.sin(rng.uniform(2, 6) * along + phase)
    return np.stack([-np.sin(angle) * height, np.cos(angle) * height])


def _see_through_lens(places: NDArray[np.float64], rng: Random) -> NDArray[np.float64]:
    """Press or swell the middle, and turn it against the border."""
    center = rng.uniform(-0.3, 0.3, (2, 1, 1))
    x, y = places - center
    squared = x * x + y * y
    swell, turn = rng.uniform(-0.12, 0.12), rng.uniform(-0.25, 0.25) * np.exp(-2 * squared)
    x, y = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    seen: NDArray[np.float64] = np.stack([x, y]) * (1 + swell * (squared - 0.5)) + center
    return seen


def _project(places: NDArray[np.float64], rng: Random) -> NDArray[np.float64]:
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float32)
    moved = (corners * rng.normal(1, 0.06, 2) + rng.normal(0, 0.09, (4, 2))).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    turn = np.deg2rad(rng.normal(0, 4))
    x, y = (
        np.cos(turn) * places[0] - np.sin(turn) * places[1],
        np.sin(turn) * places[0] + np.cos(turn) * places[1],
    )
    far = matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2]
    return np.stack([(row[0] * x + row[1] * y + row[2]) / far for row in matrix[:2]])


def _spread(ink: Gray, rng: Random) -> Gray:
    """Let ink run into the paper, further where the fibers are coarse."""
    wet = _blur(ink, rng.uniform(0.008, 0.025) * len(ink))
    level = rng.uniform(0.3, 0.5) + rng.uniform(0, 0.12) * _make_clouds(ink.shape, 4, rng)
    return _harden(wet, level.astype(np.float32), rng.uniform(0.1, 0.5))


def _dry(ink: Gray, rng: Random) -> Gray:
    """Let the pen skip in streaks."""
    height = len(ink)
    length, angle = int(height * rng.uniform(0.1, 0.3)), rng.uniform(0, np.pi)
    streak = np.zeros((length | 1, length | 1), np.float32)
    middle, reach = length // 2, length / 2
    end = (round(middle + reach * np.cos(angle)), round(middle + reach * np.sin(angle)))
    cv2.line(streak, (2 * middle - end[0], 2 * middle - end[1]), end, 1, 2)
    grain = cv2.filter2D(rng.standard_normal(ink.shape).astype(np.float32), -1, streak)
    skipped = grain > np.quantile(grain[ink > 0.5], rng.uniform(0.8, 0.95)) if ink.any() else grain
    soft = _blur(np.asarray(skipped, np.float32), 1)
    return np.asarray(ink * (1 - rng.uniform(0.4, 1) * soft), np.float32)


def _break(ink: Gray, rng: Random) -> Gray:
    """Leave one or two gaps as wide as a hair or a pen."""
    height = len(ink)
    broken = ink.copy()
    inked = np.argwhere(ink > 0.5)
    for _ in range(int(rng.integers(1, 3)) if len(inked) else 0):
        row, column = inked[rng.integers(len(inked))].tolist()
        angle, reach = rng.uniform(0, np.pi), 0.07 * height
        right, down = round(np.cos(angle) * reach), round(np.sin(angle) * reach)
        wide = max(1, round(rng.uniform(0.01, 0.035) * height))
        cv2.line(broken, (column - right, row - down), (column + right, row + down), 0, wide)
    return broken


def _change_width(ink: Gray, rng: Random) -> Gray:
    """Thicken or thin all strokes; no stroke is thinned away."""
    n = int(rng.integers(1, 3))
    if rng.random() < 0.5:
        return np.asarray(cv2.dilate(ink, _DISC, iterations=n), np.float32)
    thinned = np.asarray(cv2.erode(ink, _DISC, iterations=n), np.float32)
    return thinned if thinned.sum() > 0.55 * ink.sum() else ink


def _lose_pixels(ink: Gray, rng: Random) -> Gray:
    """Show the ink in fewer pixels than it needs, and scale these up."""
    height, width = ink.shape
    scale = rng.uniform(24, 44) / height
    small = cv2.resize(
        ink, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA
    )
    return np.asarray(
        cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32
    ).clip(0, 1)


_OF_INK: Sequence[tuple[float, Change]] = (
    (0.3, _change_width),
    (0.4, _spread),
    (0.25, _dry),
    (0.2, _break),
    (0.4, _lose_pixels),
)


def _scan(ink: Gray, rng: Random) -> NDArray[np.uint8]:
    """Lay ink on paper, scan it, and take the paper off again."""
    level = ink * rng.uniform(0.6, 1)
    paper = np.full(ink.shape, rng.uniform(200, 250), np.float32)
    if rng.random() < 0.6:
        paper = _age(paper, rng)
    dark = rng.uniform(0, 60)
    photo = np.rint(paper - (paper - dark) * level).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.5:
        quality = int(rng.integers(15, 60))
        packed = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        photo = np.asarray(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), np.uint8)
    return extract_ink(photo)


def _age(paper: Gray, rng: Random) -> Gray:
    """Give paper a shadow from one side, stains and grain."""
    height, width = paper.shape
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    angle = rng.uniform(0, 2 * np.pi)
    shadow = rng.uniform(0, 35) * (np.cos(angle) * x + np.sin(angle) * y)
    stains = rng.uniform(0, 6) * _make_clouds(paper.shape, height / 4, rng)
    grain = rng.uniform(0, 9) * rng.standard_normal(paper.shape)
    return np.asarray(paper + shadow + stains + grain, np.float32)


def _make_clouds(shape: tuple[int, ...], size: float, rng: Random) -> Gray:
    """Return smooth noise of mean 0 and spread 1, whose clouds are so many pixels wide: (H, W)."""
    clouds = _blur(rng.standard_normal(shape).astype(np.float32), size / 2)
    return np.asarray((clouds - clouds.mean()) / max(float(clouds.std()), 1e-6), np.float32)


def _blur(image: Gray, sigma: float) -> Gray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def _harden(soft: Gray, level: float | Gray, width: float) -> Gray:
    """Return 0 below a level and 1 above, with an edge so many levels wide."""
    return np.asarray(((soft - level) / width + 0.5).clip(0, 1), np.float32)
