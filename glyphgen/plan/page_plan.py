"""What stands on every page, as numbers, lazily: any page alone, in any order."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.choices import SPLITS
from glyphgen.errors import RecipeError
from glyphgen.layout.page_lines import SPACE_EM, Atoms, turn
from glyphgen.layout.page_texts import PageTexts, spell
from glyphgen.outlines import RunStore
from glyphgen.plan.chance import Chance
from glyphgen.plan.page_stamps import Stamp, make_stamp
from glyphgen.plan.page_writer import PageWriter, thicken
from glyphgen.plan.placements import SAMPLE_DTYPE
from glyphgen.plan.splits import find_intervals, share_samples, split_faces
from glyphgen.recipe import Recipe
from glyphgen.streams import Stage, Stream
from glyphgen.text import show_count, show_some, show_text

__all__ = ["PagePlan", "PageScene", "make_page_plan"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_WORDS = 4  # of 64 bits for each page; more are mixed of the first
_MOST_WORDS = 40  # of a line that are drawn by lot at once
_PAGE, _FIELD, _TEXT, _RULE, _STAMP = 0, 1 << 8, 1 << 10, 1 << 12, 1 << 13  # uses of a page's word


@dataclass(frozen=True, slots=True, kw_only=True)
class PageScene:
    """One page.

    Attributes:
        atoms: What is written on it.
        rules: (n, 4, 2), the corners of its lines, in pixels.
        stamps: On it, turned as it is.
        sample: Of ``SAMPLE_DTYPE``.
    """

    atoms: Atoms
    rules: Floats
    sample: NDArray[Any]
    stamps: tuple[Stamp, ...] = ()

    @property
    def skew_deg(self) -> float:
        """How far the page is turned."""
        return float(self.sample["rotation_deg"])


@dataclass(frozen=True, kw_only=True)
class PagePlan:
    """The pages of a dataset.

    Attributes:
        recipe: What is planned.
        texts: What may stand on them.
        faces_of: The faces of each split that has pages.
        n_pages: Of each split, in the order of ``SPLITS``.
        usable: bool (faces, forms): what a face may write.
        n_forms: Forms of each face.
    """

    recipe: Recipe
    texts: PageTexts
    faces_of: dict[str, Ints]
    n_pages: tuple[int, ...]
    usable: NDArray[np.bool_]
    n_forms: int
    _fillers: dict[tuple[int, int], Ints] = field(default_factory=dict, compare=False, repr=False)

    @property
    def n_rows(self) -> int:
        """Pages of all splits."""
        return sum(self.n_pages)

    @property
    def splits(self) -> dict[str, tuple[int, int]]:
        """First page and page after the last of each split that has pages."""
        return find_intervals(self.n_pages)

    def describe(self, n_classes: int, n_faces: int) -> str:
        """Return the plan in one line."""
        kinds = show_count(n_classes - 1, "kind")
        return (
            f"{show_count(self.n_rows, 'page')} with {kinds} of fields and blocks:"
            f" {show_count(n_faces, 'face')} in equal turns"
        )

    def count_rows(self) -> dict[str, Ints]:
        """Return how many images each class has in each split: all are of the first, ``page``."""
        n_classes = len(self.texts.table)
        counts = {}
        for name, (first, last) in self.splits.items():
            counts[name] = np.zeros(n_classes, dtype=np.int64)
            counts[name][0] = last - first
        return counts

    @cached_property
    def _forms(self) -> tuple[str, ...]:
        return self.texts.table.all_forms

    @cached_property
    def _place(self) -> dict[str, int]:
        return {form: k for k, form in enumerate(self.texts.table.all_forms)}

    @cached_property
    def _class_of(self) -> dict[str, int]:
        return {label: k for k, label in enumerate(self.texts.table.labels)}

    @cached_property
    def n_characters(self) -> Ints:
        """Of every form: (n_forms,)."""
        return np.array([len(form) for form in self.texts.table.all_forms], dtype=np.int64)

    @cached_property
    def codepoints(self) -> NDArray[np.uint32]:
        """Of all characters of all forms, one form after the other."""
        text = "".join(self.texts.table.all_forms)
        return np.array(list(map(ord, text)), dtype=np.uint32)

    @cached_property
    def first_character(self) -> Ints:
        """Where each form begins in ``codepoints``: (n_forms,)."""
        ends: Ints = np.cumsum(self.n_characters)
        return ends - self.n_characters

    def make_page(self, row: int, store: RunStore) -> PageScene:
        """Return what stands on a page.

        Args:
            row: Of the dataset.
            store: The runs of all cells.
        """
        page = self.recipe.page
        assert page is not None
        word = Stream(self.recipe.seed, Stage.PAGE, _WORDS).words(0, row, 1)[:, 0]
        face = self._choose_face(row)
        chance = Chance(word, _PAGE)
        low, high = page.skew
        skew = low + (high - low) * chance.draw()
        height, width = page.size
        writer = PageWriter(store, face, self._place, page)
        for number, one in enumerate(page.field):
            chance = Chance(word, _FIELD + number)
            if chance.draw() < one.chance:
                self._write_field(writer, number, chance)
        for number, block in enumerate(page.text):
            chance = Chance(word, _TEXT + number)
            if chance.draw() < block.chance:
                self._write_block(writer, number, chance)
        rules = []
        for number, rule in enumerate(page.rule):
            if Chance(word, _RULE + number).draw() < rule.chance:
                ends = np.array([rule.start, rule.end]) * (width, height)
                rules.append(thicken(ends, rule.thickness * height))
        stamps = []
        for number, settings in enumerate(page.stamp):
            chance = Chance(word, _STAMP + number)
            if chance.draw() < settings.chance:
                stamps.append(make_stamp(settings, chance, height, width))
        sample = np.zeros((), dtype=SAMPLE_DTYPE)
        sample["sample"], sample["face"], sample["source_row"] = row, face, -1
        sample["rotation_deg"], sample["stretch"] = skew, 1.0
        # What the dataset keeps is what is drawn.
        drawn_skew = float(sample["rotation_deg"])
        return PageScene(
            atoms=writer.finish(),
            rules=turn(np.array(rules).reshape(-1, 4, 2), drawn_skew, page.size),
            sample=sample,
            stamps=tuple(
                replace(stamp, strokes=turn(stamp.strokes, drawn_skew, page.size))
                for stamp in stamps
            ),
        )

    def _choose_face(self, row: int) -> int:
        for name, (first, last) in self.splits.items():
            if first <= row < last:
                faces = self.faces_of[name]
                return int(faces[(row - first) % len(faces)])
        raise IndexError(row)

    def _write_field(self, writer: PageWriter, number: int, chance: Chance) -> None:
        assert self.recipe.page is not None
        one = self.recipe.page.field[number]
        written: list[tuple[str, ...]] = [(word,) for word in self.texts.labels[number]]
        written += self._spell_value(number, chance)
        forms = [form for word in written for form in word]
        words = [k for k, word in enumerate(written) for _ in word]
        low, high = one.size
        size = (low + (high - low) * chance.draw()) * writer.height
        jitter = (np.array([chance.draw(), chance.draw()]) * 2 - 1) * one.jitter * writer.height
        at = np.array(one.at) * (writer.width, writer.height) + jitter
        writer.begin_block(self._class_of[one.label])
        writer.write_line(forms, words, at, size)

    def _spell_value(self, number: int, chance: Chance) -> list[tuple[str, ...]]:
        """Return the words of a field's value, each as the forms that it is written with."""
        written: list[tuple[str, ...]] = []
        is_open = False  # whether what comes belongs to the last word
        for part, is_name in self.texts.values[number]:
            choices = self.texts.names.get(part, ())
            text = choices[chance.choose(len(choices))] if is_name else part
            for k, word in enumerate(text.split()):
                if k == 0 and is_open and not text[:1].isspace():
                    written[-1] += spell(word)
                else:
                    written.append(spell(word))
            is_open = bool(text.strip()) and not text[-1].isspace()
        return written

    def _write_block(self, writer: PageWriter, number: int, chance: Chance) -> None:
        assert self.recipe.page is not None
        block = self.recipe.page.text[number]
        usable = self._find_fillers(number, writer.face)
        low, high = block.size
        size = (low + (high - low) * chance.draw()) * writer.height
        fewest, most = block.lines
        n_lines = fewest + chance.choose(most - fewest + 1)
        width_em = block.width * writer.width / size
        x, y = np.array(block.at) * (writer.width, writer.height)
        writer.begin_block(self._class_of[block.label])
        for _ in range(n_lines):
            if y > writer.height - size:
                break
            chosen = usable[chance.choose_many(len(usable), _MOST_WORDS)]
            ends = np.cumsum(writer.advance[chosen] + SPACE_EM) - SPACE_EM
            n = max(1, int(np.searchsorted(ends, width_em, side="right")))
            forms = [self._forms[k] for k in chosen[:n].tolist()]
            writer.write_line(forms, range(n), np.array([x, y]), size)
            y += block.leading * size

    def _find_fillers(self, number: int, face: int) -> Ints:
        """Return the words of a block that a face may write."""
        key = number, face
        if key not in self._fillers:
            words = np.array(self.texts.fillers[number], dtype=np.int64)
            self._fillers[key] = words[self.usable[face, words]]
        return self._fillers[key]


def make_page_plan(
    recipe: Recipe,
    texts: PageTexts,
    store: RunStore,
    admitted: NDArray[np.bool_],
    faces: Sequence[Any],
    typefaces: Ints,
) -> PagePlan:
    """Divide the pages among the splits and their faces.

    Args:
        recipe: What is planned.
        texts: What may stand on its pages.
        store: The runs of F * C cells.
        admitted: bool (F, C).
        faces: F faces.
        typefaces: (F,), equal numbers for faces of one typeface.

    Raises:
        RecipeError: A field or block does not fit its page, no face may write all fields, or a split is
            left without a face.
    """
    assert recipe.page is not None
    problems = list(_find_misplaced(recipe, texts, store))
    if problems:
        raise RecipeError(*problems)
    needed = _list_needed(texts)
    able = np.asarray(admitted[:, needed].all(axis=1))
    for words in texts.fillers:
        able &= np.asarray(admitted[:, np.array(words, dtype=np.int64)].any(axis=1))
    faces_of = {
        name: of_split[able[of_split]]
        for name, of_split in split_faces(recipe, faces, typefaces).items()
    }
    n_faces = {name: len(of_split) for name, of_split in faces_of.items()}
    shares = share_samples(recipe, np.array([recipe.render.count or 0]), n_faces)
    n_pages = tuple(int(shares[name][0]) for name in SPLITS)
    for name, n in zip(SPLITS, n_pages, strict=True):
        if n and not len(faces_of[name]):
            worst = needed[np.argsort(admitted[:, needed].sum(axis=0), kind="stable")][:3]
            shown = show_some(show_text(texts.table.all_forms[k]) for k in worst.tolist())
            raise RecipeError(
                f"{recipe.place('page')}: no face of {name} may write all fields, such as {shown}"
                " (add fonts, or see `glyphgen fonts check`)"
            )
    return PagePlan(
        recipe=recipe,
        texts=texts,
        faces_of=faces_of,
        n_pages=n_pages,
        usable=admitted,
        n_forms=store.n_forms,
    )


def _list_needed(texts: PageTexts) -> Ints:
    """Return the forms that fields are written with, which every face has to have."""
    fillers = {k for words in texts.fillers for k in words}
    place = {form: k for k, form in enumerate(texts.table.all_forms)}
    needed = {k for k in place.values() if k not in fillers}
    needed |= {place[word] for words in texts.labels for word in words}
    return np.array(sorted(needed), dtype=np.int64)


def _find_misplaced(recipe: Recipe, texts: PageTexts, store: RunStore) -> Sequence[str]:
    """Return what does not fit the page even at its smallest."""
    page = recipe.page
    assert page is not None
    height, width = page.size
    advance = store.center[:, 0].reshape(-1, store.n_forms).max(axis=0) * 2
    place = {form: k for k, form in enumerate(texts.table.all_forms)}
    problems = []
    for number, one in enumerate(page.field):
        needed = sum(float(advance[place[word]]) for word in texts.labels[number])
        needed_px = needed * one.size[0] * height
        if needed_px > width:
            problems.append(
                f"{recipe.place(f'page.field.{number}')}: its label is {needed_px:,.0f} pixels long at"
                f" its smallest, expected at most {width:,}, the width of the page"
            )
    for number, block in enumerate(page.text):
        last = block.at[1] + (block.lines[0] - 1) * block.leading * block.size[0]
        if last > 1.0:
            problems.append(
                f"{recipe.place(f'page.text.{number}')}: its {block.lines[0]} lines end at"
                f" {last:.2f} of the page's height, expected at most 1 (fewer lines, or higher up)"
            )
        if block.width * width < block.size[0] * height:
            problems.append(
                f"{recipe.place(f'page.text.{number}.width')}: found {block.width:g}, less than an em"
            )
    return problems
