"""The blocks that a page is put together from; the template draws each kind in its own way."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from glyphgen.report.charts import Chart, dump_svg
from glyphgen.text import show_lines

__all__ = [
    "Block",
    "Section",
    "bars",
    "charts",
    "class_cards",
    "details",
    "facts",
    "gallery",
    "heading",
    "image",
    "large_image",
    "legend",
    "numbered_list",
    "render_page",
    "table",
    "text",
]

Block = dict[str, Any]

# Letters of scripts that run from right to left, words of them with the spaces between: they are isolated
# (Unicode Standard Annex 9), or a number beside an Arabic letter would stand on its other side.
_LETTER = "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
_RIGHT_TO_LEFT = re.compile(f"{_LETTER}(?:[ \u200c\u200d]*{_LETTER})*")
_WIDE = 5  # inches: what is wider has a row of the page to itself


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


def facts(entries: Iterable[tuple[str, object]]) -> Block:
    """Return names with their values, side by side."""
    return {"kind": "facts", "facts": [(name, str(value)) for name, value in entries]}


def numbered_list(sentences: Iterable[str]) -> Block:
    """Return a numbered list of sentences."""
    return {"kind": "numbered_list", "sentences": list(sentences)}


def charts(shown: Iterable[Chart]) -> Block:
    """Return charts with their titles, as many side by side as there is room for."""
    entries = [
        {
            "title": chart.title,
            "svg": _trust(dump_svg(chart.figure)),
            "is_wide": chart.figure.get_figwidth() > _WIDE,
        }
        for chart in shown
    ]
    return {"kind": "charts", "charts": entries}


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


def large_image(src: str, title: str, *, style: str = "figure", is_open: bool = True) -> Block:
    """Return a large picture that can be scrolled, and closed."""
    return {"kind": "large_image", "src": src, "title": title, "style": style, "open": is_open}


def gallery(images: Iterable[tuple[str, str, int]]) -> Block:
    """Return small pictures with captions: source, caption, width in pixels."""
    entries = [{"src": src, "alt": alt, "width": width} for src, alt, width in images]
    return {"kind": "gallery", "images": entries}


def bars(names: Sequence[str], rows: Iterable[tuple[str, Sequence[tuple[int, float]]]]) -> Block:
    """Return for each class its label, and a bar with count and percent for each split.

    Args:
        names: Of the splits.
        rows: For each class its label, and for each split its rows and their share of the split, 0 to 1.
    """
    listed = list(rows)
    most = max((share for _, counts in listed for _, share in counts), default=0) or 1
    entries = [
        {
            "label": label,
            "bars": [(n, f"{share:.2%}", f"{100 * share / most:.1f}") for n, share in counts],
        }
        for label, counts in listed
    ]
    return {"kind": "bars", "names": list(names), "rows": entries}


def details(title: str, words: str) -> Block:
    """Return text that is shown when its title is clicked."""
    return {"kind": "details", "title": title, "text": words}


def class_cards(cards: Sequence[dict[str, Any]]) -> Block:
    """Return the contact sheet: one card for each class, which can be searched and sorted."""
    return {"kind": "class_cards", "cards": list(cards)}


def _trust(svg: str) -> Any:
    """Mark what needs no escaping: matplotlib has escaped the text of a chart."""
    from markupsafe import Markup

    return Markup(svg)


def _show_value(value: object) -> object:
    """Return what a page shows of a value; what is trusted is left alone."""
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return _RIGHT_TO_LEFT.sub("\u2068\\g<0>\u2069", show_lines(value))
    return value


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
        finalize=_show_value,
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
