"""Where and in what precision a network runs: a GPU if there is one, all cores otherwise."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from glyphgen.errors import TrainingError
from glyphgen.text import show_count

__all__ = ["choose_device", "describe_device", "explain_memory_errors", "mixed_precision"]


def choose_device() -> torch.device:
    """Return the first GPU, or the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe_device(device: torch.device) -> str:
    """Return the device and the precision of its products, for the log."""
    if device.type == "cuda":
        return f"{torch.cuda.get_device_name(device)}, bfloat16"
    precision = "bfloat16" if _has_fast_bfloat16() else "float32"
    return f"{show_count(torch.get_num_threads(), 'core')}, {precision}"


@contextmanager
def mixed_precision(device: torch.device) -> Iterator[None]:
    """Multiply in bfloat16 where the device has instructions for it.

    A step takes half the time on a processor with AMX, and three fifths with AVX512-BF16; without,
    bfloat16 is slower.
    """
    enabled = device.type == "cuda" or _has_fast_bfloat16()
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=enabled):
        yield


def _has_fast_bfloat16() -> bool:
    # Named with an underscore in torch, and absent from some builds.
    names = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, name, bool)() for name in names)


@contextmanager
def explain_memory_errors(batch_size: int) -> Iterator[None]:
    """Say in one line what to do when the GPU runs out of memory.

    Raises:
        TrainingError: It did.
    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"--batch-size: {batch_size} images at once do not fit the GPU's memory"
            f" (try --batch-size {max(batch_size // 2, 1)})"
        ) from error
