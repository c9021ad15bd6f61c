"""A network and images -> the classes that it predicts."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from glyphgen.baseline.devices import mixed_precision
from glyphgen.baseline.metrics import Predictions
from glyphgen.baseline.variation import vary
from glyphgen.progress import SILENT, Progress, Reporter

__all__ = ["predict_classes"]

_BATCH_SIZE = 512
_TOP = 5


def predict_classes(
    network: nn.Module,
    load_images: Callable[[slice], NDArray[np.uint8]],
    targets: NDArray[np.int64],
    device: torch.device,
    *,
    views: int = 1,
    step: str = "predict",
    reporter: Reporter = SILENT,
) -> Predictions:
    """Predict the classes of images.

    Args:
        network: Put into evaluation mode, and left there.
        load_images: Returns the images of a slice: uint8 (n, H, W), ink 255.
        targets: int64 (n,), the true class of each image, -1 where it is unknown.
        device: Where the network is.
        views: With more than one, test-time augmentation: the first view is the image as it is, the
            others are varied as in training, and the log-probabilities are averaged.
        step: What this is for, in a word.
        reporter: Is told how many images are done.
    """
    network.eval()
    top_classes, probabilities, losses = [], [], []
    progress = Progress(step=step, done=0, total=len(targets), unit="images")
    for start in range(0, len(targets), _BATCH_SIZE):
        reporter.progress(replace(progress, done=start))
        part = slice(start, min(start + _BATCH_SIZE, len(targets)))
        images = torch.from_numpy(np.array(load_images(part)))[:, None].to(device)
        log_probabilities = _average_views(network, images.float().div_(255), views, device).cpu()
        top = log_probabilities.topk(min(_TOP, log_probabilities.shape[1]), dim=1)
        top_classes.append(top.indices.numpy())
        probabilities.append(top.values.exp().numpy())
        known = torch.from_numpy(targets[part]).clamp(min=0)
        losses.append(-log_probabilities.gather(1, known[:, None])[:, 0].numpy())
    reporter.progress(replace(progress, done=len(targets)))
    if not top_classes:
        empty = np.zeros((0, 1))
        top_classes, probabilities, losses = [empty.astype(np.int64)], [empty], [empty[:, 0]]
    return Predictions(
        targets=targets,
        top_classes=np.concatenate(top_classes),
        probabilities=np.concatenate(probabilities).astype(np.float32),
        losses=np.concatenate(losses).astype(np.float32),
    )


def _average_views(
    network: nn.Module, images: torch.Tensor, views: int, device: torch.device
) -> torch.Tensor:
    """Return the logarithms of the probabilities: (n, classes)."""
    log_probabilities = []
    with torch.inference_mode():
        for view in range(views):
            generator = torch.Generator().manual_seed(view)
            varied = vary(images, generator) if view else images
            with mixed_precision(device):
                logits = network(varied.to(memory_format=torch.channels_last))
            log_probabilities.append(torch.log_softmax(logits.float(), dim=1))
        return torch.log_softmax(torch.stack(log_probabilities).mean(dim=0), dim=1)
