"""How sizes and durations are told."""

import pytest

from glyphgen.text import show_bytes, show_duration


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.4, "less than a second"),
        (12.4, "about 12 s"),
        (89, "about 89 s"),
        (91, "about 2 min"),
        (5100, "about 85 min"),
        (5400, "about 1.5 h"),
    ],
)
def test_a_duration_is_told_roughly(seconds: float, shown: str) -> None:
    assert show_duration(seconds) == shown


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(999, "999 bytes"), (1000, "1.0 kB"), (7_300_000_000, "7.3 GB"), (2 * 10**15, "2000.0 TB")],
)
def test_a_size_is_told_with_its_unit(n_bytes: int, shown: str) -> None:
    assert show_bytes(n_bytes) == shown
