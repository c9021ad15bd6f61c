"""A short run of what flips.py and hostile.py do at length."""

from pathlib import Path

import flips
import hostile
import numpy as np
import pytest

pytestmark = pytest.mark.slow


def test_every_flipped_bit_that_means_something_is_found(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for folder in list(flips.make_datasets(tmp_path)):
        outcomes = flips.flip_bits(folder, 30, random)
        assert outcomes["missed"] == 0
        assert outcomes["found"] >= 10


def test_a_flip_that_nobody_looks_for_is_counted_as_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = next(flips.make_datasets(tmp_path))
    monkeypatch.setattr(flips, "is_found", lambda folder: False)
    assert flips.flip_bits(folder, 20, np.random.default_rng(3))["missed"] > 10


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_damaged_files_are_read_or_refused(kind: str) -> None:
    n = 20 if kind in ("fonts", "networks") else 60
    row, bad = hostile.try_kind(kind, n, 7, None)
    assert bad == []
    assert row.get("refused", 0) > n / 10
    assert row.get("read", 0) + row["refused"] == n


def test_what_crashes_hangs_or_raises_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostile, "SLOWEST_S", 0.5)
    reader = hostile.Reader("images")
    try:
        (tmp_path / "x.png").mkdir()
        assert reader.read(tmp_path / "x.png")["outcome"] == "refused"
        missing = reader.read(tmp_path / "missing.png")
        assert (missing["outcome"], missing["problem"][:18]) == ("raised", "FileNotFoundError:")
        reader.signal(9)
        assert reader.read(tmp_path / "x.png")["outcome"] == "crashed"
        reader.read(tmp_path / "x.png")
        reader.signal(19)  # stopped: it answers no more
        assert reader.read(tmp_path / "x.png")["outcome"] == "hung"
    finally:
        reader.end()
