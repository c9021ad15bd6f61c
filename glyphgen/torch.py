"""Datasets and endless streams for PyTorch: `from glyphgen.torch import GlyphDataset, GlyphStream`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

try:
    import torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "glyphgen.torch: PyTorch is not installed (pip install 'glyphgen[train]')"
    ) from error
from torch import distributed
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset, get_worker_info

from glyphgen.augment import AugmentStep
from glyphgen.dataset.reader import Dataset, Transform, load
from glyphgen.errors import ChoiceError
from glyphgen.files.address import AnyPlace
from glyphgen.progress import SILENT, Reporter
from glyphgen.recipe import Recipe
from glyphgen.streaming import BatchStream, stream

__all__ = ["GlyphDataset", "GlyphStream", "to_floats"]

_NEVER = 1 << 60


def to_floats(images: torch.Tensor, out: torch.Tensor | None = None) -> torch.Tensor:
    """Return uint8 images as float32 from 0 to 1, as networks take them.

    Args:
        images: Of any shape, such as (N, 1, H, W).
        out: Filled and returned, on its own device; new memory without it, which costs a fifth.
    """
    if out is None:
        out = torch.empty(images.shape, dtype=torch.float32, device=images.device)
    return out.copy_(images).mul_(1 / 255)


class GlyphDataset(TorchDataset[tuple[Any, int]]):
    """The images of a dataset, read straight from its mapped files; `DataLoader(dataset, 256, ...)`.

    An item is ``(image, label)``: a tensor, uint8 (1, H, W), or what ``transform`` makes of the array,
    uint8 (H, W), as transforms of torchvision take it. It can be pickled if its transform can.

    Args:
        dataset: Its folder, or the dataset as ``glyphgen.load`` gives it, with its split.
        split: ``train``, ``val`` or ``test``; all rows without it.
        transform: Applied to each image.

    Attributes:
        data: The dataset, as ``glyphgen.load`` gives it.

    Raises:
        DatasetError: The folder is missing or unfinished.
        ChoiceError: The dataset has no such split.
    """

    def __init__(
        self,
        dataset: AnyPlace | Dataset,
        split: str | None = None,
        transform: Transform | None = None,
    ) -> None:
        if isinstance(dataset, Dataset):
            split, transform = split or dataset.split, transform or dataset.transform
            dataset = dataset.folder
        self.data = load(dataset, split, transform=transform)

    @property
    def classes(self) -> list[str]:
        """The labels of the classes, in order."""
        return [info.label for info in self.data.classes]

    @property
    def class_to_idx(self) -> dict[str, int]:
        """Position of each label in ``classes``."""
        return self.data.class_to_idx

    @property
    def targets(self) -> torch.Tensor:
        """The labels of all rows: int64 (n,)."""
        return torch.from_numpy(self.data.targets)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        [item] = self.__getitems__([row])
        return item

    def __getitems__(self, rows: Sequence[int]) -> list[tuple[Any, int]]:
        """Return the items of many rows, read together: DataLoader asks for whole batches."""
        chosen = np.asarray(rows, dtype=np.int64)
        images, labels = self.data.images[chosen], self.data.labels[chosen].tolist()
        if (transform := self.data.transform) is not None:
            return [(transform(image), label) for image, label in zip(images, labels, strict=True)]
        return list(zip(torch.from_numpy(images)[:, None].unbind(), labels, strict=True))


class GlyphStream(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless batches of fresh images for PyTorch: `DataLoader(stream, batch_size=None, num_workers=2)`.

    An item is a batch: images, uint8 (N, 1, H, W), and labels, int64 (N,). Convert late, on the device of
    the network (``to_floats``). See ``glyphgen.stream``, whose arguments these are. ``threads`` of this
    process cost less than workers, which hand every batch over through shared memory.

    Of W processes that train and K workers each, every batch is made by one: process r takes the batches
    r, r + W, r + 2 W and so on, whatever K is. The state is the next batch of them all, so that other
    numbers of processes and workers may go on from it.

    Args:
        source: A recipe, its name or file; or a dataset, or its folder; or a ``BatchStream``, and nothing
            else then.
        batch_size, per_class, weights, split, seed, threads, augment, reporter: As for ``glyphgen.stream``.
        steps: Batches of an epoch, of all processes together; without it an epoch has no end. After
            ``set_epoch(e)`` the batches are those from e * steps on: fresh images in every epoch.
        rank, world: Number of this process, and of all that train; as ``torch.distributed`` says without
            them.

    Raises:
        GlyphgenError: As for ``glyphgen.stream``; and when it is iterated over, if some process or worker
            would have no batch.
    """

    def __init__(
        self,
        source: AnyPlace | Recipe | Dataset | BatchStream,
        batch_size: int = 128,
        *,
        per_class: int = 1,
        weights: Mapping[str, float] | None = None,
        split: str | None = None,
        seed: int | None = None,
        steps: int | None = None,
        threads: int = 0,
        augment: Sequence[AugmentStep] | None = None,
        rank: int | None = None,
        world: int | None = None,
        reporter: Reporter = SILENT,
    ) -> None:
        if (rank is None) != (world is None):
            raise ChoiceError("rank and world: found one, expected both or neither")
        if rank is not None and world is not None and not 0 <= rank < world:
            raise ChoiceError(f"rank: found {rank}, expected 0 to {world - 1}")
        others = (batch_size, per_class, weights, split, seed, steps, threads, augment)
        if not isinstance(source, BatchStream):
            source = stream(
                source,
                batch_size=batch_size,
                per_class=per_class,
                weights=weights,
                split=split,
                seed=seed,
                steps=steps,
                threads=threads,
                augment=augment,
                reporter=reporter,
            )
        elif others != (128, 1, None, None, None, None, 0, None):
            raise ChoiceError(
                "source: found a BatchStream with more arguments, expected them in `glyphgen.stream`"
            )
        self.stream = source
        self._place = None if rank is None or world is None else (rank, world)
        self._first, self._end = 0, -1  # where a state says; no end: that of the epoch
        self._taken, self._n_consumers = (
            0,
            0,
        )  # by this process or worker, of so many, since it began
        # In memory that workers share: those that persist see the epoch change.
        self._epoch = torch.from_numpy(np.zeros((), dtype=np.int64))
        self._epoch.share_memory_()  # type: ignore[no-untyped-call]

    def set_epoch(self, epoch: int) -> None:
        """Let the next epoch begin at the batch ``epoch * steps``; epochs go forward.

        Raises:
            ChoiceError: The stream has no end, and so no epochs.
        """
        if self.stream.n_batches is None:
            raise ChoiceError("set_epoch: the stream has no end (steps gives it one)")
        self._epoch.fill_(epoch)

    def state_dict(self, taken: int | None = None) -> dict[str, Any]:
        """Return where the stream is: its next batch, and which stream it is.

        Args:
            taken: Batches that each process has taken from its DataLoader since it began. DataLoader does
                not tell the stream; without workers, and for ``StatefulDataLoader`` of torchdata, it
                needs not be said.
        """
        world = self._find_place()[1]
        each = world if taken is not None or not self._n_consumers else self._n_consumers
        n_taken = self._taken if taken is None else taken
        first = self._find_first()
        state = {
            "name": self.stream.name,
            "stream": self.stream.key,
            "next_batch": first + n_taken * each,
        }
        # Workers have different states, and some are at the end of their epoch before others.
        return state | {"end": self._find_end(first)} if get_worker_info() else state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state, with any number of processes and workers.

        Raises:
            ChoiceError: It is none, or that of another stream.
        """
        missing = [key for key in ("name", "stream", "next_batch") if key not in state]
        if missing:
            raise ChoiceError(f"state: has no {missing[0]}, expected what `state_dict` returned")
        if state["stream"] != self.stream.key:
            raise ChoiceError(
                f"state: of another stream, of '{state['name']}', expected one of"
                f" '{self.stream.name}' with the same recipe, fonts or rows, seed, split, weights and"
                " batch size"
            )
        self._first, self._end = int(state["next_batch"]), int(state.get("end", -1))
        self._taken = self._n_consumers = 0
        self._epoch.zero_()

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        rank, world = self._find_place()
        info = get_worker_info()
        worker, n_workers = (info.id, info.num_workers) if info else (0, 1)
        if self.stream.n_batches is not None:
            _check_shares(self.stream.n_batches, world, n_workers)
        first = self._find_first()
        self._taken, self._n_consumers = 0, world * n_workers
        start, end = first + worker * world + rank, self._find_end(first)
        return self._take_batches(range(start, end, self._n_consumers))

    def _take_batches(self, numbers: range) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for images, labels in self.stream.draw_ahead(numbers):
            self._taken += 1
            yield torch.from_numpy(images)[:, None], torch.from_numpy(labels)

    def __len__(self) -> int:
        """Return the batches of an epoch that this process gets."""
        return len(self.stream) // self._find_place()[1]

    def _find_first(self) -> int:
        return max(self._first, int(self._epoch) * (self.stream.n_batches or 0))

    def _find_end(self, first: int) -> int:
        """Return the batch after the last of the epoch that a batch is of."""
        steps = self.stream.n_batches
        if steps is None:
            return _NEVER
        of_state = int(self._epoch) * steps < self._end
        return self._end if of_state else (first // steps + 1) * steps

    def _find_place(self) -> tuple[int, int]:
        """Return the number of this process among those that train, and how many they are."""
        if self._place is not None:
            return self._place
        if _train_together():
            return distributed.get_rank(), distributed.get_world_size()
        return 0, 1

    def __getstate__(self) -> dict[str, Any]:
        """Tell workers, in which torch.distributed is not started, of which process they are."""
        return self.__dict__ | ({"_place": self._find_place()} if _train_together() else {})


def _train_together() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def _check_shares(steps: int, world: int, n_workers: int) -> None:
    if steps % world:
        raise ChoiceError(
            f"steps: found {steps} for {world} processes, expected a multiple: each takes as many"
        )
    if steps < world * n_workers:
        raise ChoiceError(
            f"steps: found {steps} for {world} x {n_workers} workers, expected {world * n_workers} or"
            " more: one of them would have no batch (use fewer workers)"
        )
