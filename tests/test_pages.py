import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from glyphgen.files.pages import PageError, dump_sealed, is_sealed, parse_page

DEEP = b"[" * 100_000


@dataclass(frozen=True)
class Record:
    """A record of each kind of value."""

    n: int
    share: float
    names: tuple[str, ...]
    rows: Mapping[str, tuple[int, int]]
    has_more: bool = False


GOOD = {"n": 1, "share": 0.5, "names": ["a"], "rows": {"x": [1, 2]}}


def test_a_page_is_a_record() -> None:
    page = json.dumps(GOOD | {"unknown": 1}).encode()
    assert parse_page(page, Record) == Record(1, 0.5, ("a",), {"x": (1, 2)})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        (
            b"\xff",
            "not JSON: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
        (DEEP, "not JSON that can be read: nested too deeply"),
        (
            b"9" * 5_000,
            "not JSON: Exceeds the limit (4300 digits) for integer string conversion: value has 5000"
            " digits",
        ),
        (b"[]", "Input should be an object"),
        (b"{}", "n: missing key, share: missing key, names: missing key and 1 more"),
        (json.dumps(GOOD | {"n": True}).encode(), "n: Input should be a valid integer"),
        (json.dumps(GOOD | {"n": "1"}).encode(), "n: Input should be a valid integer"),
        (json.dumps(GOOD | {"n": 1.0}).encode(), "n: Input should be a valid integer"),
        (json.dumps(GOOD | {"names": "a"}).encode(), "names: Input should be a valid array"),
        (json.dumps(GOOD | {"rows": {"x": [1]}}).encode(), "rows.x.1: missing key"),
        (json.dumps(GOOD | {"has_more": 1}).encode(), "has_more: Input should be a valid boolean"),
    ],
)
def test_what_is_wrong_with_a_page_is_said_in_a_line(content: bytes, problem: str) -> None:
    with pytest.raises(PageError) as caught:
        parse_page(content, Record)
    assert str(caught.value) == problem


@pytest.mark.parametrize("sort_keys", [False, True])
def test_no_bit_of_a_sealed_page_can_flip(sort_keys: bool) -> None:
    page = {"name": "あ\u202e", "z": [1, 2.5, None, True], "a": {"x": "\n"}}
    content = dump_sealed(page, sort_keys=sort_keys)
    assert is_sealed(content)
    assert list(json.loads(content)) == (
        ["a", "checksum", "name", "z"] if sort_keys else ["name", "z", "a", "checksum"]
    )
    for at in range(len(content)):
        for bit in range(8):
            flipped = bytearray(content)
            flipped[at] ^= 1 << bit
            assert not is_sealed(bytes(flipped)), (at, bit)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"checksum": ""}', DEEP])
def test_a_page_without_a_seal_is_not_sealed(content: bytes) -> None:
    assert not is_sealed(content)
