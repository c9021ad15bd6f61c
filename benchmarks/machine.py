"""What a run was measured on, and the file that keeps it; measures nothing."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

__all__ = ["describe_machine", "save_run"]

_RESULTS = Path(__file__).parent / "results"
_LIBRARIES = ("glyphgen", "numpy", "freetype-py", "uharfbuzz", "pillow", "wand", "h5py")


def describe_machine() -> dict[str, Any]:
    """Return the machine's processor, system and libraries."""
    return {
        "cpu": _find_cpu(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
    }


def _find_cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def save_run(name: str, run: Mapping[str, Any]) -> Path:
    """Add a run to the list in ``results/<name>.json``."""
    path = _RESULTS / f"{name}.json"
    runs = json.loads(path.read_text()) if path.exists() else []
    runs.append({"date": datetime.now(UTC).isoformat(timespec="minutes"), **run})
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{json.dumps(runs, ensure_ascii=False, indent=2)}\n")
    return path
