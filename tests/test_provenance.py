"""What is known of how rows were drawn survives merging and importing; what is not known is said to be."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BOX, RING, MakeFont
from tampering import forge_index
from tiny_sources import write_tree

import glyphgen
from glyphgen.balance import BalanceOptions
from glyphgen.dataset.index import read_index
from glyphgen.dataset.notice import make_notice
from glyphgen.exchange.provenance import NO_FACE, ROW_DTYPE
from glyphgen.gate.page import GatePage, RefusedEntry, read_gate_page
from glyphgen.report.dataset_page import make_sections
from glyphgen.report.statistics import measure_dataset

OVERRIDES = ["gate.on_unproven='allow'", "gate.on_changed='allow'", "image.width=16"]
Page = dict[str, Any]
HEAD = "[image]\nheight = 16\n"


@pytest.fixture
def parts(tmp_path: Path, make_font: MakeFont, write_recipe: Callable[..., Path]) -> list[Path]:
    """Two rendered sets, of x.ttf and y.ttf and of y.ttf alone with rotations, and scans of あ."""
    make_font("x.ttf", {"A": BOX, "B": RING})
    make_font("y.ttf", {"A": RING, "B": BOX, "C": [*BOX, *RING]})
    places = []
    for name, text, files, more in (
        ("one", "AB", '"x.ttf", "y.ttf"', ""),
        ("two", "BC", '"y.ttf"', "rotation = [-10, 10]\n"),
    ):
        recipe = write_recipe(
            f"{HEAD}[classes]\ntext = '{text}'\n[fonts]\nfiles = [{files}]\n"
            f"[render]\nper_class = 4\n{more}",
            f"{name}.toml",
        )
        glyphgen.render_dataset(glyphgen.read_recipe(recipe, OVERRIDES), tmp_path / name)
        places.append(tmp_path / name)
    scans = tmp_path / "scans"
    glyphgen.import_dataset("folder", write_tree(tmp_path / "tree", {"あ": 3}, size=16), scans)
    return [*places, scans]


@pytest.fixture
def merged(parts: list[Path], tmp_path: Path) -> Path:
    return glyphgen.merge_datasets(parts, tmp_path / "all").folder


def test_faces_and_forms_of_rows_stay_what_they_were(parts: list[Path], merged: Path) -> None:
    data = glyphgen.load(merged)
    assert [face.file for face in data.index.faces] == ["x.ttf", "y.ttf"]
    forms = [form for info in data.classes for form in info.forms]
    sources = [glyphgen.load(part) for part in parts]
    for sample in data.samples[:]:
        source = sources[sample["source"]]
        was = source.samples[int(sample["source_row"])]
        if not source.index.faces:
            assert sample["face"] == NO_FACE
            continue
        assert data.index.faces[sample["face"]] == source.index.faces[was["face"]]
        assert forms[sample["form"]] == [f for c in source.classes for f in c.forms][was["form"]]
        assert forms[sample["form"]] in data.classes[sample["class_index"]].forms


def test_what_was_sampled_stays_and_what_was_not_is_no_number(
    parts: list[Path], merged: Path
) -> None:
    data = glyphgen.load(merged)
    samples = data.samples[:]
    fields = glyphgen.load(parts[1]).samples.dtype.names or ()
    assert samples.dtype.names == (
        *(ROW_DTYPE.names or ()),
        *(name for name in fields if name not in (ROW_DTYPE.names or ())),
    )
    turned = samples[samples["source"] == 1]
    was = glyphgen.load(parts[1]).samples[turned["source_row"].tolist()]
    np.testing.assert_array_equal(turned["rotation_deg"], was["rotation_deg"])
    assert np.isnan(samples[samples["source"] == 2]["rotation_deg"]).all()
    values = measure_dataset(data).values["rotation_deg"]
    assert len(values) == len(samples) - 3


def test_the_notice_names_the_fonts_and_what_is_unknown(merged: Path) -> None:
    notice = make_notice(read_index(merged))
    assert "1. x\nFiles: x.ttf\n" in notice
    assert "2. y\nFiles: y.ttf\n" in notice
    assert notice.endswith(
        "Unknown: the fonts or writers, and the license, of 3 images.\n    3 of tree (dataset)\n"
    )


def test_the_report_tells_rows_of_each_face_and_of_none(merged: Path) -> None:
    data = glyphgen.load(merged)
    sections, _, _ = make_sections(data, measure_dataset(data), per_class=2)
    [faces] = [section for section in sections if section.id == "faces"]
    rows = faces.blocks[0]["rows"]
    assert [(row[0], row[2]) for row in rows] == [("x.ttf", "4"), ("y.ttf", "12"), ("unknown", "3")]
    assert [row[5] for row in rows] == ["2", "3", ""]


def test_gate_pages_become_one(merged: Path) -> None:
    page = read_gate_page(merged)
    assert page is not None
    assert (page.coverage, page.cells, page.admitted) == ({"x.ttf": 2, "y.ttf": 3}, 5, 5)


def test_a_merged_dataset_is_verified_and_merged_and_balanced(
    merged: Path, parts: list[Path], tmp_path: Path
) -> None:
    assert glyphgen.verify_dataset(merged).problems == ()
    more = write_tree(tmp_path / "more", {"い": 2}, size=16)
    glyphgen.import_dataset("folder", more, tmp_path / "more-set")
    again = glyphgen.merge_datasets([merged, tmp_path / "more-set"], tmp_path / "again").folder
    assert glyphgen.verify_dataset(again).problems == ()
    index = read_index(again)
    assert [face.file for face in index.faces] == ["x.ttf", "y.ttf"]
    assert [source.unknown for source in index.sources] == [3, 2]
    imported = glyphgen.import_dataset("dataset", again, tmp_path / "imported").folder
    assert read_index(imported).faces == index.faces
    assert (imported / "gate.json").read_bytes() == (merged / "gate.json").read_bytes()
    prepared = glyphgen.prepare_balance(merged, 4, options=BalanceOptions())
    balanced = glyphgen.balance_dataset(prepared, tmp_path / "balanced").folder
    verified = glyphgen.verify_dataset(balanced)
    assert (verified.problems, verified.unproven) == ((), "")
    assert (balanced / "gate.json").exists()
    assert "of 3 images.\n    3 of all (dataset)\n" in make_notice(read_index(balanced))


def test_rows_whose_samples_tell_nothing_are_merged(parts: list[Path], tmp_path: Path) -> None:
    listed = [parts[2], parts[0]]
    data = glyphgen.load(glyphgen.merge_datasets(listed, tmp_path / "other-way").folder)
    unknown = data.samples[:]["source"] == 0
    assert (data.samples[:]["face"][unknown] == NO_FACE).all()
    assert (data.samples[:]["face"][~unknown] < 2).all()


def forge_license(page: Page) -> None:
    page["faces"][0]["license"] = "CC0-1.0"


def forge_unproven(page: Page) -> None:
    page["classes"][0]["unproven"] = 0


def forge_unknown(page: Page) -> None:
    page["sources"][2]["unknown"] = 0


@pytest.mark.parametrize("forge", [forge_license, forge_unproven, forge_unknown])
def test_forged_provenance_is_found(merged: Path, forge: Callable[[Page], None]) -> None:
    forge_index(merged, forge)
    [problem] = glyphgen.verify_dataset(merged).problems
    assert problem.startswith(f"{merged}/index.json: content_key is ")


def test_a_forged_gate_page_is_found_though_index_json_names_its_hash(merged: Path) -> None:
    forged = (merged / "gate.json").read_bytes().replace(b"x.ttf", b"z.ttf")
    (merged / "gate.json").write_bytes(forged)
    sha256 = hashlib.sha256(forged).hexdigest()
    forge_index(merged, lambda page: page["files"].update({"gate.json": sha256}))
    [problem] = glyphgen.verify_dataset(merged).problems
    assert problem.startswith(f"{merged}/index.json: content_key is ")


def test_a_dataset_of_an_earlier_glyphgen_is_still_whole(parts: list[Path], tmp_path: Path) -> None:
    """Where nothing is carried along, index.json has no key that it had not before."""
    balanced = tmp_path / "balanced"
    glyphgen.balance_dataset(glyphgen.prepare_balance(parts[2], 4), balanced)
    for folder in (parts[2], balanced):
        assert b'"unknown"' not in (folder / "index.json").read_bytes()
        assert glyphgen.verify_dataset(folder).problems == ()
    assert read_index(balanced).n_without_face == 4


def test_a_cell_that_one_part_draws_is_admitted(parts: list[Path]) -> None:
    from glyphgen.exchange.provenance import join_provenance, read_provenance

    one, two = (read_provenance(glyphgen.load(part)) for part in parts[:2])
    assert one is not None
    assert two is not None
    assert one.gate is not None
    refused = [
        RefusedEntry(face="y.ttf", form=form, codepoints=(), reason="blank", figure=0)
        for form in "AB"
    ]
    page: GatePage = replace(
        one.gate, refused=tuple(refused), coverage={"x.ttf": 2, "y.ttf": 0}, admitted=2
    )
    joined = join_provenance([replace(one, gate=page), two], [[0, 1], [1, 2]], 3).gate
    assert joined is not None
    assert [cell.form for cell in joined.refused] == ["A"]
    assert (joined.cells, joined.admitted, joined.coverage["y.ttf"]) == (5, 4, 2)
