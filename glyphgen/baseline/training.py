"""A dataset -> a trained network: one readable loop; reads images and saves through others.

AdamW, label smoothing, a learning rate that rises and stays high, and an average of the weights on
the way, which is what is kept. Letting the rate fall instead (one cycle) ends in weights that know the
faces of the training better, and other hands worse. Every step draws its chance from (seed, step), so
that a training that was interrupted goes on as if it had not been.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from glyphgen.baseline.devices import computing, memory_errors
from glyphgen.baseline.examples import Batches
from glyphgen.baseline.metrics import Readings
from glyphgen.baseline.variation import VARIATIONS, vary
from glyphgen.errors import TrainingError

__all__ = ["Part", "Trainer", "Training", "find_learning_rate"]

_DEFAULT_IMAGES = 400_000  # about five minutes on two cores with AMX
_PART_IMAGES = 60_000  # after so many at the latest there is a report and a checkpoint
_WARM_UP = 0.15  # of the training, while the learning rate rises
_START = 1 / 25  # of the learning rate
_MEMORY = 0.1  # of the training so far that the average of the weights looks back on
_SMOOTHING = 0.1
_WEIGHT_DECAY = 0.02
_SEED_STEP = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to train.

    Attributes:
        model: A name that ``make_model`` knows.
        epochs: How often every row is seen, may be a fraction; about 400,000 images without it.
        minutes: Stop after so long instead; the numbers depend on the machine's speed then.
        batch_size: Images of a step.
        learning_rate: After it has risen.
        variation: How much images change while the network learns; see ``vary``.
        seed: Of weights, order and variation.
        pretrained: Start from timm's weights.
        frozen_epochs: For so long only the last layer of a timm model learns.
    """

    model: str = "cnn"
    epochs: float | None = None
    minutes: float | None = None
    batch_size: int = 128
    learning_rate: float = 4e-3
    variation: str = "strong"
    seed: int = 0
    pretrained: bool = False
    frozen_epochs: float = 0.0

    def count_steps(self, n_batches: int) -> int:
        """Return the steps of the whole training; with ``minutes`` they are an upper bound."""
        if self.epochs is not None:
            return max(1, round(self.epochs * n_batches))
        if self.minutes is not None:
            return 1 << 62
        return max(n_batches, math.ceil(_DEFAULT_IMAGES / self.batch_size))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is reported after a part of the training: an epoch, or a stretch of a long one.

    Attributes:
        epoch: How often every row has been seen.
        progress: Of the whole training, 0 to 1.
        images: Seen so far.
        seconds: Since the start, without reports.
        waited: Share of that time in which the network waited for images.
        learning_rate: At the end of the part.
        train_loss: Mean over the part.
        val_loss, val_top1, val_precision, val_recall: Of the val rows.
    """

    epoch: float
    progress: float
    images: int
    seconds: float
    waited: float
    learning_rate: float
    train_loss: float
    val_loss: float
    val_top1: float
    val_precision: float
    val_recall: float


@dataclass(slots=True)
class State:
    """How far a training has come."""

    step: int = 0
    seconds: float = 0.0
    waited: float = 0.0
    parts: list[Part] = field(default_factory=list)


class Trainer:
    """Trains one network on batches.

    Args:
        network: To be trained.
        batches: What it learns from.
        training: How.
        device: Where.
        read_val: Lets a network read the val rows.

    Raises:
        TrainingError: The variation is unknown.

    Attributes:
        state: How far it has come.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        training: Training,
        device: torch.device,
        read_val: Callable[[nn.Module], Readings],
    ) -> None:
        if training.variation not in VARIATIONS:
            raise TrainingError(
                f"--variation: found '{training.variation}', expected {' or '.join(VARIATIONS)}"
            )
        self.state = State()
        self._learner = move_network(network, device)
        self._average = AveragedModel(self._learner, avg_fn=blend, use_buffers=True)
        self._batches = batches
        self._training = training
        self._device = device
        self._read_val = read_val
        self._n_steps = training.count_steps(batches.n_batches)
        self._part_steps = min(batches.n_batches, max(1, _PART_IMAGES // batches.size))
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=training.learning_rate, weight_decay=_WEIGHT_DECAY
        )

    @property
    def network(self) -> nn.Module:
        """What is kept of the training."""
        return self._average.module

    @property
    def is_done(self) -> bool:
        """Whether the training is over."""
        return self._find_progress(self.state.seconds) >= 1

    def run(self) -> Iterator[Part]:
        """Train to the end, and report after each part; the state may be kept whenever it does.

        Raises:
            TrainingError: The GPU's memory is too small, or the loss is no number any more.
        """
        with memory_errors(self._batches.size):
            while not self.is_done:
                yield self._run_part()

    def _run_part(self) -> Part:
        state, batches = self.state, self._batches
        self._learner.train()
        losses: list[torch.Tensor] = []
        waited_before, started = batches.waited_s, time.perf_counter()
        spent_before = state.seconds
        learning_rate = self._training.learning_rate
        for images, labels in self._next_batches():
            learning_rate = self._step(images, labels, losses)
            state.step += 1
            state.seconds = spent_before + time.perf_counter() - started
            if self.is_done or state.step % self._part_steps == 0:
                break
        state.waited += batches.waited_s - waited_before
        part = self._report(torch.stack(losses).mean().item(), learning_rate)
        state.parts.append(part)
        return part

    def _next_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        number, first = divmod(self.state.step, self._batches.n_batches)
        while True:
            yield from self._batches.epoch(number, first)
            number, first = number + 1, 0

    def _step(
        self, images: torch.Tensor, labels: torch.Tensor, losses: list[torch.Tensor]
    ) -> float:
        chance = (self._training.seed * _SEED_STEP + self.state.step) % (1 << 63)
        torch.manual_seed(chance)  # of dropout
        generator = torch.Generator().manual_seed(chance)
        learning_rate = self._training.learning_rate * rise(self._find_progress(self.state.seconds))
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._freeze()
        varied = vary(images.float().div_(255), generator, variation=self._training.variation)
        with computing(self._device):
            logits = self._learner(varied.to(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=_SMOOTHING)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self._average.update_parameters(self._learner)
        losses.append(loss.detach())
        return learning_rate

    def _freeze(self) -> None:
        """Let only the last layer learn at first, where that is options."""
        frozen_steps = round(self._training.frozen_epochs * self._batches.n_batches)
        if not frozen_steps or self.state.step > frozen_steps:
            return
        get_head: Any = getattr(self._learner, "get_classifier", None)
        if get_head is None:
            raise TrainingError("--frozen-epochs: only timm's models have a body to freeze")
        head = {id(parameter) for parameter in get_head().parameters()}
        for parameter in self._learner.parameters():
            parameter.requires_grad_(self.state.step == frozen_steps or id(parameter) in head)

    def _find_progress(self, seconds: float) -> float:
        done = self.state.step / self._n_steps
        if self._training.minutes is not None:
            done = max(done, seconds / (60 * self._training.minutes))
        return min(done, 1.0)

    def _report(self, train_loss: float, learning_rate: float) -> Part:
        if not math.isfinite(train_loss):
            raise TrainingError(
                f"--learning-rate: the loss grew beyond all numbers at {learning_rate:g}"
                " (take a smaller one, or --find-lr)"
            )
        readings = self._read_val(self.network)
        precision, recall = _measure_macro(readings)
        state = self.state
        return Part(
            epoch=state.step / self._batches.n_batches,
            progress=self._find_progress(state.seconds),
            images=state.step * self._batches.size,
            seconds=state.seconds,
            waited=state.waited / max(state.seconds, 1e-9),
            learning_rate=learning_rate,
            train_loss=train_loss,
            val_loss=float(readings.loss.mean()),
            val_top1=float((readings.predicted == readings.truth).mean()),
            val_precision=precision,
            val_recall=recall,
        )

    def dump_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all that going on takes: tensors, and a page of numbers."""
        tensors = {f"learner.{name}": value for name, value in self._learner.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self._average.state_dict().items()}
        for k, values in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{k}.{name}": value for name, value in values.items()}
        page = {
            "step": self.state.step,
            "seconds": self.state.seconds,
            "waited": self.state.waited,
            "parts": [asdict(part) for part in self.state.parts],
        }
        return tensors, page

    def load_state(self, tensors: dict[str, torch.Tensor], page: dict[str, Any]) -> None:
        """Go on from what ``dump_state`` returned."""
        weights: dict[str, dict[str, torch.Tensor]] = {"learner": {}, "average": {}}
        optimizer: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind in weights:
                weights[kind][rest] = value
            else:
                k, _, what = rest.partition(".")
                optimizer.setdefault(int(k), {})[what] = value
        self._learner.load_state_dict(weights["learner"])
        self._average.load_state_dict(weights["average"])
        whole = self._optimizer.state_dict()
        self._optimizer.load_state_dict(whole | {"state": optimizer})
        self.state = State(
            step=page["step"],
            seconds=page["seconds"],
            waited=page["waited"],
            parts=[Part(**part) for part in page["parts"]],
        )


def move_network(network: nn.Module, device: torch.device) -> nn.Module:
    """Put a network where it runs, with its weights in the order that convolutions read fastest."""
    moved: nn.Module = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def rise(progress: float) -> float:
    """Return the learning rate as a share of the highest: half a cosine wave up, then flat."""
    share = min(progress / _WARM_UP, 1.0)
    return 1.0 + (_START - 1.0) * (1 + math.cos(math.pi * share)) / 2


def blend(average: torch.Tensor, now: torch.Tensor, n_before: torch.Tensor | int) -> torch.Tensor:
    """Return the average of all steps, the later the heavier: a window that grows with the training.

    Source: Karras et al., "Analyzing and improving the training dynamics of diffusion models", CVPR
    2024, section 3.1.
    """
    return average + (now - average) / (1 + _MEMORY * n_before)


def _measure_macro(readings: Readings) -> tuple[float, float]:
    """Return the means of precision and recall over the classes that occur."""
    truth, predicted = readings.truth, readings.predicted
    n_classes = int(max(truth.max(initial=0), predicted.max(initial=0))) + 1
    hits = np.bincount(truth[truth == predicted], minlength=n_classes)
    n_true, n_read = (np.bincount(of, minlength=n_classes) for of in (truth, predicted))
    there = n_true > 0
    precision = (hits / np.maximum(n_read, 1))[there].mean()
    return float(precision), float((hits / np.maximum(n_true, 1))[there].mean())


def find_learning_rate(
    make_network: Callable[[], nn.Module],
    batches: Batches,
    device: torch.device,
) -> float:
    """Return a learning rate that learns fast: a tenth of the one at which the loss is lowest.

    The rate grows from 1e-5 to 1 over a hundred steps of a network that is thrown away.

    Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.
    """
    n_steps = min(100, batches.n_batches)
    network = move_network(make_network(), device).train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=_WEIGHT_DECAY)
    rates = np.geomspace(1e-5, 1.0, n_steps)
    losses: list[float] = []
    smooth = 0.0
    for rate, (images, labels) in zip(rates, batches.epoch(0), strict=False):
        for group in optimizer.param_groups:
            group["lr"] = rate
        with computing(device):
            logits = network(images.float().div_(255).to(memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels, label_smoothing=_SMOOTHING)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        smooth = 0.9 * smooth + 0.1 * loss.item()
        losses.append(smooth / (1 - 0.9 ** (len(losses) + 1)))
        if losses[-1] > 4 * min(losses):
            break
    return float(rates[int(np.argmin(losses))] / 10)
