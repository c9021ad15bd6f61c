"""A trained network -> the same, adapted to images whose classes nobody has told.

First the statistics of its normalization layers are measured on the images. Then it learns from its own
opinion of them: that of several views together, where it is sure of it, as often of each class as can be.
"""

import copy
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from glyphgen.baseline.devices import mixed_precision
from glyphgen.baseline.variation import vary
from glyphgen.progress import SILENT, Progress, Reporter

__all__ = [
    "Opinion",
    "SelfTraining",
    "choose_sure",
    "form_opinion",
    "move_statistics",
    "train_on_opinions",
]

_BATCH = 512  # images that are looked at together
_PASSES = 4  # over the images; each makes the statistics of later layers more exact
_MOST_WEIGHT = (
    0.4  # of the images' statistics: beside these alone, thin lines were hardly read any more
)
_TRUSTED = 64.0  # images that get half of it
_LEARNT = (0.5, 0.7, 0.8)  # of the images of each class, in each round: the surest
_LEAST_SURENESS = 0.4  # probability times agreement of the views
_BATCH_SIZE = 128
_LEAST_STEPS = 20  # of a round
_LEARNING_RATE = 5e-4
_WARMUP_STEPS = 20
_SMOOTHING = 0.1
_CONSISTENCY = 0.3  # what the opinion of images that are not sure weighs
_PULL = 1e-3  # of the way back to the weights of the start, at each step
_AVERAGED = 0.98

Norm = nn.modules.batchnorm._BatchNorm


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a network holds of images, by several views of each.

    Attributes:
        log_probabilities: float32 (n, classes), the mean over the views, normalized.
        agreement: float32 (n,), the share of the views in which the class is the one of all views together.
    """

    log_probabilities: torch.Tensor
    agreement: torch.Tensor

    @property
    def classes(self) -> torch.Tensor:
        """The most probable class: int64 (n,)."""
        return self.log_probabilities.argmax(dim=1)

    @property
    def confidence(self) -> torch.Tensor:
        """The probability of that class: float32 (n,)."""
        return self.log_probabilities.max(dim=1).values.exp()

    def count_classes(self) -> float:
        """Return among how many classes the images are spread: the exponent of the entropy."""
        shares = self.log_probabilities.exp().mean(dim=0)
        return float(torch.exp(-(shares * shares.clamp(min=1e-12).log()).sum()))


def form_opinion(
    network: nn.Module,
    images: torch.Tensor,
    *,
    views: int,
    seed: int = 0,
    step: str = "look",
    reporter: Reporter = SILENT,
) -> Opinion:
    """Look at images in several views: as they are, and varied as in training.

    Args:
        network: Put into evaluation mode, and left there.
        images: uint8 (n, 1, H, W), on the device of the network.
        views: Of each image.
        seed: Of the varied views.
        step, reporter: Are told how far it is.
    """
    network.eval()
    means, agreements = [], []
    progress = Progress(step=step, done=0, total=len(images), unit="images")
    for start in range(0, len(images), _BATCH):
        reporter.progress(replace(progress, done=start))
        part = images[start : start + _BATCH].float().div_(255)
        seen = []
        with torch.inference_mode():
            for view in range(views):
                generator = torch.Generator().manual_seed((seed * 1000 + view) * 100_003 + start)
                seen.append(_read(network, vary(part, generator) if view else part))
        stacked = torch.stack(seen)
        # The image as it is weighs as much as all its varied views: thin lines do not survive each of them.
        varied = stacked[1:] if views > 1 else stacked
        mean = torch.log_softmax((stacked[0] + varied.mean(dim=0)) / 2, dim=1)
        means.append(mean)
        agreements.append((stacked.argmax(dim=2) == mean.argmax(dim=1)).float().mean(dim=0))
    reporter.progress(replace(progress, done=len(images)))
    return Opinion(log_probabilities=torch.cat(means), agreement=torch.cat(agreements))


def _read(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    with mixed_precision(images.device):
        logits = network(images.to(memory_format=torch.channels_last))
    return torch.log_softmax(logits.float(), dim=1)


def move_statistics(network: nn.Module, images: torch.Tensor, *, coverage: float = 1.0) -> float:
    """Blend the statistics of the normalization layers with those of the images, by their number.

    Args:
        network: Changed; without such layers it stays as it is.
        images: uint8 (n, 1, H, W).
        coverage: How evenly the images show the classes, 0 to 1: those of few classes say less of a layer.

    Returns:
        The weight of the images, 0 to 1.

    Source: Schneider et al., "Improving robustness against common corruptions by covariate shift
        adaptation", NeurIPS 2020: the blend by number.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, Norm)]
    trained = [
        (layer.running_mean.clone(), layer.running_var.clone())
        for layer in layers
        if layer.running_mean is not None and layer.running_var is not None
    ]
    if not layers or len(trained) < len(layers):
        return 0.0
    n = len(images) * coverage
    weight = _MOST_WEIGHT * n / (n + _TRUSTED)
    network.eval()
    for _ in range(_PASSES):
        for layer, (mean, var), (new_mean, new_var) in zip(
            layers, trained, _measure(network, layers, images), strict=True
        ):
            _set(layer, mean.lerp(new_mean, weight), var.lerp(new_var, weight))
    return weight


def _set(layer: Norm, mean: torch.Tensor, var: torch.Tensor) -> None:
    if layer.running_mean is not None and layer.running_var is not None:
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(var)


def _measure(
    network: nn.Module, layers: list[Norm], images: torch.Tensor
) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Return mean and variance of each channel of what comes to each layer."""
    sums = {layer: torch.zeros(3, layer.num_features, dtype=torch.float64) for layer in layers}

    def add(layer: nn.Module, given: tuple[torch.Tensor, ...]) -> None:
        values = given[0].double().transpose(0, 1).flatten(1)
        count = torch.full_like(values[:, 0], values.shape[1])
        moments = torch.stack([count, values.sum(dim=1), values.square().sum(dim=1)])
        sums[layer] += moments.cpu()  # type: ignore[index]

    with ExitStack() as stack, torch.inference_mode():
        for layer in layers:
            stack.callback(layer.register_forward_pre_hook(add).remove)
        for start in range(0, len(images), _BATCH):
            generator = torch.Generator().manual_seed(start)
            _read(network, vary(images[start : start + _BATCH].float().div_(255), generator))
    found = []
    for count, total, squares in (sums[layer] for layer in layers):
        mean = total / count
        var = (squares / count - mean.square()).clamp(min=0)
        found.append((mean.float().to(images.device), var.float().to(images.device)))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTraining:
    """How a network learns from its own opinion.

    Attributes:
        epochs: How often each image is learnt from, on the whole.
        minutes: At most; what was learnt by then is kept.
        views: Of each image, for an opinion.
        seed: Of all random numbers.
    """

    epochs: float = 20.0
    minutes: float = 2.0
    views: int = 8
    seed: int = 0

    def count_steps(self, n: int) -> int:
        """Return the steps of a round, for n images."""
        return max(_LEAST_STEPS, math.ceil(self.epochs * n / _BATCH_SIZE / len(_LEARNT)))


def choose_sure(opinion: Opinion, share: float) -> NDArray[np.int64]:
    """Return the images that are learnt from: of each class the surest, as many as its share of them.

    One threshold for all classes would leave those out that the network is never sure of, and it would
    forget them.
    """
    sureness = (opinion.confidence * opinion.agreement).cpu().numpy()
    classes = opinion.classes.cpu().numpy()
    chosen = []
    for k in np.unique(classes):
        of = np.flatnonzero(classes == k)
        surest = of[np.argsort(-sureness[of], kind="stable")]
        chosen.append(surest[: math.ceil(share * len(of))])
    picked = np.sort(np.concatenate(chosen))
    return picked[sureness[picked] >= _LEAST_SURENESS]


def train_on_opinions(
    network: nn.Module,
    images: torch.Tensor,
    options: SelfTraining,
    *,
    reporter: Reporter = SILENT,
) -> nn.Module:
    """Train a network on what it reads itself, in rounds of more and more images.

    Args:
        network: Left as it is; its normalization keeps its statistics.
        images: uint8 (n, 1, H, W), on its device.
        options: How.
        reporter: Is told how far it is.

    Returns:
        Another network: the moving average of the weights of all steps, in evaluation mode.

    Source: Wolf and Fink, "Self-training of handwritten word recognition for synthetic-to-real adaptation",
        ICPR 2022 (arXiv 2206.03149), for learning from its own sure readings; Tarvainen and Valpola, "Mean
        teachers are better role models", NeurIPS 2017, for the average that forms the opinion; Li et al.,
        "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018, for the pull
        to the weights of the start.
    """
    end = time.monotonic() + 60 * options.minutes
    learner, average = copy.deepcopy(network).eval(), copy.deepcopy(network).eval()
    start = [weights.detach().clone() for weights in network.parameters()]
    optimizer = torch.optim.AdamW(learner.parameters(), lr=_LEARNING_RATE, weight_decay=0.0)
    n_steps = options.count_steps(len(images))
    first: Opinion | None = None
    done, total = 0, n_steps * len(_LEARNT)
    for number, share in enumerate(_LEARNT):
        seed = options.seed * 1009 + number
        opinion = form_opinion(average, images, views=options.views, seed=seed, reporter=reporter)
        first = first or opinion
        sure = choose_sure(opinion, share)
        sure = sure[(opinion.classes == first.classes).cpu().numpy()[sure]]
        for batch in _draw_batches(opinion, sure, n_steps, seed):
            if time.monotonic() > end:
                return average
            rate = _LEARNING_RATE * min(1.0, (done + 1) / _WARMUP_STEPS)
            generator = torch.Generator().manual_seed(seed * 100_003 + done)
            _descend(learner, optimizer, rate, images, opinion, batch, generator)
            done += 1
            _pull(learner, start)
            _follow(average, learner, min(_AVERAGED, done / (done + 10)))
            reporter.progress(Progress(step="adapt", done=done, total=total, unit="steps"))
    return average


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Images of one step: int64 positions each.

    Attributes:
        sure: Their class is learnt.
        others: Of all images: no other opinion than that of all views is learnt.
    """

    sure: torch.Tensor
    others: torch.Tensor


def _draw_batches(
    opinion: Opinion, sure: NDArray[np.int64], n_steps: int, seed: int
) -> Iterator[_Batch]:
    """Yield the batches of a round; rare classes come oftener than their images do."""
    n = len(opinion.agreement)
    if not len(sure):
        return
    classes = opinion.classes.cpu().numpy()[sure]
    weights = 1 / np.sqrt(np.bincount(classes)[classes])
    rng = np.random.Generator(np.random.Philox(key=[seed, n]))
    for _ in range(n_steps):
        taken = rng.choice(sure, min(_BATCH_SIZE, len(sure)), p=weights / weights.sum())
        others = rng.choice(n, min(_BATCH_SIZE // 2, n), replace=False)
        yield _Batch(sure=torch.from_numpy(taken), others=torch.from_numpy(others))


def _descend(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    rate: float,
    images: torch.Tensor,
    opinion: Opinion,
    batch: _Batch,
    generator: torch.Generator,
) -> None:
    sure, others = batch.sure.to(images.device), batch.others.to(images.device)
    shown = vary(images[torch.cat([sure, others])].float().div_(255), generator)
    for group in optimizer.param_groups:
        group["lr"] = rate
    read = _read(network, shown)
    loss = functional.cross_entropy(
        read[: len(sure)], opinion.classes[sure], label_smoothing=_SMOOTHING
    ) + _CONSISTENCY * functional.kl_div(
        read[len(sure) :],
        opinion.log_probabilities[others],
        log_target=True,
        reduction="batchmean",
    )
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def _pull(network: nn.Module, start: list[torch.Tensor]) -> None:
    for weights, first in zip(network.parameters(), start, strict=True):
        weights.lerp_(first, _PULL)


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, kept: float) -> None:
    for mean, weights in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(weights, 1 - kept)
