"""A dataset -> a trained reference network, and what it predicts.

Its modules are imported when a command needs them: PyTorch comes with the extra ``train``.
"""

from importlib.util import find_spec

from glyphgen.errors import TrainingError

__all__ = ["check_training_extra"]

_NEEDED = ("torch", "safetensors", "matplotlib", "onnx")


def check_training_extra() -> None:
    """Check that what training needs is installed.

    Raises:
        TrainingError: It is not; the line names the extra.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise TrainingError(
            f"training: {', '.join(missing)} not installed, expected the extra 'train'"
            " (pip install 'glyphgen[train]')"
        )
