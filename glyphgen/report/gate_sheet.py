"""Pictures of a verdict: what was refused beside what others draw, and which face draws what."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import BLACK_ON_WHITE
from glyphgen.gate import CHECKS, DENIED, Refusal
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.images.canvas import Canvas, measure_text
from glyphgen.images.polarity import from_ink
from glyphgen.render.preparing import Survey
from glyphgen.text import show_codepoints

__all__ = ["write_coverage", "write_refused"]

Picture = NDArray[np.uint8]

_PAPER, _INK, _FAINT = (255, 255, 255), (20, 20, 20), (110, 110, 110)
_WRONG, _RIGHT = (200, 30, 30), (225, 225, 225)

_FONT_PX = 11

# --- Refused cells beside the consensus

_TILE = 72  # pixels
_GAP = 8
_N_OTHERS = 3
_LINE = 13  # height of a line of a caption
_CAPTION = 46  # characters that fit below four tiles
_COLUMNS = 4
_A_PAGE = 60  # cells: 1,352 x 1,726 pixels, which every viewer opens
# reasons of cells at which there is little to judge
_SAYING_LITTLE = {DENIED: 1, "no outline": 2, "no cmap entry": 3}


def write_refused(path: Path, survey: Survey, *, most: int = 600) -> tuple[int, tuple[Path, ...]]:
    """Write PNG files of refused cells, each beside up to three admitted drawings of its form.

    Args:
        path: Of the first file; what does not fit there goes into ``NAME-2.png`` and so on beside it.
        survey: Whose verdict.
        most: Show at most so many cells; those that draw something wrong come before those that draw
            nothing.

    Returns:
        How many cells are shown, and the files.
    """
    told = sorted(survey.verdict.refusals, key=lambda r: _SAYING_LITTLE.get(r.reason, 0))
    chosen = told[:most]
    paths = []
    for page, start in enumerate(range(0, max(len(chosen), 1), _A_PAGE), 1):
        name = path if page == 1 else path.with_name(f"{path.stem}-{page}{path.suffix}")
        _write_page(name, survey, chosen[start : start + _A_PAGE])
        paths.append(name)
    return len(chosen), tuple(paths)


def _write_page(path: Path, survey: Survey, chosen: Sequence[Refusal]) -> None:
    width = (1 + _N_OTHERS) * (_TILE + _GAP) + 2 * _GAP
    height = _TILE + 2 * _LINE + 2 * _GAP
    columns = max(1, min(len(chosen), _COLUMNS))
    rows = max(1, -(-len(chosen) // columns))
    canvas = Canvas(max(columns * width + _GAP, 420), rows * height + 2 * _GAP, _PAPER)
    if not len(chosen):
        canvas.add_text((_GAP, _GAP), "no cell is refused", _INK, 16)
    for number, refusal in enumerate(chosen):
        row, column = divmod(number, columns)
        corner = (_GAP + column * width, _GAP + row * height)
        for place, tile in enumerate(_draw_beside(survey, refusal)):
            _add_tile(canvas, (corner[0] + place * (_TILE + _GAP), corner[1]), tile, place == 0)
        for line, text in enumerate(_caption(survey, refusal)):
            at = (corner[0], corner[1] + _TILE + 2 + line * _LINE)
            canvas.add_text(at, text[:_CAPTION], _WRONG if line else _INK, _FONT_PX)
    canvas.write(path)


def _draw_beside(survey: Survey, refusal: Refusal) -> Picture:
    """Return the refused cell, and admitted ones of its form: uint8 (1 to 4, tile, tile)."""
    n_forms = survey.store.n_forms
    others = np.flatnonzero(survey.verdict.admitted[:, refusal.form])
    spread = np.linspace(0, len(others) - 1, min(_N_OTHERS, len(others))).round().astype(int)
    cells = np.array([refusal.face, *others[spread]]) * n_forms + refusal.form
    return draw_cells(survey.store, cells, _TILE)


def _caption(survey: Survey, refusal: Refusal) -> tuple[str, str]:
    form = survey.table.all_forms[refusal.form]
    codepoints = show_codepoints(form)
    face = _show_ascii(survey.faces[refusal.face].name)
    return f"{codepoints} {face}", f"{refusal.reason} ({refusal.figure:g})"


def _add_tile(canvas: Canvas, at: tuple[int, int], tile: Picture, is_refused: bool) -> None:
    canvas.add_image(at, from_ink(tile, BLACK_ON_WHITE))
    canvas.add_box(
        (at[0] - 1, at[1] - 1),
        (at[0] + _TILE, at[1] + _TILE),
        _WRONG if is_refused else _RIGHT,
        line_px=2 if is_refused else 1,
    )


# --- Faces x classes

_WIDEST = 3000  # pixels that all classes together may take
_WIDEST_CLASS = 12
_ROW = 16  # pixels of height of a face
_HEAD = 26  # pixels of height of the characters above
_ADMITTED, _UNPROVEN = (196, 214, 202), (246, 205, 92)
_ABSENT = (232, 232, 232)  # what the font does not claim to have
_COLOURS = (
    *((214, 39, 40), (31, 119, 180), (148, 103, 189), (227, 119, 194), (23, 190, 207)),
    *((140, 86, 75), (255, 127, 14), (0, 0, 0), (44, 110, 44), (120, 0, 70), (90, 90, 160)),
)


def write_coverage(path: Path, survey: Survey) -> None:
    """Write a PNG of a row for each face and a column for each form, colored by the verdict.

    Where there are more forms than pixels, a column stands for several, and has the color of the one
    that fares worst.
    """
    verdict = survey.verdict
    names = ["admitted", "unproven", "no cmap entry", *_find_reasons(verdict.refusals)]
    colors = np.array([_ADMITTED, _UNPROVEN, _ABSENT, *_COLOURS, *_COLOURS], dtype=np.uint8)
    states = verdict.unproven.astype(np.int64)
    for refusal in verdict.refusals:
        states[refusal.face, refusal.form] = names.index(refusal.reason)
    n_together = -(-states.shape[1] // _WIDEST)
    starts = np.arange(0, states.shape[1], n_together)
    columns = np.maximum.reduceat(states, starts, axis=1)
    step = min(_WIDEST_CLASS, max(1, _WIDEST // columns.shape[1]))
    field = np.repeat(np.repeat(colors[columns], step, axis=1), _ROW, axis=0)
    field[_ROW - 1 :: _ROW] = _PAPER
    if step >= 4:
        field[:, step - 1 :: step] = _PAPER
    canvas, corner = _lay_out_coverage(survey, names, field)
    canvas.add_image(corner, field)
    _draw_characters(canvas, survey, starts * step // n_together, corner)
    _draw_legend(canvas, names, colors, (corner[0], corner[1] + len(field) + 10))
    canvas.write(path)


def _find_reasons(refusals: Sequence[Refusal]) -> list[str]:
    there = {refusal.reason for refusal in refusals} - {"no cmap entry"}
    return [reason for reason in (*CHECKS, DENIED) if reason in there]


def _lay_out_coverage(
    survey: Survey, names: Sequence[str], field: Picture
) -> tuple[Canvas, tuple[int, int]]:
    """Return a canvas with the captions of its rows, and where the field of colors goes."""
    counts = survey.verdict.admitted.sum(axis=1).tolist()
    captions = [
        f"{_show_ascii(face.name)}  {n:,}" for face, n in zip(survey.faces, counts, strict=True)
    ]
    left = max(measure_text(caption, _FONT_PX) for caption in captions) + 2 * _GAP
    width = left + max(field.shape[1], 300) + _HEAD
    canvas = Canvas(width, _HEAD + len(field) + 24 + _LEGEND_LINE * len(names), _PAPER)
    for row, caption in enumerate(captions):
        at = (left - _GAP, _HEAD + row * _ROW + _ROW // 2)
        canvas.add_text(at, caption, _INK, _FONT_PX, anchor="rm")
    return canvas, (left, _HEAD)


def _draw_characters(
    canvas: Canvas, survey: Survey, x: NDArray[np.int64], corner: tuple[int, int]
) -> None:
    """Draw forms above their columns, as many as find room, each by a face that is admitted."""
    side = _HEAD - 6
    n_forms = survey.store.n_forms
    n_together = -(-n_forms // len(x))
    right = -side
    for form, left in zip(range(0, n_forms, n_together), x.tolist(), strict=True):
        drawn = np.flatnonzero(survey.verdict.admitted[:, form])
        if left >= right + 4 and len(drawn):
            cell = np.array([drawn[0] * n_forms + form])
            tile = draw_cells(survey.store, cell, side)[0]
            canvas.add_image((corner[0] + left, 1), from_ink(tile, BLACK_ON_WHITE))
            canvas.add_box((corner[0] + left, _HEAD - 5), (corner[0] + left, _HEAD - 2), _FAINT)
            right = left + side


_LEGEND_LINE = 16


def _draw_legend(
    canvas: Canvas, names: Sequence[str], colors: Picture, at: tuple[int, int]
) -> None:
    for number, name in enumerate(names):
        y = at[1] + number * _LEGEND_LINE
        red, green, blue = colors[number].tolist()
        canvas.add_box((at[0], y), (at[0] + 11, y + 11), (red, green, blue))
        canvas.add_text((at[0] + 18, y + 6), name, _INK, _FONT_PX, anchor="lm")


def _show_ascii(text: str) -> str:
    return text.encode("ascii", "replace").decode()
