"""Makes the exemplars that come with the package: ``python -m glyphgen.gate.make_exemplars``.

To be run when the bundled fonts, the shapes or what is learnt from them change. It takes a minute.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from glyphgen.classes import CHARACTER_SETS
from glyphgen.fonts import Face, FaceRequest
from glyphgen.gate.exemplars import (
    BOX,
    FEWEST_TYPEFACES,
    URDU,
    Exemplars,
    Metric,
    learn_exemplars,
    learn_spread,
    list_alternatives,
)
from glyphgen.gate.scripts import find_script
from glyphgen.gate.shapes import (
    SHAPE_SIDE,
    describe_places,
    describe_shapes,
    fit_places,
    measure_fit,
)
from glyphgen.gate.shipped import Shipped, dump_exemplars
from glyphgen.gate.thumbnails import draw_cells
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.process import FontReader
from glyphgen.outlines.typefaces import find_typefaces, hash_drawings

_FONTS = Path(__file__).parent.parent.parent / "fonts"
_FOLDERS = ("han", "kana", "latin", "persian")  # the others show what a font may have besides
_OUT = Path(__file__).with_name("exemplars.npz")
_CHARACTERS = [
    *range(0x21, 0x250),
    *range(0x370, 0x460),
    *range(0x5D0, 0x700),
    *range(0x3041, 0x3100),
]
_BUNDLED_HAN = set.intersection(
    *(set(CHARACTER_SETS[name].list_chars()) for name in ("gb2312_level1", "jis_level1"))
)
_MOST_TYPEFACES = 16  # of each form, as far from each other as can be
_FEWEST_FORMS = 8  # that make a script
_AXES = 64
_FIRST_BOX = 10_000  # typefaces of boxes, each of its own
_SHRINK = 0.3  # towards the identity, of the scatter within forms

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cells:
    """What the bundled fonts draw: n cells of N forms.

    Attributes:
        forms: The N forms.
        shapes, places: Of each cell.
        form, face, typeface: (n,), of each cell.
    """

    forms: tuple[str, ...]
    shapes: Floats
    places: Floats
    form: Ints
    face: Ints
    typeface: Ints


def main() -> None:
    """Read the bundled fonts, learn the metric, and write ``exemplars.npz``."""
    cells, families = _read_cells()
    metric = _learn_metric(cells.shapes, _fit_all(cells)[0], cells.form)
    cells = _add_urdu(cells)
    places, typical = _fit_all(cells)
    vectors = metric.measure(cells.shapes, places)
    scripts: dict[str, Exemplars] = {}
    members: dict[str, list[int]] = defaultdict(list)
    for k, text in enumerate(cells.forms):
        members[_find_script(text)].append(k)
    for script, own in members.items():
        if len(own) < _FEWEST_FORMS:
            continue
        chosen = _choose_examples(vectors, cells.form, cells.typeface, own)
        learnt = _learn_script(
            cells.forms,
            own,
            metric,
            cells.shapes[chosen],
            places[chosen],
            cells.form[chosen],
            cells.typeface[chosen],
            typical,
        )
        every = np.flatnonzero(np.isin(cells.form, own))
        scripts[script] = learn_spread(
            learnt,
            vectors[every],
            metric.measure_turned(cells.shapes[every], places[every]),
            np.searchsorted(own, cells.form[every]),
            cells.typeface[every],
            list_alternatives(learnt.forms, is_persian=True),
        )
        learnt = scripts[script]
        print(
            f"{script}: {len(own)} forms, {len(chosen)} examples,"
            f" {np.count_nonzero(learnt.tolerance)} pairs that honest typefaces draw alike,"
            f" unusual up to {learnt.most_unusual:.2f}, largest spread {learnt.spread.max():.1f}"
        )
    dump_exemplars(_OUT, Shipped(scripts=scripts, metric=metric, families=families))
    print(f"{_OUT.name}: {_OUT.stat().st_size:,} bytes")


def _read_cells() -> tuple[_Cells, dict[str, int]]:
    """Return the cells of forms that enough typefaces draw, and the typeface of each family."""
    forms = [chr(codepoint) for codepoint in _CHARACTERS]
    forms += sorted(_BUNDLED_HAN)
    forms = [form for form in forms if unicodedata.category(form)[0] in "LNPS"]
    faces, store = _read_outlines(forms)
    typefaces = find_typefaces(faces, store)
    drawn = store.is_drawn & (store.n_missing == 0) & (store.n_circles == 0)
    cells = np.flatnonzero(drawn)
    face, form = np.divmod(cells, len(forms))
    typeface = typefaces[face]
    n_typefaces = Counter(k for k, _ in set(zip(form.tolist(), typeface.tolist(), strict=True)))
    kept = np.array([n_typefaces[k] > FEWEST_TYPEFACES for k in form.tolist()])
    cells, form, face, typeface = cells[kept], form[kept], face[kept], typeface[kept]
    numbers, form = np.unique(form, return_inverse=True)
    families = dict(zip((face.family for face in faces), typefaces.tolist(), strict=True))
    found = _Cells(
        forms=tuple(forms[k] for k in numbers),
        shapes=describe_shapes(draw_cells(store, cells, SHAPE_SIDE)),
        places=describe_places(store.box[cells]),
        form=form,
        face=face,
        typeface=typeface,
    )
    return found, families


def _read_outlines(
    forms: Sequence[str], language: str = ""
) -> tuple[tuple[Face, ...], OutlineStore]:
    """Return the bundled faces, and what they draw for forms."""
    paths = sorted(path for name in _FOLDERS for path in (_FONTS / name).glob("*.ttf"))
    with FontReader(sanitize=False) as reader:
        faces, _ = reader.read_faces([FaceRequest(path=path) for path in paths], [])
        return faces, reader.read_outlines(faces, forms, language=language).store


def _add_urdu(cells: _Cells) -> _Cells:
    """Return cells in which Persian digits are Persian, with the same digits as Urdu writes them.

    Some fonts draw the latter unless they are told the language. The metric is learnt without them.
    """
    digits = list(URDU)
    stores = [_read_outlines(digits, language)[1] for language in ("fa", "ur")]
    persian, urdu = (
        describe_shapes(draw_cells(one, np.arange(one.n_cells), SHAPE_SIDE)) for one in stores
    )
    at_persian, at_urdu = (describe_places(one.box) for one in stores)
    differ = (np.array(hash_drawings(stores[0])) != np.array(hash_drawings(stores[1]))).ravel()
    shapes, places = cells.shapes.copy(), cells.places.copy()
    added: list[tuple[int, int, int, int]] = []  # cell of the stores, form, face, typeface
    for number, digit in enumerate(digits):
        own = np.flatnonzero(cells.form == cells.forms.index(digit))
        of_store = cells.face[own] * len(digits) + number
        shapes[own], places[own] = persian[of_store], at_persian[of_store]
        added += [
            (int(cell), len(cells.forms) + number, int(cells.face[k]), int(cells.typeface[k]))
            for k, cell in zip(own.tolist(), of_store, strict=True)
            if differ[cell]
        ]
    cell, form, face, typeface = np.array(added, dtype=np.int64).T
    return _Cells(
        forms=(*cells.forms, *URDU.values()),
        shapes=np.concatenate([shapes, urdu[cell]]),
        places=np.concatenate([places, at_urdu[cell]]),
        form=np.concatenate([cells.form, form]),
        face=np.concatenate([cells.face, face]),
        typeface=np.concatenate([cells.typeface, typeface]),
    )


def _find_script(text: str) -> str:
    """Return the script of a form; of a digit as Urdu writes it, that of the digit."""
    return find_script(text[-1])


def _learn_script(
    forms: Sequence[str],
    own: Sequence[int],
    metric: Metric,
    shapes: Floats,
    places: Floats,
    form: Ints,
    typeface: Ints,
    typical: Floats,
) -> Exemplars:
    """Return the exemplars of one script, with boxes among them: what fonts draw for what they lack."""
    position = {k: place for place, k in enumerate(own)}
    boxes = describe_shapes(_draw_boxes())
    # A box may stand anywhere: it stands where the characters stand that it is drawn for.
    at = np.repeat(typical[own].mean(axis=0, keepdims=True), len(boxes), axis=0)
    return learn_exemplars(
        [*(forms[k] for k in own), BOX],
        metric.measure(np.concatenate([shapes, boxes]), np.concatenate([places, at])),
        metric.measure_turned(np.concatenate([shapes, boxes]), np.concatenate([places, at])),
        np.concatenate([[position[k] for k in form.tolist()], np.full(len(boxes), len(own))]),
        np.concatenate([typeface, _FIRST_BOX + np.arange(len(boxes))]),
        np.concatenate([typical[own], at[:1]]),
        list_alternatives([*(forms[k] for k in own), BOX], is_persian=True),
        is_trusted=True,
    )


def _draw_boxes() -> NDArray[np.uint8]:
    """Return pictures of boxes, as their cells are drawn: upright, square and lying, hollow and full."""
    pictures = []
    for width, height in ((28, 42), (34, 42), (42, 42), (42, 30)):
        for stroke in (2, 4, 7, 21):
            picture = np.zeros((SHAPE_SIDE, SHAPE_SIDE), dtype=np.uint8)
            top, left = (SHAPE_SIDE - height) // 2, (SHAPE_SIDE - width) // 2
            picture[top : top + height, left : left + width] = 255
            inner = (
                slice(top + stroke, top + height - stroke),
                slice(left + stroke, left + width - stroke),
            )
            picture[inner] = 0
            pictures.append(picture)
    return np.stack(pictures)


def _fit_all(cells: _Cells) -> tuple[Floats, Floats]:
    """Return the places of cells, fitted to most faces, and the usual place of each form."""
    places, form = cells.places, cells.form
    _, script = np.unique([_find_script(text) for text in cells.forms], return_inverse=True)
    key = cells.face * (int(script.max()) + 1) + script[form]
    fitted = places
    for _ in range(2):
        typical = np.stack([np.median(fitted[form == k], axis=0) for k in range(len(cells.forms))])
        fitted = places.copy()
        for group in np.unique(key):
            own = np.flatnonzero(key == group)
            if len(own) >= _FEWEST_FORMS:
                fit = measure_fit(places[own], typical[form[own]])
                fitted[own] = fit_places(places[own], *fit)
    return fitted, typical.astype(np.float32)


def _learn_metric(shapes: Floats, places: Floats, form: Ints) -> Metric:
    """Return linear discriminants of forms: axes that tell them apart whatever the typeface."""
    mean = shapes.mean(axis=0)
    centered = shapes - mean
    counts = np.bincount(form)
    of_form = _average(centered, form, counts)
    within = centered - of_form[form]
    scatter = within.T @ within / (len(form) - len(counts))
    ridge = np.trace(scatter) / len(scatter)
    scatter = (1 - _SHRINK) * scatter + _SHRINK * ridge * np.eye(len(scatter), dtype=np.float32)
    values, vectors = np.linalg.eigh(scatter)
    whitening = vectors / np.sqrt(values)
    between = of_form @ whitening
    _, axes = np.linalg.eigh(between.T @ between)
    at_home = places - _average(places, form, counts)[form]
    place_axes = np.linalg.cholesky(np.linalg.inv(np.cov(at_home.T)))
    return Metric(
        mean=mean.astype(np.float32),
        shape_axes=(whitening @ axes[:, ::-1][:, :_AXES]).astype(np.float32),
        place_axes=place_axes.astype(np.float32),
    )


def _average(values: Floats, form: Ints, counts: Ints) -> Floats:
    sums = np.zeros((len(counts), values.shape[1]), dtype=np.float32)
    np.add.at(sums, form, values)
    sums /= counts[:, None].astype(np.float32)
    return sums


def _choose_examples(vectors: Floats, form: Ints, typeface: Ints, own: Sequence[int]) -> Ints:
    """Return cells of some forms, of each form those of typefaces that are far from each other."""
    chosen: list[int] = []
    for k in own:
        cells = np.flatnonzero(form == k)
        _, first = np.unique(typeface[cells], return_index=True)
        cells = cells[first]
        center = vectors[cells].mean(axis=0)
        picked = [int(((vectors[cells] - center) ** 2).sum(axis=1).argmin())]
        far = np.full(len(cells), np.inf)
        while len(picked) < min(_MOST_TYPEFACES, len(cells)):
            far = np.minimum(far, ((vectors[cells] - vectors[cells[picked[-1]]]) ** 2).sum(axis=1))
            picked.append(int(far.argmax()))
        chosen += cells[picked].tolist()
    return np.array(chosen, dtype=np.int64)


if __name__ == "__main__":
    main()
