"""How learning rate and momentum go over a training."""

import math

__all__ = ["one_cycle", "warm_up"]

_WARMUP = 0.15  # of the training
_WARMUP_START = 1 / 25  # of the learning rate
_RISE = 0.3  # of a cycle
_CYCLE_START, _CYCLE_END = 1 / 25, 1e-5  # of the learning rate
_MOMENTA = (0.95, 0.85)  # at a cycle's ends, and at its top


def warm_up(progress: float) -> float:
    """Return the learning rate as a share of its highest: half a cosine wave up, then constant."""
    return _wave(_WARMUP_START, 1.0, min(progress / _WARMUP, 1.0))


def one_cycle(progress: float) -> tuple[float, float]:
    """Return the learning rate as a share of its highest, and the momentum: up, and down to nothing.

    Source: Smith, "A disciplined approach to neural network hyper-parameters, part 1" (2018), section 4,
        with half cosine waves as fastai has them.
    """
    slow, fast = _MOMENTA
    if progress < _RISE:
        share = progress / _RISE
        return _wave(_CYCLE_START, 1.0, share), _wave(slow, fast, share)
    share = min((progress - _RISE) / (1 - _RISE), 1.0)
    return _wave(1.0, _CYCLE_END, share), _wave(fast, slow, share)


def _wave(start: float, end: float, share: float) -> float:
    """Return what lies between two numbers on half a cosine wave."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
