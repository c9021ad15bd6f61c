"""run.json, the page of what may differ between equal datasets: when, how fast, where the fonts lay."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from glyphgen.errors import DatasetError
from glyphgen.files.address import Place
from glyphgen.files.opening import describe_unread
from glyphgen.files.pages import PageError, is_sealed, parse_json
from glyphgen.files.store import open_store

__all__ = ["RUN_NAME", "RunPage", "read_run_page"]

RUN_NAME = "run.json"
_KINDS = {str: "a text", int: "a whole number", dict: "a table"}
_AGAIN = "make the dataset again, with --force"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """What commands read of run.json again; it holds more, for people.

    Attributes:
        finished: When, as ISO 8601 has it.
        host: Name of the machine.
        workers: Processes that made rows.
        checksum: Of the page; empty where it was made with an index of format 2.
        recipe_folder: What relative paths in the recipe start from; empty where there was no recipe.
        fonts: Path of each face's file, by the name of the face.
        source: Folder of the dataset that was balanced; empty where none was.
    """

    finished: str
    host: str
    workers: int
    checksum: str = ""
    recipe_folder: str = ""
    fonts: Mapping[str, str] = field(default_factory=dict)
    source: str = ""


def read_run_page(folder: Place) -> RunPage:
    """Read the run.json of a dataset's folder.

    Raises:
        DatasetError: It is missing, or is not, to the last byte, as it was written.
    """
    path = folder / RUN_NAME
    try:
        content = open_store(folder).get_range(RUN_NAME)
        page = _build(parse_json(content))
    except FileNotFoundError:
        raise DatasetError(f"{path}: missing ({_AGAIN})") from None
    except OSError as error:
        raise DatasetError(f"{path}: {describe_unread(error)} ({_AGAIN})") from None
    except PageError as error:
        raise DatasetError(f"{path}: {error} ({_AGAIN})") from None
    if page.checksum and not is_sealed(content):
        raise DatasetError(f"{path}: does not match its checksum ({_AGAIN})")
    return page


def _build(page: Any) -> RunPage:
    # Not by parse_page: paths may hold bytes that are no UTF-8, which pydantic takes for no text.
    if not isinstance(page, dict):
        raise PageError("Input should be an object")
    values: dict[str, Any] = {}
    for key in fields(RunPage):
        if key.name not in page:
            if key.default is MISSING and key.default_factory is MISSING:
                raise PageError(f"{key.name}: missing key")
            continue
        value = values[key.name] = page[key.name]
        kind = {"workers": int, "fonts": dict}.get(key.name, str)
        if type(value) is not kind:
            raise PageError(f"{key.name}: found {str(value)[:60]}, expected {_KINDS[kind]}")
    if not all(isinstance(path, str) for path in values.get("fonts", {}).values()):
        raise PageError("fonts: expected texts, the path of each face's file")
    return RunPage(**values)
