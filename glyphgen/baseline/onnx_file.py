"""A trained network -> ONNX, whose logits are compared with those of PyTorch."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from glyphgen.baseline.checkpoint import ModelInfo
from glyphgen.errors import TrainingError
from glyphgen.files.writing import committed

__all__ = ["export_onnx"]

_TOLERANCE = 1e-3
_OPSET = 17


def export_onnx(path: Path, network: nn.Module, info: ModelInfo) -> None:
    """Write model.onnx: float images (n, 1, H, W), ink 1 on 0, to logits (n, classes).

    Args:
        path: The file.
        network: On the processor.
        info: Of the network.

    Raises:
        TrainingError: The file's logits differ from those of the network.
    """
    network.eval()
    shape = (2, 1, info.height, info.width)
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    with committed(path) as temporary:
        _write(temporary, network, images)
        with torch.inference_mode():
            expected = network(images).numpy()
        found = _run(temporary, images.numpy())
        difference = float(np.abs(found - expected).max())
        if not difference < _TOLERANCE * max(1.0, float(np.abs(expected).max())):
            raise TrainingError(
                f"{path}: differs from the network by {difference:g} (report this with the model's name)"
            )


def _write(path: Path, network: nn.Module, images: torch.Tensor) -> None:
    import warnings

    with warnings.catch_warnings():
        # The newer exporter takes fifteen times as long and needs onnxscript.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (images,),
            str(path),
            input_names=["images"],
            output_names=["logits"],
            dynamic_axes={"images": {0: "n"}, "logits": {0: "n"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _run(
    path: Path, images: "np.ndarray[tuple[int, ...], np.dtype[np.float32]]"
) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    from onnx.reference import ReferenceEvaluator

    [logits] = ReferenceEvaluator(str(path)).run(None, {"images": images})
    return np.asarray(logits, dtype=np.float32)
