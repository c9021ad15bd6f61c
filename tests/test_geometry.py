import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glyphgen.geometry import cos_sin_deg, find_reach, make_linear_map
from glyphgen.kernel.library import Kernel

angles = st.floats(-720, 720, allow_subnormal=False)


@given(angles)
def test_cosine_and_sine_are_right_to_the_last_digits(angle: float) -> None:
    cos, sin = cos_sin_deg(np.array([angle]))
    assert abs(cos[0] - np.cos(np.radians(angle))) < 3e-15
    assert abs(sin[0] - np.sin(np.radians(angle))) < 3e-15


def test_quarter_turns_are_exact() -> None:
    cos, sin = cos_sin_deg(np.array([0.0, 90.0, 180.0, 270.0, -90.0]))
    assert cos.tolist() == [1, 0, -1, 0, 0]
    assert sin.tolist() == [0, 1, 0, -1, -1]


def test_the_bits_are_those_of_every_machine() -> None:
    cos, sin = cos_sin_deg(np.arange(-3600, 3601) / 10)
    assert (
        hashlib.sha256(cos.tobytes() + sin.tobytes()).hexdigest()
        == "445dd7dce31ba3f4317517b3dc7a393814bbddad261b68495bd25c4f6f0fc0d0"
    )


def test_a_map_stretches_then_shears_then_rotates() -> None:
    linear = make_linear_map(np.array([90.0]), np.array([45.0]), np.array([2.0]))[0]
    # (1, 1) is stretched to (2, 1), leans to (3, 1), and turns counter-clockwise to (-1, 3).
    assert np.allclose(linear @ [1, 1], [-1, 3])


def test_reach_is_the_box_of_the_turned_hull_and_its_pad() -> None:
    hull = np.array([[-1.0, 1.0, 1.0, -1.0]]).T, np.array([[-2.0, -2.0, 2.0, 2.0]]).T
    quarter = make_linear_map(np.array([90.0]), np.array([0.0]), np.array([1.0]))
    assert np.allclose(
        find_reach(*hull, np.array([0]), quarter, np.array([0.5])), [[-2.5, -1.5, 2.5, 1.5]]
    )


def test_the_kernel_has_the_bits_of_numpy() -> None:
    rng = np.random.default_rng(3)
    rotation = np.concatenate([rng.uniform(-720, 720, 5000), np.arange(-720, 721, 45)])
    shear, stretch = rng.uniform(-80, 80, len(rotation)), rng.uniform(0.1, 10, len(rotation))
    linear = make_linear_map(rotation, shear, stretch)
    plain = make_linear_map(rotation, shear, stretch, kernel=Kernel())
    assert np.array_equal(linear.view(np.int64), plain.view(np.int64))
    hull_x, hull_y = rng.normal(size=(2, 16, 30))
    cells, pad = rng.integers(0, 30, len(linear)), rng.uniform(0, 0.1, len(linear))
    given = (hull_x, hull_y, cells, linear, pad)
    assert np.array_equal(find_reach(*given), find_reach(*given, kernel=Kernel()))
