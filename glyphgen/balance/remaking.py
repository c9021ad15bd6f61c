"""A balanced dataset -> its rows made again, where its source still lies."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from glyphgen.augment import AugmentStep
from glyphgen.balance.balancing import describe_balanced, list_pages
from glyphgen.balance.prepared_balance import BalanceOptions, PreparedBalance, prepare_balance
from glyphgen.dataset.index import INDEX_NAME, hash_pages
from glyphgen.dataset.reader import Dataset
from glyphgen.dataset.run_page import RUN_NAME, read_run_page
from glyphgen.errors import ChoiceError, DamagedError, GlyphgenError
from glyphgen.files.address import Place, parse_place
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.production import Remade
from glyphgen.progress import Reporter

__all__ = ["remake_balanced_rows"]


@contextmanager
def remake_balanced_rows(
    dataset: Dataset,
    runs: Sequence[range],  # noqa: ARG001 - as of a rendered dataset
    reporter: Reporter,
) -> Iterator[Remade]:
    """Give what a balanced dataset would be.

    Raises:
        DamagedError: index.json holds options that ``glyphgen balance`` does not have.
        GlyphgenError: The source is gone, or is another than the dataset was made of.
    """
    folder, index = dataset.folder, dataset.index
    source = read_run_page(folder).source
    if not source:
        raise DamagedError(f"{folder / RUN_NAME}: does not tell where its source is")
    prepared = _recall_balance(parse_place(source), dataset, reporter)
    if prepared.content_key != index.content_key:
        raise GlyphgenError(f"{folder}: its source or glyphgen has changed since it was made")
    pages = list_pages(prepared)
    with make_temporary_folder() as work:
        yield Remade(
            index=replace(describe_balanced(prepared, index.shards), files=hash_pages(pages)),
            pages=pages,
            rows=prepared.make_job(work).open(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settings:
    """What ``PreparedBalance.settings`` gave."""

    per_class: int
    by: str
    noise_originals: bool
    steps: tuple[AugmentStep, ...]


def _recall_balance(source: Place, dataset: Dataset, reporter: Reporter) -> PreparedBalance:
    """Prepare again what a dataset was made by, with another look at its source."""
    from pydantic import TypeAdapter, ValidationError

    index = dataset.index
    try:
        settings = TypeAdapter(_Settings).validate_python(dict(index.settings), strict=False)
        options = BalanceOptions(
            by=settings.by,
            steps=settings.steps,
            seed=index.seed,
            noise_originals=settings.noise_originals,
            format=index.format,
        )
    except (ValidationError, ChoiceError):
        raise DamagedError(
            f"{dataset.folder / INDEX_NAME}: settings: not those of `glyphgen balance`"
            " (make the dataset again, with --force)"
        ) from None
    return prepare_balance(source, settings.per_class, options=options, reporter=reporter)
