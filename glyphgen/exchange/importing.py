"""Another format -> a dataset: what was found is said, what is odd is listed; knows no format."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from glyphgen.errors import SourceError
from glyphgen.exchange import FORMATS, ImportOptions, Source
from glyphgen.exchange.assembling import (
    Assembly,
    Part,
    Say,
    assemble,
    check_places,
    count_rows,
    describe_assembly,
    show_sizes,
)
from glyphgen.exchange.rows import cut_splits
from glyphgen.exchange.source import Size
from glyphgen.production import Produced, Watch, dump_json
from glyphgen.text import show_some, show_text

__all__ = ["import_dataset", "open_source"]

_NOTHING = ImportOptions()
_LEAST_AGREEMENT = 0.75  # of the images looked at


def open_source(format: str, paths: tuple[Path, ...], options: ImportOptions = _NOTHING) -> Source:
    """Open a source of a format.

    Args:
        format: A key of ``FORMATS``.
        paths: Of it.
        options: What it does not say itself.

    Raises:
        SourceError: There is no such source, or it is not what its format says.
        DatasetError: A dataset is missing, unfinished or damaged.
    """
    return dataclasses.replace(FORMATS[format](paths, options), paths=paths)


def import_dataset(
    source: Source,
    folder: Path,
    *,
    name: str = "",
    size: Size | None = None,
    fit: str = "pad",
    polarity: str | None = None,
    shares: Mapping[str, float] | None = None,
    seed: int = 0,
    strict: bool = False,
    format: str = "npy",
    workers: int = 1,
    force: bool = False,
    say: Say | None = None,
    watch: Watch | None = None,
) -> Produced:
    """Make a dataset of a source, or finish it, or mend its damaged shards.

    Args:
        source: What is imported.
        folder: Where; made when absent.
        name: Of the dataset; the source's without it.
        size: Height and width of the images; the source's without it.
        fit: A member of ``choices.FITS``.
        polarity: Of the source; detected without it.
        shares: How much of each class's train rows become ``val`` and ``test``.
        seed: Chooses them.
        strict: Refuse a source with odd files.
        format: A key of ``choices.STORAGE_FORMATS``.
        workers: Processes that read and write.
        force: Replace whatever the folder holds.
        say: Told what was found.
        watch: Called before the first shard and after each one.

    Raises:
        SourceError: The source is not what it should be, or lacks what is options.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    say = say or (lambda _: None)
    check_places(folder, source.paths)
    if strict and source.skipped:
        raise SourceError(*(f"{entry.name}: {entry.reason}" for entry in source.skipped))
    shares = dict(shares or {})
    found_polarity = polarity or _detect_polarity(source)
    split = cut_splits(source, shares, seed) if shares else source.split
    size = size or _find_size(source)
    part = Part(source=source, polarity=found_polarity, class_index=source.class_index, split=split)
    skipped = {"skipped": [{"name": s.name, "reason": s.reason} for s in source.skipped]}
    assembly = Assembly(
        name=name or source.name,
        made_by="import",
        classes=source.classes,
        parts=(part,),
        size=size,
        fit=fit,
        seed=seed,
        settings={
            "height": size[0],
            "width": size[1],
            "fit": fit,
            "source_polarity": found_polarity,
            "split": shares,
            "skipped": len(source.skipped),
        },
        pages={**source.pages, **({"skipped.json": dump_json(skipped)} if source.skipped else {})},
    )
    _say_what_was_found(assembly, say, detected=polarity is None)
    return assemble(assembly, folder, format=format, workers=workers, force=force, watch=watch)


def _detect_polarity(source: Source) -> str:
    look = source.look
    if look.agreement < _LEAST_AGREEMENT:
        raise SourceError(
            f"{source.name}: {look.white_on_black:,} images look white on black and"
            f" {look.black_on_white:,} black on white, expected one polarity"
            " (--polarity says which it is)"
        )
    return look.polarity


def _find_size(source: Source) -> Size:
    if len(source.sizes) > 1:
        raise SourceError(
            f"{source.name}: images of {len(source.sizes)} sizes: {show_sizes(source.sizes)},"
            " expected one size (--height and --width bring all to one)"
        )
    return next(iter(source.sizes))


def _say_what_was_found(assembly: Assembly, say: Say, *, detected: bool) -> None:
    [part] = assembly.parts
    source, look = part.source, part.source.look
    say(describe_assembly(assembly))
    for note in source.notes:
        say(note)
    if detected and not any(info.kind == "dataset" for info in source.files):
        n_alike = max(look.white_on_black, look.black_on_white)
        n_looked_at = look.white_on_black + look.black_on_white
        say(
            f"polarity: {part.polarity}, as {n_alike:,} of {n_looked_at:,} images look"
            " (--polarity if not)"
        )
    else:
        say(f"polarity: {part.polarity}")
    empty = np.flatnonzero(count_rows(assembly).sum(axis=0) == 0).tolist()
    if empty:
        shown = show_some(show_text(assembly.classes[k].label) for k in empty)
        say(f"classes without an image: {shown}")
    if source.skipped:
        shown = show_some(f"{entry.name}: {entry.reason}" for entry in source.skipped)
        say(f"skipped {len(source.skipped):,}, see skipped.json: {shown}")
