"""Streams: every batch alone, in any order, the same; balanced; of train faces alone; never one twice."""

import hashlib
import pickle
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BOX, FONTS, PAIR, RING, MakeFont
from hypothesis import given
from hypothesis import strategies as st
from listening import Listener

import glyphgen
from glyphgen.ahead import make_ahead
from glyphgen.balance import BalanceOptions, balance_dataset, prepare_balance
from glyphgen.dataset.reader import load
from glyphgen.errors import ChoiceError, GlyphgenError
from glyphgen.plan.endless import make_endless_turns
from glyphgen.recipe import Recipe, read_recipe
from glyphgen.render.rendering import render_dataset
from glyphgen.streaming import BatchStream
from glyphgen.streaming.image_source import OpenedByThread

SMALL = (
    *("classes.sets=[]", 'classes.text="017"', "image.height=16", "image.width=16"),
    *("render.per_class=16", "seed=3"),
)
AUGMENTED = 'augment=[{step="affine"}, {step="noise"}]'


@pytest.fixture(scope="module")
def digits() -> Recipe:
    """0, 1 and 7 at 16 x 16 in eight faces: six of train, one of val, one of test."""
    return read_recipe("digits", SMALL)


@pytest.fixture(scope="module")
def dataset(digits: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits as a dataset: 12 rows of each class in train, 2 in val and 2 in test."""
    return render_dataset(digits, tmp_path_factory.mktemp("data") / "digits").folder


def take(stream: BatchStream, n: int) -> tuple[np.ndarray, np.ndarray]:
    batches = [batch for _, batch in zip(range(n), stream, strict=False)]
    images, labels = zip(*batches, strict=True)
    return np.concatenate(images), np.concatenate(labels)


def of_class(stream: BatchStream, k: int, n_batches: int) -> np.ndarray:
    images, labels = take(stream, n_batches)
    return np.asarray(images[labels == k])


def hash_all(images: np.ndarray) -> list[bytes]:
    return [image.tobytes() for image in images]


# --- The order of the classes


@given(
    shares=st.lists(st.integers(0, 3), min_size=1, max_size=6).filter(any),
    per_class=st.integers(1, 3),
    first=st.integers(0, 5000),
    n=st.integers(1, 60),
)
def test_any_interval_of_the_order_is_the_slice_of_the_whole(
    shares: list[int], per_class: int, first: int, n: int
) -> None:
    turns = make_endless_turns(5, np.array(shares, dtype=np.float64), per_class)
    whole = np.array(turns.rows(0, 5100))
    assert np.array_equal(np.array(turns.rows(first, first + n)), whole[:, first : first + n])
    # Of each class every image comes once, whatever the order.
    for k in range(len(shares)):
        nth = np.sort(whole[1][whole[0] == k])
        assert np.array_equal(np.unique(nth), nth)


def test_classes_come_equally_often_and_neighboring_turns_are_shuffled() -> None:
    turns = make_endless_turns(0, np.ones(10))
    class_index, nth = turns.rows(0, 1000)
    runs = class_index.reshape(-1, 10)
    assert all(sorted(run) == list(range(10)) for run in runs.tolist())
    assert len(set(map(tuple, runs.tolist()))) > 90
    assert np.array_equal(nth.reshape(-1, 10), np.repeat(np.arange(100), 10).reshape(-1, 10))
    other, _ = make_endless_turns(1, np.ones(10)).rows(0, 1000)
    assert not np.array_equal(class_index, other)


def test_weights_are_kept_exactly_and_evenly() -> None:
    turns = make_endless_turns(0, np.array([1.0, 2.0, 0.0, 0.5]))
    class_index, nth = turns.rows(0, 8400)
    assert np.bincount(class_index).tolist() == [2400, 4800, 0, 1200]
    for start in range(0, 8330, 70):  # ten periods, within a turn of each class
        counts = np.bincount(class_index[start : start + 70], minlength=4)
        assert np.abs(counts - [20, 40, 0, 10]).max() <= 3
    for k in (0, 1, 3):
        assert sorted(nth[class_index == k].tolist()) == list(range(np.sum(class_index == k)))


def test_many_uneven_weights_make_no_endless_period() -> None:
    shares = 1.0 + np.arange(5000) % 997 / 1000
    turns = make_endless_turns(0, shares)
    assert len(turns.turn_class) < 1_100_000
    assert turns.n_turns.min() >= 1
    assert abs(turns.n_turns[996] / turns.n_turns[0] - 1.996) < 0.01


def test_images_of_a_class_come_in_groups() -> None:
    class_index, nth = make_endless_turns(0, np.ones(5), per_class=4).rows(8, 48)
    assert [len(set(group)) for group in class_index.reshape(-1, 4).tolist()] == [1] * 10
    assert (nth.reshape(-1, 4) % 4 == np.arange(4)).all()


# --- Images of a recipe


def test_batches_are_the_same_alone_and_in_any_order(digits: Recipe) -> None:
    stream = glyphgen.stream(digits, batch_size=10)
    whole, labels = take(stream, 12)
    assert whole.shape == (120, 16, 16)
    assert [whole.dtype.name, labels.dtype.name] == ["uint8", "int64"]
    for numbers in (range(7, 8), range(1, 12, 3), range(5, 12)):
        for k, (images, own) in zip(numbers, stream.list_batches(numbers), strict=True):
            assert np.array_equal(images, whole[k * 10 : k * 10 + 10])
            assert np.array_equal(own, labels[k * 10 : k * 10 + 10])
    assert np.array_equal(pickle.loads(pickle.dumps(stream)).batch(3)[0], whole[30:40])
    assert sorted(Counter(labels.tolist()).values()) == [40, 40, 40]


def test_batches_of_a_seed_never_change(digits: Recipe) -> None:
    images, labels = glyphgen.stream(digits, batch_size=64).batch(1000)
    assert (
        hashlib.sha256(images.tobytes() + labels.tobytes()).hexdigest()[:16] == "fb06a8d3d1e771f7"
    )


def test_the_first_images_are_the_rows_of_the_dataset_and_none_comes_twice(
    digits: Recipe, dataset: Path
) -> None:
    train = load(dataset, "train")
    for k in range(3):
        streamed = of_class(glyphgen.stream(digits, batch_size=12), k, 60)
        rows = train.images[np.asarray(train.labels) == k]
        # The order within a class is that of the dataset but for what is shuffled within a turn.
        assert hash_all(streamed[: len(rows)]) == hash_all(rows)
        assert len(set(hash_all(streamed))) == len(streamed) == 240


def test_images_go_on_as_balance_draws_them(digits: Recipe, dataset: Path, tmp_path: Path) -> None:
    prepared = prepare_balance(dataset, 20, options=BalanceOptions(by="render"))
    balanced = load(balance_dataset(prepared, tmp_path / "balanced").folder, "train")
    labels = np.asarray(balanced.labels)
    for k in range(3):
        streamed = of_class(glyphgen.stream(digits, batch_size=12), k, 5)
        assert set(hash_all(streamed)) == set(hash_all(balanced.images[labels == k]))


def test_only_faces_of_the_split_draw_and_splits_share_no_image(
    digits: Recipe, dataset: Path
) -> None:
    held_out = set(hash_all(load(dataset).images[36:]))
    seen: set[bytes] = set()
    for split in ("train", "val", "test"):
        stream = glyphgen.stream(digits, batch_size=30, split=split)
        images = hash_all(take(stream, 6)[0])
        assert not seen & set(images)
        seen |= set(images)
        if split == "train":
            assert not held_out & set(images)
        else:
            assert set(hash_all(load(dataset, split).images[:])) <= set(images)
        source: Any = stream._source
        class_index, nth = stream._turns.rows(0, 180)
        faces = set(source.plan(class_index, nth).placements.samples["face"].tolist())
        assert len(faces) == {"train": 6, "val": 1, "test": 1}[split]


def test_a_split_by_sample_shares_no_image_though_all_faces_draw_in_each() -> None:
    by_sample = ('split.by="sample"', "split.val_faces=[]", "split.test_faces=[]")
    recipe = read_recipe("digits", (*SMALL, *by_sample, "split.val=0.2", "split.test=0.2"))
    seen: set[bytes] = set()
    for split in ("train", "val", "test"):
        images = set(hash_all(take(glyphgen.stream(recipe, batch_size=30, split=split), 6)[0]))
        assert len(images) == 180
        assert not seen & images
        seen |= images


def test_another_seed_draws_other_images_of_the_same_faces(digits: Recipe) -> None:
    own = glyphgen.stream(digits, batch_size=60)
    other = glyphgen.stream(digits, batch_size=60, seed=4)
    images = set(hash_all(own.batch(0)[0]))
    assert not images & set(hash_all(other.batch(0)[0]))
    assert own.key != other.key
    recipes_own = glyphgen.stream(digits, batch_size=60, seed=3)
    assert images == set(hash_all(recipes_own.batch(0)[0]))
    assert recipes_own.key == own.key


def test_augmentation_and_polarity_are_those_of_the_dataset(tmp_path: Path) -> None:
    recipe = read_recipe("digits", (*SMALL, AUGMENTED, 'image.polarity="black-on-white"'))
    train = load(render_dataset(recipe, tmp_path / "digits").folder, "train")
    stream = glyphgen.stream(recipe, batch_size=18)
    assert stream.polarity == "black-on-white"
    assert set(hash_all(take(stream, 2)[0])) == set(hash_all(train.images[:]))
    whole, _ = take(stream, 8)
    assert np.array_equal(stream.batch(7)[0], whole[126:])


def test_batches_go_into_memory_that_is_given(digits: Recipe) -> None:
    stream = glyphgen.stream(digits, batch_size=10, steps=3)
    out = np.empty((10, 16, 16), dtype=np.uint8)
    for k, (images, _) in enumerate(stream.list_batches(range(3), out)):
        assert images is out
        assert np.array_equal(out, stream.batch(k)[0])
    fresh = [images for images, _ in stream]
    assert len(fresh) == len(stream) == 3
    assert not np.shares_memory(fresh[0], fresh[1])


def test_threads_draw_ahead_the_same_batches_in_order(digits: Recipe) -> None:
    alone = glyphgen.stream(digits, batch_size=10, steps=23)
    ahead = glyphgen.stream(digits, batch_size=10, steps=23, threads=3)
    assert ahead.key == alone.key
    pairs = list(zip(alone, ahead, strict=True))
    assert len(pairs) == 23
    for (images, labels), (others, other_labels) in pairs:
        assert np.array_equal(images, others)
        assert np.array_equal(labels, other_labels)


def test_each_thread_opens_what_it_draws_with(dataset: Path) -> None:
    opened: OpenedByThread[object] = OpenedByThread()
    mine = opened.get(object)
    assert opened.get(object) is mine
    others: list[object] = []
    thread = threading.Thread(target=lambda: others.append(opened.get(object)))
    thread.start()
    thread.join()
    assert others[0] is not mine
    assert pickle.loads(pickle.dumps(opened)).get(list) == []
    copies = glyphgen.stream(dataset, batch_size=9, steps=7, threads=2)
    for k, (images, _) in enumerate(copies):
        assert np.array_equal(images, copies.batch(k)[0])


def test_threads_end_when_nobody_takes_and_tell_what_went_wrong() -> None:
    def count(n: int) -> Iterator[int]:
        yield from range(n)
        raise ValueError(n)

    before = threading.active_count()
    taken = make_ahead([count(1000), count(2)], 2)
    assert [next(taken) for _ in range(4)] == [0, 0, 1, 1]
    assert next(taken) == 2
    with pytest.raises(ValueError, match=r"^2$"):
        next(taken)
    abandoned = make_ahead([count(1000)], 2)
    next(abandoned)
    assert threading.active_count() > before
    abandoned.close()  # type: ignore[attr-defined]
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= before


def test_a_stream_of_styles_gives_the_sheets_of_its_dataset(tmp_path: Path) -> None:
    path = tmp_path / "styles.toml"
    path.write_text(
        'classes = { text = "一丁七万丈三上下", label_by = "style" }\nimage = { height = 32, width = 32 }\n'
        'render = { per_class = 6, characters = [[1, 1], [2, 2]] }\ngate.on_refused = "skip"\n'
        f'[[fonts.style]]\nname = "kaishu"\nfiles = ["{FONTS}/han/MaShan*.ttf"]\n'
        f'[[fonts.style]]\nname = "xingshu"\nfiles = ["{FONTS}/han/ZhiMang*.ttf"]\n',
        encoding="utf-8",
    )
    rows = load(render_dataset(read_recipe(path), tmp_path / "styles").folder)
    stream = glyphgen.stream(path, batch_size=4)
    for k in range(2):
        sheets = of_class(stream, k, 5)
        assert hash_all(sheets[:6]) == hash_all(rows.images[np.asarray(rows.labels) == k])
        assert len(set(hash_all(sheets))) == 10


# --- Copies of a dataset's rows


def test_copies_are_those_that_balance_makes(dataset: Path, tmp_path: Path) -> None:
    options = BalanceOptions(seed=9)
    prepared = prepare_balance(dataset, 40, options=options)
    balanced = load(balance_dataset(prepared, tmp_path / "balanced").folder, "train")
    labels, samples = np.asarray(balanced.labels), np.asarray(balanced.samples)
    stream = glyphgen.stream(dataset, batch_size=12, seed=9)
    for k in range(3):
        at = np.flatnonzero((labels == k) & (samples["sample"] >= 12))
        copies = balanced.images[at[np.argsort(samples["sample"][at])]]
        assert hash_all(of_class(stream, k, 7)) == hash_all(copies)
    assert np.array_equal(pickle.loads(pickle.dumps(stream)).batch(2)[0], stream.batch(2)[0])


def test_rows_come_as_they_are_where_nothing_changes_them(dataset: Path) -> None:
    train = load(dataset, "train")
    stream = glyphgen.stream(train, batch_size=36, augment=())
    images, labels = stream.batch(4)
    assert sorted(hash_all(images)) == sorted(hash_all(train.images[:]))
    assert np.bincount(labels).tolist() == [12, 12, 12]
    val = glyphgen.stream(load(dataset, "val"), batch_size=6, augment=()).batch(0)[0]
    assert sorted(hash_all(val)) == sorted(hash_all(load(dataset, "val").images[:]))


# --- What cannot be


def find_problem(source: Any, **options: Any) -> str:
    with pytest.raises(GlyphgenError) as caught:
        glyphgen.stream(source, **options)
    return str(caught.value)


def test_wrong_numbers_and_words_are_told(digits: Recipe, dataset: Path) -> None:
    assert find_problem(digits, batch_size=0) == "batch_size: found 0, expected 1 or more"
    assert find_problem(digits, steps=0) == "steps: found 0, expected 1 or more"
    assert find_problem(digits, batch_size=10, per_class=4) == (
        "per_class: found 4 for batches of 10, expected a divisor of it"
    )
    assert find_problem(digits, threads=-1) == "threads: found -1, expected 0 or more"
    assert find_problem(digits, seed=-1) == "seed: found -1, expected 0 to 2**64 - 1"
    assert find_problem(digits, split="dev") == (
        "digits: split: found 'dev', expected one of train, val, test"
    )
    assert find_problem(digits, augment=()) == (
        "augment: found it with a recipe, which has its own (`[[augment]]`)"
    )
    assert find_problem(digits, weights={"Z": 1, "0": -1, "1": float("nan")}) == (
        "weights: 'Z' (U+005A) is no class of 'digits', expected '0' (U+0030), '1' (U+0031), '7' (U+0037)\n"
        "weights: found -1 for '0' (U+0030), expected 0 to 1000\n"
        "weights: found nan for '1' (U+0031), expected 0 to 1000"
    )
    assert find_problem(digits, weights={"0": 0, "1": 0, "7": 0}) == (
        "weights: found 0 for all classes, expected one that comes"
    )
    assert find_problem(dataset, split="dev") == (
        f"{dataset}: split: found 'dev', expected one of train, val, test"
    )
    with pytest.raises(ChoiceError, match=r"^batch: found -1, expected 0 or more$"):
        glyphgen.stream(digits).batch(-1)
    with pytest.raises(
        ChoiceError, match=r"^batch: found 1000000000, and a class has 1,073,741,824"
    ):
        glyphgen.stream(digits).batch(10**9)
    with pytest.raises(TypeError, match=r"^the stream has no end \(steps gives it one\)$"):
        len(glyphgen.stream(digits))


def test_weights_leave_classes_out(digits: Recipe) -> None:
    stream = glyphgen.stream(digits, batch_size=30, weights={"0": 0, "7": 2})
    assert np.bincount(take(stream, 2)[1]).tolist() == [0, 20, 40]


def test_pages_and_grids_have_no_stream(tmp_path: Path) -> None:
    pages = read_recipe("persian-letter-pages", ["render.count=1"])
    assert find_problem(pages).endswith(
        "page: a page has many labels, and a stream gives one for each image (`glyphgen render` makes"
        " pages with their boxes)"
    )
    grid = read_recipe("article-kana-grid")
    assert find_problem(grid).endswith(
        "render.mode: a grid has no more images than its combinations, and a stream has no end"
        ' (render.mode = "random")'
    )


def test_datasets_that_cannot_be_streamed_are_told(dataset: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    assert str(unfinished) in find_problem(unfinished)
    copies = balance_dataset(prepare_balance(dataset, 14), tmp_path / "balanced").folder
    assert find_problem(copies) == (
        f"{copies}: made by `glyphgen balance`, its copies are not originals (stream its source"
        " 'digits' instead)"
    )


def test_classes_that_no_face_of_the_split_draws_never_come_and_are_told(
    make_font: MakeFont, tmp_path: Path
) -> None:
    make_font("one.ttf", {"A": BOX, "B": RING, "C": PAIR})
    make_font("two.ttf", {"A": RING, "B": BOX})
    path = tmp_path / "tiny.toml"
    path.write_text(
        'classes.text = "ABC"\nfonts.files = ["*.ttf"]\ngate.on_refused = "skip"\n'
        'render.per_class = 12\nsplit = { by = "face", val_faces = ["two.ttf"] }\n',
        encoding="utf-8",
    )
    listener = Listener()
    stream = glyphgen.stream(path, batch_size=8, split="val", reporter=listener)
    assert np.bincount(stream.batch(0)[1], minlength=3).tolist() == [4, 4, 0]
    assert listener.lines[-1] == (
        "warning: tiny: no image of 'C' (U+0043) of 3 classes in the split: they never come"
    )
    assert find_problem(path, split="val", weights={"C": 1}) == (
        "weights: 'C' (U+0043) has no image in the split"
    )
