"""``glyphgen fonts``: what fonts there are, what they cover, what the gate says."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from glyphgen.cli.options import json_option, set_option
from glyphgen.cli.talk import find_newest_dataset, print_table, print_warnings
from glyphgen.errors import show_text

__all__ = ["fonts"]


@click.group()
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
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    from rich.table import Table

    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(_shorten(str(value)) for value in row.values()))
    print_table(table)


def _shorten(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


@fonts.command("check")
@click.argument("recipe")
@json_option
@set_option
def check_fonts(recipe: str, as_json: bool, overrides: tuple[str, ...]) -> None:
    """Ask the gate about every face and class of RECIPE: what is refused, and why.

    Exit code 1 if a class is left without a face.

    \b
    Example:
        glyphgen fonts check recipes/kana.toml
    """
    from glyphgen.blueprint import survey_faces
    from glyphgen.recipe import read_recipe

    found = survey_faces(read_recipe(recipe, overrides))
    print_warnings(found.warnings)
    verdict, forms = found.verdict, found.table.all_forms
    n_faces = verdict.admitted.sum(axis=0).tolist()
    refused: dict[str, dict[str, list[str]]] = {face.name: {} for face in found.faces}
    for refusal in verdict.refusals:
        of_face = refused[found.faces[refusal.face].name]
        of_face.setdefault(refusal.reason, []).append(forms[refusal.form])
    page = {
        "refused": refused,
        "unproven": int(verdict.unproven.sum()),
        "faces_of_form": dict(zip(forms, n_faces, strict=True)),
    }
    if as_json:
        click.echo(json.dumps(page, ensure_ascii=False, indent=2))
    else:
        _print_verdict(page)
    if not all(n_faces):
        sys.exit(1)


@fonts.command("licenses")
@click.argument("dataset", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), metavar="TXT", help="Write the notice here."
)
def print_licenses(dataset: Path | None, out: Path | None) -> None:
    """Print the notice that a publisher of DATASET has to ship: its fonts and their licences.

    \b
    Example:
        glyphgen fonts licenses datasets/kana -o NOTICE.txt
    """
    from glyphgen.storage.commit import write_bytes
    from glyphgen.storage.index import read_index
    from glyphgen.storage.notice import make_notice

    notice = make_notice(read_index(dataset or find_newest_dataset()))
    if out is None:
        click.echo(notice, nl=False)
        return
    write_bytes(out, notice.encode())
    click.echo(str(out))


def _print_verdict(page: dict[str, Any]) -> None:
    from rich.table import Table

    faces_of_form: dict[str, int] = page["faces_of_form"]
    reasons = sorted({reason for of_face in page["refused"].values() for reason in of_face})
    table = Table("face", "admitted", *reasons)
    for name, of_face in page["refused"].items():
        counts = [len(of_face.get(reason, ())) for reason in reasons]
        admitted = len(faces_of_form) - sum(counts)
        table.add_row(name, str(admitted), *(str(count or "") for count in counts))
    print_table(table)
    fewest = sorted(faces_of_form.items(), key=lambda item: item[1])[:10]
    shown = ", ".join(f"{show_text(form)} {n}" for form, n in fewest)
    click.echo(f"classes with fewest faces: {shown}")
    click.echo(f"unproven, for fewer than three other hands draw them: {page['unproven']} cells")


def _list_recipe_faces(recipe: str, overrides: tuple[str, ...]) -> list[dict[str, Any]]:
    from glyphgen.blueprint import survey_faces
    from glyphgen.recipe import read_recipe

    found = survey_faces(read_recipe(recipe, overrides))
    print_warnings(found.warnings)
    drawn = found.verdict.admitted.sum(axis=1).tolist()
    return [
        _show_face(face) | {"draws": f"{n} of {found.store.n_forms}"}
        for face, n in zip(found.faces, drawn, strict=True)
    ]


def _list_shipped_faces() -> list[dict[str, Any]]:
    from glyphgen.fonts import read_face
    from glyphgen.recipe import find_shipped

    folder = find_shipped("kana").parent.parent / "fonts"
    paths = sorted(folder.glob("*/*.ttf"))
    return [{"folder": path.parent.name} | _show_face(read_face(path)) for path in paths]


def _show_face(face: Any) -> dict[str, Any]:
    return {
        "family": face.family,
        "style": face.style,
        "file": face.path.name,
        "index": face.index,
        "axes": ", ".join(f"{tag}={value:g}" for tag, value in face.axes),
        "licence": face.licence,
        "embedding": face.fs_type,
        "vendor": face.vendor,
    }
