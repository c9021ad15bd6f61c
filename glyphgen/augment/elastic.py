"""A smooth bend of the image, from a coarse grid of random nodes."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from glyphgen.augment.step import Floats, Site, StoredValue, Words
from glyphgen.augment.warp import BASIS_BITS, NODE_BITS, Bend, WarpStep
from glyphgen.settings import Range, show_value
from glyphgen.streams import mix_words, split_words

__all__ = ["ElasticStep"]


class ElasticStep(WarpStep):
    """A smooth bend of the image. Next to affine steps it is done in one resampling with them."""

    step: Literal["elastic"] = "elastic"
    """Which step this is."""

    amplitude: Range[Annotated[float, Field(ge=0, le=0.2)]] = (0.02, 0.06)
    """The furthest that any pixel moves along either axis, as a fraction of the image height; most
    move about a quarter of it. At most half of scale, so that nothing folds."""

    scale: Annotated[float, Field(ge=0.1, le=1)] = 0.25
    """Distance between the nodes of the bend, as a fraction of the image height: smaller is
    rougher."""

    def _find_misfits(self) -> Iterator[tuple[str, str]]:
        most = self.scale / 2
        if max(self.amplitude) > most:
            yield (
                "amplitude",
                f"found {show_value(max(self.amplitude))}, expected at most {most:g}, which is half"
                " of scale: more folds the image over itself (give a larger scale)",
            )

    @property
    def moves_ink(self) -> bool:
        """It does."""
        return True

    @property
    def stored(self) -> tuple[StoredValue, ...]:
        """How far the nodes go."""
        return (StoredValue("elastic_px", 0.0, self.amplitude),)

    def make_bend(self, site: Site) -> Bend:
        """Return the bend on a grid of this scale."""
        return _GridBend(site, self.scale * site.frame[0])


class _GridBend:
    """The smooth basis of one elastic step, and its nodes; see ``Bend``."""

    def __init__(self, site: Site, spacing_px: float) -> None:
        height, width = site.frame
        self.rows = _make_basis(height, spacing_px)
        self.columns = np.kron(_make_basis(width, spacing_px).T, np.eye(2)).astype(np.float64)
        self._number = site.number

    def draw_nodes(self, values: Sequence[Floats], word: Words) -> Floats:
        (amplitude_px,) = values
        shape = (self.rows.shape[1], len(self.columns))
        n_numbers = shape[0] * shape[1]
        words = mix_words(word, self._number, -(-n_numbers // 4))
        # From -1 to 1, symmetric about 0: odd multiples of 2**-16.
        numbers = split_words(words, bits=16)[:, :n_numbers].astype(np.float64)
        way = (numbers * 2.0 - 65535.0) * (amplitude_px[:, None] / 65536.0)
        nodes: Floats = np.rint(way * 2**NODE_BITS) / 2**NODE_BITS
        return nodes.reshape(-1, *shape)


def _make_basis(n_px: int, spacing_px: float) -> Floats:
    """Return the uniform cubic B-splines at every pixel: (n_px, nodes), each row sums to 1.

    Source:
        Rueckert et al., "Nonrigid registration using free-form deformations", IEEE TMI 18 (1999), eq. 2.
    """
    place = (np.arange(n_px) + 0.5) / spacing_px
    cell = np.floor(place).astype(np.int64)
    t = place - cell
    parts = [(1 - t) ** 3 / 6, (3 * t**3 - 6 * t**2 + 4) / 6, t**3 / 6]
    first, second, last = (np.rint(part * 2**BASIS_BITS) / 2**BASIS_BITS for part in parts)
    basis = np.zeros((n_px, int(cell[-1]) + 4))
    for k, part in enumerate((first, second, 1 - first - second - last, last)):
        basis[np.arange(n_px), cell + k] = part
    return basis
