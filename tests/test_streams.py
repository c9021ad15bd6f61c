import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glyphgen.kernel.library import Kernel
from glyphgen.streams import Stage, Stream, mix_words, order_by_words, split_words

indices = st.integers(0, 2**31)


@given(seed=st.integers(0, 2**63 - 1), class_index=indices, first=indices, n=st.integers(1, 20))
def test_an_interval_is_the_slice_of_a_longer_one(
    seed: int, class_index: int, first: int, n: int
) -> None:
    stream = Stream(seed, Stage.PLACEMENT, 8)
    longer = stream.words(class_index, first, n + 7)
    assert np.array_equal(stream.words(class_index, first + 3, n), longer[3 : n + 3])


def test_words_are_those_of_numpys_philox_at_the_counter() -> None:
    words = Stream(7, Stage.WOBBLE, 20).words(class_index=5, first=3, n=2)
    generator = np.random.Philox(key=[7, (2 << 32) | 5], counter=3 * 5)
    assert np.array_equal(words.ravel(), generator.random_raw(40))


def test_every_address_has_words_of_its_own() -> None:
    blocks = [
        Stream(seed, stage, 4).words(class_index, first, 1).tobytes()
        for seed in (0, 1)
        for stage in Stage
        for class_index in (0, 1)
        for first in (0, 1)
    ]
    assert len(set(blocks)) == len(blocks)


def test_words_are_cut_lowest_bits_first() -> None:
    words = np.array([[0x0004_0003_0002_0001]], dtype=np.uint64)
    assert split_words(words, 16).tolist() == [[1, 2, 3, 4]]
    assert split_words(words, 32).tolist() == [[0x0002_0001, 0x0004_0003]]


def test_an_order_holds_every_number_once_and_never_changes() -> None:
    order = order_by_words(3, Stage.GRID_ORDER, 10)
    assert sorted(order) == list(range(10))
    assert order.tolist() == [5, 2, 4, 8, 6, 3, 9, 0, 1, 7]


def test_samples_in_any_order_have_the_words_of_their_class_and_number() -> None:
    class_index, sample = np.array([4, 0, 4, 4, 0]), np.array([7, 2, 6, 0, 2])
    stream = Stream(9, Stage.AUGMENT, 8)
    words = stream.draw(class_index, sample)
    assert np.array_equal(stream.draw(class_index, sample, 3), words[:, :3])
    for k in range(5):
        alone = stream.words(int(class_index[k]), int(sample[k]), 1)[0]
        assert np.array_equal(words[k], alone)


def test_words_made_of_one_are_those_of_splitmix64() -> None:
    mixed = mix_words(np.array([0, 1234567], dtype=np.uint64), use=0, n=3)
    assert mixed[0, :2].tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]
    assert mixed[1].tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert not np.isin(mix_words(np.array([0], dtype=np.uint64), use=1, n=100), mixed).any()


@given(
    seed=st.integers(0, 2**63 - 1),
    addresses=st.lists(st.tuples(st.integers(0, 2**31), st.integers(0, 2**40)), max_size=20),
    n_words=st.integers(0, 20),
)
def test_the_kernel_draws_the_words_of_numpy(
    seed: int, addresses: list[tuple[int, int]], n_words: int
) -> None:
    class_index, sample = np.array(addresses, dtype=np.int64).reshape(-1, 2).T
    drawn = Stream(seed, Stage.WOBBLE, 20).draw(class_index, sample, n_words)
    plain = Stream(seed, Stage.WOBBLE, 20, kernel=Kernel()).draw(class_index, sample, n_words)
    assert drawn.shape == (len(addresses), n_words)
    assert np.array_equal(drawn, plain)
