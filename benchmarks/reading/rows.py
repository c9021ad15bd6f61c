"""Trains, evaluates and keeps metrics, as a user would: by the commands of glyphgen."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.reading.validation import choose_framing
from glyphgen.recipe import dump_recipe, list_shipped, read_recipe
from glyphgen.version import VERSION

__all__ = ["UNSEEN", "Row", "list_recipes", "measure_row"]

UNSEEN = "unseen faces, changed by other means"
_KEPT = (
    *("n", "n_unknown", "top1", "top1_interval", "top1_twins_folded", "top1_twins_folded_interval"),
    *("top5", "macro_f1", "split", "framing", "views", "confused", "adapted"),
)
_SUFFIXES = ("-handwriting", "-print")

Run = Callable[[Sequence[str]], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the table.

    Attributes:
        recipe: That the network learns from.
        images: What it reads: ``UNSEEN``, or the name of scans.
        path: Of the scans; "" for the unseen faces, which are made.
        seeds: One network each.
        budget: Images that each training sees.
        views: Of each image, when it is read.
    """

    recipe: str
    images: str
    path: str = ""
    seeds: int = 3
    budget: int = 400_000
    views: int = 16

    @property
    def name(self) -> str:
        """What the files of its metrics begin with."""
        return f"{self.recipe}--{'unseen' if self.images == UNSEEN else self.images}"

    def find_fingerprint(self, seed: int) -> str:
        """Return a hash of all that a number of it rests on."""
        settings = asdict(self) | {"seeds": seed, "glyphgen": VERSION, "made": _hash_means()}
        if self.path:
            settings |= {"path": "", "made": _hash_path(Path(self.path))}
        text = json.dumps(settings, sort_keys=True) + dump_recipe(read_recipe(self.recipe))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def list_recipes() -> list[str]:
    """Return the shipped recipes that are meant for hands and old print."""
    return [name for name in list_shipped() if name.endswith(_SUFFIXES)]


def run_command(command: Sequence[str]) -> str:
    """Run a Python module, show what it says, and return what it prints.

    Raises:
        subprocess.CalledProcessError: It failed.
    """
    whole = [sys.executable, "-m", *command]
    return subprocess.run(whole, check=True, stdout=subprocess.PIPE, text=True).stdout


def measure_row(
    row: Row, work: Path, results: Path, *, run: Run = run_command
) -> list[dict[str, Any]]:
    """Return the metrics of each seed; those that are kept from an equal run are not measured again.

    Args:
        row: What is measured.
        work: Folder of networks and of unseen faces, which are used again.
        results: Folder of metrics.
        run: Runs a command.
    """
    measured = []
    for seed in range(row.seeds):
        kept, fingerprint = results / f"{row.name}-{seed}.json", row.find_fingerprint(seed)
        page = json.loads(kept.read_text()) if kept.exists() else {}
        if page.get("fingerprint") != fingerprint:
            page = {
                "fingerprint": fingerprint,
                "settings": asdict(row) | {"path": "", "seeds": seed},
            }
            page["metrics"] = _measure(row, seed, work, run)
            results.mkdir(parents=True, exist_ok=True)
            kept.write_text(f"{json.dumps(page, ensure_ascii=False, indent=2)}\n")
        measured.append(page["metrics"])
    return measured


def _measure(row: Row, seed: int, work: Path, run: Run) -> dict[str, Any]:
    key = hashlib.sha256(dump_recipe(read_recipe(row.recipe)).encode()).hexdigest()[:8]
    network = work / f"{row.recipe}-{key}-{row.budget}-{seed}"
    if not (network / "model.safetensors").exists():
        command = ["glyphgen", "train-baseline", "--stream", row.recipe, "--out", str(network)]
        command += ["--images", str(row.budget), "--seed", str(seed), "--quiet", "--force"]
        run(command)
    images = row.path
    if not images:
        images = str(work / f"{row.recipe}-{key}-{_hash_means()}.npz")
        if not Path(images).exists():
            command = ["benchmarks.reading", "validation", row.recipe, "--split", "test"]
            run([*command, "--out", images])
    framing = choose_framing(read_recipe(row.recipe))
    command = ["glyphgen", "evaluate", str(network), images, "--framing", framing]
    metrics = json.loads(run([*command, "--views", str(row.views), "--json"]))
    return {name: metrics[name] for name in _KEPT if name in metrics}


def _hash_means() -> str:
    """Return a hash of the code that makes the unseen faces."""
    names = ("other_means.py", "validation.py")
    content = b"".join(Path(__file__).with_name(name).read_bytes() for name in names)
    return hashlib.sha256(content).hexdigest()[:8]


def _hash_path(path: Path) -> str:
    """Return a hash of a file, or of the index of a dataset."""
    file = path / "index.json" if path.is_dir() else path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]
