"""A dataset -> a trained reference network, and what it predicts.

Its modules are imported when a command needs them: PyTorch comes with the extra ``train``.
"""

from importlib.util import find_spec

from glyphgen.errors import TrainingError

__all__ = ["UNFINISHED_NAME", "check_training_extra"]

UNFINISHED_NAME = "unfinished.safetensors"
"""File, within a run's folder, of a training that is not finished: its last checkpoint."""

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
            " (pip install 'glyphgen[train]'; without a GPU first"
            " pip install torch --index-url https://download.pytorch.org/whl/cpu)"
        )
