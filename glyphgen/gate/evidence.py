"""What speaks for and against each cell: which explanation of its drawing is the best one.

The explanations are: its own form; another form of the same script; its own form mirrored or turned. A
cell is judged by itself, by its block (the capitals, the digits, hiragana) and by its face: where much of
a block is wrong, a cell of it has to be right beyond doubt. A block is judged by a fixed panel of its
characters, so that a verdict never depends on which other classes a recipe asks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from glyphgen.fonts import Face
from glyphgen.gate.exemplars import (
    FEWEST_TYPEFACES,
    URDU,
    Comparison,
    Exemplars,
    Metric,
    compare,
    learn_exemplars,
    list_alternatives,
)
from glyphgen.gate.scripts import MAPS, find_block, find_script, list_block, list_script
from glyphgen.gate.shapes import (
    SHAPE_SIDE,
    TURNS,
    describe_places,
    describe_shapes,
    fit_places,
    measure_fit,
)
from glyphgen.gate.shipped import Shipped, load_shipped
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.outlines import OutlineStore
from glyphgen.progress import SILENT, Reporter

__all__ = ["WRONG_SHARE", "Evidence", "Panel", "Reference", "choose_panel", "weigh_cells"]

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

_BOX_POINTS = 12  # that two boxes have at most, closed or not
_PANEL = 96  # characters of a block that tell how it is drawn as a whole
_FEWEST = 6  # of them that have to be known
_LIMIT = 3.0  # of what speaks against a cell
_SLACK = 2.0  # above what honest typefaces show
# The limit in a block of which so much is wrong; honest typefaces show next to nothing. At -4.5 the
# own form has to be the nearest by a tenth, at -9 by nearly half.
_HONEST_SHARE = 0.12  # of cells against which something speaks; 0.3 in the block that has most
WRONG_SHARE = 0.3
_STRICT = {WRONG_SHARE: -4.5, 0.6: -9.0}
# Beyond the farthest honest drawing of a form, as a logarithm, that speaks for itself.
_FARTHER = 0.35
_BOX_LIMIT = -0.5  # of outlines that are nothing but boxes
# Of Persian digits that look most like those of Urdu: of sixteen faces' Urdu digits at least 3.0, and no
# Persian digit of twenty-one faces looks most like one.
_URDU_LIMIT = 0.0
# Of a form: where fewer draw it, honest typefaces may show more than these do.
_MANY_TYPEFACES = 12
# Where a recipe's own faces are all that is known, more has to speak against a cell, and what is beyond a
# lower limit is unproven: of honest cells of Devanagari and Thai a hundredth to a thirtieth, of single
# wrong ones nine tenths.
_LENIENCE, _DOUBTFUL = 2.0, 0.0
_NEARER = 0.1  # by which the own form has to be nearer than what a whole block shows instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What cells of some forms are compared with.

    Attributes:
        exemplars: Of N forms.
        position: int64 (C,), of each form in the exemplars; -1 for those that are compared with others.
        typefaces: int64 (F,), of the faces, in the numbers of the exemplars.
        places: float32 (F, C, 4), where the ink of the cells stands, as if all faces were of one size.
        vectors: float32 (F, C, K), of the cells; NaN where nothing is drawn.
    """

    exemplars: Exemplars
    position: Ints
    typefaces: Ints
    places: Floats
    vectors: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What speaks against F * C cells.

    Attributes:
        weight: float32 (F, C), above ``limit`` the cell shows something else; NaN where fewer than
            three other typefaces draw the form.
        limit: float32 (F, C).
        is_doubtful: bool (F, C), nothing else explains the cell clearly better, but so few typefaces draw
            its form that something might: it is unproven.
        explanation: (F, C), what the cell shows instead: another form, or a member of ``TURNS``.
        wrong_share: float32 (F, C), the share of the cell's block that is wrong; 0 where it is not known.
        references: What the cells were compared with.
    """

    weight: Floats
    limit: Floats
    is_doubtful: NDArray[np.bool_]
    explanation: NDArray[np.str_]
    wrong_share: Floats
    references: tuple[Reference, ...] = ()

    @property
    def is_wrong(self) -> NDArray[np.bool_]:
        """Whether cells show something else than their characters: bool (F, C)."""
        wrong: NDArray[np.bool_] = np.nan_to_num(self.weight, nan=-np.inf) > self.limit
        return wrong

    @property
    def is_proven(self) -> NDArray[np.bool_]:
        """Whether nothing speaks against cells, and enough is known of their forms: bool (F, C)."""
        proven: NDArray[np.bool_] = np.isfinite(self.weight) & ~self.is_wrong & ~self.is_doubtful
        return proven

    def take_forms(self, n: int) -> "Evidence":
        """Return the evidence of the first n forms."""
        return Evidence(
            weight=self.weight[:, :n],
            limit=self.limit[:, :n],
            is_doubtful=self.is_doubtful[:, :n],
            explanation=self.explanation[:, :n],
            wrong_share=self.wrong_share[:, :n],
            references=tuple(
                replace(
                    reference,
                    position=reference.position[:n],
                    places=reference.places[:, :n],
                    vectors=reference.vectors[:, :n],
                )
                for reference in self.references
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What is read to judge some forms by.

    Attributes:
        forms: The forms that are judged, and then those that only tell of others.
        store: The outlines of faces x forms.
    """

    forms: tuple[str, ...]
    store: OutlineStore


def choose_panel(forms: Sequence[str]) -> tuple[str, ...]:
    """Return the characters, besides some forms, that have to be read to judge these forms.

    Of each block of the forms a fixed choice, whichever of its characters are asked for; and the neighbors
    in code point order of forms that no exemplars are shipped of.
    """
    shipped = {form for exemplars in load_shipped().scripts.values() for form in exemplars.forms}
    panel = {
        char for script in {find_script(form) for form in forms} for char in _list_panels(script)
    }
    for form in forms:
        if form not in shipped and find_script(form):
            panel.update(_list_neighbors(form))
    return tuple(sorted(panel - set(forms)))


@cache
def _list_panels(script: str) -> tuple[str, ...]:
    """Return the characters that stand for the blocks of a script."""
    exemplars = load_shipped().scripts.get(script)
    forms = exemplars.forms if exemplars else list_script(script) if script else ()
    return tuple(
        char for block in {find_block(form) for form in forms} for char in _list_panel(block)
    )


@cache
def _list_panel(block: str) -> tuple[str, ...]:
    """Return the characters that stand for a block: shipped ones where there are enough."""
    if not block:
        return ()
    shipped = [
        form
        for exemplars in load_shipped().scripts.values()
        for form in exemplars.forms
        if find_block(form) == block
    ]
    forms = shipped if len(shipped) >= _FEWEST else list_block(block)
    step = max(1, -(-len(forms) // _PANEL))
    return tuple(forms[::step])


def forget_panels() -> None:
    """Choose panels anew, where other exemplars are shipped than before."""
    _list_panels.cache_clear()
    _list_panel.cache_clear()


def _list_neighbors(form: str) -> list[str]:
    around = (chr(ord(form) + step) for step in (-1, 1) if 0 <= ord(form) + step <= 0x10FFFF)
    return [char for char in around if find_script(char) == find_script(form)]


def weigh_cells(
    forms: Sequence[str],
    faces: Sequence[Face],
    store: OutlineStore,
    typefaces: Ints,
    *,
    is_persian: bool = False,
    reporter: Reporter = SILENT,
) -> Evidence:
    """Compare every cell with all that it may show.

    Args:
        forms: C forms, those of the panel among them.
        faces: F faces.
        store: The outlines of F * C cells.
        typefaces: (F,), equal numbers for faces of one typeface.
        is_persian: Whether Persian digits as Urdu writes them are wrong.
        reporter: Is told how far the work is.
    """
    cells = _Cells(forms, faces, store, typefaces, reporter)
    shipped = load_shipped()
    members: dict[str, list[int]] = {}
    for k, form in enumerate(forms):
        members.setdefault(find_script(form), []).append(k)
    for script, own in members.items():
        exemplars = shipped.scripts.get(script)
        known = set(exemplars.forms) if exemplars else set()
        if exemplars and not is_persian:
            exemplars = exemplars.allow_urdu()
        if exemplars:
            every_other = list_alternatives(exemplars.forms, is_persian=is_persian)
            shipped_of = [k for k in own if forms[k] in known]
            cells.judge_with(exemplars, shipped_of, cells.bundled, every_other)
        cells.judge_with_own([k for k in own if forms[k] not in known])
    return cells.conclude()


class _Cells:
    """The cells of a recipe and its panel, and what is found of them."""

    def __init__(
        self,
        forms: Sequence[str],
        faces: Sequence[Face],
        store: OutlineStore,
        typefaces: Ints,
        reporter: Reporter,
    ) -> None:
        self.reporter = reporter
        self.forms, self.shape = forms, (len(faces), len(forms))
        self.typeface = typefaces
        shipped: Shipped = load_shipped()
        self.bundled = np.array([shipped.families.get(face.family, -1) for face in faces])
        self.metric: Metric = shipped.metric
        drawn = store.is_drawn & (store.n_missing == 0) & (store.n_circles == 0)
        self.cells = np.flatnonzero(drawn)
        self.shapes = describe_shapes(draw_cells(store, self.cells, SHAPE_SIDE))
        self.places = describe_places(store.box[self.cells])
        self.face, self.form = np.divmod(self.cells, len(forms))
        self.blocks = np.array([find_block(form) for form in forms])
        panel = {form for block in set(self.blocks.tolist()) for form in _list_panel(block)}
        self.is_panel = np.array([form in panel for form in forms], dtype=np.bool_)
        self.weight = np.full(self.shape, np.nan, dtype=np.float32)
        self.limit = np.full(self.shape, _LIMIT, dtype=np.float32)
        self.is_doubtful = np.zeros(self.shape, dtype=np.bool_)
        self.explanation = np.full(self.shape, "", dtype=np.dtype("U32"))
        self.wrong_share = np.zeros(self.shape, dtype=np.float32)
        self.is_box = _find_boxes(store)[self.cells]
        self.references: list[Reference] = []

    def judge_with_own(self, own: Sequence[int]) -> None:
        """Weigh the cells of some forms against the recipe's own faces, unless these are too few."""
        chosen = np.flatnonzero(np.isin(self.form, own))
        if len(np.unique(self.typeface[self.face[chosen]])) <= FEWEST_TYPEFACES:
            return
        position = np.full(len(self.forms), -1)
        position[list(own)] = np.arange(len(own))
        form = position[self.form[chosen]]
        usual = np.stack([_find_usual(self.places[chosen[form == k]]) for k in range(len(own))])
        shapes, places = self.shapes[chosen], self._fit(chosen, usual[form])
        forms = [self.forms[k] for k in own]
        alternatives = self._find_alternatives(own)
        exemplars = learn_exemplars(
            forms,
            self.metric.measure(shapes, places),
            self.metric.measure_turned(shapes, places),
            form,
            self.typeface[self.face[chosen]],
            usual,
            alternatives,
            is_trusted=False,
            reporter=self.reporter,
        )
        self.judge_with(exemplars, own, self.typeface, alternatives, lenience=_LENIENCE)
        at = self.face[chosen], self.form[chosen]
        self.is_doubtful[at] = self.weight[at] > _DOUBTFUL

    def _find_alternatives(self, own: Sequence[int]) -> NDArray[np.bool_]:
        """Return which forms each form may be taken for: the panel of its block, and its neighbors."""
        forms = [self.forms[k] for k in own]
        blocks, is_panel = self.blocks[list(own)], self.is_panel[list(own)]
        codepoint = np.array(
            [ord(form) if len(form) == 1 else -9 * k for k, form in enumerate(forms)]
        )
        same = blocks[:, None] == blocks
        near = np.abs(codepoint[:, None] - codepoint) == 1
        alternatives: NDArray[np.bool_] = (same & is_panel) | near
        np.fill_diagonal(alternatives, val=False)
        return alternatives

    def judge_with(
        self,
        exemplars: Exemplars,
        own: Sequence[int],
        typefaces: Ints,
        alternatives: NDArray[np.bool_],
        *,
        lenience: float = 0.0,
    ) -> None:
        """Weigh the cells of some forms against exemplars.

        Args:
            exemplars: Of N forms.
            own: The forms to judge, positions in ``forms``.
            typefaces: (F,), of each face, in the numbers of the exemplars.
            alternatives: bool (N, N), which forms (columns) each form (row) may be taken for.
            lenience: By how much more has to speak against a cell.
        """
        position = {form: k for k, form in enumerate(exemplars.forms)}
        place = np.full(len(self.forms), -1)
        place[list(own)] = [position[self.forms[k]] for k in own]
        chosen = np.flatnonzero(place[self.form] >= 0)
        if not len(chosen):
            return
        form, face = place[self.form[chosen]], self.face[chosen]
        shapes, places = self.shapes[chosen], self._fit(chosen, exemplars.place[form])
        others = np.stack(
            [
                np.array([position.get(find_other(text), -1) for text in exemplars.forms])[form]
                for find_other in MAPS
            ],
            axis=1,
        )
        vectors = self.metric.measure(shapes, places)
        self._keep_reference(exemplars, place, typefaces, chosen, places, vectors)
        found = compare(
            exemplars,
            vectors,
            self.metric.measure_turned(shapes, places),
            form,
            typefaces[face],
            alternatives,
            others,
            reporter=self.reporter,
        )
        unusual = self._find_unusual(chosen, found.own - exemplars.level[form])
        unusual = np.clip(unusual, 0, exemplars.most_unusual)
        weight = found.weigh(exemplars.level[form], unusual)
        plain = found.weigh(exemplars.level[form], unusual, is_plain=True)
        is_little_known = exemplars.count_typefaces()[form] < _MANY_TYPEFACES
        limit = np.maximum(_LIMIT, exemplars.spread[form] + _SLACK) + 4 * is_little_known + lenience
        farther = np.where(is_little_known, 2 * _FARTHER, _FARTHER)
        beyond = found.own - exemplars.level[form] - unusual - exemplars.farthest[form] - farther
        weight = np.where(beyond > 0, np.maximum(weight, limit + beyond), weight)
        self.weight[face, self.form[chosen]] = weight
        # A box is what fonts draw for what they lack: only a form that is drawn so may look like one.
        limit = np.where(self.is_box[chosen], np.minimum(limit, _BOX_LIMIT), limit)
        explanation = _explain(found, exemplars.forms)
        is_urdu = np.isin(explanation, list(URDU.values()))
        limit = np.where(is_urdu, np.minimum(limit, _URDU_LIMIT), limit)
        self.limit[face, self.form[chosen]] = limit
        self.explanation[face, self.form[chosen]] = explanation
        blocks = self._list_blocks(chosen)
        self._judge_blocks(chosen, blocks, plain)
        self._judge_maps(chosen, blocks, found.nearer, others, exemplars.forms)

    def _keep_reference(
        self,
        exemplars: Exemplars,
        position: Ints,
        typefaces: Ints,
        chosen: Ints,
        places: Floats,
        vectors: Floats,
    ) -> None:
        at = self.face[chosen], self.form[chosen]
        all_places = np.zeros((*self.shape, places.shape[1]), dtype=np.float32)
        all_vectors = np.full((*self.shape, vectors.shape[1]), np.nan, dtype=np.float32)
        all_places[at], all_vectors[at] = places, vectors
        self.references.append(
            Reference(
                exemplars=exemplars,
                position=position,
                typefaces=typefaces,
                places=all_places,
                vectors=all_vectors,
            )
        )

    def _fit(self, chosen: Ints, typical: Floats) -> Floats:
        """Return the places of cells of one script as if their faces had the usual size and baseline."""
        fitted = self.places[chosen]
        is_panel = self._is_panel(chosen)
        for face in np.unique(self.face[chosen]).tolist():
            cells = np.flatnonzero(self.face[chosen] == face)
            panel = cells[is_panel[cells]]
            if len(panel) >= _FEWEST:
                fit = measure_fit(self.places[chosen[panel]], typical[panel])
                fitted[cells] = fit_places(self.places[chosen[cells]], *fit)
        return fitted

    def _find_unusual(self, chosen: Ints, apart: Floats) -> Floats:
        """Return how far the panel of each cell's face is from other typefaces, in one script."""
        unusual = np.zeros(len(chosen), dtype=np.float32)
        is_panel = self._is_panel(chosen) & np.isfinite(apart)
        for face in np.unique(self.face[chosen]).tolist():
            cells = self.face[chosen] == face
            known = apart[cells & is_panel]
            if len(known) >= _FEWEST:
                unusual[cells] = np.median(known)
        return unusual

    def _judge_blocks(self, chosen: Ints, blocks: Sequence[Ints], plain: Floats) -> None:
        """Set a strict limit where much of a block is wrong, and excuse nothing there."""
        for cells in blocks:
            at = self.face[chosen[cells]], self.form[chosen[cells]]
            known = self._is_panel(chosen[cells]) & np.isfinite(self.weight[at])
            if known.sum() >= _FEWEST:
                weight = self.weight[at][known]
                refused, suspected = (weight > self.limit[at][known]).mean(), (weight > 0).mean()
                share = float(max(refused, suspected - _HONEST_SHARE))
                self.wrong_share[at] = share
                for least, limit in _STRICT.items():
                    if share >= least:
                        self.weight[at], self.limit[at] = plain[cells], limit

    def _judge_maps(
        self,
        chosen: Ints,
        blocks: Sequence[Ints],
        nearer: Floats,
        others: Ints,
        forms: Sequence[str],
    ) -> None:
        """Refuse what a face shows throughout in place of its characters: the next one, the other case.

        Args:
            chosen: (n,), the cells.
            blocks: Positions in ``chosen``, those of one face and block together.
            nearer: (n, M), by how much what each of ``MAPS`` makes of the form is nearer than the form.
            others: (n, M), what they make of it: positions in ``forms``.
            forms: Of the exemplars.
        """
        for by, mapped in zip(nearer.T, others.T, strict=True):
            for block in blocks:
                cells = block[np.isfinite(by[block])]
                if len(cells) < _FEWEST or np.median(by[cells]) <= 0:
                    continue
                cells = np.compress(by[cells] > -_NEARER, cells)
                at = self.face[chosen[cells]], self.form[chosen[cells]]
                self.weight[at] = np.maximum(self.weight[at], self.limit[at] + 1.0)
                self.explanation[at] = [forms[k] for k in mapped[cells].tolist()]

    def _list_blocks(self, chosen: Ints) -> list[Ints]:
        """Return positions in ``chosen``, those of one face and block together."""
        _, block = np.unique(self.blocks[self.form[chosen]], return_inverse=True)
        key = self.face[chosen] * (int(block.max(initial=0)) + 1) + block
        order = np.argsort(key, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(key[order])) + 1)

    def _is_panel(self, cells: Ints) -> NDArray[np.bool_]:
        return self.is_panel[self.form[cells]]

    def conclude(self) -> Evidence:
        """Return what was found."""
        return Evidence(
            weight=self.weight,
            limit=self.limit,
            is_doubtful=self.is_doubtful,
            explanation=self.explanation,
            wrong_share=self.wrong_share,
            references=tuple(self.references),
        )


def _find_boxes(store: OutlineStore) -> NDArray[np.bool_]:
    """Return which cells are one upright box, or one within another: bool (n_cells,)."""
    boxes = np.zeros(store.n_cells, dtype=np.bool_)
    few = (store.n_contours > 0) & (store.n_contours <= 2) & (store.n_points <= _BOX_POINTS)
    for cell in np.flatnonzero(few).tolist():
        start = store.point_start[cell]
        first = store.contour_start[cell]
        ends = store.contour_end[first : first + store.n_contours[cell]].astype(int) + 1
        x = np.split(store.x[start : start + ends[-1]], ends[:-1])
        y = np.split(store.y[start : start + ends[-1]], ends[:-1])
        boxes[cell] = all(map(_has_two_values, (*x, *y))) and _is_nested(x, y)
    return boxes


def _is_nested(x: Sequence[Floats], y: Sequence[Floats]) -> bool:
    """Whether a second contour lies within the first, or the first within it: no i, no equals sign."""
    if len(x) < 2:
        return True
    (left, right), (low, high) = (
        [
            (values.min() < other.min(), values.max() > other.max())
            for values, other in (pair, pair[::-1])
        ]
        for pair in (x, y)
    )
    return all((*left, *low)) or all((*right, *high))


def _has_two_values(values: Floats) -> bool:
    return bool(np.isin(values, [values.min(), values.max()]).all())


def _find_usual(places: Floats) -> Floats:
    return np.median(places, axis=0) if len(places) else np.zeros(4, dtype=np.float32)


def _explain(found: Comparison, forms: Sequence[str]) -> list[str]:
    return [
        forms[alternative] if alternative >= 0 else TURNS[turn]
        for alternative, turn in zip(found.alternative.tolist(), found.turn.tolist(), strict=True)
    ]
