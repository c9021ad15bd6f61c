"""Balancing small real datasets: exact counts, no leak, the same bytes however they are made."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listening import Listener
from tampering import forge_index, seal_arrays

from glyphgen.augment import DEFAULT_STEPS
from glyphgen.augment.affine import AffineStep
from glyphgen.balance import (
    BalanceOptions,
    balance_dataset,
    estimate_balance,
    prepare_balance,
)
from glyphgen.balance.row_plan import BalancePlan
from glyphgen.dataset.reader import Dataset, load
from glyphgen.errors import ChoiceError, DatasetError, GlyphgenError, RecipeError
from glyphgen.production import Produced
from glyphgen.progress import Progress
from glyphgen.recipe import read_recipe, read_steps
from glyphgen.render.rendering import render_dataset
from glyphgen.verify import verify_dataset

SMALL = ["image.height=16", "image.width=16", "classes.sets=[]", 'classes.text="0125"']


def render(folder: Path, *overrides: str, n: int | None = 40) -> Path:
    if n is not None:
        overrides = (f"render.per_class={n}", *overrides)
    recipe = read_recipe("digits", [*SMALL, *overrides])
    return render_dataset(recipe, folder).folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0, 1, 2 and 5: 30 training rows of each, 5 of val and 5 of test."""
    return render(tmp_path_factory.mktemp("data") / "digits")


def make_uneven(folder: Path, source: Path, missing: dict[int, int]) -> Path:
    """Copy a dataset, with some training rows of a class relabelled as the class after it."""
    shutil.copytree(source, folder)
    labels, samples = np.load(folder / "labels.npy"), np.load(folder / "samples.npy")
    first, end = load(source).index.splits["train"]
    for label, n in missing.items():
        at = np.flatnonzero(labels[first:end] == label)[:n] + first
        labels[at] = samples["class_index"][at] = label + 1
    np.save(folder / "labels.npy", labels)
    np.save(folder / "samples.npy", samples)
    mend_index(folder)
    return folder


def mend_index(folder: Path) -> None:
    """Bring index.json in line with arrays that a test has changed."""
    labels = np.load(folder / "labels.npy")

    def count(page: dict[str, Any]) -> None:
        for info in page["classes"]:
            for split, (first, end) in page["splits"].items():
                info["rows"][split] = int((labels[first:end] == info["index"]).sum())

    forge_index(folder, count)
    seal_arrays(folder)


def balance(source: Path, out: Path, n: int, *, workers: int = 1, **options: Any) -> Produced:
    prepared = prepare_balance(source, n, options=BalanceOptions(**options))
    return balance_dataset(prepared, out, workers=workers)


def read(folder: Path, split: str | None = None) -> tuple[Dataset, Any, Any, Any]:
    dataset = load(folder, split)
    return (
        dataset,
        np.asarray(dataset.images),
        np.asarray(dataset.labels),
        np.asarray(dataset.samples),
    )


# --- What is taken


@settings(max_examples=60, deadline=None)
@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=7),
    per_class=st.integers(1, 60),
    seed=st.integers(0, 2**64 - 1),
    data=st.data(),
)
def test_every_class_gets_exactly_n_whatever_it_had(
    counts: list[int], per_class: int, seed: int, data: st.DataObject
) -> None:
    plan = BalancePlan(
        per_class=per_class, seed=seed, n_originals=np.array(counts), held_out={"test": (99, 102)}
    )
    ordered = plan.order_rows(np.arange(sum(counts), dtype=np.uint32) + 7)
    whole = plan.find_origins(range(plan.n_train), ordered)
    assert np.bincount(whole.class_index, minlength=len(counts)).tolist() == [per_class] * len(
        counts
    )
    starts = np.concatenate([[0], np.cumsum(counts)]) + 7
    for k, n in enumerate(counts):
        own = whole.class_index == k
        rows, copy = whole.source_row[own], whole.copy[own]
        assert ((rows >= starts[k]) & (rows < starts[k + 1])).all()
        assert sorted(whole.position[own].tolist()) == list(range(per_class))
        originals = rows[copy < 0]
        assert len(np.unique(originals)) == len(originals) == min(n, per_class)
        turns = np.bincount(rows[copy >= 0] - starts[k], minlength=n)
        assert turns.max(initial=0) - turns.min(initial=99) <= 1
        assert sorted(copy[copy >= 0].tolist()) == list(range(max(per_class - n, 0)))
    first = data.draw(st.integers(0, plan.n_train))
    last = data.draw(st.integers(first, plan.n_train))
    part = plan.find_origins(range(first, last), ordered)
    assert part.source_row.tolist() == whole.source_row[first:last].tolist()
    assert part.copy.tolist() == whole.copy[first:last].tolist()


@pytest.mark.parametrize("per_class", [200, 1000, 4096])
def test_every_stretch_of_a_class_holds_its_share_of_originals(per_class: int) -> None:
    """A training that stops early, or a shard alone, sees originals and copies as the whole has them."""
    shares = np.array([0.1, 0.5, 0.9])
    counts = (shares * per_class).astype(np.int64)
    plan = BalancePlan(per_class=per_class, seed=0, n_originals=counts, held_out={})
    ordered = plan.order_rows(np.arange(counts.sum(), dtype=np.uint32))
    origins = plan.find_origins(range(plan.n_train), ordered)
    for k, share in enumerate(shares.tolist()):
        is_original = origins.copy[origins.class_index == k] < 0
        stretches = is_original[: per_class // 50 * 50].reshape(-1, 50)
        assert np.abs(stretches.sum(axis=1) - share * 50).max() <= 3


def test_rich_classes_are_thinned_and_poor_ones_filled(source: Path, tmp_path: Path) -> None:
    uneven = make_uneven(tmp_path / "uneven", source, {1: 27})
    balance(uneven, tmp_path / "out", 20)
    summary = json.loads((tmp_path / "out" / "balance.json").read_text())
    _, images, labels, samples = read(tmp_path / "out", "train")
    assert np.bincount(labels).tolist() == [20] * 4
    assert labels[:8].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    _, originals, source_labels, _ = read(uneven)
    first, end = load(uneven).index.splits["train"]
    assert ((samples["source_row"] >= first) & (samples["source_row"] < end)).all()
    assert (source_labels[samples["source_row"]] == labels).all()
    of_two = samples["source_row"][labels == 2]
    assert len(np.unique(of_two)) == 20
    of_one = samples["source_row"][labels == 1]
    assert sorted(np.bincount(np.unique(of_one, return_inverse=True)[1]).tolist()) == [6, 7, 7]
    assert len(np.unique(images[labels == 1].reshape(20, -1), axis=0)) == 20
    of_class = {entry["label"]: entry for entry in summary["classes"]}
    assert of_class["1"] == {
        "label": "1",
        "originals": 3,
        "left_out": 0,
        "copies": 17,
        "copies_per_original": 5.67,
    }
    assert of_class["2"]["left_out"] == 37
    assert summary["warnings"] == [
        "1 class lives on fewer than 10 originals: '1' (3); their copies are much alike"
    ]
    assert (originals[: len(originals)] == np.load(uneven / "images.npy")).all()


def test_classes_with_few_originals_are_named_the_poorest_first(
    source: Path, tmp_path: Path
) -> None:
    poor = make_uneven(tmp_path / "poor", source, {0: 25, 2: 27})  # 5 and 3 are left
    enough = make_uneven(tmp_path / "enough", source, {0: 20, 2: 21})  # 10 and 9 are left
    assert prepare_balance(poor, 3).list_warnings() == ()
    assert prepare_balance(poor, 6).list_warnings() == (
        "2 classes live on fewer than 10 originals: '2' (3), '0' (5); their copies are much alike",
    )
    assert prepare_balance(enough, 10).list_warnings() == (
        "1 class lives on fewer than 10 originals: '2' (9); their copies are much alike",
    )
    assert (
        prepare_balance(enough, 90).list_warnings() == prepare_balance(enough, 10).list_warnings()
    )
    new = prepare_balance(source, 90, options=BalanceOptions(by="render"))
    assert new.list_warnings() == ()


def test_held_out_rows_pass_through_byte_for_byte(source: Path, tmp_path: Path) -> None:
    balance(source, tmp_path / "out", 50)
    for split in ("val", "test"):
        _, images, labels, samples = read(tmp_path / "out", split)
        _, expected, expected_labels, expected_samples = read(source, split)
        assert (images == expected).all()
        assert (labels == expected_labels).all()
        first, end = load(source).index.splits[split]
        assert samples["source_row"].tolist() == list(range(first, end))
        assert (samples["rotation_deg"] == expected_samples["rotation_deg"]).all()
        assert not samples["augment_word"].any()
    train = read(tmp_path / "out", "train")[3]["source_row"]
    assert set(train.tolist()) == set(range(*load(source).index.splits["train"]))


def test_originals_get_noise_unless_it_is_forbidden(source: Path, tmp_path: Path) -> None:
    _, expected, _, _ = read(source)
    balance(source, tmp_path / "noisy", 30)
    _, images, _, samples = read(tmp_path / "noisy", "train")
    differs = (images != expected[samples["source_row"]]).any(axis=(1, 2))
    assert 0.5 < differs.mean() <= 1
    assert (samples["augment_noise_sigma"] > 0).any()
    assert not samples["augment_elastic_px"].any()
    balance(source, tmp_path / "clean", 30, noise_originals=False)
    _, images, _, samples = read(tmp_path / "clean", "train")
    assert (images == expected[samples["source_row"]]).all()


def test_no_two_images_of_a_class_get_the_same_noise(source: Path, tmp_path: Path) -> None:
    """The noise of an original would tell it from others, were it that of a copy, too."""
    balance(source, tmp_path / "out", 60)
    samples = read(tmp_path / "out", "train")[3]
    noisy = samples[samples["augment_noise_sigma"] > 0]
    is_copy = noisy["sample"] >= 30
    assert is_copy.any()
    assert not is_copy.all()
    words = noisy[["class_index", "augment_word"]].tolist()
    assert len(set(words)) == len(words)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["augment", "render"])
def test_polarity_changes_nothing_but_which_of_ink_and_paper_is_255(
    tmp_path: Path, by: str
) -> None:
    white_ink, black_ink = tmp_path / "white", tmp_path / "black"
    for folder, polarity in ((white_ink, "white-on-black"), (black_ink, "black-on-white")):
        source = render(tmp_path / polarity, f'image.polarity="{polarity}"')
        balance(source, folder, 60, by=by)
    assert (read(white_ink)[1] == 255 - read(black_ink)[1]).all()
    assert (read(white_ink)[3] == read(black_ink)[3]).all()


# --- By render


def test_new_samples_are_drawn_that_no_row_of_any_split_holds(source: Path, tmp_path: Path) -> None:
    balance(source, tmp_path / "out", 80, by="render", format="hdf5")
    dataset, images, labels, samples = read(tmp_path / "out", "train")
    assert np.bincount(labels).tolist() == [80] * 4
    everything = {image.tobytes() for image in read(source)[1]}
    drawn = np.flatnonzero([image.tobytes() not in everything for image in images])
    assert len(drawn) == 4 * 50
    assert len({images[k].tobytes() for k in drawn}) == len(drawn)
    train_faces = np.unique(read(source, "train")[3]["face"])
    assert np.isin(samples["face"], train_faces).all()
    placed = read(source)[3]["rotation_deg"].tolist()
    assert not np.isin(samples["rotation_deg"][drawn], placed).any()
    assert dataset.index.settings["by"] == "render"


@pytest.mark.parametrize("polarity", ["white-on-black", "black-on-white"])
def test_new_samples_are_augmented_and_turned_as_the_recipe_says(
    tmp_path: Path, polarity: str
) -> None:
    steps = 'augment=[{step="affine", rotation=[90, 90]}]'
    folder = render(tmp_path / "source", steps, f'image.polarity="{polarity}"')
    balance(folder, tmp_path / "out", 60, by="render")
    _, images, _, samples = read(tmp_path / "out", "train")
    drawn = samples["sample"] >= 30
    assert drawn.sum() == 4 * 30
    assert (samples["augment_rotation_deg"] == 90).all()
    paper = 0 if polarity == "white-on-black" else 255
    corners = images[drawn][:, [0, 0, -1, -1], [0, -1, 0, -1]].astype(int)
    assert np.median(np.abs(corners - paper)) < 20
    strongest = np.abs(images[drawn].astype(int) - paper).max(axis=(1, 2))
    assert (strongest > 90).all()
    originals = images[~drawn].mean()
    assert abs(images[drawn].mean() - originals) < 10


def test_what_was_not_drawn_cannot_be_drawn_anew(source: Path, tmp_path: Path) -> None:
    balance(source, tmp_path / "balanced", 5)
    with pytest.raises(DatasetError) as caught:
        prepare_balance(tmp_path / "balanced", 5)
    assert str(caught.value) == (
        f"{tmp_path}/balanced: made by `glyphgen balance`, its copies are not originals"
        " (balance its source 'digits' instead)"
    )
    moved = tmp_path / "moved"
    shutil.copytree(source, moved)
    (moved / "run.json").write_text("{}")
    with pytest.raises(GlyphgenError) as caught_too:
        prepare_balance(moved, 5, options=BalanceOptions(by="render"))
    assert str(caught_too.value) == (
        f"{moved}/run.json: finished: missing key (make the dataset again, with --force)"
    )


@pytest.mark.slow
def test_a_grid_has_no_new_samples(tmp_path: Path) -> None:
    folder = render(tmp_path / "grid", 'render={mode="grid", rotation=[0, 4, 8]}', n=None)
    with pytest.raises(DatasetError) as caught:
        prepare_balance(folder, 5, options=BalanceOptions(by="render"))
    assert str(caught.value) == (
        f"{folder}: made from a grid, which has no more samples than its combinations"
        ' (--by augment, or render.mode = "random" in its recipe)'
    )


# --- The same bytes


def arrays(folder: Path) -> list[bytes]:
    return [array.tobytes() for array in read(folder)[1:]]


def test_workers_formats_and_interruptions_change_nothing(source: Path, tmp_path: Path) -> None:
    balance(source, tmp_path / "one", 70)
    balance(source, tmp_path / "two", 70, workers=2)
    balance(source, tmp_path / "hdf5", 70, format="hdf5")
    assert arrays(tmp_path / "one") == arrays(tmp_path / "two") == arrays(tmp_path / "hdf5")
    one, two = ((tmp_path / name / "index.json").read_bytes() for name in ("one", "two"))
    assert one == two
    again = balance(source, tmp_path / "one", 70)
    assert again.n_made == 0


def test_an_interrupted_balance_goes_on(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "glyphgen.balance.prepared_balance.choose_rows_per_shard", lambda height, width: 50
    )
    balance(source, tmp_path / "whole", 70)

    def interrupt(progress: Progress) -> None:
        if progress.detail.startswith("3 of "):
            raise KeyboardInterrupt

    prepared = prepare_balance(source, 70)
    with pytest.raises(KeyboardInterrupt):
        balance_dataset(prepared, tmp_path / "cut", reporter=Listener(interrupt))
    assert not (tmp_path / "cut" / "index.json").exists()
    resumed = balance_dataset(prepared, tmp_path / "cut")
    assert resumed.n_made == resumed.n_rows - 3 * 50
    assert arrays(tmp_path / "cut") == arrays(tmp_path / "whole")


def test_another_seed_is_another_dataset(source: Path, tmp_path: Path) -> None:
    balance(source, tmp_path / "a", 10)
    balance(source, tmp_path / "b", 10, seed=1)
    assert arrays(tmp_path / "a") != arrays(tmp_path / "b")
    with pytest.raises(DatasetError, match="holds a dataset of another recipe"):
        balance(source, tmp_path / "a", 11)


def test_verify_makes_rows_again_and_sees_what_was_changed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    balance(source, out, 50)
    verified = verify_dataset(out)
    assert (verified.problems, verified.n_redrawn) == ((), 4 * 50 + 40)
    images = np.load(out / "images.npy")
    images[3] = 255 - images[3]
    np.save(out / "images.npy", images)
    mend_index(out)
    assert verify_dataset(out).problems == (
        f"{out}: row 3 is not what its source gives (make the dataset again, with --force)",
    )


def test_verify_says_so_when_the_source_has_changed(source: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(source, own)
    out = tmp_path / "out"
    balance(own, out, 5)
    make_uneven(tmp_path / "other", own, {0: 3})
    shutil.rmtree(own)
    assert verify_dataset(out).unproven == (
        f"{own}: no such folder, expected a dataset (see `glyphgen render`)"
    )
    (tmp_path / "other").rename(own)
    assert verify_dataset(out).unproven == (
        f"{out}: its source or glyphgen has changed since it was made"
    )


# --- Bad input


def test_a_method_or_a_format_that_is_none(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ChoiceError) as caught:
        BalanceOptions(by="rendr")
    assert str(caught.value) == (
        "by: found 'rendr', expected one of augment, render (did you mean 'render'?)"
    )
    with pytest.raises(ChoiceError, match="format: found 'png', expected one of npy, hdf5"):
        BalanceOptions(format="png")
    with pytest.raises(ChoiceError, match=r"seed: found 18446744073709551616, expected 0 to"):
        BalanceOptions(seed=2**64)


def test_paths_may_be_texts(source: Path, tmp_path: Path) -> None:
    prepared = prepare_balance(str(source), 5)
    assert estimate_balance(prepared, str(tmp_path / "out")).n_rows == 4 * 5 + 40
    assert balance_dataset(prepared, str(tmp_path / "out")).folder == tmp_path / "out"
    assert verify_dataset(str(tmp_path / "out")).problems == ()


def test_what_cannot_be_balanced_is_said_in_one_line(source: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        prepare_balance(source, 0)
    assert str(caught.value) == (
        f"{source}: 0 rows of each class, expected 1 or more (--per-class)"
    )
    empty = make_uneven(tmp_path / "empty", source, {0: 30, 2: 30})
    with pytest.raises(DatasetError) as caught:
        prepare_balance(empty, 5)
    assert str(caught.value) == (
        f"{empty}: '0', '2' of 4 classes have no row in train, expected an original or more"
        " (add images, or leave the class out)"
    )
    unfinished = tmp_path / "unfinished"
    shutil.copytree(source, unfinished)
    (unfinished / "index.json").unlink()
    with pytest.raises(DatasetError) as caught:
        prepare_balance(unfinished, 5)
    assert str(caught.value) == (
        f"{unfinished}: unfinished, it has no index.json (run the command that makes it again)"
    )


def test_a_damaged_source_is_found_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(source, damaged)
    with (damaged / "images.npy").open("r+b") as file:
        file.seek(5000)
        file.write(b"\x07\x07")
    with pytest.raises(DatasetError) as caught:
        balance(damaged, tmp_path / "out", 5)
    assert str(caught.value) == (
        f"{damaged}: shard 0 does not match index.json (run the command that made it, with --mend)"
    )
    assert not (tmp_path / "out").exists()


def test_the_source_is_never_written_over(source: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    shutil.copytree(source, own)
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    for out, problem in (
        (own, f"lies in the source {own}, where nothing is written"),
        (own / "inside", f"lies in the source {own}, where nothing is written"),
        (tmp_path, f"holds the source {own}, which would be written over"),
    ):
        with pytest.raises(DatasetError) as caught:
            balance_dataset(prepare_balance(own, 5), out, force=True)
        assert str(caught.value) == f"{out}: {problem} (--out DIR takes another folder)"
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_too_little_disk_is_said_before_anything_is_made(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "glyphgen.dataset.claim.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1000)
    )
    with pytest.raises(DatasetError, match=r"needs .* its disk has 1\.0 kB free"):
        balance(source, tmp_path / "out", 5000)
    assert not (tmp_path / "out").exists()


def test_steps_come_from_a_file(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "steps.toml"
    path.write_text('[[augment]]\nstep = "affine"\nrotation = [90, 90]\n')
    [step] = read_steps(path)
    assert isinstance(step, AffineStep)
    balance(source, tmp_path / "out", 60, steps=[step])
    samples = read(tmp_path / "out", "train")[3]
    assert sorted(np.unique(samples["augment_rotation_deg"]).tolist()) == [0, 90]
    path.write_text('[[augment]]\nstep = "afine"\n')
    with pytest.raises(RecipeError, match="afine"):
        read_steps(path)
    path.write_text("seed = 3\n")
    with pytest.raises(RecipeError) as caught:
        read_steps(path)
    assert str(caught.value) == f"{path}: has no [[augment]] table, expected one or more"


def test_an_estimate_counts_right_and_writes_nothing(source: Path, tmp_path: Path) -> None:
    prepared = prepare_balance(source, 1000, options=BalanceOptions(steps=DEFAULT_STEPS))
    found = estimate_balance(prepared, tmp_path / "out")
    assert found.n_rows == 4 * 1000 + 40
    assert found.n_bytes == found.n_rows * prepared.layout.row_bytes
    assert found.seconds > 0
    assert not (tmp_path / "out").exists()
    assert prepared.describe() == (
        "4 classes x 1,000 = 4,000 images: 120 originals and 3,880 copies,"
        " 20 of val, 20 of test as they are"
    )


@pytest.mark.slow
def test_the_plan_says_what_is_new_and_what_stays(source: Path, tmp_path: Path) -> None:
    prepared = prepare_balance(source, 40, options=BalanceOptions(by="render"))
    assert prepared.describe() == (
        "4 classes x 40 = 160 images: 120 originals and 40 new samples,"
        " 20 of val, 20 of test as they are"
    )
    whole = render(tmp_path / "whole", 'split={by="none"}', n=5)
    assert prepare_balance(whole, 7).describe() == (
        "4 classes x 7 = 28 images: 20 originals and 8 copies"
    )
    assert list(prepared.summarize()) == ["settings", "warnings", "classes"]
