import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, TOFU, MakeFont
from fontTools.feaLib.builder import addOpenTypeFeaturesFromString
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st
from prepared_renders import read_outlines

from glyphgen.errors import DatasetError, FontError
from glyphgen.fonts import read_face
from glyphgen.outlines import OutlineStore


def read(
    path: Path, forms: str | list[str], *, wobble_grid: int = 0, **face: object
) -> OutlineStore:
    return read_outlines([read_face(path, **face)], list(forms), wobble_grid=wobble_grid)  # type: ignore[arg-type]


def points(store: OutlineStore, cell: int = 0) -> list[tuple[float, float]]:
    at = slice(store.point_start[cell], store.point_start[cell] + store.n_points[cell])
    pairs = zip(store.x[at].tolist(), store.y[at].tolist(), strict=True)
    return [(round(x, 4), round(y, 4)) for x, y in pairs]


def test_an_outline_is_in_em_from_the_pens_origin(make_font: MakeFont) -> None:
    store = read(make_font("x.ttf", {"A": BOX}, advance=700), "A")
    assert points(store) == [(0.1, 0.0), (0.1, 0.7), (0.6, 0.7), (0.6, 0.0)]
    assert store.tag.tolist() == [1, 1, 1, 1]
    assert store.contour_end.tolist() == [3]
    assert store.box[0].tolist() == pytest.approx([0.1, 0.0, 0.6, 0.7])
    assert store.advance.tolist() == pytest.approx([0.7])
    assert store.middle.tolist() == pytest.approx([0.38])


def test_a_font_draws_the_language_that_the_forms_are_written_in(
    make_font: MakeFont, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "fa_IR.UTF-8")  # the machine's language is nobody's business
    path = make_font("x.ttf", {"۶": BOX, "٦": RING})
    font = TTFont(path)
    addOpenTypeFeaturesFromString(
        font,
        "languagesystem DFLT dflt; languagesystem arab dflt; languagesystem arab FAR;"
        "feature locl { script arab; language FAR; sub g1782 by g1638; } locl;",
    )
    font.save(path)
    face = [read_face(path)]
    assert read_outlines(face, ["۶"]).n_points.tolist() == [4]
    assert read_outlines(face, ["۶"], language="fa").n_points.tolist() == [8]
    assert read_outlines(face, ["۶"], language="ur").n_points.tolist() == [4]


def test_cells_run_through_the_forms_of_each_face(make_font: MakeFont) -> None:
    faces = [
        read_face(make_font("one.ttf", {"A": BOX, "B": RING})),
        read_face(make_font("two.ttf", {"A": PAIR, "B": BOX})),
    ]
    store = read_outlines(faces, ["A", "B"])
    assert store.n_contours.tolist() == [1, 2, 2, 1]
    assert store.n_points.tolist() == [4, 8, 8, 4]
    assert store.point_start.tolist() == [0, 4, 12, 20]
    assert points(store, 3) == points(store, 0)
    assert store.contour_end.tolist() == [3, 3, 7, 3, 7, 3]


def test_what_is_not_drawn_is_counted(make_font: MakeFont) -> None:
    store = read(make_font("x.ttf", {"A": BOX, "T": TOFU, "E": []}), "ATEZ")
    assert store.n_missing.tolist() == [0, 0, 0, 1]
    assert store.n_notdef.tolist() == [0, 0, 0, 1]
    assert store.like_notdef.tolist() == [False, True, False, True]
    assert store.n_points.tolist() == [4, 4, 0, 4]


def test_a_shifted_copy_of_the_missing_glyph_is_known(make_font: MakeFont) -> None:
    shifted = [[(x + 37, y - 11) for x, y in contour] for contour in TOFU]
    assert read(make_font("x.ttf", {"A": shifted}), "A").like_notdef.tolist() == [True]


def test_a_hole_belongs_to_the_piece_around_it(make_font: MakeFont) -> None:
    store = read(make_font("x.ttf", {"A": RING, "B": PAIR}), "AB")
    assert store.n_pieces.tolist() == [1, 2]
    assert store.piece[:8].tolist() == [0] * 8
    assert store.piece[8:16].tolist() == [0] * 4 + [1] * 4
    assert store.piece_x.tolist() == pytest.approx([0.35, 0.15, 0.55])


@pytest.mark.parametrize("clockwise", [True, False])
def test_normals_point_out_of_the_ink(make_font: MakeFont, *, clockwise: bool) -> None:
    ring = RING if clockwise else [contour[::-1] for contour in RING]
    store = read(make_font("x.ttf", {"A": ring}), "A")
    outward = {
        (round(x, 1), round(y, 1)): (round(nx, 3), round(ny, 3))
        for x, y, nx, ny in zip(
            *(a[:8].tolist() for a in (store.x, store.y, store.normal_x, store.normal_y)),
            strict=True,
        )
    }
    assert outward[(0.1, 0.0)] == (-1, -1)
    assert outward[(0.6, 0.7)] == (1, 1)
    assert outward[(0.2, 0.1)] == (1, 1), "the hole shrinks"


def test_long_lines_are_split_where_the_outline_will_bend(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    assert read(path, "A").n_points[0] == 4
    split = read(path, "A", wobble_grid=3)
    # 0.7 em up: two control points; 0.5 em across: one; four corners.
    assert split.n_points[0] == 4 + 2 * 2 + 2 * 1
    assert points(split)[:4] == [(0.1, 0.0), (0.1, 0.175), (0.1, 0.525), (0.1, 0.7)]
    assert split.tag[:4].tolist() == [1, 0, 0, 1]


def test_long_curves_are_split_and_stay_where_they_are(tmp_path: Path) -> None:
    path = _curved_font(tmp_path, cubic=True)
    whole, split = read(path, "A"), read(path, "A", wobble_grid=3)
    assert split.n_points[0] > whole.n_points[0]
    assert split.box[0].tolist() == pytest.approx(whole.box[0].tolist())


@pytest.mark.parametrize("cubic", [False, True])
def test_both_kinds_of_curves_have_the_box_of_their_ink(tmp_path: Path, *, cubic: bool) -> None:
    store = read(_curved_font(tmp_path, cubic=cubic), "A")
    assert set(store.tag.tolist()) == ({1, 2} if cubic else {0, 1})
    # The control points reach up to 0.8 em, the curve to half or three quarters of that.
    assert store.box[0].tolist() == pytest.approx([0, 0, 0.8, 0.6 if cubic else 0.4], abs=1e-6)


def _curved_font(folder: Path, *, cubic: bool) -> Path:
    """A bow from (0, 0) to (800, 0), controlled from 800 units above."""
    builder = FontBuilder(1000, isTTF=not cubic)
    builder.setupGlyphOrder([".notdef", "A"])
    builder.setupCharacterMap({ord("A"): "A"})
    if cubic:
        pen = T2CharStringPen(800, None)
        pen.moveTo((0, 0))
        pen.curveTo((0, 800), (800, 800), (800, 0))
        pen.closePath()
        empty = T2CharStringPen(800, None).getCharString()
        builder.setupCFF("Bow", {}, {".notdef": empty, "A": pen.getCharString()}, {})
    else:
        quadratic = TTGlyphPen(None)
        quadratic.moveTo((0, 0))
        quadratic.qCurveTo((400, 800), (800, 0))
        quadratic.closePath()
        builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "A": quadratic.glyph()})
    builder.setupHorizontalMetrics({".notdef": (800, 0), "A": (800, 0)})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Bow", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    path = folder / ("bow.otf" if cubic else "bow.ttf")
    builder.save(path)
    return path


def test_a_composite_glyph_is_its_parts_where_they_stand(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX, "B": BOX})
    font = TTFont(path)
    pen = TTGlyphPen(font.getGlyphSet())
    pen.addComponent("g65", (0.5, 0, 0, 0.5, 300, 0))
    font["glyf"]["g66"] = pen.glyph()
    font["hmtx"]["g66"] = (700, 350)
    font.save(path)
    assert points(read(path, "B")) == [(0.35, 0.0), (0.35, 0.35), (0.6, 0.35), (0.6, 0.0)]


def test_an_axis_moves_the_outline(variable_font: Path) -> None:
    assert read(variable_font, "A").box[0, 2] == pytest.approx(0.2)
    assert read(variable_font, "A", axes={"wght": 500}).box[0, 2] == pytest.approx(0.4)


def test_the_parts_of_a_word_stand_side_by_side(make_font: MakeFont) -> None:
    store = read(make_font("x.ttf", {"A": BOX}, advance=700), ["AA"])
    assert store.advance[0] == pytest.approx(1.4)
    assert store.box[0].tolist() == pytest.approx([0.1, 0, 1.3, 0.7])


def test_a_glyph_stands_where_shaping_moves_it(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    font = TTFont(path)
    addOpenTypeFeaturesFromString(font, "feature kern { pos g65 <30 -20 0 0>; } kern;")
    font.save(path)
    assert read(path, "A").box[0].tolist() == pytest.approx([0.13, -0.02, 0.63, 0.68])


def test_persian_letters_join() -> None:
    vazirmatn = FONTS / "persian" / "Vazirmatn_400Regular.ttf"
    store = read(vazirmatn, ["سلام", "س", "ل", "ا", "م"])
    assert store.advance[0] < 0.9 * store.advance[1:].sum(), "joined forms are narrower"


def test_the_hull_encloses_the_ink_closely() -> None:
    store = read(FONTS / "kana" / "KleeOne_400Regular.ttf", "あのア")
    for cell in range(3):
        x, y, box = store.hull_x[:, cell], store.hull_y[:, cell], store.box[cell]
        assert x.min() == pytest.approx(box[0], abs=1e-6)
        assert y.max() == pytest.approx(box[3], abs=1e-6)
        assert (x.max() - x.min()) <= (box[2] - box[0]) * 1.000001


def test_bending_shares_are_exact_fractions_of_one() -> None:
    store = read(FONTS / "kana" / "YujiMai_400Regular.ttf", "あのア", wobble_grid=4)
    assert store.bend.shape[1] == 16
    for start, n in zip(store.point_start, store.n_points, strict=True):
        by_node = store.bend[start : start + n].reshape(16, n)
        assert np.abs(by_node.sum(axis=0) - 1024).max() <= 8
        lowest = int(np.argmin(store.y[start : start + n]))
        assert by_node[:4, lowest].sum() > 500  # the lowest four nodes are the first


def test_a_store_is_the_same_from_disk(tmp_path: Path) -> None:
    store = read(FONTS / "kana" / "Stick_400Regular.ttf", "あア", wobble_grid=3)
    store.write(tmp_path / "outlines")
    mapped = OutlineStore.open(tmp_path / "outlines")
    for name in OutlineStore.__slots__:
        assert np.array_equal(getattr(mapped, name), getattr(store, name)), name


def test_a_map_of_a_store_stays_whole_when_the_store_is_written_again(tmp_path: Path) -> None:
    first = read(FONTS / "kana" / "Stick_400Regular.ttf", "あア")
    other = read(FONTS / "kana" / "YujiMai_400Regular.ttf", "の")
    first.write(tmp_path / "outlines")
    mapped = OutlineStore.open(tmp_path / "outlines")
    other.write(tmp_path / "outlines")
    assert np.array_equal(mapped.x, first.x)
    assert np.array_equal(OutlineStore.open(tmp_path / "outlines").x, other.x)
    assert [path.name for path in tmp_path.iterdir()] == ["outlines"]


def test_a_store_that_cannot_be_read_names_the_disk(tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        OutlineStore.open(tmp_path / "outlines")
    assert str(caught.value) == (
        f"{tmp_path}/outlines: cannot be read: No such file or directory"
        " (check the disk, then run the same command again: finished shards are kept)"
    )


@settings(max_examples=30, deadline=None)
@given(forms=st.lists(st.integers(0, 5), max_size=8))
def test_forms_are_taken_with_their_points(forms: list[int]) -> None:
    whole = read(FONTS / "kana" / "Stick_400Regular.ttf", "あプ一いへぱ", wobble_grid=3)
    taken = whole.take_forms(forms)
    assert taken.n_forms == len(forms)
    for new, old in enumerate(forms):
        for start, count, names in (
            ("point_start", "n_points", ("x", "y", "normal_x", "normal_y", "piece", "bend", "tag")),
            ("contour_start", "n_contours", ("contour_end",)),
            ("piece_start", "n_pieces", ("piece_x", "piece_y")),
        ):
            n = getattr(whole, count)[old]
            a, b = getattr(whole, start)[old], getattr(taken, start)[new]
            for name in names:
                own, moved = getattr(whole, name)[a : a + n], getattr(taken, name)[b : b + n]
                assert np.array_equal(own, moved), name
        assert (whole.box[old] == taken.box[new]).all()
        assert (whole.hull_x[:, old] == taken.hull_x[:, new]).all()
    n, longest = int(taken.n_points.sum()), int(taken.n_points.max(initial=0))
    assert len(taken.x) == len(taken.bend) == n + longest
    assert not taken.x[n:].any()


@pytest.mark.parametrize("name", ["point_start", "contour_start", "piece_start"])
def test_cells_out_of_order_are_no_store(name: str) -> None:
    store = read(FONTS / "kana" / "Stick_400Regular.ttf", "あプ")
    with pytest.raises(
        ValueError, match=f"{name}: expected one cell after the other, without gaps"
    ):
        replace(store, **{name: getattr(store, name)[::-1]})


def test_a_file_that_has_changed_in_between_is_named(make_font: MakeFont) -> None:
    face = read_face(make_font("x.ttf", {"A": BOX}))
    face.path.write_bytes(b"\0\1\0\0 now it is something else")
    with pytest.raises(FontError) as caught:
        read_outlines([face], ["A"])
    assert str(caught.value) == (
        f"{face.path}: has changed since its names were read (run the command again)"
    )


def test_a_file_that_harfbuzz_cannot_read_is_named(make_font: MakeFont) -> None:
    face = read_face(make_font("x.ttf", {"A": BOX}))
    content = b"\0\1\0\0 no font at all"
    face.path.write_bytes(content)
    face = replace(face, sha256=hashlib.sha256(content).hexdigest())
    with pytest.raises(FontError) as caught:
        read_outlines([face], ["A"])
    assert str(caught.value) == (
        f"{face.path}: holds no glyphs that can be read (expected a whole font file)"
    )
