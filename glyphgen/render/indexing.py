"""What lies beside the arrays of a dataset that was rendered: index.json and the pages it names."""

from collections.abc import Sequence
from dataclasses import fields

from glyphgen.dataset.annotations import ANNOTATIONS_NAME, dump_annotations
from glyphgen.dataset.index import ClassInfo, FaceInfo, ImageInfo, Index
from glyphgen.dataset.shard_table import ShardInfo
from glyphgen.dataset.shards import Layout
from glyphgen.fonts import Face
from glyphgen.gate import count_faces
from glyphgen.gate.page import GATE_NAME, make_gate_page
from glyphgen.outlines import RunStore
from glyphgen.outlines.harfbuzz import HARFBUZZ_VERSION
from glyphgen.plan.page_plan import PagePlan
from glyphgen.production import choose_rows_per_shard
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import dump_recipe
from glyphgen.render.drawing import find_sample_dtype, open_augmenter
from glyphgen.render.page_drawing import annotate_pages
from glyphgen.render.preparing import PreparedRender
from glyphgen.text import list_codepoints
from glyphgen.version import VERSION

__all__ = ["RECIPE_NAME", "make_index", "make_layout", "make_pages"]

RECIPE_NAME = "recipe.toml"

_FACE_FIELDS = {field.name for field in fields(FaceInfo)} - {"file", "axes"}  # a face has them, too


def make_layout(prepared: PreparedRender) -> Layout:
    """Return what the arrays of a recipe's dataset are."""
    recipe, image = prepared.recipe, prepared.recipe.image
    return Layout(
        n_rows=prepared.planned.n_rows,
        height=image.height,
        width=image.width,
        sample_dtype=find_sample_dtype(recipe),
        rows_per_shard=recipe.output.rows_per_shard
        or choose_rows_per_shard(image.height, image.width),
        compression=recipe.output.compression,
    )


def make_pages(prepared: PreparedRender, *, reporter: Reporter = SILENT) -> dict[str, bytes]:
    """Return the content of the files beside the arrays that follow from a recipe and its fonts."""
    pages = {
        RECIPE_NAME: dump_recipe(prepared.recipe).encode(),
        GATE_NAME: make_gate_page(prepared).dump(),
    }
    plan, store = prepared.planned, prepared.store
    if isinstance(plan, PagePlan) and isinstance(store, RunStore):
        boxes = annotate_pages(plan, store, reporter=reporter)
        pages[ANNOTATIONS_NAME] = dump_annotations(boxes)
    return pages


def make_index(
    prepared: PreparedRender, layout: Layout, shards: Sequence[ShardInfo], engine_version: str
) -> Index:
    """Return the index of a rendered dataset whose shards are made."""
    recipe, table, plan = prepared.recipe, prepared.table, prepared.planned
    augmenter = open_augmenter(recipe)
    rows = plan.count_rows()
    unproven = count_faces(table, prepared.verdict.unproven)
    return Index(
        name=recipe.name,
        format=recipe.output.format,
        compression=recipe.output.compression,
        image=ImageInfo(height=layout.height, width=layout.width, polarity=recipe.image.polarity),
        sample_fields=layout.sample_fields,
        classes=tuple(
            ClassInfo(
                index=k,
                label=table.labels[k],
                forms=table.forms[k],
                codepoints=tuple(list_codepoints(form) for form in table.forms[k]),
                names=table.names(k),
                rows={name: int(counts[k]) for name, counts in rows.items()},
                unproven=int(unproven[k]),
            )
            for k in range(len(table))
        ),
        splits=plan.splits,
        shards=shards,
        faces=tuple(map(_describe_face, prepared.faces)),
        made_by="render",
        seed=recipe.seed,
        content_key=prepared.content_key,
        versions={
            "glyphgen": VERSION,
            "harfbuzz": HARFBUZZ_VERSION,
            "engine": engine_version,
            **(augmenter.versions if augmenter else {}),
        },
    )


def _describe_face(face: Face) -> FaceInfo:
    """Return what index.json says of a face: all that is the same on every machine."""
    facts = {name: getattr(face, name) for name in _FACE_FIELDS}
    return FaceInfo(file=face.file, axes=dict(face.axes), **facts)
