"""torchvision without its compiled part, which fits only the PyTorch that it was built for.

Its wheel on PyPI is built for CUDA. Beside a PyTorch for processors its library cannot be loaded, and its
import fails for want of two operators. They are defined here, and never called: what the tests use is in
Python.
"""

import importlib
import re
import sys
from types import ModuleType
from typing import Any

__all__ = ["load_torchvision"]

_kept: list[Any] = []


def load_torchvision(module: str) -> ModuleType:
    """Import a module of torchvision."""
    import torch

    while True:
        try:
            return importlib.import_module(module)
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            if not _kept:
                library: Any = torch.library.Library
                _kept.append(library("torchvision", "DEF"))
            _kept[0].define(f"{missing[1]}() -> ()")
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
