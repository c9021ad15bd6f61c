"""The training loop: label smoothing, a warmup and then a constant learning rate, or one cycle.

Of a constant rate a moving average of the weights is kept. A rate that falls again (one cycle) ends in
weights that fit the faces of the training better, and other writers worse. All random numbers of a step are
a function of seed and step, so that an interrupted training goes on to the same weights.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.optim.swa_utils import AveragedModel

from glyphgen.baseline.descent import descend, make_optimizer, move_network
from glyphgen.baseline.devices import explain_memory_errors
from glyphgen.baseline.examples import Batches
from glyphgen.baseline.layers import find_head
from glyphgen.baseline.metrics import Predictions, measure_macro
from glyphgen.baseline.schedules import one_cycle, warm_up
from glyphgen.baseline.training_options import TrainingOptions
from glyphgen.baseline.variation import vary
from glyphgen.errors import TrainingError
from glyphgen.progress import SILENT, Progress, Reporter
from glyphgen.text import show_duration

__all__ = ["HistoryEntry", "Trainer"]

_ENTRY_IMAGES = 60_000  # after so many at the latest there is an entry and a checkpoint
_FIRST_ENTRY_IMAGES = 10_000  # the first entry comes early: a training that goes wrong is seen
_SECONDS_PER_REPORT = 0.5
_TIMED_STEPS = 10  # after which the time of the whole is told
_AVERAGED_SHARE = 0.1  # of the training so far that the average of the weights reaches back
_SEED_STEP = 1_000_003


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
        train_top1, train_precision, train_recall: Of the images since the entry before, as they were varied
            and before they were learnt from; the last two are macro means.
        val_loss, val_top1, val_precision, val_recall: Of the val rows; the last two are macro means.
    """

    epoch: float
    progress: float
    images: int
    seconds: float
    waited: float
    learning_rate: float
    train_loss: float
    train_top1: float
    train_precision: float
    train_recall: float
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
        self._frozen_steps = round(options.frozen_epochs * batches.n_batches)
        self._optimizer = make_optimizer(self._network, options)

    @property
    def network(self) -> nn.Module:
        """The network with the weights that are kept: their average, or the last of one cycle."""
        return self._network if self._options.schedule == "one-cycle" else self._average.module

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
        read: list[tuple[torch.Tensor, torch.Tensor]] = []
        waited_before, started = batches.waited_s, time.perf_counter()
        seconds_before, first = state.seconds, state.step
        reported = 0.0
        for images, labels in self._next_batches():
            loss, predicted = self._step(images, labels)
            losses.append(loss)
            read.append((labels, predicted))
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
        learnt = [torch.cat(of).cpu().numpy() for of in zip(*read, strict=True)]
        state.history.append(self._measure(torch.stack(losses).mean().item(), *learnt))
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

    def _step(
        self, images: torch.Tensor, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Train on one batch; return its loss, and the classes that were predicted."""
        seed = (self._options.seed * _SEED_STEP + self.state.step) % (1 << 63)
        torch.manual_seed(seed)  # of dropout
        generator = torch.Generator().manual_seed(seed)
        self._freeze()
        varied = vary(images.float().div_(255), generator, variation=self._options.variation)
        rate, momentum = self._find_pace()
        found = descend(
            self._network, self._optimizer, varied, labels, rate, self._device, momentum
        )
        self._average.update_parameters(self._network)
        return found

    def _find_pace(self) -> tuple[float, float | None]:
        """Return learning rate and momentum of the next step; None keeps the optimizer's own."""
        options, step = self._options, self.state.step
        is_frozen = step < self._frozen_steps
        highest = (options.frozen_rate if is_frozen else None) or options.rates[1]
        if options.schedule == "constant":
            return highest * warm_up(self.progress), None
        progress = self.progress
        if is_frozen:
            progress = step / self._frozen_steps
        elif self._frozen_steps and self.n_steps:
            progress = (step - self._frozen_steps) / (self.n_steps - self._frozen_steps)
        share, momentum = one_cycle(progress)
        return highest * share, momentum

    def _freeze(self) -> None:
        """Train only the last layer of the network at first, if the options say so."""
        if not self._frozen_steps or self.state.step > self._frozen_steps:
            return
        head = find_head(self._network)
        for name, parameter in self._network.named_parameters():
            is_head = name.startswith(f"{head}.")
            parameter.requires_grad_(self.state.step == self._frozen_steps or is_head)

    def _measure(
        self, train_loss: float, targets: NDArray[np.int64], predicted: NDArray[np.int64]
    ) -> HistoryEntry:
        learning_rate = float(self._optimizer.param_groups[-1]["lr"])
        if not math.isfinite(train_loss):
            raise TrainingError(
                f"--learning-rate: the loss is no longer finite at {learning_rate:g}"
                " (take a smaller one, or --find-lr)"
            )
        predictions, state = self._validate(self.network), self.state
        macro = measure_macro(predictions.targets, predictions.predicted)
        learnt = measure_macro(targets, predicted)
        return HistoryEntry(
            epoch=state.step / self._batches.n_batches,
            progress=self.progress,
            images=state.step * self._batches.size,
            seconds=state.seconds,
            waited=state.waited_s / max(state.seconds, 1e-9),
            learning_rate=learning_rate,
            train_loss=train_loss,
            train_top1=float((predicted == targets).mean()),
            train_precision=learnt.precision,
            train_recall=learnt.recall,
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


def average_weights(
    average: torch.Tensor, weights: torch.Tensor, n_before: torch.Tensor | int
) -> torch.Tensor:
    """Return the average of the weights of all steps, the later the heavier: a power-law EMA.

    Source: Karras et al., "Analyzing and improving the training dynamics of diffusion models", CVPR
    2024, section 3.1.
    """
    return average + (weights - average) / (1 + _AVERAGED_SHARE * n_before)
