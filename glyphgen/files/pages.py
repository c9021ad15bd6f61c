"""Pages of JSON: read against a schema, and sealed, so that no bit of them can flip unseen.

What is read from a file is believed only as far as a schema says what it may be: every page has a record,
and is read through ``parse_page``. What is wrong with a page is said in one line, without its place.
"""

import hashlib
import json
from collections.abc import Hashable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from glyphgen.text import format_json, show_some

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["PageError", "dump_sealed", "is_sealed", "parse_json", "parse_page"]

_CHECKSUM = "checksum"

Record = TypeVar("Record")


class PageError(ValueError):
    """What is wrong with a page, in one line, without its place."""


def parse_json(content: bytes) -> Any:
    """Return what JSON in UTF-8 says.

    Raises:
        PageError: It is none, or nested deeper than Python can follow.
    """
    try:
        return json.loads(content)
    except RecursionError:
        raise PageError("not JSON that can be read: nested too deeply") from None
    except ValueError as error:  # not JSON, not UTF-8, or a number of 5,000 digits
        said = str(error).partition(";")[0]
        raise PageError(f"not JSON: {said}") from None


def parse_page(content: bytes, record: type[Record]) -> Record:
    """Return a page of JSON as a record: a dataclass, or any other type that pydantic knows.

    Nothing is converted: a text is no number, and true is not 1. Keys that the record does not have are
    passed over.

    Raises:
        PageError: It is not JSON, or not of this type; it names the first keys that are wrong.
    """
    from pydantic import ValidationError

    try:
        page: Record = _make_adapter(cast("Hashable", record)).validate_json(content, strict=True)
    except ValidationError as error:
        parse_json(content)  # what pydantic says of what is not JSON is harder to read
        problems = (
            ": ".join(
                filter(
                    None,
                    (
                        ".".join(map(str, problem["loc"])),
                        "missing key" if problem["type"] == "missing" else problem["msg"],
                    ),
                )
            )
            for problem in error.errors(include_url=False, include_input=False)
        )
        raise PageError(show_some(problems)) from None
    return page


@lru_cache
def _make_adapter(record: Any) -> "TypeAdapter[Any]":
    from pydantic import TypeAdapter

    return TypeAdapter(record)


def dump_sealed(page: Mapping[str, Any], *, sort_keys: bool = False) -> bytes:
    """Return a page as indented JSON in UTF-8, with a checksum of all that it says."""
    sealed = {**page, _CHECKSUM: _sum_up(page)}
    return _dump(sealed, sort_keys=sort_keys)


def is_sealed(content: bytes) -> bool:
    """Return whether a page is, to the last byte, what ``dump_sealed`` wrote."""
    try:
        sealed = parse_json(content)
        page = {key: value for key, value in sealed.items() if key != _CHECKSUM}
        return bool(sealed[_CHECKSUM] == _sum_up(page) and content == _dump(sealed))
    except (PageError, LookupError, AttributeError, RecursionError):
        return False


def _dump(page: Mapping[str, Any], *, sort_keys: bool = False) -> bytes:
    return f"{format_json(page, indent=2, sort_keys=sort_keys, allow_nan=False)}\n".encode()


def _sum_up(page: Mapping[str, Any]) -> str:
    text = json.dumps(page, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
