"""Cells are compared with what other typefaces draw, never with themselves."""

import numpy as np

from glyphgen.gate.consensus import compare_cells
from glyphgen.gate.thumbnails import SIDE, Pictures, describe_pictures, normalize

N_FACES, N_FORMS = 6, 3


def test_a_cell_is_compared_with_the_mean_of_the_other_typefaces() -> None:
    rng = np.random.default_rng(7)
    ink = rng.integers(0, 256, (N_FACES * N_FORMS, SIDE, SIDE), dtype=np.uint8)
    sizes = np.ones(len(ink))
    pictures = Pictures(ink=ink, area=sizes, longer=sizes)
    notdef = Pictures(ink=ink[:N_FACES], area=sizes[:N_FACES], longer=sizes[:N_FACES])
    typefaces = np.array([0, 0, 2, 3, 4, 5])
    drawn = np.ones((N_FACES, N_FORMS), dtype=bool)
    drawn[2:4, 1] = False  # three typefaces are left of form 1, and two others for each of them
    found = compare_cells(pictures, notdef, drawn, typefaces)
    features = describe_pictures(ink.reshape(N_FACES, N_FORMS, SIDE, SIDE)) * drawn[:, :, None]
    means = [normalize(features[typefaces == t].sum(axis=0)) for t in (0, 2, 3, 4, 5)]
    for face, typeface in ((0, 0), (1, 0), (4, 3), (5, 4)):
        others = normalize(np.sum(np.delete(means, typeface, axis=0), axis=0))
        likeness = features[face] @ others.T
        for form, wrong in ((0, 2), (2, 0)):
            own, other = likeness[form, form], likeness[form, wrong]
            assert np.isclose(found.own[face, form], own, atol=1e-5)
            assert np.isclose(found.other[face, form], other, atol=1e-5)
            assert found.nearest[face, form] == wrong
            assert found.rank[face, form] == int(other > own)
    assert np.isnan(found.own[:, 1]).all()
