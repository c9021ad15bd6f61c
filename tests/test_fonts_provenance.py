"""What a dataset tells of the fonts that drew it, and the notice that goes with it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import BOX, FONTS, RING, MakeFont
from fontTools.ttLib import TTFont
from tiny_datasets import make_index

from glyphgen.dataset.index import read_index, write_index
from glyphgen.dataset.notice import make_notice
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.errors import FontError
from glyphgen.fonts import read_face
from glyphgen.fonts.license import describe_embedding, recognize_license
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import prepare_render
from glyphgen.render.rendering import render_dataset

WriteRecipe = Callable[[str], Path]
OFL = "This Font Software is licensed under the SIL Open Font License, Version 1.1."
SHARD = ShardInfo(file="images.npy", first_row=0, rows=23, bytes=900, blake3="ef" * 32)


@pytest.mark.parametrize(
    ("text", "url", "name"),
    [
        (OFL, "", "OFL-1.1"),
        ("", "https://openfontlicense.org", "OFL-1.1"),
        ("", "http://scripts.sil.org/cms/scripts/page.php?site_id=nrsi&id=OFL", "OFL-1.1"),
        ("Licensed under the Apache License, Version 2.0", "", "Apache-2.0"),
        ("Ubuntu Font License 1.0", "", "Ubuntu-font-1.0"),
        ("", "http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("", "https://creativecommons.org/licenses/by-nc-sa/4.0/", "CC-BY-NC-SA-4.0"),
        ("IPA Font License Agreement v1.0", "", "IPA"),
        ("Fonts are (c) Bitstream (see below).", "", "Bitstream-Vera"),
        (
            "Licensed under the GNU General Public License, version 2, with font exception.",
            "",
            "GPL-2.0-only WITH Font-exception-2.0",
        ),
        ("Ask  my\naunt", "https://aunt.example", "Ask my aunt https://aunt.example"),
        ("", "", "unknown"),
    ],
)
def test_a_license_is_known_by_its_spdx_name(text: str, url: str, name: str) -> None:
    assert recognize_license(text, url) == name


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0x0, "installable"),
        (0x2, "restricted"),
        (0x4, "preview and print"),
        (0x8, "editable"),
        (0x6, "preview and print"),
        (0x304, "preview and print, no subsetting, bitmap only"),
    ],
)
def test_embedding_bits_are_told_in_words(bits: int, words: str) -> None:
    assert describe_embedding(bits) == words


def change(path: Path, *, fs_type: int = 0, **names: str) -> None:
    ids = {"copyright": 0, "manufacturer": 8, "license": 13, "url": 14}
    font = TTFont(path)
    font["OS/2"].fsType = fs_type
    for key, name in names.items():
        font["name"].setName(name, ids[key], 3, 1, 0x409)
    font.save(path)


def test_what_a_terminal_would_obey_is_taken_out_of_names(make_font: MakeFont) -> None:
    path = make_font("x.ttf", {"A": BOX})
    change(path, license="Free\r\n\x1b[31mfor all\x00", manufacturer="\x07Bell")
    face = read_face(path)
    assert (face.license_text, face.vendor) == ("Free\n[31mfor all", "Bell")


def test_a_catalogue_beside_a_font_tells_what_the_font_does_not() -> None:
    face = read_face(FONTS / "kana" / "kiloji.ttf")
    assert face.license == "BSD-3-Clause"
    assert "Redistribution and use" in face.license_text
    assert face.fs_type == "editable"


def test_no_bundled_font_is_without_a_license() -> None:
    faces = [read_face(path) for path in FONTS.glob("*/*.[ot]tf")]
    assert [face.name for face in faces if face.license == "unknown" or not face.license_text] == []


@pytest.fixture
def unclear(make_font: MakeFont, write_recipe: WriteRecipe) -> Path:
    """A recipe of three fonts: a free one, one that says nothing, one that restricts embedding."""
    for name in ("free", "mute", "shut"):
        make_font(f"{name}.ttf", {"A": BOX, "B": RING})
    folder = write_recipe("").parent
    change(folder / "free.ttf", license=OFL)
    change(folder / "shut.ttf", license="All rights reserved", fs_type=2)
    return write_recipe('classes.text = "AB"\nfonts.files = ["*.ttf"]\nrender.per_class = 4')


LOOK = "(look before a dataset is published; `glyphgen fonts list` tells more)"


def test_an_unclear_license_is_a_warning(unclear: Path) -> None:
    recipe = read_recipe(unclear, ["gate.on_unproven='allow'"])
    assert prepare_render(recipe).warnings == (
        f"license unknown: mute.ttf {LOOK}",
        f"embedding restricted by the font's maker: shut.ttf {LOOK}",
    )


def test_an_unclear_license_is_an_error_where_one_is_required(unclear: Path) -> None:
    recipe = read_recipe(unclear, ["fonts.require_license=true"])
    with pytest.raises(FontError) as caught:
        prepare_render(recipe)
    assert list(caught.value.problems) == [
        "--set fonts.require_license: license unknown: mute.ttf",
        "--set fonts.require_license: embedding restricted by the font's maker: shut.ttf",
    ]


@pytest.mark.slow
def test_the_bundled_fonts_are_enough_where_a_license_is_required() -> None:
    recipe = read_recipe(
        "kana",
        [
            "fonts.require_license=true",
            "classes.sets=['hiragana']",
            'gate.on_changed="allow"',
        ],
    )
    assert prepare_render(recipe).warnings == ()


def test_an_index_holds_each_license_text_once(tmp_path: Path) -> None:
    index = make_index((SHARD,))
    [face] = index.faces
    told = replace(face, license_text=OFL, vendor="Hand & Co", fs_type="editable")
    index = replace(index, faces=(told, replace(told, file="Other.ttf"), face))
    write_index(tmp_path, index)
    page = json.loads((tmp_path / "index.json").read_text())
    [key] = page["license_texts"]
    assert page["license_texts"] == {key: OFL}
    assert [face["license_text"] for face in page["faces"]] == [key, key, ""]
    assert read_index(tmp_path) == index


def test_a_dataset_knows_its_fonts_and_its_notice_needs_no_font(
    unclear: Path, tmp_path: Path
) -> None:
    change(tmp_path / "mute.ttf", license=OFL, copyright="(c) 2020 Mute", manufacturer="Mute Ltd")
    render_dataset(read_recipe(unclear), tmp_path / "set")
    for path in tmp_path.glob("*.ttf"):
        path.unlink()
    assert make_notice(read_index(tmp_path / "set")) == (
        """\
Fonts in the dataset tiny

Images in this dataset were drawn with the fonts below. What is said of each font's license is what
the font itself, or a catalogue beside it, says.

------------------------------------------------------------------------------
1. free
Files: free.ttf
License: OFL-1.1
Embedding: installable
Text:

    This Font Software is licensed under the SIL Open Font License, Version 1.1.

------------------------------------------------------------------------------
2. mute
Files: mute.ttf
Made by: Mute Ltd
Copyright: (c) 2020 Mute
License: OFL-1.1
Embedding: installable
Text: as of 1. free

------------------------------------------------------------------------------
3. shut
Files: shut.ttf
License: All rights reserved
Embedding: restricted
Text:

    All rights reserved
"""
    )


def test_the_files_of_one_family_stand_together() -> None:
    index = make_index((SHARD,))
    [face] = index.faces
    bold = replace(face, file="HandBold.ttf", version="1.1")
    notice = make_notice(replace(index, faces=(face, replace(face, family="Foot"), bold)))
    assert "2. Hand\nFiles: Hand.ttf; HandBold.ttf\nVersions: 1.0; 1.1\n" in notice
    assert notice.count("Text: the font holds none") == 2


def test_a_dataset_without_fonts_has_a_notice_that_says_so() -> None:
    notice = make_notice(make_index((SHARD,), faces=()))
    assert notice.endswith("Unknown: the fonts or writers, and the license, of 23 images.\n")
