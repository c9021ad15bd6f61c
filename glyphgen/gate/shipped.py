"""The exemplars that come with the package, and the file that they lie in.

They are made of the bundled fonts by ``make_exemplars``. Forms that none are shipped of are compared with
the recipe's own faces.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glyphgen.gate.exemplars import VECTOR_STEP, Exemplars, Metric

__all__ = ["Shipped", "dump_exemplars", "load_shipped"]

_PATH = Path(__file__).with_name("exemplars.npz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipped:
    """What comes with the package.

    Attributes:
        scripts: The exemplars of the bundled fonts, by script.
        metric: Learnt from them.
        families: The number of the typeface of each bundled family.
        sha256: Of all of it; other exemplars may give other verdicts.
    """

    scripts: Mapping[str, Exemplars]
    metric: Metric
    families: Mapping[str, int]
    sha256: str = ""


def dump_exemplars(path: Path, shipped: Shipped) -> None:
    """Write exemplars and their metric into one file, vectors as bytes."""
    metric = shipped.metric
    arrays: dict[str, Any] = {
        "mean": metric.mean.astype(np.float16),
        "shape_axes": metric.shape_axes.astype(np.float16),
        "place_axes": metric.place_axes,
        "families": np.array(list(shipped.families)),
        "typefaces": np.array(list(shipped.families.values()), dtype=np.uint16),
    }
    for name, exemplars in shipped.scripts.items():
        rows, columns = np.nonzero(exemplars.tolerance)
        page = {
            "forms": np.array(exemplars.forms),
            "vectors": np.rint(exemplars.vectors / VECTOR_STEP).astype(np.int8),
            "form": exemplars.form.astype(np.uint16),
            "typeface": exemplars.typeface.astype(np.uint16),
            "place": exemplars.place,
            "level": exemplars.level,
            "spread": exemplars.spread,
            "farthest": exemplars.farthest,
            "pairs": np.stack([rows, columns]).astype(np.uint16),
            "tolerance": exemplars.tolerance[rows, columns].astype(np.float16),
            "turn_tolerance": exemplars.turn_tolerance.astype(np.float16),
            "most_unusual": np.float32(exemplars.most_unusual),
        }
        arrays |= {f"{name}/{key}": array for key, array in page.items()}
    np.savez_compressed(path, **arrays)


@cache
def load_shipped() -> Shipped:
    """Return the exemplars of the bundled fonts, and the metric that was learnt from them."""
    data = _PATH.read_bytes()
    with np.load(io.BytesIO(data)) as file:
        names = [key.partition("/")[0] for key in file.files if key.endswith("/forms")]
        return Shipped(
            scripts={name: _load_script(file, name) for name in names},
            metric=Metric(
                mean=file["mean"].astype(np.float32),
                shape_axes=file["shape_axes"].astype(np.float32),
                place_axes=file["place_axes"],
            ),
            families=dict(zip(file["families"].tolist(), file["typefaces"].tolist(), strict=True)),
            sha256=hashlib.sha256(data).hexdigest(),
        )


def _load_script(file: Mapping[str, NDArray[Any]], name: str) -> Exemplars:
    page = {key: file[f"{name}/{key}"] for key in ("forms", "pairs", "tolerance", "vectors")}
    tolerance = np.zeros((len(page["forms"]),) * 2, dtype=np.float32)
    tolerance[tuple(page["pairs"])] = page["tolerance"]
    return Exemplars(
        forms=tuple(page["forms"].tolist()),
        vectors=page["vectors"].astype(np.float32) * np.float32(VECTOR_STEP),
        form=file[f"{name}/form"].astype(np.int64),
        typeface=file[f"{name}/typeface"].astype(np.int64),
        place=file[f"{name}/place"],
        level=file[f"{name}/level"],
        spread=file[f"{name}/spread"],
        farthest=file[f"{name}/farthest"],
        tolerance=tolerance,
        turn_tolerance=file[f"{name}/turn_tolerance"].astype(np.float32),
        most_unusual=float(file[f"{name}/most_unusual"]),
    )
