"""Activation maps lie where the network has seen what it predicted."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from glyphgen.baseline.activation import map_activation
from glyphgen.baseline.models import make_model
from glyphgen.baseline.network_input import NetworkInput, PreparedNetwork

PREDICTED = np.array([0])


def make_ink_counter() -> nn.Module:
    """Its one feature is the ink; the logit of class 0 is its mean, of class 1 the mean of paper."""
    feature, head = nn.Conv2d(1, 1, 1, bias=False), nn.Linear(8, 2)
    nn.init.ones_(feature.weight)
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[1.0], [-1.0]]).expand(2, 8))
    return nn.Sequential(feature, nn.AvgPool2d(4), nn.Flatten(1), head)


def blob() -> np.ndarray[Any, np.dtype[np.uint8]]:
    images = np.zeros((1, 8, 16), np.uint8)
    images[0, 1:4, 10:15] = 255
    return images


def test_a_map_shows_the_ink_that_speaks_for_the_class() -> None:
    found = map_activation(make_ink_counter(), blob(), PREDICTED)
    assert found is not None
    np.testing.assert_allclose(found[0], blob()[0] / 255)
    against = map_activation(make_ink_counter(), blob(), np.array([1]))
    assert against is not None
    assert against.max() == 0, "ink speaks against class 1"


def test_a_map_of_a_scaled_image_lies_where_its_ink_lies() -> None:
    class Sum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.keep = nn.Conv2d(1, 1, 1, bias=False)
            nn.init.ones_(self.keep.weight)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            kept: torch.Tensor = self.keep(images)
            return kept.mean(dim=(2, 3)).expand(-1, 2)

    network = PreparedNetwork(Sum(), NetworkInput(image_size=32), 8, 16)
    found = map_activation(network, blob(), PREDICTED)
    assert found is not None
    inked = blob()[0] > 0
    assert found[0][inked].min() > 0.5
    assert found[0][~inked].mean() < 0.1


def test_patches_of_a_transformer_have_places_and_its_class_token_has_none() -> None:
    class Tokens(nn.Module):
        """2 x 4 patches of 4 x 4 pixels: the ink of each, behind a token of no place."""

        num_prefix_tokens = 1

        def __init__(self) -> None:
            super().__init__()
            self.patch_embed = nn.Identity()
            vars(self.patch_embed).update(grid_size=(2, 4))
            self.norm = nn.Identity()
            self.last = nn.Identity()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            ink = nn.functional.avg_pool2d(images, 4).flatten(2).transpose(1, 2)
            tokens = self.norm(torch.cat([ink[:, :1] * 0, ink], dim=1))
            mixed = tokens.sum(dim=1, keepdim=True).expand_as(tokens)
            logits: torch.Tensor = self.last(mixed)[:, 0].expand(-1, 2)
            return logits

    images = np.zeros((1, 8, 16), np.uint8)
    images[0, 4:, 12:] = 255  # the last patch
    found = map_activation(Tokens(), images, PREDICTED)
    assert found is not None
    assert found[0, -1, -1] == pytest.approx(1)
    assert found[0, :2].max() == 0
    assert found[0, :, :10].max() == 0


@pytest.mark.parametrize("name", ["cnn", "kana2020"])
def test_own_networks_have_maps(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 255, (3, 32, 64), np.uint8)
    found = map_activation(make_model(name, 4, 32, 64), images, np.array([0, 1, 2]))
    assert found is not None
    assert found.shape == (3, 32, 64)
    assert 0 <= found.min() <= found.max() <= 1


def test_a_network_without_places_has_no_map() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(128, 2))
    assert map_activation(network, blob(), PREDICTED) is None
