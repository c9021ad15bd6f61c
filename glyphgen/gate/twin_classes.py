"""Makes one class of the classes that the faces draw alike."""

from collections.abc import Sequence
from dataclasses import replace

from glyphgen.classes import ClassTable, merge_classes
from glyphgen.gate import Refusal, Verdict, join_twins
from glyphgen.outlines import Outlines

__all__ = ["merge_twins"]


def merge_twins(
    table: ClassTable, store: Outlines, verdict: Verdict
) -> tuple[ClassTable, Outlines, Verdict]:
    """Return all three with the twins of the verdict in one class each.

    Forms of one class stand beside each other, so that the forms change their places.
    """
    forms = table.all_forms
    merged = merge_classes(
        table, [[forms[k] for k in group] for group in join_twins(verdict.twins, len(forms))]
    )
    place = {form: k for k, form in enumerate(forms)}
    order = [place[form] for form in merged.all_forms]
    return merged, store.take_forms(order), _take_forms(verdict, order)


def _take_forms(verdict: Verdict, order: Sequence[int]) -> Verdict:
    new_place = {old: new for new, old in enumerate(order)}

    def move_pair(pair: tuple[int, int]) -> tuple[int, int]:
        first, second = sorted(new_place[form] for form in pair)
        return first, second

    def move(refusals: Sequence[Refusal]) -> tuple[Refusal, ...]:
        moved = (replace(refusal, form=new_place[refusal.form]) for refusal in refusals)
        return tuple(sorted(moved, key=lambda refusal: (refusal.face, refusal.form)))

    return replace(
        verdict,
        admitted=verdict.admitted[:, order],
        unproven=verdict.unproven[:, order],
        changes=verdict.changes.take_forms(order),
        refusals=move(verdict.refusals),
        allowed=move(verdict.allowed),
        twins=tuple(replace(twins, forms=move_pair(twins.forms)) for twins in verdict.twins),
    )
