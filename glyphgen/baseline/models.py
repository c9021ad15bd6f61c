"""The networks: a CNN with BatchNorm, the network of a tutorial of 2020, and any of timm."""

from pathlib import Path

import torch
from torch import nn

from glyphgen.baseline.network_input import AS_IT_IS, NetworkInput, PreparedNetwork
from glyphgen.baseline.timm_models import make_timm_model
from glyphgen.choices import MODELS, TIMM, check_model
from glyphgen.errors import TrainingError

__all__ = ["make_model"]

_LEAST_SIDE = 16


class Cnn(nn.Module):
    """Six convolutions with BatchNorm, of which three halve the image; the default.

    The first looks at 5 x 5 pixels with stride 2: at 64 x 64 that is twice as fast as two of 3 x 3 at
    full size, and no less accurate on handwriting. The last features are averaged over four quarters,
    so that the head still knows where ink is: っ and つ differ in nothing but size and place.

    Args:
        n_classes: Of the table.
        height, width: Of the images, 16 or more.
    """

    def __init__(self, n_classes: int, height: int, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(1, 32, 5, 2),
            _block(32, 64, 3, 1),
            _block(64, 64, 3, 2),
            _block(64, 128, 3, 1),
            _block(128, 128, 3, 2),
            _block(128, 192, 3, 1),
        )
        sides = [-(-side // 8) for side in (height, width)]
        # What nn.AdaptiveAvgPool2d(2) does, by an operator that ONNX has for every size.
        self.pool = nn.AvgPool2d(
            kernel_size=(-(-sides[0] // 2), -(-sides[1] // 2)),
            stride=(max(sides[0] // 2, 1), max(sides[1] // 2, 1)),
        )
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(192 * 4, n_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits: (n, 1, H, W) -> (n, classes)."""
        logits: torch.Tensor = self.head(self.drop(self.pool(self.features(images)).flatten(1)))
        return logits


def _block(n_in: int, n_out: int, kernel: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(n_out),
        nn.ReLU(inplace=True),
    )


class Kana2020(nn.Module):
    """The network of a Japanese tutorial on kana of 2020, which reached 71.4 %.

    Two small convolutions and two wide linear layers. The softmax that stood before a loss which
    takes logits is left out: it flattened the gradients.

    Args:
        n_classes: Of the table.
        height, width: Of the images, 16 or more.
    """

    def __init__(self, n_classes: int, height: int, width: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.BatchNorm2d(4), nn.MaxPool2d(2), nn.Dropout2d(0.3)),
            *(
                nn.Conv2d(4, 16, 5),
                nn.ReLU(),
                nn.BatchNorm2d(16),
                nn.MaxPool2d(2),
                nn.Dropout2d(0.3),
            ),
        )
        rows, columns = (((side - 4) // 2 - 4) // 2 for side in (height, width))
        self.head = nn.Sequential(
            *(
                nn.Linear(16 * rows * columns, 1024),
                nn.ReLU(),
                nn.BatchNorm1d(1024),
                nn.Dropout(0.3),
            ),
            *(nn.Linear(1024, 256), nn.ReLU(), nn.BatchNorm1d(256), nn.Dropout(0.3)),
            nn.Linear(256, n_classes),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits: (n, 1, H, W) -> (n, classes)."""
        logits: torch.Tensor = self.head(self.features(images).flatten(1))
        return logits


def make_model(
    name: str,
    n_classes: int,
    height: int,
    width: int,
    *,
    given: NetworkInput = AS_IT_IS,
    pretrained: Path | None = None,
) -> nn.Module:
    """Return a network.

    Args:
        name: A key of ``choices.MODELS``, or ``timm:`` and a model of timm.
        n_classes: 2 or more.
        height, width: Of the images.
        given: What it is given of each image.
        pretrained: The file of timm's weights; untrained without it.

    Raises:
        ChoiceError: The name is unknown.
        TrainingError: timm cannot be imported, or the images are too small.
    """
    check_model(name)
    sides = given.find_size(height, width)
    if name.startswith(TIMM):
        model = make_timm_model(name.removeprefix(TIMM), n_classes, *sides, given, pretrained)
    elif min(sides) < _LEAST_SIDE:
        raise TrainingError(
            f"--model: '{name}' reads images of {_LEAST_SIDE} x {_LEAST_SIDE} or more, found"
            f" {sides[0]} x {sides[1]}"
        )
    else:
        model = MODELS[name].load()(n_classes, *sides)
    return model if given == AS_IT_IS else PreparedNetwork(model, given, height, width)
