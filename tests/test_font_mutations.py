"""A small real font, damaged at random: its reader never dies, and the gate admits no wrong drawing."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mutants
import pytest
from conftest import FONTS
from fontTools import subset
from fontTools.ttLib import TTFont
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

HANDS = ["ZenKurenaido", "KleeOne", "KiwiMaru", "KosugiMaru"]  # the first is damaged
BATCH = 40  # mutants that one process reads

Steps = list[tuple[str, int, int]]

steps = st.lists(
    st.tuples(
        # Twice as often what leaves a font that can still be read.
        st.sampled_from([*mutants.DAMAGES, "flip", "flip", "flip", "move_part", "move_part"]),
        st.integers(0, 1 << 16),
        st.integers(0, 1 << 20),
    ),
    min_size=1,
    max_size=3,
)
batches = st.lists(steps, min_size=BATCH, max_size=BATCH)
some = settings(
    derandomize=True,
    max_examples=10,
    deadline=None,
    phases=[Phase.generate],  # a smaller batch says no more than the mutant that the message names
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def hands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four bundled hands, cut down to a few characters: 5 kB each."""
    folder = tmp_path_factory.mktemp("hands")
    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    for number, name in enumerate(HANDS):
        font = TTFont(FONTS / "kana" / f"{name}_400Regular.ttf")
        subsetter = subset.Subsetter(options)
        subsetter.populate(text=mutants.FORMS)
        subsetter.subset(font)
        font.save(folder / f"good-{number}.ttf")
    return folder


def read_mutants(
    folder: Path, batch: Sequence[Steps], *, mended: bool
) -> list[tuple[Steps, dict[str, Any]]]:
    """Write mutants, and read them in another process; return what became of each."""
    good = (folder / "good-0.ttf").read_bytes()
    for number, steps_of_one in enumerate(batch):
        mutant = mutants.damage(good, steps_of_one)
        mutant = mutants.mend_checksums(mutant) if mended else mutant
        (folder / f"mutant-{number:03}.ttf").write_bytes(mutant)
    done = subprocess.run(
        [sys.executable, mutants.__file__, folder, "as it is" if mended else "sanitize"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(batch)
    return list(zip(batch, told, strict=True))


def check_refusals(read: Sequence[tuple[Steps, dict[str, Any]]]) -> None:
    """What is refused is refused by name, in one line; and no reader had to be ended for it."""
    for done, told in read:
        for line in told.get("refused", ()):
            place, _, said = line.partition(".ttf: ")
            assert place.endswith(told["mutant"]), done
            assert said.startswith(
                (
                    "not a font that can be read: ",
                    "holds no glyphs that can be read ",
                    "holds no drawings, expected outlines",
                    "an empty file, expected TrueType or OpenType ",
                    "nothing but zeros, expected TrueType or OpenType ",
                    "holds ",
                    "damaged, table '",
                    "rejected by the OpenType Sanitizer: ",
                )
            ), (done, said)
            assert "\n" not in line


def test_the_font_is_admitted_before_it_is_damaged(hands: Path) -> None:
    [(_, told)] = read_mutants(hands, [[]], mended=False)
    assert {form: like[int(form)] for form, like in told["admitted"].items()} == {
        str(form): 1.0 for form in range(len(mutants.FORMS))
    }
    (hands / "mutant-000.ttf").unlink()


@pytest.mark.slow
@some
@given(batch=batches)
def test_of_a_damaged_font_only_what_is_as_it_was_is_admitted(
    hands: Path, batch: list[Steps]
) -> None:
    read = read_mutants(hands, batch, mended=False)
    check_refusals(read)
    for done, told in read:
        for form, likeness in told.get("admitted", {}).items():
            assert likeness[int(form)] == 1.0, (mutants.FORMS[int(form)], done)


@pytest.mark.slow
@some
@given(batch=batches)
def test_damage_that_hides_itself_kills_no_reader_and_seldom_deceives_the_gate(
    hands: Path, batch: list[Steps]
) -> None:
    read = read_mutants(hands, batch, mended=True)
    check_refusals(read)
    n_admitted = n_wrong = 0
    for _, told in read:
        for form, likeness in told.get("admitted", {}).items():
            own = likeness.pop(int(form))
            n_admitted += 1
            n_wrong += max(likeness) > max(own, 0.97)
    # Whoever mends checksums forges. Beside three hands the gate lets 0.4 % of such cells pass with the
    # drawing of another character (15 of 3,506 of 500 mutants): honest hands differ as much.
    assert n_wrong <= 0.05 * n_admitted


def test_each_kind_of_damage_does_some(hands: Path) -> None:
    good = (hands / "good-0.ttf").read_bytes()
    changed = Counter(
        name
        for name in mutants.DAMAGES
        for number in range(20)
        if mutants.damage(good, [(name, number, 977 * number + 1)]) != good
    )
    assert changed.keys() == mutants.DAMAGES.keys()
    assert min(changed.values()) > 10


@pytest.mark.slow
def test_damage_that_hides_itself_is_drawn(hands: Path) -> None:
    batch: list[Steps] = [[("flip", 12 + number, number)] for number in range(BATCH)]
    read = read_mutants(hands, batch, mended=True)
    likeness = [
        told["admitted"][form][int(form)] for _, told in read for form in told.get("admitted", {})
    ]
    assert 0.5 < sum(like == 1.0 for like in likeness) / len(likeness) < 1.0
