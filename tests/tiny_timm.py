"""A timm of two small models: what glyphgen asks of timm, for machines that lack it."""

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

MEAN, STD = (0.5, 0.25, 0.125), (0.5, 0.25, 0.2)


class TinyNet(nn.Module):
    """Two convolutions and a classifier, as a ResNet of timm is put together."""

    def __init__(self, n_channels: int, n_classes: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(n_channels, width, 3, 2, 1)
        self.blocks = nn.Sequential(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width), nn.ReLU()),
            nn.Sequential(nn.Conv2d(width, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, n_classes)

    def get_classifier(self) -> nn.Module:
        return self.fc

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.fc(self.pool(self.blocks(self.stem(images))).flatten(1))
        return logits


def create_model(
    name: str, *, num_classes: int = 1000, in_chans: int = 3, **more: Any
) -> nn.Module:
    if "img_size" in more:
        raise TypeError("got an unexpected keyword argument 'img_size'")
    if name not in ("tiny", "wide"):
        raise RuntimeError(f"Unknown model ({name})")
    return TinyNet(in_chans, num_classes, 8 if name == "tiny" else 12)


def get_pretrained_cfg(name: str) -> Any:
    repo = "timm/tiny" if name == "tiny" else None
    return SimpleNamespace(mean=MEAN, std=STD, hf_hub_id=repo)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``import timm`` give these models."""
    timm = ModuleType("timm")
    vars(timm).update(create_model=create_model)
    vars(timm).update(models=SimpleNamespace(get_pretrained_cfg=get_pretrained_cfg))
    monkeypatch.setitem(sys.modules, "timm", timm)
