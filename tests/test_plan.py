from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, MakeFont
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from prepared_renders import lay_out

from glyphgen.engines.vector import VectorEngine
from glyphgen.errors import RecipeError
from glyphgen.plan import Plan
from glyphgen.plan.turns import list_turns, make_turns

WriteRecipe = Callable[[str], Path]
RECIPES = FONTS.parent / "recipes"


@pytest.fixture
def three_faces(make_font: MakeFont, write_recipe: WriteRecipe) -> Path:
    make_font("one.ttf", {"A": BOX, "B": RING, "C": PAIR})
    make_font("two.ttf", {"A": RING, "B": PAIR, "C": BOX})
    make_font("six.ttf", {"A": PAIR, "B": BOX})
    return write_recipe(
        'classes.text = "ABC"\nfonts.files = ["one.ttf", "two.ttf", "six.ttf"]\n'
        'gate.on_refused = "skip"\nrender.per_class = 12'
    )


def columns(plan: Plan, first: int = 0, last: int | None = None) -> list[tuple[int, int, int]]:
    samples = plan.rows(first, plan.n_rows if last is None else last).samples
    return list(
        zip(*(samples[name].tolist() for name in ("class_index", "sample", "face")), strict=True)
    )


def test_rows_run_through_the_classes_and_faces_take_equal_turns(three_faces: Path) -> None:
    rows = columns(lay_out(three_faces).plan)
    assert rows[:6] == [(0, 0, 0), (1, 0, 1), (2, 0, 0), (0, 1, 1), (1, 1, 2), (2, 1, 1)]
    turns = Counter((label, face) for label, _, face in rows)
    assert turns == {
        (0, 0): 4,
        (0, 1): 4,
        (0, 2): 4,
        (1, 0): 4,
        (1, 1): 4,
        (1, 2): 4,
        (2, 0): 6,
        (2, 1): 6,
    }


def test_a_face_of_weight_two_takes_two_turns(three_faces: Path) -> None:
    plan = lay_out(
        three_faces,
        'fonts.files=["two.ttf"]',
        'fonts.faces=[{file = "one.ttf", weight = 2}]',
        "render.per_class=9",
    ).plan
    faces = Counter(face for label, _, face in columns(plan) if label == 0)
    assert faces == {0: 3, 1: 6}


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_interval_is_the_slice_of_the_whole(data: st.DataObject) -> None:
    plan = _slicing_plan()
    whole = plan.rows(0, plan.n_rows)
    first = data.draw(st.integers(0, plan.n_rows - 1))
    last = data.draw(st.integers(first + 1, plan.n_rows))
    part = plan.rows(first, last)
    for name in ("cell", "samples", "matrix", "wobble", "scatter"):
        assert np.array_equal(getattr(part, name), getattr(whole, name)[first:last]), name


_PLANS: list[Plan] = []


def _slicing_plan() -> Plan:
    if not _PLANS:
        overrides = [
            'fonts.files=["../fonts/kana/[KYZ]*.ttf"]',
            'classes.sets=["hiragana"]',
            "render.per_class=7",
            "render.wobble.amplitude=[0, 0.02]",
            "render.scatter.shift=0.02",
            'split={by = "sample", val = 0.2, test = 0.2}',
        ]
        _PLANS.append(lay_out(RECIPES / "kana.toml", *overrides).plan)
    return _PLANS[0]


def test_a_sample_does_not_change_when_others_are_added(three_faces: Path) -> None:
    few, many = lay_out(three_faces).plan, lay_out(three_faces, "render.per_class=500").plan
    assert np.array_equal(few.rows(0, 36).samples, many.rows(0, 36).samples)


def test_wobble_and_scatter_leave_the_other_values_as_they_are(three_faces: Path) -> None:
    plain = lay_out(three_faces).plan.rows(0, 36)
    moved = lay_out(
        three_faces,
        "render.wobble.amplitude=0.01",
        "render.scatter.turn=1",
        'gate.on_cut_off="allow"',
    ).plan.rows(0, 36)
    assert plain.wobble.shape == (36, 0, 2)
    assert moved.wobble.shape == (36, 9, 2)
    assert np.array_equal(moved.samples["rotation_deg"], plain.samples["rotation_deg"])


def test_values_fill_their_ranges(three_faces: Path) -> None:
    samples = (
        lay_out(
            three_faces,
            "render.per_class=2000",
            "render.size=[0.4, 0.6]",
            "render.rotation=[-20, 10]",
            "render.stretch=[0.5, 1.5]",
            "render.weight=[0, 0.02]",
        )
        .plan.rows(0, 6000)
        .samples
    )
    for name, low, high in [
        ("size_px", 25.6, 38.4),
        ("rotation_deg", -20, 10),
        ("stretch", 0.5, 1.5),
        ("weight_em", 0, 0.02),
    ]:
        values = samples[name]
        assert low <= values.min() < low + 0.01 * (high - low), name
        assert high - 0.01 * (high - low) < values.max() <= high, name
        assert abs(values.mean() - (low + high) / 2) < 0.02 * (high - low), name


def test_shifts_of_the_blank_keep_the_em_box_in_the_frame(three_faces: Path) -> None:
    samples = (
        lay_out(
            three_faces, "render.per_class=500", "render.shift_x=[-1, 1]", "render.size=[0.5, 0.9]"
        )
        .plan.rows(0, 1500)
        .samples
    )
    blank = (64 - samples["size_px"]) / 2
    assert (abs(samples["shift_x_px"]) <= blank + 1e-4).all()
    assert (abs(samples["shift_x_px"]) > 0.9 * blank).any()


def test_shrinking_keeps_ink_inside_and_touches_nothing_else(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX})
    recipe = write_recipe(
        'classes.text = "A"\nfonts.files = ["x.ttf"]\n'
        '[render]\nper_class = 400\nsize = [0.5, 2]\nrotation = [-30, 30]\nshift_of = "height"'
    )
    shrunk, free = lay_out(recipe), lay_out(recipe, 'gate.on_cut_off="allow"')
    a, b = shrunk.plan.rows(0, 400), free.plan.rows(0, 400)
    corners = np.array([[0.1, 0, 1], [0.1, 0.7, 1], [0.6, 0.7, 1], [0.6, 0, 1]])
    at = a.matrix @ corners.T
    assert at.min() > -0.01
    assert at.max() < 64.01
    inside = ((b.matrix @ corners.T >= 0) & (b.matrix @ corners.T <= 64)).all(axis=(1, 2))
    assert 0 < inside.sum() < 400
    # The hull is up to half a percent larger than the ink: leave out what is that near to the edge.
    same = a.samples["size_px"] == b.samples["size_px"]
    assert (same & inside).sum() > 0.95 * inside.sum()
    assert (a.samples["size_px"] <= b.samples["size_px"]).all()


@pytest.mark.parametrize(
    ("framing", "center", "box"),
    [
        ("em", (0.35, 0.38), None),
        ("baseline", (0.35, 0.25), None),
        ("ink", (0.35, 0.35), None),
        ("fit", (0.35, 0.35), (0.5, 0.7)),
    ],
)
def test_framing_says_what_is_centered_and_scaled(
    make_font: MakeFont,
    write_recipe: WriteRecipe,
    framing: str,
    center: tuple[float, float],
    box: tuple[float, float] | None,
) -> None:
    make_font("x.ttf", {"A": BOX})
    parts = lay_out(
        write_recipe(
            'classes.text = "A"\nfonts.files = ["x.ttf"]\n[image]\nheight = 40\nwidth = 60\n[render]\n'
            f'framing = "{framing}"\nper_class = 1\nsize = 0.5\nshift_x = 0\nshift_y = 0\nrotation = 0'
        )
    )
    placement = parts.plan.rows(0, 1)
    assert placement.matrix[0] @ [*center, 1] == pytest.approx([30, 20], abs=1e-4)
    assert placement.samples["size_px"][0] == pytest.approx(20 / max(box) if box else 20)


def test_baselines_of_all_fonts_stand_at_one_height(write_recipe: WriteRecipe) -> None:
    recipe = write_recipe(
        'classes.text = "-_"\nclasses.words = ["نه"]\n'
        f'fonts.files = ["{FONTS}/persian/*.ttf"]\nrender.framing = "baseline"'
    )
    framing = lay_out(recipe).plan.framing
    assert set(framing.anchor[:, 1]) == {0.25}
    lowest, highest = framing.hull_y.min(axis=0), framing.hull_y.max(axis=0)
    of_class = np.arange(framing.hull_y.shape[1]) % 3
    assert highest[of_class == 1].max() < lowest[of_class == 0].min()  # every "_" below every "-"


def test_strokes_are_thinned_by_half_of_their_width_at_most(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    bar = [[(100, 0), (100, 960), (140, 960), (140, 0)]]  # 2 * 38,400 / 2,000 = 38.4
    make_font("x.ttf", {"A": bar, "B": BOX})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["x.ttf"]\n[render]\nweight = [-0.1, -0.09]'
    )
    samples = lay_out(recipe).plan.rows(0, 40).samples
    thin = samples["weight_em"][samples["class_index"] == 0]
    assert thin.tolist() == pytest.approx([-0.0384 / 2] * 20, rel=1e-3)
    wide = samples["weight_em"][samples["class_index"] == 1]
    assert (wide < -0.09).all()
    assert len(set(wide.tolist())) == 20


def test_a_grid_is_every_combination_once(three_faces: Path) -> None:
    parts = lay_out(
        three_faces,
        'classes.text="AB"',
        'render={mode = "grid", size = [0.4, 0.5], shift_x = [0, 0.5], rotation = [0, 4, 8]}',
    )
    samples = parts.plan.rows(0, parts.plan.n_rows).samples
    names = ["class_index", "face", "size_px", "shift_x_px", "rotation_deg"]
    combinations = Counter(samples[names].tolist())
    assert len(combinations) == 2 * 3 * 2 * 2 * 3
    assert set(combinations.values()) == {1}
    assert parts.plan.describe(2, 3) == (
        "2 classes x 36 = 72 images: 3 faces x 4 positions x 3 rotations"
    )


def test_a_grid_gives_a_class_with_fewer_faces_fewer_rows(three_faces: Path) -> None:
    parts = lay_out(three_faces, 'render={mode = "grid", size = [0.4, 0.5, 0.6]}')
    samples = parts.plan.rows(0, parts.plan.n_rows).samples
    assert Counter(samples["class_index"].tolist()) == {0: 9, 1: 9, 2: 6}
    assert samples["class_index"][:18].tolist() == [0, 1, 2] * 6
    assert samples["class_index"][18:].tolist() == [0, 1] * 3


def test_the_articles_grid_is_counted_right() -> None:
    parts = lay_out(RECIPES / "kana-grid.toml")
    assert parts.plan.describe(len(parts.table), len(parts.faces)) == (
        "169 classes x 5,295 = 894,855 images: 3 faces x 353 positions x 5 rotations"
    )


def test_a_split_by_sample_holds_out_the_last_samples(three_faces: Path) -> None:
    plan = lay_out(three_faces, 'split={by = "sample", val = 0.25, test = 0.25}').plan
    assert plan.splits == {"train": (0, 18), "val": (18, 27), "test": (27, 36)}
    assert columns(plan, 18, 20) == [(0, 6, 0), (1, 6, 1)]
    assert columns(plan, 27, 28) == [(0, 9, 0)]


def test_a_split_by_face_shows_no_face_twice(three_faces: Path) -> None:
    plan = lay_out(three_faces, 'split={by = "face", test_faces = ["two.ttf"]}').plan
    assert plan.splits == {"train": (0, 24), "test": (24, 36)}
    assert {face for _, _, face in columns(plan, 0, 24)} == {0, 2}
    assert {face for _, _, face in columns(plan, 24, 36)} == {1}


def test_the_turns_of_each_split_by_face_begin_with_its_first_face(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for k, contours in enumerate([BOX, RING, PAIR, [*PAIR, *BOX]]):
        make_font(f"{k}.ttf", {"A": contours})
    recipe = write_recipe(
        'classes.text = "A"\nfonts.files = ["*.ttf"]\nrender.per_class = 10\n'
        'split = { by = "face", test_faces = ["2.ttf", "3.ttf"] }'
    )
    plan = lay_out(recipe).plan
    assert plan.splits == {"train": (0, 5), "test": (5, 10)}
    assert [face for _, _, face in columns(plan)] == [0, 1, 0, 1, 0, 2, 3, 2, 3, 2]


def test_a_small_share_holds_out_one_typeface_at_least(three_faces: Path) -> None:
    plan = lay_out(three_faces, "classes.text='AB'", 'split={by = "face", test = 0.01}').plan
    assert len({face for _, _, face in columns(plan, *plan.splits["test"])}) == 1


def test_shares_of_a_class_are_rounded(three_faces: Path) -> None:
    plan = lay_out(three_faces, 'split={by = "sample", val = 0.2, test = 0.23}').plan
    assert plan.splits == {
        "train": (0, 21),
        "val": (21, 27),
        "test": (27, 36),
    }  # 2.4 and 2.76 of 12


def test_a_class_that_no_face_of_a_split_draws_has_no_rows_there(three_faces: Path) -> None:
    plan = lay_out(three_faces, 'split={by = "face", test_faces = ["six.ttf"]}').plan
    rows = columns(plan, *plan.splits["test"])
    assert Counter((label, face) for label, _, face in rows) == {(0, 2): 4, (1, 2): 4}
    assert {name: n.tolist() for name, n in plan.count_rows().items()} == {
        "train": [8, 8, 8],
        "test": [4, 4, 0],
    }


def test_a_split_by_face_drawn_by_lot_keeps_typefaces_together(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for n in range(6):
        make_font(
            f"{n}.ttf",
            {"A": BOX, "B": [[(x + n * y / 9, y) for x, y in BOX[0]]]},
            family=f"F{n // 2}",
        )
    recipe = write_recipe(
        'classes.text = "B"\nfonts.files = ["*.ttf"]\nrender.per_class = 60\n'
        'split = { by = "face", test = 0.2 }'
    )
    for seed in range(8):
        plan = lay_out(recipe, f"seed={seed}").plan
        test = {face for _, _, face in columns(plan, *plan.splits["test"])}
        assert test in ({0, 1}, {2, 3}, {4, 5})


def test_a_typeface_on_two_sides_is_an_error(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("a.ttf", {"A": BOX})
    make_font("b.ttf", {"A": BOX})
    make_font("c.ttf", {"A": RING})
    recipe = write_recipe(
        'classes.text = "A"\nfonts.files = ["*.ttf"]\nsplit = { by = "face", test_faces = ["b.ttf"] }'
    )
    with pytest.raises(RecipeError) as caught:
        _ = lay_out(recipe).plan
    assert str(caught.value) == (
        f"{recipe}:3: split: a.ttf (train), b.ttf (test) are one typeface: of one family, or drawn alike"
        " (put them on one side)"
    )


def test_one_family_cannot_be_split(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    make_font("a.ttf", {"A": BOX}, family="One")
    make_font("b.ttf", {"A": RING}, family="One")
    recipe = write_recipe(
        'classes.text = "A"\nfonts.files = ["*.ttf"]\nsplit = { by = "face", test = 0.5 }'
    )
    with pytest.raises(RecipeError) as caught:
        _ = lay_out(recipe).plan
    assert str(caught.value) == (
        f"{recipe}:3: split: no face of 2 is left for train: faces of one family, or drawn alike,"
        " stay together (hold out fewer, or add fonts of other families)"
    )


def test_a_glob_without_a_face_and_a_face_on_two_sides_are_errors(three_faces: Path) -> None:
    parts = lay_out(
        three_faces, 'split={by = "face", val_faces = ["no*"], test_faces = ["one.ttf", "no*"]}'
    )
    with pytest.raises(RecipeError) as caught:
        _ = parts.plan
    assert list(caught.value.problems) == [
        "--set split.val_faces: no face is called 'no*' (expected the file name of a font of the recipe)",
        "--set split.test_faces: no face is called 'no*' (expected the file name of a font of the recipe)",
    ]
    parts = lay_out(
        three_faces, 'split={by = "face", val_faces = ["one*"], test_faces = ["one.ttf"]}'
    )
    with pytest.raises(RecipeError, match=r"'one\.ttf' is in val_faces and in test_faces"):
        _ = parts.plan


def test_a_class_without_a_face_in_train_is_an_error(three_faces: Path) -> None:
    parts = lay_out(three_faces, 'split={by = "face", test_faces = ["one.ttf", "two.ttf"]}')
    with pytest.raises(RecipeError) as caught:
        _ = parts.plan
    assert str(caught.value) == (
        "--set split: no face that is left for train draws 'C' (U+0043) of 3 classes"
        " (hold out other faces, or exclude the classes)"
    )


@settings(max_examples=60, deadline=None)
@given(counts=st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_every_class_has_exactly_its_rows_whatever_the_counts(counts: list[int]) -> None:
    n = np.array(counts, dtype=np.int64)
    zero = np.zeros_like(n)
    turns = make_turns(np.arange(3 * len(n)), np.full_like(n, 3), n, zero, zero)
    class_index, sample, _, _ = turns.rows(0, turns.n_rows)
    assert np.bincount(class_index, minlength=len(n)).tolist() == counts
    for k, count in enumerate(counts):
        assert sample[class_index == k].tolist() == list(range(count))


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_turns_are_those_of_each_class_alone(data: st.DataObject) -> None:
    n_faces, n_forms = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 7))
    n_classes = data.draw(st.integers(1, 4))
    form_class = data.draw(
        st.lists(st.integers(0, n_classes - 1), min_size=n_forms, max_size=n_forms)
    )
    admitted = data.draw(arrays(bool, (n_faces, n_forms)))
    weights = data.draw(arrays(np.int64, n_faces, elements=st.integers(1, 3)))
    form_weights = data.draw(arrays(np.int64, n_forms, elements=st.integers(1, 2)))
    faces = np.flatnonzero(data.draw(arrays(bool, n_faces)))
    is_hand = data.draw(arrays(bool, n_faces))
    cells, n_cells, n_written = list_turns(
        form_class, n_classes, admitted, faces, weights, form_weights, is_hand
    )
    own = [[form for form in range(n_forms) if form_class[form] == k] for k in range(n_classes)]
    alone = [
        [
            face * n_forms + form
            for turn in range(6)
            for step in range(len(forms))
            for number, face in enumerate(faces.tolist())
            for form in [forms[(number + step) % len(forms)]]
            if admitted[face, form] and weights[face] * form_weights[form] > turn
        ]
        for forms in own
    ]
    hands = [[cell for cell in own if is_hand[cell // n_forms]] for own in alone]
    fonts = [[cell for cell in own if not is_hand[cell // n_forms]] for own in alone]
    assert n_cells.tolist() == [len(own) for own in alone]
    assert n_written.tolist() == [len(own) for own in hands]
    assert cells.tolist() == [
        cell for pair in zip(fonts, hands, strict=True) for own in pair for cell in own
    ]


def test_no_shift_where_the_margin_is_too_small(three_faces: Path) -> None:
    samples = (
        lay_out(
            three_faces, "render.per_class=300", "render.size=[0.5, 0.9]", "render.min_blank=0.15"
        )
        .plan.rows(0, 900)
        .samples
    )
    margin = (64 - samples["size_px"]) / 2
    assert not samples["shift_x_px"][margin < 0.149 * 64].any()
    assert samples["shift_x_px"][margin > 0.151 * 64].all()


def test_classes_of_a_grid_begin_at_different_places(three_faces: Path) -> None:
    plan = lay_out(three_faces, 'render={mode = "grid", size = [0.4, 0.5, 0.6]}').plan
    assert len(set(plan.rows(0, 3).samples["size_px"].tolist())) == 3


def test_ink_that_grows_bends_and_scatters_stays_in_the_frame(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    make_font("x.ttf", {"A": BOX, "B": PAIR})
    recipe = write_recipe(
        'classes.text = "AB"\nfonts.files = ["x.ttf"]\n[image]\nheight = 100\nwidth = 100\n'
        "[render]\nper_class = 300\nsize = [0.7, 2]\nrotation = [-20, 20]\nweight = [0.02, 0.06]\n"
        "wobble = { amplitude = 0.04 }\nscatter = { shift = 0.03, turn = 5, scale = 0.1 }"
    )
    # Drawn in the middle of a larger frame, to see what would have been cut off.
    parts = lay_out(recipe)
    placements = parts.plan.rows(0, 600)
    placements.matrix[:, :, 2] += 50
    engine = VectorEngine(replace(parts.engine_inputs, height=200, width=200))
    images = np.empty((600, 200, 200), dtype=np.uint8)
    engine.draw(placements, images)
    images[:, 50:150, 50:150] = 0
    assert not images.any()
