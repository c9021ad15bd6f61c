"""How many processors this process may use."""

import os

__all__ = ["count_cpus"]


def count_cpus() -> int:
    """Return how many processors this process may use: all of the machine, or those that it is given."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
