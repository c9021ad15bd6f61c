"""An imported or merged dataset proves its index.json by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tampering import forge_index, seal_arrays
from tiny_sources import write_k49, write_tree

import glyphgen

Page = dict[str, Any]
AGAIN = "(make the dataset again, with --force)"


@pytest.fixture(params=["import", "merge"])
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Three classes, あ い う, in train and test; of an import of one source, or a merge of two."""
    source = write_k49(tmp_path / "k49")
    folder = tmp_path / "set"
    glyphgen.import_dataset("k49", source, folder)
    if request.param == "import":
        return folder
    tree = write_tree(tmp_path / "tree", {"U+3042": 4, "U+3048": 4})
    glyphgen.import_dataset("folder", tree, tmp_path / "other")
    return glyphgen.merge_datasets([folder, tmp_path / "other"], tmp_path / "both").folder


def test_a_dataset_as_it_was_made_is_whole_and_not_redrawn(dataset: Path) -> None:
    verified = glyphgen.verify_dataset(dataset)
    made_by = glyphgen.load(dataset).index.made_by
    assert (verified.problems, verified.n_redrawn) == ((), 0)
    assert verified.unproven == f"{dataset}: made by `glyphgen {made_by}`, not drawn from a recipe"


def swap_labels(page: Page) -> None:
    a, b = page["classes"][:2]
    a["label"], b["label"] = b["label"], a["label"]


CONTENT_KEY = "content_key is '"
FORGERIES: dict[str, tuple[Callable[[Page], object], str]] = {
    "labels are swapped": (swap_labels, CONTENT_KEY),
    "the seed is another": (lambda page: page.update(seed=3), CONTENT_KEY),
    "the name is another": (lambda page: page.update(name="x"), CONTENT_KEY),
    "a source is another": (
        lambda page: page["sources"][0].update(sha256="0" * 64),
        CONTENT_KEY,
    ),
    "an option is another": (lambda page: page["settings"].update(fit="stretch"), CONTENT_KEY),
    "polarity is turned": (
        lambda page: page["image"].update(polarity="black-on-white"),
        "image.polarity is 'black-on-white', expected 'white-on-black'",
    ),
    "code points are others": (
        lambda page: page["classes"][0].update(codepoints=[["U+0041"]]),
        "classes.0.codepoints.0.0 is 'U+0041', expected 'U+3042'",
    ),
    "a name is another": (
        lambda page: page["classes"][0].update(names=["LATIN CAPITAL LETTER A"]),
        "classes.0.names.0 is 'LATIN CAPITAL LETTER A', expected 'HIRAGANA LETTER A'",
    ),
    "a face is more": (
        lambda page: page["classes"][0].update(unproven=1),
        CONTENT_KEY,
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_index_is_found(dataset: Path, forgery: str) -> None:
    change, problem = FORGERIES[forgery]
    forge_index(dataset, change)
    [found] = glyphgen.verify_dataset(dataset).problems
    assert found.startswith(f"{dataset}/index.json: {problem}")
    assert found.endswith(AGAIN)


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("source", 60_000, "its rows name sources that index.json does not"),
        ("source_row", 60_000, "its rows name rows that their sources do not have"),
        ("source_row", -1, "its rows name rows that their sources do not have"),
    ],
)
def test_rows_of_sources_that_are_not_there_are_found(
    dataset: Path, field: str, value: int, problem: str
) -> None:
    samples = np.load(dataset / "samples.npy", mmap_mode="r+")
    samples[field][3] = value
    samples.flush()
    seal_arrays(dataset)
    assert glyphgen.verify_dataset(dataset).problems == (f"{dataset}: {problem}",)


def test_a_test_row_that_became_a_train_row_is_found(dataset: Path) -> None:
    index = glyphgen.load(dataset).index
    end = index.splits["train"][1]
    label = int(glyphgen.load(dataset).labels[end])

    def change(page: Page) -> None:
        page["splits"]["train"][1] = page["splits"]["test"][0] = end + 1
        rows = page["classes"][label]["rows"]
        rows["train"], rows["test"] = rows["train"] + 1, rows["test"] - 1

    forge_index(dataset, change)
    [found] = glyphgen.verify_dataset(dataset).problems
    assert found.startswith(f"{dataset}/index.json: {CONTENT_KEY}")
