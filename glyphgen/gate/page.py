"""gate.json, the page that tells what the gate found: written and read here and nowhere else."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from typing import Protocol

import numpy as np

from glyphgen.classes import ClassTable
from glyphgen.errors import DamagedError
from glyphgen.files.address import Place
from glyphgen.files.opening import describe_unread
from glyphgen.files.pages import PageError, parse_page
from glyphgen.files.store import open_store
from glyphgen.fonts import Face
from glyphgen.gate.changing import Changes
from glyphgen.gate.verdict import Refusal, Verdict
from glyphgen.outlines.process import UnreadFace
from glyphgen.text import dump_json, list_codepoints, show_foreign

__all__ = [
    "GATE_NAME",
    "ChangedEntry",
    "GatePage",
    "RefusedEntry",
    "Surveyed",
    "TwinsEntry",
    "UnreadEntry",
    "UnturnedEntry",
    "make_gate_page",
    "read_gate_page",
]

GATE_NAME = "gate.json"
_AGAIN = "make the dataset again, with --force"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadEntry:
    """A face that is left out, for its file cannot be read, or not safely.

    Attributes:
        file: File name, without its folder.
        index: Position in a collection.
        reason: What is wrong with it.
    """

    file: str
    index: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedEntry:
    """A cell that checks refused.

    Attributes:
        face: Name of the face.
        form: The text that is not drawn with it.
        codepoints: Of the form: ``("U+3042",)``.
        reason: Name of the check that refused it.
        figure: What the check measured, in the unit that its name tells.
        shows: What the cell shows in place of its character; see ``Refusal``.
    """

    face: str
    form: str
    codepoints: tuple[str, ...]
    reason: str
    figure: float
    shows: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinsEntry:
    """Forms that some typefaces draw alike.

    Attributes:
        forms: Their texts.
        distance: How far they are apart there, the median; 0 (equal) to 1.
        faces: Typefaces that draw both; faces of one typeface count once.
        faces_alike: Typefaces that draw them alike.
        are_twins: Whether these are so many that the forms count as twins.
        one_class: Whether one class holds them.
        alike_in: Names of the faces that draw them alike, where they are no twins.
    """

    forms: tuple[str, ...]
    distance: float
    faces: int
    faces_alike: int
    one_class: bool
    are_twins: bool = True
    alike_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedEntry:
    """A cell of which the recipe's ranges would make another character.

    Attributes:
        face: Name of the face.
        form: The text that is drawn.
        codepoints: Of the form.
        share: Of the recipe's ranges of shape, that it is drawn in: 0 to 1.
        shows: What it comes nearer to beyond.
        figure: By how much nearer, as a logarithm of distances.
    """

    face: str
    form: str
    codepoints: tuple[str, ...]
    share: float
    shows: str
    figure: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UnturnedEntry:
    """A face that draws characters as in horizontal lines, where lines are vertical.

    Attributes:
        face: Name of the face.
        forms: Characters that want a vertical form, and have none there.
    """

    face: str
    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePage:
    """What gate.json holds; its keys are the names of these fields.

    Attributes:
        cells: Faces times forms.
        admitted: Cells that may be drawn.
        coverage: Admitted cells of each face, by its name.
        unproven: Admitted cells that too few other faces draw to compare with, by the face's name.
        unread: Faces that could not be read.
        refused: Cells that may not be drawn.
        allowed: Cells that checks refused and the recipe admits.
        twins: Pairs of forms that some typefaces draw alike.
        changed: Cells that are varied less than the recipe asks.
        unturned: In vertical lines, faces that lack forms for it.
    """

    cells: int
    admitted: int
    coverage: Mapping[str, int]
    unproven: Mapping[str, int]
    unread: tuple[UnreadEntry, ...]
    refused: tuple[RefusedEntry, ...]
    allowed: tuple[RefusedEntry, ...]
    twins: tuple[TwinsEntry, ...]
    changed: tuple[ChangedEntry, ...] = ()
    unturned: tuple[UnturnedEntry, ...] = ()

    def dump(self) -> bytes:
        """Return the page as JSON in UTF-8."""
        return dump_json(asdict(self))


class Surveyed(Protocol):
    """What a recipe's faces draw of its classes, and what the gate says of that."""

    @property
    def table(self) -> ClassTable:
        """The classes."""

    @property
    def faces(self) -> tuple[Face, ...]:
        """The faces that could be read."""

    @property
    def verdict(self) -> Verdict:
        """The gate's, on each cell of these faces and classes."""

    @property
    def unread(self) -> tuple[UnreadFace, ...]:
        """The faces that could not."""


def make_gate_page(surveyed: Surveyed) -> GatePage:
    """Return the gate's verdict in names and texts, as gate.json holds it."""
    table, faces, verdict = surveyed.table, surveyed.faces, surveyed.verdict
    forms, form_class = table.all_forms, table.form_class
    names = [face.name for face in faces]
    unproven = dict(zip(names, verdict.unproven.sum(axis=1).tolist(), strict=True))
    return GatePage(
        cells=int(verdict.admitted.sum()) + len(verdict.refusals),
        admitted=int(verdict.admitted.sum()),
        coverage=dict(zip(names, verdict.admitted.sum(axis=1).tolist(), strict=True)),
        unproven={name: n for name, n in unproven.items() if n},
        unread=tuple(map(_describe_unread, surveyed.unread)),
        refused=_name_cells(verdict.refusals, names, forms),
        allowed=_name_cells(verdict.allowed, names, forms),
        twins=tuple(
            TwinsEntry(
                forms=tuple(forms[form] for form in twins.forms),
                distance=twins.distance,
                faces=twins.n_typefaces,
                faces_alike=twins.n_alike,
                are_twins=twins.are_twins,
                one_class=len({form_class[form] for form in twins.forms}) == 1,
                alike_in=() if twins.are_twins else tuple(names[face] for face in twins.faces),
            )
            for twins in verdict.twins
        ),
        changed=tuple(_name_changes(verdict.changes, names, forms)),
        unturned=tuple(
            UnturnedEntry(face=names[face], forms=tuple(char for _, char in cells))
            for face, cells in groupby(verdict.unturned, key=itemgetter(0))
        ),
    )


def _name_changes(
    changes: Changes, names: Sequence[str], forms: Sequence[str]
) -> Iterator[ChangedEntry]:
    for face, form in np.argwhere(changes.share < 1.0).tolist():
        yield ChangedEntry(
            face=names[face],
            form=forms[form],
            codepoints=list_codepoints(forms[form]),
            share=float(changes.share[face, form]),
            shows=str(changes.shows[face, form]),
            figure=round(float(changes.margin[face, form]), 3),
        )


def _describe_unread(face: UnreadFace) -> UnreadEntry:
    place = show_foreign(f"{face.path}: ")
    problems = (show_foreign(line).removeprefix(place) for line in face.problems)
    return UnreadEntry(
        file=show_foreign(face.path.name), index=face.index, reason="; ".join(problems)
    )


def _name_cells(
    refusals: Sequence[Refusal], names: Sequence[str], forms: Sequence[str]
) -> tuple[RefusedEntry, ...]:
    return tuple(
        RefusedEntry(
            face=names[refusal.face],
            form=forms[refusal.form],
            codepoints=list_codepoints(forms[refusal.form]),
            reason=refusal.reason,
            figure=refusal.figure,
            shows=refusal.shows,
        )
        for refusal in refusals
    )


def read_gate_page(folder: Place) -> GatePage | None:
    """Return the gate.json of a dataset's folder; None where there is none.

    Raises:
        DamagedError: It cannot be read, or is no such page.
    """
    path = folder / GATE_NAME
    try:
        return parse_page(open_store(folder).get_range(GATE_NAME), GatePage)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DamagedError(f"{path}: {describe_unread(error)} ({_AGAIN})") from None
    except PageError as error:
        raise DamagedError(f"{path}: {error} ({_AGAIN})") from None
