"""Groups that meet are one group."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glyphgen.partition import join_groups


def test_groups_that_meet_are_one() -> None:
    assert join_groups(6, [(3, 1), (4, 5), (5, 1)]).tolist() == [0, 1, 2, 1, 1, 1]


def test_nothing_is_joined_without_groups() -> None:
    assert join_groups(3, [(), (2,)]).tolist() == [0, 1, 2]


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.lists(st.integers(0, n - 1), max_size=4), max_size=8)
        )
    )
)
def test_it_is_the_smallest_equivalence(case: tuple[int, list[list[int]]]) -> None:
    n, groups = case
    reach = np.eye(n, dtype=bool)
    for group in groups:
        reach[np.ix_(group, group)] = True
    for _ in range(n):
        reach = (reach.astype(int) @ reach.astype(int)) > 0
    assert join_groups(n, groups).tolist() == reach.argmax(axis=1).tolist()
