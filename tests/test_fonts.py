import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import BOX, FONTS, MakeFont
from fontTools.ttLib import TTCollection, TTFont
from fontTools.ttLib.tables.DefaultTable import DefaultTable

from glyphgen.errors import FontError, UnreadableFontError
from glyphgen.fonts import Face, find_requests, read_face
from glyphgen.outlines.process import FontReader
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render

WriteRecipe = Callable[[str], Path]


def find_faces(path: Path) -> tuple[Face, ...]:
    with FontReader() as reader:
        faces, unread = reader.read_faces(*find_requests(read_recipe(path)))
    assert not unread
    return faces


def problems_of(recipe: Path) -> list[str]:
    with pytest.raises(FontError) as caught:
        find_faces(recipe)
    return list(caught.value.problems)


def test_a_face_knows_its_names_license_and_hash() -> None:
    face = read_face(FONTS / "kana" / "KleeOne_400Regular.ttf")
    assert (face.family, face.style) == ("Klee One", "Regular")
    assert face.license == "OFL-1.1"
    assert face.license_text.startswith("This Font Software is licensed under the SIL Open Font")
    assert face.license_url == "https://scripts.sil.org/OFL"
    assert face.copyright.startswith("Copyright 2020 The Klee Project Authors")
    assert (face.vendor, face.fs_type) == ("Fontworks Inc. (FWKS)", "installable")
    assert face.sha256 == "d698c5ee943c32c348fa3c0085567553703ab238ffdd97ece2c86efb276fa32c"


def test_a_font_that_says_nothing_has_an_unknown_license(make_font: MakeFont) -> None:
    assert read_face(make_font("plain.ttf", {"A": BOX})).license == "unknown"


def test_every_bundled_font_is_read() -> None:
    files = sorted(FONTS.glob("*/*.[ot]tf"))
    assert len(files) == 116
    assert all(read_face(path).family for path in files)


def test_faces_come_in_the_order_of_names_and_once(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for name in ("b.ttf", "a.ttf", "c.ttf"):
        make_font(name, {"A": BOX})
    recipe = write_recipe('classes.text = "A"\nfonts.files = ["[bc].ttf", "*.ttf"]')
    assert [face.name for face in find_faces(recipe)] == ["b.ttf", "c.ttf", "a.ttf"]


def test_what_is_missing_is_said_all_at_once(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    make_font("plain.ttf", {"A": BOX})
    (tmp_path / "broken.ttf").write_bytes(b"\0\1\0\0 this is no font")
    recipe = write_recipe(
        """classes.text = "A"
[fonts]
files = ["none/*.otf", "broken.ttf"]
[[fonts.faces]]
file = "absent.ttf"
[[fonts.faces]]
file = "plain.ttf"
index = 2
[[fonts.faces]]
file = "plain.ttf"
axes = { wght = 700 }
"""
    )
    first, broken, *others = problems_of(recipe)
    assert (
        first
        == f"{recipe}:3: fonts.files: no font matches 'none/*.otf' (paths are relative to the recipe)"
    )
    assert broken.startswith(f"{tmp_path}/broken.ttf: rejected by the OpenType Sanitizer: ")
    assert others == [
        f"{tmp_path}/absent.ttf: no such font file (paths are relative to the recipe)",
        f"{tmp_path}/plain.ttf: no face at index 2, the file holds 1 (give an index from 0 to 0)",
        f"{tmp_path}/plain.ttf: no axis 'wght' (the font's axes: none: it is not a variable font)",
    ]


def test_a_collection_is_read_at_its_index(make_font: MakeFont, tmp_path: Path) -> None:
    collection = TTCollection()
    collection.fonts = [TTFont(make_font(f"{n}.ttf", {"A": BOX}, family=n)) for n in ("one", "two")]
    collection.save(tmp_path / "both.ttc")
    assert read_face(tmp_path / "both.ttc", index=1).family == "two"
    with pytest.raises(FontError) as caught:
        read_face(tmp_path / "both.ttc", index=2)
    assert str(caught.value) == (
        f"{tmp_path}/both.ttc: no face at index 2, the file holds 2 (give an index from 0 to 1)"
    )


def test_an_axis_has_limits(variable_font: Path) -> None:
    assert read_face(variable_font, axes={"wght": 650}).axes == (("wght", 650),)
    with pytest.raises(FontError) as caught:
        read_face(variable_font, axes={"wght": 2000, "wdth": 1})
    assert list(caught.value.problems) == [
        f"{variable_font}: axis 'wght' at 2000, expected 100 to 900",
        f"{variable_font}: no axis 'wdth' (the font's axes: wght)",
    ]


def test_an_absent_family_is_an_error_and_never_a_substitute(write_recipe: WriteRecipe) -> None:
    recipe = write_recipe('classes.text = "A"\nfonts.system = ["No Such Family At All"]')
    assert problems_of(recipe) == [
        f"{recipe}:2: fonts.system: no font of the family 'No Such Family At All' is installed"
        " (install it, or give its file under fonts.files; `fc-list` shows what there is)"
    ]


@pytest.fixture
def _only_fonts_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "fonts.conf"
    config.write_text(
        f"<?xml version='1.0'?><fontconfig><dir>{tmp_path}</dir><cachedir>{tmp_path}/cache"
        "</cachedir></fontconfig>"
    )
    monkeypatch.setenv("FONTCONFIG_FILE", str(config))


@pytest.mark.usefixtures("_only_fonts_here")
def test_an_installed_family_is_its_files(make_font: MakeFont, write_recipe: WriteRecipe) -> None:
    path = make_font("here.ttf", {"A": BOX}, family="Glyphgen Test")
    recipe = write_recipe('classes.text = "A"\nfonts.system = ["Glyphgen Test"]')
    assert [face.path for face in find_faces(recipe)] == [path]


@pytest.mark.usefixtures("_only_fonts_here")
def test_the_named_instances_of_a_variable_family_are_not_files_of_their_own(
    variable_font: Path, write_recipe: WriteRecipe
) -> None:
    recipe = write_recipe(
        'classes.text = "A"\n[[fonts.faces]]\nsystem = "Grows"\naxes = { wght = 500 }'
    )
    assert [face.name for face in find_faces(recipe)] == ["grows.ttf,wght=500"]


FACE = 'classes.text = "A"\n[[fonts.faces]]\nsystem = "Many"\n'


@pytest.mark.usefixtures("_only_fonts_here")
def test_of_a_family_with_several_faces_one_is_chosen_by_its_style(
    make_font: MakeFont, write_recipe: WriteRecipe
) -> None:
    for style in ("Regular", "Bold", "Semi Bold"):
        make_font(f"{style}.ttf", {"A": BOX}, family="Many", style=style)
    whole = write_recipe('classes.text = "A"\nfonts.system = ["Many"]')
    assert problems_of(whole) == [
        f"{whole}:2: fonts.system: 'Many' has 3 faces, Bold, Regular, Semi Bold, expected one"
        ' (choose it: fonts.faces = [{ system = "Many", style = "Regular" }])'
    ]
    one = write_recipe(FACE + 'style = "semi bold"')
    assert [face.name for face in find_faces(one)] == ["Semi Bold.ttf"]
    none = write_recipe(FACE + 'style = "Black"')
    assert problems_of(none) == [
        f"{none}:2: fonts.faces: 'Many' has no style 'Black', expected one of Bold, Regular,"
        " Semi Bold"
    ]


@pytest.mark.usefixtures("_only_fonts_here")
def test_of_a_collection_with_a_style_twice_one_is_chosen_by_its_index(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    collection = TTCollection()
    for name in ("one.ttf", "two.ttf"):
        path = make_font(name, {"A": BOX}, family="Many")
        collection.fonts.append(TTFont(path))
        path.unlink()
    collection.save(tmp_path / "both.ttc")
    both = write_recipe(FACE + 'style = "Regular"')
    assert problems_of(both) == [
        f"{both}:2: fonts.faces: the style 'Regular' of 'Many' is at 2 places of both.ttc,"
        " expected one of the indices 0, 1 (choose it under fonts.faces: index = 0)"
    ]
    second = write_recipe(FACE + "index = 1")
    assert [face.name for face in find_faces(second)] == ["both.ttc#1"]
    absent = write_recipe(FACE + "index = 2")
    assert problems_of(absent) == [
        f"{absent}:2: fonts.faces: no face at index 2 is 'Many', expected index 0, 1"
    ]


@pytest.mark.usefixtures("_only_fonts_here")
def test_a_style_in_two_files_names_them(
    make_font: MakeFont, write_recipe: WriteRecipe, tmp_path: Path
) -> None:
    # A style that would be two fields of a line, and two lines.
    for name in ("x.ttf", "y.ttf"):
        make_font(name, {"A": BOX}, family="Many", style="a\tb\nc")
    recipe = write_recipe('classes.text = "A"\nfonts.system = ["Many"]')
    assert problems_of(recipe) == [
        f"{recipe}:2: fonts.system: 'Many' is in 2 files, {tmp_path}/x.ttf, {tmp_path}/y.ttf"
        " (give one under fonts.files)"
    ]


@pytest.mark.usefixtures("_only_fonts_here")
def test_an_absent_family_of_debian_comes_with_its_package(write_recipe: WriteRecipe) -> None:
    recipe = write_recipe('classes.text = "A"\nfonts.system = ["Noto Sans CJK JP"]')
    assert problems_of(recipe) == [
        f"{recipe}:2: fonts.system: no font of the family 'Noto Sans CJK JP' is installed (install"
        " it, on Debian `apt install fonts-noto-cjk fonts-noto-cjk-extra`, or give its file under"
        " fonts.files; `fc-list` shows what there is)"
    ]


# What Debian's packages hold of the faces that shipped recipes name, and a few that they do not name.
DEBIAN = {
    "NotoSansCJK-Thin.ttc": ("Noto Sans CJK JP", "Thin"),
    "NotoSansCJK-Regular.ttc": ("Noto Sans CJK JP", "Regular"),
    "NotoSansCJK-Medium.ttc": ("Noto Sans CJK JP", "Medium"),
    "NotoSerifCJK-Regular.ttc": ("Noto Serif CJK JP", "Regular"),
    "NotoSerifCJK-Bold.ttc": ("Noto Serif CJK JP", "Bold"),
    "ipag.ttf": ("IPAGothic", "Regular"),
    "ipam.ttf": ("IPAMincho", "Regular"),
    "VL-Gothic-Regular.ttf": ("VL Gothic", "regular"),
    "NanumPen.ttf": ("Nanum Pen Script", "Regular"),
    "NanumBrush.ttf": ("Nanum Brush Script", "Regular"),
    "NanumBarunGothic.ttf": ("NanumBarunGothic", "Regular"),
    "NanumMyeongjo.ttf": ("NanumMyeongjo", "Regular"),
    "NanumMyeongjoBold.ttf": ("NanumMyeongjo", "Bold"),
    "NanumBarunpenR.ttf": ("NanumBarunpen", "Regular"),
    "UnBatang.ttf": ("UnBatang", "Regular"),
    "UnBatangBold.ttf": ("UnBatang", "Bold"),
    "UnDotum.ttf": ("UnDotum", "Regular"),
    "UnGungseo.ttf": ("UnGungseo", "Regular"),
    "UnPilgi.ttf": ("UnPilgi", "Regular"),
}


@pytest.mark.usefixtures("_only_fonts_here")
@pytest.mark.parametrize(
    ("name", "files"),
    [
        (
            "article-kana-grid",
            "NotoSansCJK-Thin.ttc NotoSansCJK-Medium.ttc NotoSerifCJK-Regular.ttc",
        ),
        (
            "jis-level1",
            "ipag.ttf ipam.ttf VL-Gothic-Regular.ttf NotoSansCJK-Regular.ttc NotoSerifCJK-Regular.ttc",
        ),
        (
            "hangul",
            "NanumPen.ttf NanumBrush.ttf UnGungseo.ttf NanumBarunGothic.ttf NanumMyeongjo.ttf"
            " NanumBarunpenR.ttf UnBatang.ttf UnDotum.ttf UnPilgi.ttf",
        ),
    ],
)
def test_shipped_recipes_choose_their_faces_among_those_of_debian(
    name: str, files: str, make_font: MakeFont
) -> None:
    for file, (family, style) in DEBIAN.items():
        make_font(file, {"A": BOX}, family=family, style=style)
    recipe = read_recipe(name)
    requests, problems = find_requests(recipe)
    assert problems == ()
    assert [request.path.name for request in requests] == files.split()
    held_out = {*recipe.split.val_faces, *recipe.split.test_faces}
    assert held_out < set(files.split()) or not held_out


def test_names_that_take_all_memory_are_refused(make_font: MakeFont, tmp_path: Path) -> None:
    """As many records as there can be, which share one text."""
    font = TTFont(make_font("a.ttf", {"A": BOX}))
    record = struct.pack(">6H", 3, 1, 0x409, 1, 60_000, 0)
    table = DefaultTable("name")
    table.data = struct.pack(">3H", 0, 5_000, 6 + 60_000) + record * 5_000 + b"\0A" * 30_000
    font["name"] = table
    font.save(tmp_path / "names.ttf")
    with pytest.raises(UnreadableFontError) as caught:
        read_face(tmp_path / "names.ttf")
    assert str(caught.value) == (
        f"{tmp_path}/names.ttf: holds 5,000 names that take 288 MiB, expected at most 16 MiB"
        " (mend the font, or leave it out)"
    )


def test_a_range_of_an_axis_stands_for_instances(
    variable_font: Path, write_recipe: WriteRecipe
) -> None:
    recipe = read_recipe(
        write_recipe(
            'classes.text = "A"\nfonts.faces = [{ file = "grows.ttf", axes = { wght = [100, 900] },'
            ' instances = 3 }]\ngate.allow = [{ forms = "A" }]\n'
        )
    )
    requests, problems = find_requests(recipe)
    assert not problems
    assert [request.axes for request in requests] == [(("wght", w),) for w in (100.0, 500.0, 900.0)]
    prepared = prepare_render(recipe, use_cache=False)
    widths = prepared.store.box[:, 2] - prepared.store.box[:, 0]
    assert widths.tolist() == pytest.approx([0.1, 0.3, 0.5])


def test_ranges_of_several_axes_meet_in_orders_of_their_own(write_recipe: WriteRecipe) -> None:
    recipe = read_recipe(
        write_recipe(
            'classes.text = "A"\nfonts.faces = [{ file = "x.ttf", instances = 9,'
            " axes = { wght = [100, 900], wdth = [75, 125], slnt = -3 } }]\n"
        )
    )
    requests, _ = find_requests(recipe)
    axes = [dict(request.axes) for request in requests]
    assert len(axes) == 9
    assert sorted(a["wght"] for a in axes) == [100.0 * k for k in range(1, 10)]
    assert sorted(a["wdth"] for a in axes) == [75 + 50 * k / 8 for k in range(9)]
    assert {a["slnt"] for a in axes} == {-3.0}
    by_width = [a["wght"] for a in sorted(axes, key=lambda a: a["wdth"])]
    assert by_width not in (sorted(by_width), sorted(by_width, reverse=True))
