"""Labels that stand for styles: characters by lot, several on one image."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

from glyphgen import load, render_dataset, verify_dataset
from glyphgen.cli.fonts_command import _print_verdict, _show_verdict
from glyphgen.errors import GlyphgenError, RecipeError
from glyphgen.plan.style_plan import StylePlan
from glyphgen.recipe import dump_recipe, read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render, survey_faces
from glyphgen.render.previewing import preview_recipe

WriteRecipe = Callable[[str], Path]

STYLES = f"""
classes.text = "一丁七万丈三上下不世中主久乗九事二五井人"
classes.label_by = "style"
image = {{ height = 96, width = 80 }}
render.per_class = 40
render.characters = [[1, 1], [4, 3]]
render.lines = 0.4
render.seal = 0.3
gate.on_refused = "skip"
[[fonts.style]]
name = "kaishu"
files = ["{FONTS}/han/MaShan*.ttf", "{FONTS}/kana/kouzan-mouhitsu.ttf"]
[[fonts.style]]
name = "xingshu"
files = ["{FONTS}/han/ZhiMang*.ttf"]
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedRender:
    path = tmp_path_factory.mktemp("styles") / "styles.toml"
    path.write_text(STYLES + '[split]\nby = "form"\nval = 0.1\ntest = 0.2\n', encoding="utf-8")
    return prepare_render(read_recipe(path), use_cache=False)


def find_plan(prepared: PreparedRender) -> StylePlan:
    assert isinstance(prepared.planned, StylePlan)
    return prepared.planned


def test_a_class_is_a_style_and_rows_run_through_them(prepared: PreparedRender) -> None:
    plan = find_plan(prepared)
    assert prepared.table.labels == ("kaishu", "xingshu")
    assert plan.splits == {"train": (0, 56), "val": (56, 64), "test": (64, 80)}
    assert {name: counts.tolist() for name, counts in plan.count_rows().items()} == {
        "train": [28, 28],
        "val": [4, 4],
        "test": [8, 8],
    }
    scenes = [plan.make_page(row, prepared.store) for row in range(plan.n_rows)]  # type: ignore[arg-type]
    assert [int(scene.sample["class_index"]) for scene in scenes[:4]] == [0, 1, 0, 1]
    hands = [prepared.faces[int(scene.sample["face"])].hand for scene in scenes]
    assert hands == [prepared.table.labels[int(scene.sample["class_index"])] for scene in scenes]
    assert len({int(scene.sample["face"]) for scene in scenes}) == 3


def test_characters_of_test_are_never_seen_in_train(prepared: PreparedRender) -> None:
    plan = find_plan(prepared)
    seen = {}
    for name, (first, last) in plan.splits.items():
        cells = np.concatenate(
            [plan.make_page(row, prepared.store).atoms.cell for row in range(first, last)]  # type: ignore[arg-type]
        )
        seen[name] = set((cells % plan.n_forms).tolist())
    assert not seen["train"] & seen["test"]
    assert not seen["train"] & seen["val"]
    assert not seen["val"] & seen["test"]
    assert len(seen["train"]) > 10


def test_columns_stand_from_right_to_left_and_no_character_leaves_the_image(
    prepared: PreparedRender,
) -> None:
    plan = find_plan(prepared)
    sizes = set()
    for row in range(plan.n_rows):
        scene = plan.make_page(row, prepared.store)  # type: ignore[arg-type]
        x, y, columns = scene.atoms.x, scene.atoms.y, scene.atoms.line_of_word
        em = scene.atoms.size
        n_columns = int(columns.max()) + 1
        sizes.add((len(x) // n_columns, n_columns))
        middles = [x[columns == k].mean() for k in range(n_columns)]
        assert middles == sorted(middles, reverse=True)
        for k in range(n_columns):
            assert (np.diff(y[columns == k]) > 0.8 * em[0]).all()
        if row < plan.splits["train"][1]:  # val and test have fewer characters than an image shows
            assert len(set(scene.atoms.cell.tolist())) == len(x), "no character twice"
        assert x.min() > -em[0] * 0.3
        assert (x + em).max() < 80 + em[0] * 0.3
    assert {rows for rows, _ in sizes} == {1, 2, 3, 4}
    assert {columns for _, columns in sizes} == {1, 2, 3}


def test_styles_are_rendered_verified_and_shown(prepared: PreparedRender, tmp_path: Path) -> None:
    render_dataset(prepared.recipe, tmp_path / "d")
    dataset = load(tmp_path / "d")
    assert [info.label for info in dataset.classes] == ["kaishu", "xingshu"]
    assert np.asarray(dataset.images).reshape(80, -1).max(axis=1).min() > 240
    assert not verify_dataset(tmp_path / "d").problems
    assert preview_recipe(prepared, tmp_path / "p.png", per_class=3, n_classes=9) == 2
    assert {face.hand for face in dataset.index.faces} == {"kaishu", "xingshu"}


def test_a_recipe_of_styles_is_written_as_it_is_read(
    prepared: PreparedRender, tmp_path: Path
) -> None:
    (tmp_path / "styles.toml").write_text(dump_recipe(prepared.recipe), encoding="utf-8")
    again = read_recipe(tmp_path / "styles.toml", folder=prepared.recipe.folder)
    assert again == prepared.recipe


def test_styles_under_other_names_are_another_dataset(prepared: PreparedRender) -> None:
    import dataclasses

    swapped = tuple(dataclasses.replace(face, hand="kaishu") for face in prepared.faces)
    other = dataclasses.replace(prepared, faces=swapped)
    assert other.content_key != prepared.content_key


def test_what_needs_one_character_an_image_says_so(prepared: PreparedRender) -> None:
    with pytest.raises(GlyphgenError, match="images show several characters, expected one each"):
        _ = prepared.plan


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            ('[[fonts.style]]\nname = "xingshu"', '[[fonts.style]]\nname = "kaishu"'),
            "fonts.style.1.name: found 'kaishu' again, expected each name once",
        ),
        (
            (f"{FONTS}/han/ZhiMang*.ttf", f"{FONTS}/han/MaShan*.ttf"),
            "fonts.style.1.files: 'MaShanZheng_400Regular.ttf' is also of the style 'kaishu',",
        ),
        (
            (f"{FONTS}/han/ZhiMang*.ttf", "none.ttf"),
            "fonts.style.1.files: no font matches 'none.ttf' (paths are relative to the recipe)",
        ),
        (
            ('label_by = "style"', 'label_by = "form"'),
            'fonts.style: found with classes.label_by = "form", expected "style"',
        ),
        (
            ("[[1, 1], [4, 3]]", "[[2, 1], [1, 3]]"),
            "render.characters: found [[2, 1], [1, 3]], expected the fewest rows and columns first",
        ),
        (
            ("render.lines = 0.4", 'classes.words = ["ab"]'),
            'classes.words: found with label_by = "style", expected characters alone',
        ),
        (
            ("render.lines = 0.4", "render.shear = 3"),
            'render.shear: found with label_by = "style", which has no use for it',
        ),
        (
            ("render.lines = 0.4", f'fonts.files = ["{FONTS}/han/*.ttf"]'),
            "fonts.files: found with styles, expected all faces in [[fonts.style]]",
        ),
        (
            ("render.lines = 0.4", 'split = { by = "face", test_faces = ["ZhiMang*"] }'),
            "fonts.style: no character of xingshu is left for train",
        ),
    ],
)
def test_styles_that_cannot_be_are_refused(
    change: tuple[str, str], problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "styles.toml"
    path.write_text(STYLES.replace(*change), encoding="utf-8")
    with pytest.raises(GlyphgenError) as error:
        prepare_render(read_recipe(path), use_cache=False)
    assert problem in "\n".join(error.value.problems)


def test_a_split_by_form_is_for_styles(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        'classes.text = "ab"\nfonts.files = ["x.ttf"]\nsplit = { by = "form", test = 0.2 }\n',
        encoding="utf-8",
    )
    with pytest.raises(RecipeError, match=r'found "form" with classes\.label_by = "form"'):
        read_recipe(path)


def test_a_check_tells_how_many_faces_write_each_style(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "styles.toml"
    path.write_text(STYLES, encoding="utf-8")
    found = survey_faces(read_recipe(path))
    page = _show_verdict(found)
    assert page["faces_of_class"] == {"kaishu": 2, "xingshu": 1}
    _print_verdict(page, "style")
    assert "styles with fewest faces: 'xingshu' 1, 'kaishu' 2" in capsys.readouterr().out
    _print_verdict(page | {"faces_of_class": {"kaishu": 2, "xingshu": 2}}, "style")
    assert "every style is drawn by 2 faces" in capsys.readouterr().out
