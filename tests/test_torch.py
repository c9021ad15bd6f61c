"""Streams and datasets in PyTorch: real workers, real processes that train together, real resuming."""

import pickle
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_datasets import make_dataset, make_rows
from torch import distributed
from torch.multiprocessing.spawn import start_processes
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import glyphgen
from glyphgen.dataset.reader import load
from glyphgen.errors import ChoiceError
from glyphgen.recipe import read_recipe
from glyphgen.streaming import BatchStream
from glyphgen.torch import GlyphDataset, GlyphStream, to_floats

SMALL = (
    *("classes.sets=[]", 'classes.text="017"', "image.height=16", "image.width=16"),
    *("render.per_class=16", "seed=3"),
)
N = 40  # batches that are compared

# More workers than this machine has processors are no fault of a test.
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create")


@pytest.fixture(scope="module")
def batches() -> BatchStream:
    """Batches of 0, 1 and 7 at 16 x 16, eight images each."""
    return glyphgen.stream(read_recipe("digits", SMALL), batch_size=8)


@pytest.fixture(scope="module")
def known(batches: BatchStream) -> dict[bytes, int]:
    """The number of each batch, by its bytes."""
    some = batches.list_batches(range(2 * N))
    return {images.tobytes() + labels.tobytes(): k for k, (images, labels) in enumerate(some)}


def number(known: dict[bytes, int], taken: Iterator[Any], n: int) -> list[int]:
    """Return which batches come."""
    return [
        known[images.numpy().tobytes() + labels.numpy().tobytes()]
        for _, (images, labels) in zip(range(n), taken, strict=False)
    ]


def with_steps(batches: BatchStream, steps: int) -> BatchStream:
    return BatchStream(batches._source, batches._turns, batches.batch_size, steps)


def open_loader(stream: GlyphStream, workers: int, start: str | None = None) -> DataLoader[Any]:
    return DataLoader(stream, batch_size=None, num_workers=workers, multiprocessing_context=start)


# --- Streams


def test_batches_are_tensors_that_networks_take(batches: BatchStream) -> None:
    images, labels = next(iter(GlyphStream(batches)))
    assert (images.shape, images.dtype) == ((8, 1, 16, 16), torch.uint8)
    assert (labels.shape, labels.dtype) == ((8,), torch.int64)
    floats = to_floats(images)
    assert torch.equal(floats, images.float().div(255)) or torch.allclose(
        floats, images.float() / 255, atol=1e-7
    )
    assert float(floats.max()) <= 1.0
    out = torch.empty_like(floats)
    assert to_floats(images, out) is out
    assert torch.equal(out, floats)


@pytest.mark.parametrize(("workers", "start"), [(0, None), (3, "fork"), (1, "spawn")])
def test_workers_give_all_batches_in_order(
    batches: BatchStream, known: dict[bytes, int], workers: int, start: str | None
) -> None:
    loader = open_loader(GlyphStream(batches), workers, start)
    assert number(known, iter(loader), N) == list(range(N))


def test_processes_and_workers_share_the_batches_without_a_gap(
    batches: BatchStream, known: dict[bytes, int]
) -> None:
    for rank in range(3):
        loader = open_loader(GlyphStream(batches, rank=rank, world=3), 2, "fork")
        assert number(known, iter(loader), 6) == list(range(rank, 18, 3))


def train_one(rank: int, folder: Path, pickled: bytes) -> None:
    """What each of two processes does: takes its batches, and learns from them together."""
    stream = pickle.loads(pickled)
    distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2
    )
    torch.set_num_threads(1)
    network = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(256, 3))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01)
    taken = []
    for images, labels in open_loader(stream, 2, "fork"):
        taken.append((images.clone(), labels.clone()))
        loss = torch.nn.functional.cross_entropy(network(to_floats(images).flatten(1)), labels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    weights = next(network.parameters()).detach()
    state = stream.state_dict(taken=len(taken))
    place = pickle.loads(pickle.dumps(stream))._place  # as a spawned worker knows it
    torch.save((taken, weights, len(stream), state, place), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_two_processes_that_train_together_take_every_batch_once(
    batches: BatchStream, known: dict[bytes, int], tmp_path: Path
) -> None:
    stream = pickle.dumps(GlyphStream(with_steps(batches, 10)))  # before anybody has a rank
    start_processes(  # type: ignore[no-untyped-call]
        train_one, (tmp_path, stream), nprocs=2, start_method="fork"
    )
    found = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert number(known, iter(found[0][0]), 99) == [0, 2, 4, 6, 8]
    assert number(known, iter(found[1][0]), 99) == [1, 3, 5, 7, 9]
    assert torch.equal(found[0][1], found[1][1])
    assert [found[0][2], found[1][2]] == [5, 5]
    assert [found[0][4], found[1][4]] == [(0, 2), (1, 2)]
    assert [found[0][3]["next_batch"], found[1][3]["next_batch"]] == [10, 10]


def test_another_number_of_workers_and_processes_goes_on(
    batches: BatchStream, known: dict[bytes, int]
) -> None:
    before = GlyphStream(batches, rank=1, world=2)
    assert number(known, iter(open_loader(before, 2, "fork")), 5) == [1, 3, 5, 7, 9]
    state = before.state_dict(taken=5)
    assert state["next_batch"] == 10
    for rank, world, workers in ((0, 1, 3), (0, 1, 0), (2, 3, 1)):
        after = GlyphStream(batches, rank=rank, world=world)
        after.load_state_dict(state)
        loader = open_loader(after, workers, "fork" if workers else None)
        assert number(known, iter(loader), 5) == list(
            range(10 + rank, 10 + rank + 5 * world, world)
        )


def test_a_stream_knows_where_it_is_without_workers(
    batches: BatchStream, known: dict[bytes, int]
) -> None:
    stream = GlyphStream(batches)
    assert number(known, iter(stream), 7) == list(range(7))
    state = pickle.loads(pickle.dumps(stream.state_dict()))
    again = GlyphStream(batches)
    again.load_state_dict(state)
    assert number(known, iter(again), 3) == [7, 8, 9]
    assert again.state_dict()["next_batch"] == 10


def test_epochs_are_of_fresh_images(batches: BatchStream, known: dict[bytes, int]) -> None:
    stream = GlyphStream(with_steps(batches, 6))
    loader = DataLoader(
        stream,
        batch_size=None,
        num_workers=2,
        persistent_workers=True,
        multiprocessing_context="fork",
    )
    for epoch in (0, 1, 3):
        stream.set_epoch(epoch)
        assert number(known, iter(loader), 99) == list(range(6 * epoch, 6 * epoch + 6))
    assert len(loader) == 6
    state = stream.state_dict(taken=2)
    again = GlyphStream(with_steps(batches, 6))
    again.load_state_dict(state)
    assert number(known, iter(again), 99) == [20, 21, 22, 23]
    again.set_epoch(4)
    assert number(known, iter(again), 99) == list(range(24, 30))


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated")  # of torchdata 0.11
@pytest.mark.parametrize("workers", [0, 2])
def test_the_loader_of_torchdata_resumes_wherever_it_stopped(
    batches: BatchStream, known: dict[bytes, int], workers: int
) -> None:
    def open_stateful() -> Any:
        stream = GlyphStream(with_steps(batches, 8))
        context = "fork" if workers else None
        return StatefulDataLoader(
            stream, batch_size=None, num_workers=workers, multiprocessing_context=context
        )

    for stopped in (0, 1, 5, 7):  # at 7 one of two workers is at the end
        loader = open_stateful()
        taken = iter(loader)
        assert number(known, taken, stopped) == list(range(stopped))
        state = loader.state_dict()
        resumed = open_stateful()
        resumed.load_state_dict(state)
        assert number(known, iter(resumed), 99) == list(range(stopped, 8))


def test_what_cannot_be_shared_or_resumed_is_told(batches: BatchStream) -> None:
    with pytest.raises(ChoiceError) as caught:
        iter(GlyphStream(with_steps(batches, 10), rank=0, world=4))
    assert str(caught.value) == (
        "steps: found 10 for 4 processes, expected a multiple: each takes as many"
    )
    with pytest.raises(ChoiceError) as caught:
        next(iter(open_loader(GlyphStream(with_steps(batches, 2)), 3, "fork")))
    assert (
        "steps: found 2 for 1 x 3 workers, expected 3 or more: one of them would have no batch"
        " (use fewer workers)"
    ) in str(caught.value)
    other = glyphgen.stream(read_recipe("digits", (*SMALL, "render.size=[0.5, 0.6]")), batch_size=8)
    stream = GlyphStream(batches)
    with pytest.raises(ChoiceError) as caught:
        stream.load_state_dict(GlyphStream(other).state_dict())
    assert str(caught.value) == (
        "state: of another stream, of 'digits', expected one of 'digits' with the same recipe, fonts or"
        " rows, seed, split, weights and batch size"
    )
    with pytest.raises(ChoiceError, match=r"^state: has no name, expected what `state_dict` ret"):
        stream.load_state_dict({})
    with pytest.raises(ChoiceError, match=r"^set_epoch: the stream has no end"):
        stream.set_epoch(1)
    with pytest.raises(ChoiceError, match=r"^rank and world: found one, expected both or neither$"):
        GlyphStream(batches, rank=1)
    with pytest.raises(ChoiceError, match=r"^source: found a BatchStream with more arguments, exp"):
        GlyphStream(batches, steps=3)
    with pytest.raises(ChoiceError, match=r"^rank: found 2, expected 0 to 1$"):
        GlyphStream(batches, rank=2, world=2)


def test_without_pytorch_it_says_how_to_get_it() -> None:
    program = "import sys; sys.modules['torch'] = None; import glyphgen.torch"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[-1] == (
        "ModuleNotFoundError: glyphgen.torch: PyTorch is not installed (pip install 'glyphgen[train]')"
    )


def test_a_stream_is_made_of_what_names_it() -> None:
    stream = GlyphStream(read_recipe("digits", SMALL), 6, weights={"0": 2}, steps=4, seed=1)
    images, _ = next(iter(stream))
    assert images.shape == (6, 1, 16, 16)
    assert len(stream) == 4
    assert stream.stream.key != GlyphStream(read_recipe("digits", SMALL), 6, seed=1).stream.key


# --- Datasets


@pytest.mark.parametrize("format", ["npy", "hdf5"])
def test_items_are_read_one_by_one_or_in_batches(tmp_path: Path, format: str) -> None:
    make_dataset(tmp_path / "tiny", format)
    dataset = GlyphDataset(tmp_path / "tiny", "test")
    wanted = make_rows(range(12, 23))
    rows = [10, 0, 3, 3, 7]
    items = dataset.__getitems__(rows)
    for row, (image, label) in zip(rows, items, strict=True):
        assert (image.shape, image.dtype, type(label)) == ((1, 3, 7), torch.uint8, int)
        assert np.array_equal(image[0].numpy(), wanted.images[row])
        assert label == wanted.labels[row]
        assert torch.equal(dataset[row][0], image)
    assert dataset.targets.tolist() == wanted.labels.tolist()
    assert (dataset.classes, dataset.class_to_idx) == (["あ", "い"], {"あ": 0, "い": 1})
    assert len(dataset) == 11


def test_a_loader_reads_a_dataset_with_workers(tmp_path: Path) -> None:
    make_dataset(tmp_path / "tiny", "hdf5")
    dataset = GlyphDataset(tmp_path / "tiny")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of arrays that cannot be written
        loader = DataLoader(dataset, 4, num_workers=2, multiprocessing_context="fork")
        images, labels = zip(*loader, strict=True)
    wanted = make_rows(range(23))
    assert np.array_equal(torch.cat(images)[:, 0].numpy(), wanted.images)
    assert torch.cat(labels).tolist() == wanted.labels.tolist()


def halve(image: np.ndarray) -> np.ndarray:
    image //= 2  # transforms may work in place
    return image


def test_transforms_get_arrays_of_their_own(tmp_path: Path) -> None:
    make_dataset(tmp_path / "tiny", "npy")
    dataset = pickle.loads(pickle.dumps(GlyphDataset(tmp_path / "tiny", transform=halve)))
    image, _ = dataset[5]
    assert np.array_equal(image, make_rows(range(5, 6)).images[0] // 2)
    assert np.array_equal(dataset[5][0], image)
    of_split = GlyphDataset(load(tmp_path / "tiny", "test", transform=halve))
    assert np.array_equal(of_split[0][0], make_rows(range(12, 13)).images[0] // 2)
