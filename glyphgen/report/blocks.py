"""The blocks that a page is put together from; the template draws each kind in its own way."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from glyphgen.errors import ReportError

__all__ = [
    "Block",
    "Section",
    "chart",
    "charts",
    "facts",
    "fold",
    "heading",
    "image",
    "legend",
    "lines",
    "pairs",
    "render_page",
    "sheet",
    "table",
    "text",
    "zoom",
]

Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page.

    Attributes:
        id: For links.
        title: For people.
        blocks: In order.
    """

    id: str
    title: str
    blocks: tuple[Block, ...]


def text(words: str, *, warn: bool = False) -> Block:
    """Return a paragraph; one that warns stands out."""
    return {"kind": "text", "text": words, "warn": warn}


def heading(words: str) -> Block:
    """Return a heading within a section."""
    return {"kind": "heading", "text": words}


def facts(pairs_of: Iterable[tuple[str, object]]) -> Block:
    """Return names with their values, side by side."""
    return {"kind": "facts", "facts": [(name, str(value)) for name, value in pairs_of]}


def lines(words: Iterable[str]) -> Block:
    """Return a numbered list of sentences."""
    return {"kind": "list", "lines": list(words)}


def chart(svg: str) -> Block:
    """Return one wide chart."""
    return {"kind": "chart", "chart": _trust(svg)}


def charts(svgs: Iterable[str]) -> Block:
    """Return small charts side by side."""
    return {"kind": "charts", "charts": [_trust(svg) for svg in svgs if svg]}


def legend(first: str, second: str) -> Block:
    """Return what the two colors stand for."""
    return {"kind": "legend", "names": (first, second)}


def table(
    label: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    numbers: Sequence[int] = (),
) -> Block:
    """Return a table; the columns in ``numbers`` are set flush right."""
    return {
        "kind": "table",
        "label": label,
        "columns": list(columns),
        "rows": [[str(cell) for cell in row] for row in rows],
        "numbers": list(numbers),
    }


def image(src: str, alt: str, *, style: str = "ink", width: int = 0) -> Block:
    """Return a picture with its words below."""
    return {"kind": "image", "src": src, "alt": alt, "style": style, "width": width}


def zoom(src: str, title: str, *, style: str = "figure", is_open: bool = True) -> Block:
    """Return a large picture that can be scrolled."""
    return {"kind": "zoom", "src": src, "title": title, "style": style, "open": is_open}


def pairs(of: Iterable[tuple[str, str, int]]) -> Block:
    """Return small pictures with words: source, words, width in pixels."""
    return {
        "kind": "pairs",
        "pairs": [{"src": src, "alt": alt, "width": width} for src, alt, width in of],
    }


def fold(title: str, words: str) -> Block:
    """Return text that is folded away."""
    return {"kind": "fold", "title": title, "text": words}


def sheet(cards: Sequence[dict[str, Any]]) -> Block:
    """Return the contact sheet: one card for each class."""
    return {"kind": "sheet", "cards": list(cards)}


def _trust(svg: str) -> Any:
    """Mark what our own charts have drawn; every word in them is escaped there."""
    from markupsafe import Markup

    return Markup(svg)


def check_extra() -> None:
    """Check that what pages need is installed.

    Raises:
        ReportError: It is not; the line names the extra.
    """
    from importlib.util import find_spec

    missing = [name for name in ("jinja2", "matplotlib") if find_spec(name) is None]
    if missing:
        raise ReportError(
            f"report: {', '.join(missing)} not installed, expected the extra 'report'"
            " (pip install 'glyphgen[report]')"
        )


def render_page(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    sprites: Sequence[str] = (),
    card_width: int = 260,
) -> str:
    """Return the page as HTML that needs nothing else.

    Args:
        title: Of the page.
        subtitle: Below it.
        sections: In order; those without blocks are left out.
        sprites: Pictures that the cards of the sheet show parts of.
        card_width: Of the sheet's cards, in pixels, at least.
    """
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("glyphgen.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        subtitle=subtitle,
        sections=[section for section in sections if section.blocks],
        sprites=[_trust(sprite) for sprite in sprites],
        card_width=card_width,
    )
