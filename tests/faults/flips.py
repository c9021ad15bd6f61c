"""Flips single bits of a dataset's files, any of them, and asks ``verify`` each time.

    python tests/faults/flips.py --flips 1000

A flip is found, or it changes nothing that anybody reads, as a byte that HDF5 keeps for itself. What is
changed, and ``verify`` does not see, is counted as missed and printed.
"""

import argparse
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import glyphgen
from glyphgen.dataset.integrity import verify_files, verify_run_page
from glyphgen.errors import GlyphgenError
from glyphgen.files.pages import parse_json

RECIPE = Path(__file__).parent.parent / "datasets" / "letters.toml"


def make_datasets(folder: Path) -> Iterator[Path]:
    """Make a small dataset of each format and by each command."""
    for name, sets in {
        "npy": [],
        "hdf5": ["output.format=hdf5"],
        "gzip": ["output.format=hdf5", "output.compression=gzip"],
    }.items():
        yield glyphgen.render_dataset(glyphgen.read_recipe(RECIPE, sets), folder / name).folder
    prepared = glyphgen.prepare_balance(folder / "npy", 8)
    yield glyphgen.balance_dataset(prepared, folder / "balanced").folder
    yield glyphgen.merge_datasets([folder / "npy", folder / "gzip"], folder / "merged").folder


def read_meaning(folder: Path) -> list[Any]:
    """Return all that can be read of a dataset."""
    dataset = glyphgen.load(folder)
    arrays = [
        np.asarray(rows).tobytes() for rows in (dataset.images, dataset.labels, dataset.samples)
    ]
    pages = [parse_json(path.read_bytes()) for path in sorted(folder.glob("*.json"))]
    recipes = [tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))]
    return [dataset.index, arrays, pages, recipes]


def is_found(folder: Path) -> bool:
    """Return whether ``verify`` says that a dataset is damaged."""
    try:
        if verify_run_page(folder) or verify_files(folder):
            return True
        return bool(glyphgen.verify_dataset(folder).problems)
    except GlyphgenError:
        return True


def is_equal(folder: Path, meaning: list[Any]) -> bool:
    """Return whether all that can be read is as before."""
    try:
        return read_meaning(folder) == meaning
    except (GlyphgenError, ValueError):
        return False


def flip_bits(folder: Path, n_flips: int, random: np.random.Generator) -> Counter[str]:
    """Flip so many bits, one at a time, of files drawn by lot; return how many were found."""
    outcomes: Counter[str] = Counter()
    meaning, paths = read_meaning(folder), sorted(path for path in folder.iterdir())
    for _ in range(n_flips):
        path = paths[random.integers(len(paths))]
        whole = path.read_bytes()
        flipped = bytearray(whole)
        at, bit = int(random.integers(len(whole))), int(random.integers(8))
        flipped[at] ^= 1 << bit
        path.write_bytes(flipped)
        if is_found(folder):
            outcome = "found"
        else:
            outcome = "means nothing" if is_equal(folder, meaning) else "missed"
        if outcome == "missed":
            print(f"missed: bit {bit} of byte {at} of {path}", file=sys.stderr)
        outcomes[outcome] += 1
        path.write_bytes(whole)
    return outcomes


def main() -> None:
    """Flip bits of each dataset, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flips", type=int, default=1000, help="of each dataset")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    n_missed = 0
    with TemporaryDirectory() as work:
        for folder in list(make_datasets(Path(work))):
            outcomes = flip_bits(folder, options.flips, random)
            n_missed += outcomes["missed"]
            print(folder.name, *(f"{n:,} {outcome}" for outcome, n in sorted(outcomes.items())))
    sys.exit(n_missed > 0)


if __name__ == "__main__":
    main()
