"""Changes of a dataset that nobody sees who believes its checksums."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from glyphgen.dataset.index import read_index
from glyphgen.dataset.shards import open_shards
from glyphgen.files.pages import dump_sealed

__all__ = ["forge_index", "forge_page", "seal_arrays"]


def forge_index(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change index.json, and give it the checksum of what it then says."""
    path = folder / "index.json"
    page = json.loads(path.read_bytes())
    del page["checksum"]
    change(page)
    path.write_bytes(dump_sealed(page, sort_keys=True))


def forge_page(folder: Path, name: str, content: bytes) -> None:
    """Replace a file beside the arrays, and its hash in index.json."""
    (folder / name).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    forge_index(folder, lambda page: page["files"].update({name: digest}))


def seal_arrays(folder: Path) -> None:
    """Bring the hashes of index.json in line with arrays that were changed."""
    shards = open_shards(folder, read_index(folder))

    def change(page: dict[str, Any]) -> None:
        for k, shard in enumerate(page["shards"]):
            shard["blake3"] = shards.describe_shard(k, shards.read(k)).blake3

    forge_index(folder, change)
