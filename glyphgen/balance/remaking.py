"""A balanced dataset -> its rows made again, where its source still lies."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from glyphgen.augment import AugmentStep
from glyphgen.balance.prepared_balance import BalanceOptions, PreparedBalance, prepare_balance
from glyphgen.dataset.index import Index
from glyphgen.dataset.reader import Dataset
from glyphgen.errors import GlyphgenError
from glyphgen.files.temporary import make_temporary_folder
from glyphgen.production import RowMaker
from glyphgen.progress import Reporter

__all__ = ["remake_balanced_rows"]


@contextmanager
def remake_balanced_rows(
    dataset: Dataset,
    runs: Sequence[range],  # noqa: ARG001 - as of a rendered dataset
    reporter: Reporter,
) -> Iterator[tuple[RowMaker, Iterable[str]]]:
    """Give what makes rows of a balanced dataset again, and no problems.

    Raises:
        GlyphgenError: The source is gone, or is another than the dataset was made of.
    """
    folder = dataset.folder
    try:
        source = Path(json.loads((folder / "run.json").read_bytes())["source"])
    except (OSError, ValueError, LookupError, TypeError):
        raise GlyphgenError(f"{folder / 'run.json'}: does not tell where its source is") from None
    prepared = _recall_balance(source, dataset.index, reporter)
    if prepared.content_key != dataset.index.content_key:
        raise GlyphgenError(f"{folder}: its source or glyphgen has changed since it was made")
    with make_temporary_folder() as work:
        yield prepared.make_job(work).open(), ()


def _recall_balance(source: Path, index: Index, reporter: Reporter) -> PreparedBalance:
    """Prepare again what a dataset was made by, with another look at its source."""
    from pydantic import TypeAdapter

    settings = index.settings
    steps: tuple[AugmentStep, ...] = TypeAdapter(tuple[AugmentStep, ...]).validate_python(
        settings["steps"], strict=False
    )
    options = BalanceOptions(
        by=settings["by"],
        steps=steps,
        seed=index.seed,
        noise_originals=settings["noise_originals"],
        format=index.format,
    )
    return prepare_balance(source, settings["per_class"], options=options, reporter=reporter)
