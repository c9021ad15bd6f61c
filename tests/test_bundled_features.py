"""What two of the bundled fonts have besides outlines: vertical forms, and axes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import FONTS

import glyphgen
from glyphgen.outlines import OutlineStore, RunStore
from glyphgen.recipe import read_recipe
from glyphgen.render.preparing import PreparedRender, prepare_render

NOTO = FONTS / "vertical" / "NotoSerifCJKjp-Regular.otf"
SHANTELL = FONTS / "variable" / "ShantellSans.ttf"

Prepare = Callable[[str], PreparedRender]


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Prepare:
    folder = tmp_path_factory.mktemp("features")

    def make(text: str) -> PreparedRender:
        (folder / "r.toml").write_text(text, encoding="utf-8")
        return prepare_render(read_recipe(folder / "r.toml"))

    return make


def test_all_kana_of_a_font_with_vertical_forms_are_drawn(prepare: Prepare) -> None:
    prepared = prepare(
        f"""
        classes = {{ sets = ["hiragana", "katakana"], text = "ー「」（。、", direction = "vertical" }}
        fonts.files = ["{NOTO}"]
        render.per_class = 1
        """
    )
    assert prepared.verdict.refusals == ()
    assert prepared.verdict.unturned == ()
    store, forms = prepared.store, prepared.table.all_forms
    assert isinstance(store, OutlineStore)
    left, bottom, right, top = store.box[forms.index("ー")]
    assert top - bottom > 4 * (right - left), "it stands upright"
    left, bottom, right, top = store.box[forms.index("（")]
    assert right - left > 1.5 * (top - bottom)
    left, bottom, right, top = store.box[forms.index("。")]
    assert left > 0.5, "it stands in the upper right corner"
    assert bottom > 0.4
    small, large = store.box[forms.index("ぁ")], store.box[forms.index("あ")]
    assert small[0] > large[0] + 0.05


def test_words_run_down_in_vertical_forms(prepare: Prepare) -> None:
    prepared = prepare(
        f"""
        classes = {{ words = ["らーめん", "「東京。」"], language = "ja", direction = "vertical" }}
        fonts.files = ["{NOTO}"]
        image = {{ height = 160, width = 48 }}
        render = {{ per_class = 1, size = 0.2 }}
        """
    )
    store = prepared.store
    assert isinstance(store, RunStore)
    assert prepared.verdict.admitted.all()
    assert store.n_items.tolist() == [4, 5]
    assert np.allclose(np.diff(store.item_y[:4]), -1.0, atol=0.01)
    assert (store.box[:, 3] - store.box[:, 1] > 3.5).all()
    assert (store.box[:, 2] - store.box[:, 0] < 1.1).all()


def test_ranges_of_axes_stand_for_faces_of_one_typeface(prepare: Prepare, tmp_path: Path) -> None:
    prepared = prepare(
        f"""
        classes.text = "aegknRS38"
        fonts.files = ["{FONTS}/latin/PatrickHand*.ttf"]
        render = {{ per_class = 18, framing = "ink" }}
        [split]
        by = "face"
        test = 0.5
        [[fonts.faces]]
        file = "{SHANTELL}"
        axes = {{ wght = [300, 800], BNCE = [-40, 40], INFM = 50 }}
        instances = 4
        """
    )
    assert prepared.verdict.refusals == ()
    weights = [dict(face.axes)["wght"] for face in prepared.faces[1:]]
    assert sorted(weights) == pytest.approx([300, 466.67, 633.33, 800], abs=0.01)
    assert {dict(face.axes)["INFM"] for face in prepared.faces[1:]} == {50}
    assert len({dict(face.axes)["BNCE"] for face in prepared.faces[1:]}) == 4
    folder = glyphgen.render_dataset(prepared.recipe, tmp_path / "d").folder
    data = glyphgen.load(folder)
    faces = data.samples[:]["face"]
    assert (
        len({tuple(np.unique(faces[first:end] > 0)) for first, end in data.index.splits.values()})
        == 2
    )
    ink = [float(data.ink[faces == k + 1].mean()) for k in np.argsort(weights)]
    assert ink == sorted(ink)
    assert ink[-1] > 1.5 * ink[0]


def test_a_bounce_moves_letters_from_their_line(prepare: Prepare) -> None:
    prepared = prepare(
        f"""
        classes.text = "abcdeghkn"
        fonts.faces = [{{ file = "{SHANTELL}", axes = {{ BNCE = [-100, 100] }}, instances = 2 }}]
        gate = {{ on_changed = "allow", on_unproven = "allow", on_refused = "skip" }}
        render.per_class = 2
        """
    )
    bottom = prepared.store.box[:, 1].reshape(2, -1)
    assert (np.abs(bottom[0] - bottom[1]) > 0.03).sum() >= 4
