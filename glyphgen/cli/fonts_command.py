"""``glyphgen fonts``: what fonts there are, what they cover, what the gate says."""

import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from glyphgen.cli.options import PLACE, json_option, set_option
from glyphgen.cli.suggesting import SuggestingGroup
from glyphgen.cli.talk import (
    find_newest_dataset,
    print_json,
    print_line,
    print_path,
    print_table,
    print_warnings,
    say,
    show_progress,
)
from glyphgen.files.address import Place
from glyphgen.text import show_count, show_lines, show_some, show_text

if TYPE_CHECKING:
    from glyphgen.recipe import Recipe
    from glyphgen.render.preparing import Survey

__all__ = ["fonts"]


@click.group(cls=SuggestingGroup)
def fonts() -> None:
    """What fonts there are."""


@fonts.command("list")
@click.argument("recipe", required=False)
@json_option
@set_option
def list_fonts(recipe: str | None, as_json: bool, overrides: tuple[str, ...]) -> None:
    """List the faces of RECIPE, and how many of its classes each draws.

    Without RECIPE, the fonts that come with glyphgen.

    \b
    Example:
        glyphgen fonts list recipes/kana.toml
    """
    rows = _list_recipe_faces(recipe, overrides) if recipe else _list_shipped_faces()
    if as_json:
        print_json(rows, indent=2)
        return
    print_table(rows[0], ([_shorten(str(value)) for value in row.values()] for row in rows))


def _shorten(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@fonts.command("check")
@click.argument("recipe")
@click.option(
    "--sheet",
    type=click.Path(path_type=Path),
    metavar="PNG",
    help="Draw every refused cell beside what other faces draw, 60 to a file.",
)
@json_option
@set_option
def check_fonts(recipe: str, sheet: Path | None, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Ask the gate about every face and class of RECIPE: what is refused, and why; what is alike.

    Exit code 1 if a class is left without a face, or with fewer than gate.min_faces_per_class.

    \b
    Example:
        glyphgen fonts check recipes/kana.toml --sheet refused.png
    """
    from glyphgen.recipe import read_recipe

    read = read_recipe(recipe, overrides)
    found = _survey(read)
    page = _show_verdict(found)
    if as_json:
        print_json(page, indent=2)
    else:
        _print_verdict(page, "style" if found.table.drawn else "class")
    if sheet:
        _draw_refused(sheet, found)
    if min(page["faces_of_class"].values()) < read.gate.min_faces_per_class:
        sys.exit(1)


@fonts.command("licenses")
@click.argument("dataset", required=False, type=PLACE)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="TXT", help="Write the notice here."
)
def print_licenses(dataset: Place | None, out: Path | None) -> None:
    """Print the notice that a publisher of DATASET has to ship: its fonts and their licenses.

    \b
    Example:
        glyphgen fonts licenses datasets/kana -o NOTICE.txt
    """
    from glyphgen.dataset.index import read_index
    from glyphgen.dataset.notice import make_notice
    from glyphgen.files.writing import write_bytes

    notice = make_notice(read_index(dataset or find_newest_dataset()))
    if out is None:
        click.echo(show_lines(notice), nl=False)
        return
    write_bytes(out, notice.encode())
    print_path(out)


@fonts.command("coverage")
@click.argument("recipe")
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    default=Path("coverage.png"),
    show_default=True,
    metavar="PNG",
)
@set_option
def draw_coverage(recipe: str, out: Path, overrides: tuple[str, ...]) -> None:
    """Draw which face draws which class of RECIPE. Prints the PNG's path.

    \b
    Example:
        glyphgen fonts coverage recipes/kana.toml -o coverage.png
    """
    from glyphgen.recipe import read_recipe
    from glyphgen.report.gate_sheet import write_coverage

    found = _survey(read_recipe(recipe, overrides))
    write_coverage(out, found)
    print_path(out)


def _survey(recipe: "Recipe") -> "Survey":
    """Read the faces of a recipe and ask the gate, with progress and warnings on stderr."""
    from glyphgen.render.preparing import survey_faces

    with show_progress(quiet=False) as reporter:
        found = survey_faces(recipe, reporter=reporter)
    print_warnings(found.warnings)
    return found


def _draw_refused(sheet: Path, found: "Survey") -> None:
    from glyphgen.report.gate_sheet import write_refused

    n_shown, paths = write_refused(sheet, found)
    shown = f"{paths[0]} to {paths[-1].name}" if len(paths) > 1 else str(sheet)
    say(f"{shown}: {n_shown:,} of {len(found.verdict.refusals):,} refused cells")


def _show_verdict(found: "Survey") -> dict[str, Any]:
    import numpy as np

    from glyphgen.gate import count_faces
    from glyphgen.gate.page import make_gate_page

    verdict, table = found.verdict, found.table
    refused: dict[str, dict[str, list[str]]] = {face.name: {} for face in found.faces}
    for refusal in verdict.refusals:
        of_face = refused[found.faces[refusal.face].name]
        of_face.setdefault(refusal.reason, []).append(table.all_forms[refusal.form])
    gate = asdict(make_gate_page(found))
    n_faces = count_faces(table, verdict.admitted).tolist()
    if table.drawn:  # a face draws the forms of its own style
        used = np.flatnonzero(verdict.admitted.any(axis=1)).tolist()
        of_style = Counter(found.faces[k].hand for k in used)
        n_faces = [of_style[label] for label in table.labels]
    return {
        "refused": refused,
        "unproven": int(verdict.unproven.sum()),
        "faces_of_class": dict(zip(table.labels, n_faces, strict=True)),
        **{key: gate[key] for key in ("allowed", "twins", "coverage")},
    }


def _print_verdict(page: dict[str, Any], kind: str) -> None:
    reasons = sorted({reason for of_face in page["refused"].values() for reason in of_face})
    rows = []
    for name, of_face in page["refused"].items():
        counts = [len(of_face.get(reason, ())) for reason in reasons]
        rows.append((name, page["coverage"][name], *(count or "" for count in counts)))
    print_table(("face", "admitted", *reasons), rows)
    faces_of_class: dict[str, int] = page["faces_of_class"]
    fewest = sorted(faces_of_class.items(), key=lambda item: item[1])[:10]
    shown = ", ".join(f"{show_text(form)} {n}" for form, n in fewest)
    if fewest[0][1] == max(faces_of_class.values()):
        print_line(f"every {kind} is drawn by {show_count(fewest[0][1], 'face')}")
    else:
        print_line(f"{kind}{'s' if kind == 'style' else 'es'} with fewest faces: {shown}")
    if page["unproven"]:
        n_unproven = show_count(page["unproven"], "cell")
        print_line(f"unproven, for too few other typefaces draw them: {n_unproven}")
    if page["allowed"]:
        n_allowed = show_count(len(page["allowed"]), "cell")
        print_line(f"refused by the gate, allowed by the recipe: {n_allowed}")
    _print_twins(page)


def _print_twins(page: dict[str, Any]) -> None:
    for pair in page["twins"]:
        names = " and ".join(map(show_text, pair["forms"]))
        kind = "twins" if pair["are_twins"] else "no twins, but alike in some"
        where = f" ({show_some(pair['alike_in'])})" if pair["alike_in"] else ""
        print_line(f"{kind}: {names}, in {pair['faces_alike']} of {pair['faces']} typefaces{where}")


def _list_recipe_faces(recipe: str, overrides: tuple[str, ...]) -> list[dict[str, Any]]:
    from glyphgen.recipe import read_recipe

    found = _survey(read_recipe(recipe, overrides))
    drawn = found.verdict.admitted.sum(axis=1).tolist()
    return [
        _show_face(face) | {"draws": f"{n} of {found.store.n_forms}"}
        for face, n in zip(found.faces, drawn, strict=True)
    ]


def _list_shipped_faces() -> list[dict[str, Any]]:
    from glyphgen.fonts import read_face
    from glyphgen.recipe import find_bundled_fonts

    paths = sorted(find_bundled_fonts().glob("*/*.[ot]tf"))
    return [{"folder": path.parent.name} | _show_face(read_face(path)) for path in paths]


def _show_face(face: Any) -> dict[str, Any]:
    return {
        "family": face.family,
        "style": face.style,
        "file": face.file,
        "index": face.index,
        "axes": ", ".join(
            [*(f"{tag}={value:g}" for tag, value in face.axes), *filter(None, [face.alternate])]
        ),
        "license": face.license,
        "embedding": face.fs_type,
        "vendor": face.vendor,
    }
