"""Whether a dataset is what its index says and what its recipe draws; changes nothing.

Every shard is read and hashed again; then the gate is asked anew, and rows are drawn anew from the
recipe and compared.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from glyphgen.blueprint import Blueprint, draw_up_blueprint
from glyphgen.errors import GlyphgenError, show_some, show_text
from glyphgen.generate import draw_rows, find_sample_dtype, show_gate
from glyphgen.recipe import read_recipe
from glyphgen.storage.dataset import Dataset, load
from glyphgen.storage.verify import verify_shards

__all__ = ["Verified", "verify_dataset"]

_REDRAWN = 1000  # rows that are drawn again, in runs spread over the dataset
_RUN = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What ``verify_dataset`` found.

    Attributes:
        problems: One line for each thing that is wrong.
        n_rows: Rows that were read and hashed.
        n_redrawn: Rows that were drawn again and compared.
        unproven: Why no row could be drawn again; empty where rows were.
    """

    problems: tuple[str, ...]
    n_rows: int
    n_redrawn: int
    unproven: str


def verify_dataset(folder: Path) -> Verified:
    """Check a dataset.

    Raises:
        DatasetError: There is no complete dataset in the folder.
    """
    dataset = load(folder)
    problems = verify_shards(folder)
    n_redrawn, unproven = 0, ""
    if not problems:
        try:
            blueprint = _find_blueprint(folder)
        except GlyphgenError as error:
            unproven = str(error)
        else:
            rows = _choose_rows(len(dataset))
            problems = [
                *_compare_verdicts(dataset.folder, blueprint),
                *_compare(dataset, blueprint, rows),
            ]
            n_redrawn = sum(map(len, rows))
    return Verified(
        problems=tuple(problems), n_rows=len(dataset), n_redrawn=n_redrawn, unproven=unproven
    )


def _find_blueprint(folder: Path) -> Blueprint:
    """Work the dataset's own recipe out again, where its fonts still lie."""
    index = load(folder).index
    if index.made_by != "render":
        raise GlyphgenError(
            f"{folder}: made by `glyphgen {index.made_by}`, not drawn from a recipe"
        )
    try:
        run = json.loads((folder / "run.json").read_bytes())
        recipe_folder = Path(run["recipe_folder"])
    except (OSError, ValueError, LookupError, TypeError):
        raise GlyphgenError(f"{folder / 'run.json'}: does not tell where the fonts are") from None
    recipe = read_recipe(folder / "recipe.toml", folder=recipe_folder)
    blueprint = draw_up_blueprint(recipe, use_cache=False)  # the gate is asked anew
    if blueprint.recipe_sha256 != index.recipe_sha256:
        raise GlyphgenError(
            f"{folder}: its fonts, its recipe or glyphgen have changed since it was made"
        )
    return blueprint


def _choose_rows(n_rows: int) -> list[range]:
    if n_rows <= _REDRAWN:
        return [range(n_rows)]
    starts = np.linspace(0, n_rows - _RUN, _REDRAWN // _RUN).astype(int).tolist()
    return [range(start, start + _RUN) for start in starts]


def _compare_verdicts(folder: Path, blueprint: Blueprint) -> Iterator[str]:
    """Yield a problem where gate.json refuses other cells than the gate does now."""
    found = {(r["face"], r["form"]): r["reason"] for r in show_gate(blueprint)["refused"]}
    try:
        page = json.loads((folder / "gate.json").read_bytes())
        told = {(r["face"], r["form"]): r["reason"] for r in page["refused"]}
    except (OSError, ValueError, LookupError, TypeError):
        told = {}
    differ = sorted(
        {f"{show_text(form)} of {face}" for face, form in dict(found.items() ^ told.items())}
    )
    if differ:
        yield (
            f"{folder / 'gate.json'}: is not what the gate says of {show_some(differ)}"
            " (make the dataset again, with --force)"
        )


def _find_refused(dataset: Dataset, blueprint: Blueprint, run: range) -> Iterator[str]:
    """Yield a problem for the first row of a run whose cell the gate refuses."""
    admitted, samples = blueprint.verdict.admitted, dataset.samples[run.start : run.stop]
    there = (samples["face"] < admitted.shape[0]) & (samples["form"] < admitted.shape[1])
    for k in range(len(run)):
        face, form = int(samples["face"][k]), int(samples["form"][k])
        if not there[k]:
            yield (
                f"{dataset.folder}: row {run[k]} names face {face} and form {form}, which are not"
                " there (make the dataset again, with --force)"
            )
            return
        if not admitted[face, form]:
            shown = show_text(blueprint.table.all_forms[form])
            yield (
                f"{dataset.folder}: row {run[k]} draws {shown} with"
                f" {blueprint.faces[face].name}, which the gate refuses"
                " (make the dataset again, with --force)"
            )
            return


def _compare(dataset: Dataset, blueprint: Blueprint, runs: list[range]) -> Iterator[str]:
    renderer = blueprint.open_renderer()
    for run in runs:
        images = np.empty((len(run), *dataset.images[0].shape), dtype=np.uint8)
        samples = np.empty(len(run), dtype=find_sample_dtype(blueprint.recipe))
        draw_rows(blueprint.plan, renderer, run.start, images, samples)
        yield from _find_refused(dataset, blueprint, run)
        stored = dataset.images[run.start : run.stop]
        differ = (images != stored).any(axis=(1, 2))
        differ |= samples != dataset.samples[run.start : run.stop]
        differ |= samples["class_index"] != dataset.labels[run.start : run.stop]
        for row in np.flatnonzero(differ)[:1]:
            yield (
                f"{dataset.folder}: row {run.start + row} is not what its recipe draws"
                " (make the dataset again, with --force)"
            )
