"""The training loop: AdamW, label smoothing, a warmup and then a constant learning rate.

What is kept is a moving average of the weights. A rate that falls again (one cycle) ends in weights that
fit the faces of the training better, and other writers worse. All random numbers of a step are a function
of seed and step, so that an interrupted training goes on to the same weights.
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

from glyphgen.baseline.devices import explain_memory_errors, mixed_precision
from glyphgen.baseline.examples import Batches
from glyphgen.baseline.metrics import Predictions, measure_macro
from glyphgen.baseline.variation import vary
from glyphgen.choices import VARIATIONS, check_choice, check_model
from glyphgen.errors import TrainingError
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.text import show_duration

__all__ = ["HistoryEntry", "Trainer", "TrainingOptions", "find_learning_rate"]

_DEFAULT_IMAGES = 400_000  # about five minutes on two cores with AMX
_ENTRY_IMAGES = 60_000  # after so many at the latest there is an entry and a checkpoint
_FIRST_ENTRY_IMAGES = 10_000  # the first entry comes early: a training that goes wrong is seen
_SECONDS_PER_REPORT = 0.5
_TIMED_STEPS = 10  # after which the time of the whole is told
_WARMUP = 0.15  # of the training
_WARMUP_START = 1 / 25  # of the learning rate
_AVERAGED_SHARE = 0.1  # of the training so far that the average of the weights reaches back
_LABEL_SMOOTHING = 0.1
_WEIGHT_DECAY = 0.02
_SEED_STEP = 1_000_003


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """How to train.

    Attributes:
        model: A key of ``choices.MODELS``, or ``timm:`` and a model of timm.
        epochs: Passes over the training rows, may be a fraction; 400,000 images without it.
        minutes: Stop after so long instead; the result depends on the machine's speed then.
        batch_size: Images of a step, 2 or more.
        learning_rate: After the warmup.
        variation: A key of ``choices.VARIATIONS``; see ``vary``.
        seed: Of weights, order and variation, 0 or more.
        pretrained: Start from timm's weights.
        frozen_epochs: For so long only the last layer of a timm model is trained.

    Raises:
        ChoiceError: The model or the variation is unknown.
        TrainingError: A number is too small, or both epochs and minutes are given.
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

    def __post_init__(self) -> None:
        """Check the options."""
        check_model(self.model)
        check_choice(self.variation, VARIATIONS, "variation")
        if self.epochs is not None and self.minutes is not None:
            raise TrainingError("epochs and minutes: found both, expected one of them")
        for name in ("epochs", "minutes", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise TrainingError(f"{name}: found {value!r}, expected a number above 0")
        for name, least in (("batch_size", 2), ("seed", 0), ("frozen_epochs", 0)):
            value = getattr(self, name)
            if not value >= least:
                raise TrainingError(f"{name}: found {value!r}, expected {least} or more")

    def count_steps(self, n_batches: int) -> int:
        """Return the steps of the training; 0 where minutes end it."""
        if self.epochs is not None:
            return max(1, round(self.epochs * n_batches))
        if self.minutes is not None:
            return 0
        return math.ceil(_DEFAULT_IMAGES / self.batch_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """What is measured after each epoch of a training, and within long epochs.

    Attributes:
        epoch: Epochs so far, may be a fraction.
        progress: Of the whole training, 0 to 1.
        images: Trained on so far.
        seconds: Of training so far, without validation.
        waited: Share of that time in which the network waited for images.
        learning_rate: Now.
        train_loss: Mean since the entry before, with smoothed labels.
        val_loss, val_top1, val_precision, val_recall: Of the val rows; the last two are macro means.
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
class TrainingState:
    """How far a training has come.

    Attributes:
        step: Steps that are done.
        seconds: Of training.
        waited_s: Seconds of them in which the network waited for images.
        history: What was measured.
    """

    step: int = 0
    seconds: float = 0.0
    waited_s: float = 0.0
    history: list[HistoryEntry] = field(default_factory=list)


class Trainer:
    """Trains one network on batches.

    Args:
        network: To be trained.
        batches: What it is trained on.
        options: How.
        device: Where.
        validate: Returns what a network predicts for the val rows.
        reporter: Is told of the progress every half second, and of the time that the whole will take.

    Attributes:
        state: How far it has come.
        n_steps: Of the whole training; 0 where minutes end it.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches,
        options: TrainingOptions,
        device: torch.device,
        validate: Callable[[nn.Module], Predictions],
        reporter: Reporter = SILENT,
    ) -> None:
        self.state = TrainingState()
        self.n_steps = options.count_steps(batches.n_batches)
        self._network = move_network(network, device)
        self._average = AveragedModel(self._network, avg_fn=average_weights, use_buffers=True)
        self._batches = batches
        self._options = options
        self._device = device
        self._validate = validate
        self._reporter = reporter
        self._entry_steps = min(batches.n_batches, max(1, _ENTRY_IMAGES // batches.size))
        self._is_timed = False
        self._first_entry = max(1, _FIRST_ENTRY_IMAGES // batches.size)
        if self._entry_steps < 2 * self._first_entry:
            self._first_entry = self._entry_steps
        self._optimizer = torch.optim.AdamW(
            network.parameters(), lr=options.learning_rate, weight_decay=_WEIGHT_DECAY
        )

    @property
    def network(self) -> nn.Module:
        """The network with the averaged weights."""
        return self._average.module

    @property
    def progress(self) -> float:
        """How much of the training is done, 0 to 1."""
        if self._options.minutes is not None:
            return min(self.state.seconds / (60 * self._options.minutes), 1.0)
        return min(self.state.step / self.n_steps, 1.0)

    def run(self) -> Iterator[HistoryEntry]:
        """Train to the end, and measure on the way; whenever it yields, the state may be kept.

        Raises:
            TrainingError: The GPU's memory is too small, or the loss is no longer finite.
        """
        with explain_memory_errors(self._batches.size):
            while self.progress < 1:
                yield self._run_to_entry()

    def _run_to_entry(self) -> HistoryEntry:
        state, batches = self.state, self._batches
        self._network.train()
        losses: list[torch.Tensor] = []
        waited_before, started = batches.waited_s, time.perf_counter()
        seconds_before, first = state.seconds, state.step
        reported = 0.0
        for images, labels in self._next_batches():
            losses.append(self._step(images, labels))
            state.step += 1
            state.seconds = seconds_before + time.perf_counter() - started
            if state.step - first == _TIMED_STEPS and not self._is_timed:
                self._report_time((time.perf_counter() - started) / _TIMED_STEPS)
            if time.perf_counter() - reported >= _SECONDS_PER_REPORT:
                self._report(f"loss {losses[-1].item():.3f}")
                reported = time.perf_counter()
            if self.progress >= 1 or self._is_entry(state.step):
                break
        state.waited_s += batches.waited_s - waited_before
        state.history.append(self._measure(torch.stack(losses).mean().item()))
        return state.history[-1]

    def _is_entry(self, step: int) -> bool:
        return step == self._first_entry or step % self._entry_steps == 0

    def _report_time(self, seconds_per_step: float) -> None:
        """Tell how long all steps will take, as the first of them went."""
        self._is_timed = True
        if self.n_steps:
            seconds = seconds_per_step * (self.n_steps - self.state.step)
            self._reporter.message(
                f"{show_duration(seconds)} of training, at"
                f" {self._batches.size / seconds_per_step:,.0f} images a second"
            )

    def _report(self, detail: str) -> None:
        done = self.state.step * self._batches.size
        n_images = self.n_steps * self._batches.size or round(done / max(self.progress, 1e-9))
        epoch = self.state.step / self._batches.n_batches
        self._reporter.progress(
            Progress(
                step="train",
                done=done,
                total=n_images,
                unit="images",
                detail=f"epoch {epoch:.2f}, {detail}",
            )
        )

    def _next_batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        number, first = divmod(self.state.step, self._batches.n_batches)
        while True:
            yield from self._batches.epoch(number, first)
            number, first = number + 1, 0

    def _step(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Train on one batch; return its loss."""
        seed = (self._options.seed * _SEED_STEP + self.state.step) % (1 << 63)
        torch.manual_seed(seed)  # of dropout
        generator = torch.Generator().manual_seed(seed)
        self._freeze()
        varied = vary(images.float().div_(255), generator, variation=self._options.variation)
        learning_rate = self._options.learning_rate * warm_up(self.progress)
        loss = _descend(self._network, self._optimizer, varied, labels, learning_rate, self._device)
        self._average.update_parameters(self._network)
        return loss

    def _freeze(self) -> None:
        """Train only the last layer of the network at first, if the options say so."""
        frozen_steps = round(self._options.frozen_epochs * self._batches.n_batches)
        if not frozen_steps or self.state.step > frozen_steps:
            return
        get_head: Any = getattr(self._network, "get_classifier", None)
        if get_head is None:
            raise TrainingError("frozen_epochs: only timm's models have a body to freeze")
        head = {id(parameter) for parameter in get_head().parameters()}
        for parameter in self._network.parameters():
            parameter.requires_grad_(self.state.step == frozen_steps or id(parameter) in head)

    def _measure(self, train_loss: float) -> HistoryEntry:
        learning_rate = float(self._optimizer.param_groups[0]["lr"])
        if not math.isfinite(train_loss):
            raise TrainingError(
                f"--learning-rate: the loss is no longer finite at {learning_rate:g}"
                " (take a smaller one, or --find-lr)"
            )
        predictions, state = self._validate(self.network), self.state
        macro = measure_macro(predictions.targets, predictions.predicted)
        return HistoryEntry(
            epoch=state.step / self._batches.n_batches,
            progress=self.progress,
            images=state.step * self._batches.size,
            seconds=state.seconds,
            waited=state.waited_s / max(state.seconds, 1e-9),
            learning_rate=learning_rate,
            train_loss=train_loss,
            val_loss=float(predictions.losses.mean()),
            val_top1=float((predictions.predicted == predictions.targets).mean()),
            val_precision=macro.precision,
            val_recall=macro.recall,
        )

    def dump_state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return all that going on takes: tensors, and metadata for JSON."""
        tensors = {f"network.{name}": value for name, value in self._network.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self._average.state_dict().items()}
        for k, values in self._optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{k}.{name}": value for name, value in values.items()}
        return tensors, asdict(self.state)

    def load_state(self, tensors: dict[str, torch.Tensor], state: "TrainingState") -> None:
        """Go on from the tensors that ``dump_state`` returned, and the state then."""
        weights: dict[str, dict[str, torch.Tensor]] = {"network": {}, "average": {}}
        optimizer: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind in weights:
                weights[kind][rest] = value
            else:
                k, _, key = rest.partition(".")
                optimizer.setdefault(int(k), {})[key] = value
        self._network.load_state_dict(weights["network"])
        self._average.load_state_dict(weights["average"])
        whole = self._optimizer.state_dict()
        self._optimizer.load_state_dict(whole | {"state": optimizer})
        self.state = state


def _descend(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
    learning_rate: float,
    device: torch.device,
) -> torch.Tensor:
    """Make one step of gradient descent; return the loss."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    with mixed_precision(device):
        logits = network(images.to(memory_format=torch.channels_last))
    loss = functional.cross_entropy(logits.float(), labels, label_smoothing=_LABEL_SMOOTHING)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def move_network(network: nn.Module, device: torch.device) -> nn.Module:
    """Put a network on a device, with its weights in the order that convolutions read fastest."""
    moved: nn.Module = network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return moved


def warm_up(progress: float) -> float:
    """Return the learning rate as a share of its highest: half a cosine wave up, then constant."""
    share = min(progress / _WARMUP, 1.0)
    return 1.0 + (_WARMUP_START - 1.0) * (1 + math.cos(math.pi * share)) / 2


def average_weights(
    average: torch.Tensor, weights: torch.Tensor, n_before: torch.Tensor | int
) -> torch.Tensor:
    """Return the average of the weights of all steps, the later the heavier: a power-law EMA.

    Source: Karras et al., "Analyzing and improving the training dynamics of diffusion models", CVPR
    2024, section 3.1.
    """
    return average + (weights - average) / (1 + _AVERAGED_SHARE * n_before)


def find_learning_rate(
    make_network: Callable[[], nn.Module], batches: Batches, device: torch.device
) -> float:
    """Return a good learning rate: a tenth of the one at which the loss is lowest.

    The rate grows from 1e-5 to 1 over a hundred steps of a network that is thrown away.

    Source: Smith, "Cyclical learning rates for training neural networks", WACV 2017, section 3.3.
    """
    network = move_network(make_network(), device).train()
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=_WEIGHT_DECAY)
    rates = np.geomspace(1e-5, 1.0, min(100, batches.n_batches))
    losses: list[float] = []
    mean = 0.0
    for rate, (images, labels) in zip(rates.tolist(), batches.epoch(0), strict=False):
        loss = _descend(network, optimizer, images.float().div_(255), labels, rate, device)
        mean = 0.9 * mean + 0.1 * loss.item()
        losses.append(mean / (1 - 0.9 ** (len(losses) + 1)))
        if losses[-1] > 4 * min(losses):
            break
    return float(rates[int(np.argmin(losses))] / 10)
