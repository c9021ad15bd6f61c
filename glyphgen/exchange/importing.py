"""Another format -> a dataset: what was found is reported, files that give no row are listed."""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from glyphgen.choices import IMPORT_FORMATS, check_choice, check_executor
from glyphgen.errors import ChoiceError, SourceError
from glyphgen.exchange.assembling import (
    Assembly,
    AssemblyPart,
    assemble,
    count_rows,
    describe_assembly,
    join_parts,
    show_sizes,
)
from glyphgen.exchange.carried_boxes import carry_boxes
from glyphgen.exchange.import_options import ImportOptions
from glyphgen.exchange.rows import cut_splits
from glyphgen.exchange.source import ImportSource, Size
from glyphgen.files.address import Address, AnyPlace, parse_place
from glyphgen.production import Produced, check_places
from glyphgen.progress import SILENT, Reporter
from glyphgen.text import dump_json, show_some, show_text

__all__ = ["import_dataset", "import_source", "open_source"]

_DEFAULTS = ImportOptions()
_LEAST_AGREEMENT = 0.75  # of the images that have voted
_LEAST_HIGHEST = 64  # gray level: images that are darker hold numbers of another range
_LEAST_RANGE = 128  # gray levels: where ink and paper of all images lie closer, ink is faint

Paths = AnyPlace | Sequence[AnyPlace]


def open_source(
    source_format: str,
    paths: Paths,
    *,
    options: ImportOptions = _DEFAULTS,
    reporter: Reporter = SILENT,
) -> ImportSource:
    """Open images in another format.

    Args:
        source_format: A key of ``IMPORT_FORMATS``.
        paths: Of the folder or the files.
        options: ``class_map`` and ``codepoints`` are used.
        reporter: Is told how much is read.

    Raises:
        ChoiceError: There is no such format, or it does not take an option.
        SourceError: There is no such source, or it is not what its format says.
        DatasetError: A dataset is missing, unfinished or damaged.
    """
    entry = IMPORT_FORMATS[check_choice(source_format, IMPORT_FORMATS, "source_format")]
    _check_taken(source_format, options)
    given = (paths,) if isinstance(paths, str | os.PathLike | Address) else paths
    all_paths = tuple(map(parse_place, given))
    if source_format != "dataset" and (remote := [p for p in all_paths if isinstance(p, Address)]):
        raise SourceError(
            f"{remote[0]}: lies in a store, expected a file or folder of this machine"
        )
    if not all_paths:
        raise SourceError(f"paths: found none, expected those of a source in {source_format}")
    source: ImportSource = entry.load()(all_paths, options, reporter)
    return dataclasses.replace(source, paths=all_paths)


def _check_taken(source_format: str, options: ImportOptions) -> None:
    """Check that no option is given that the format does not take: it would be dropped in silence."""
    problems = []
    for option, flag in (
        ("class_map", "--class-map"),
        ("codepoints", "--codepoints"),
        ("crops", "--crops"),
    ):
        takers = [name for name, entry in IMPORT_FORMATS.items() if option in entry.takes]
        if getattr(options, option) and source_format not in takers:
            problems.append(
                f"{flag}: not for {source_format}, expected only with {', '.join(takers)}"
            )
    if problems:
        raise ChoiceError(*problems)


def import_dataset(
    source_format: str,
    paths: Paths,
    out: AnyPlace,
    *,
    options: ImportOptions = _DEFAULTS,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Make a dataset of images in another format, or finish it, or mend its damaged shards.

    Args:
        source_format: A key of ``IMPORT_FORMATS``.
        paths: Of the folder or the files of the images.
        out: Folder of the dataset; made when absent.
        options: How.
        workers: Processes that read and write.
        executor: Where: see ``check_executor``.
        force: Replace whatever the folder holds.
        mend: Read all of a complete dataset, as after ``verify`` has found damage in it.
        reporter: Is told what was found, and how far the work is.

    Raises:
        ChoiceError: There is no such format.
        SourceError: The source is not what it should be.
        GlyphgenError: The folder, the disk or a worker failed; finished shards stay.
    """
    executor = check_executor(executor)
    source = open_source(source_format, paths, options=options, reporter=reporter)
    return import_source(
        source,
        out,
        options=options,
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
        reporter=reporter,
    )


def import_source(
    source: ImportSource,
    out: AnyPlace,
    *,
    options: ImportOptions = _DEFAULTS,
    workers: int = 1,
    executor: str = "processes",
    force: bool = False,
    mend: bool = False,
    reporter: Reporter = SILENT,
) -> Produced:
    """Make a dataset of a source that is open; see ``import_dataset``."""
    folder = parse_place(out)
    check_places(folder, source.paths)
    _check_findings(source, strict=options.strict)
    assembly = _plan_assembly(source, options)
    is_detected = not (options.polarity or source.polarity)
    _report_findings(assembly, reporter, detected=is_detected)
    return assemble(
        assembly,
        folder,
        workers=workers,
        executor=executor,
        force=force,
        mend=mend,
        reporter=reporter,
    )


def _check_findings(source: ImportSource, *, strict: bool) -> None:
    found = source.findings
    if found.n_blank == source.n_rows:
        raise SourceError(
            f"{source.name}: no ink in any of its {source.n_rows:,} images: gray levels from"
            f" {found.lowest} to {found.highest}, expected ink and paper, 0 to 255{_advise(source)}"
        )
    if found.highest < _LEAST_HIGHEST:
        raise SourceError(
            f"{source.name}: no gray level is above {found.highest}, expected 0 to 255{_advise(source)}"
        )
    problems = [f"{entry.name}: {entry.reason}" for entry in source.skipped]
    if found.n_blank:
        problems.append(f"{source.name}: {_describe_blank(source)}, expected ink in all")
    if strict and problems:
        raise SourceError(*problems)


def _advise(source: ImportSource) -> str:
    highest = source.findings.highest
    return f" (multiply the levels by 255 / {highest})" if 0 < highest < _LEAST_HIGHEST else ""


def _describe_blank(source: ImportSource) -> str:
    found = source.findings
    more = (
        f" and {found.n_blank - len(found.blank):,} more"
        if len(found.blank) < found.n_blank
        else ""
    )
    return (
        f"no ink in {found.n_blank:,} of {source.n_rows:,} images: {', '.join(found.blank)}{more}"
    )


def _plan_assembly(source: ImportSource, options: ImportOptions) -> Assembly:
    polarity = options.polarity or source.polarity or _detect_polarity(source)
    split = cut_splits(source, options.split, options.seed) if options.split else source.split
    size = options.size or _find_size(source)
    part = AssemblyPart(
        source=source, polarity=polarity, class_of=np.arange(len(source.classes)), split=split
    )
    skipped = {"skipped": [{"name": s.name, "reason": s.reason} for s in source.skipped]}
    return Assembly(
        name=options.name or source.name,
        made_by="import",
        classes=source.classes,
        parts=(part,),
        size=size,
        fit=options.fit,
        format=options.format,
        seed=options.seed,
        settings={
            "height": size[0],
            "width": size[1],
            "fit": options.fit,
            "source_polarity": polarity,
            "split": dict(options.split),
            "skipped": len(source.skipped),
            "blank": source.findings.n_blank,
        },
        pages={
            **source.pages,
            **({"skipped.json": dump_json(skipped)} if source.skipped else {}),
            **carry_boxes((part,), size, options.fit),
        },
        provenance=join_parts(source.classes, (part,)),
    )


def _detect_polarity(source: ImportSource) -> str:
    vote = source.findings
    if vote.agreement < _LEAST_AGREEMENT:
        raise SourceError(
            f"{source.name}: {vote.white_on_black:,} images look white on black and"
            f" {vote.black_on_white:,} black on white, expected one polarity"
            " (--polarity says which it is)"
        )
    return vote.polarity


def _find_size(source: ImportSource) -> Size:
    if len(source.sizes) > 1:
        raise SourceError(
            f"{source.name}: images of {len(source.sizes)} sizes: {show_sizes(source.sizes)},"
            " expected one size (--height and --width bring all to one)"
        )
    return next(iter(source.sizes))


def _report_findings(assembly: Assembly, reporter: Reporter, *, detected: bool) -> None:
    [part] = assembly.parts
    source, vote = part.source, part.source.findings
    reporter.message(describe_assembly(assembly))
    for note in source.notes:
        reporter.message(note)
    if detected and not any(info.kind == "dataset" for info in source.files):
        n_alike = max(vote.white_on_black, vote.black_on_white)
        n_votes = vote.white_on_black + vote.black_on_white
        reporter.message(
            f"polarity: {part.polarity}, as {n_alike:,} of {n_votes:,} images look"
            " (--polarity if not)"
        )
    else:
        reporter.message(f"polarity: {part.polarity}")
    if vote.highest - vote.lowest < _LEAST_RANGE:
        reporter.warning(
            f"gray levels from {vote.lowest} to {vote.highest} in all images: their ink will be faint"
        )
    if vote.n_blank:
        reporter.warning(_describe_blank(source))
    empty = np.flatnonzero(count_rows(assembly).sum(axis=0) == 0).tolist()
    if empty and source.boxes is None:  # fields and blocks of pages are classes without an image
        shown = show_some(show_text(assembly.classes[k].label) for k in empty)
        reporter.message(f"classes without an image: {shown}")
    if source.skipped:
        shown = show_some(f"{entry.name}: {entry.reason}" for entry in source.skipped)
        reporter.message(f"skipped {len(source.skipped):,}, see skipped.json: {shown}")
