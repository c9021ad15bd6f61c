"""How sizes and durations are told."""

import pytest

from glyphgen.text import show_bytes, show_count, show_duration


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


@pytest.mark.parametrize(
    ("n", "things", "shown"),
    [
        (1, ("core",), "1 core"),
        (0, ("core",), "0 cores"),
        (169_000, ("image",), "169,000 images"),
        (1, ("class", "classes"), "1 class"),
        (2, ("class", "classes"), "2 classes"),
    ],
)
def test_one_thing_is_not_many(n: int, things: tuple[str, ...], shown: str) -> None:
    assert show_count(n, *things) == shown
