"""The compiled rasterizer: the bytes of FreeType, on every machine, in any thread, or not used at all."""

import itertools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import BOX, FONTS, MakeFont
from hypothesis import given
from hypothesis import strategies as st
from prepared_renders import lay_out, read_outlines
from random_outlines import (
    compare,
    draw_outlines_of,
    draw_store,
    make_movable,
    make_store,
)

from glyphgen.engines.vector import VectorEngine
from glyphgen.errors import EngineError
from glyphgen.fonts import read_face
from glyphgen.geometry import make_linear_map
from glyphgen.kernel import library
from glyphgen.kernel.compiling import (
    KERNEL_LIBRARY,
    CompilingError,
    compile_kernel,
    find_compiler,
)
from glyphgen.kernel.library import Kernel, find_kernel, open_kernel
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.moving import Moves
from glyphgen.outlines.raster import Rasterizer
from glyphgen.outlines.scattering import scatter_pieces
from glyphgen.recipe import read_recipe
from glyphgen.render import preparing
from glyphgen.render.preparing import survey_faces
from glyphgen.version import VERSION

FREETYPE = Kernel()
AGAIN = "(install glyphgen again, with a C compiler, to draw faster)"
SQUARE = [(0, 0, 1), (0, 640, 1), (640, 640, 1), (640, 0, 1)]


def has_compiler() -> bool:
    try:
        return bool(find_compiler())
    except CompilingError:
        return False


needs_compiler = pytest.mark.skipif(not has_compiler(), reason="no C compiler")


@pytest.fixture(scope="module")
def native() -> Kernel:
    found = open_kernel(KERNEL_LIBRARY)
    if not found.draw:
        pytest.skip(found.reason)
    return found


@needs_compiler
@pytest.mark.skipif("GLYPHGEN_KERNEL" in os.environ, reason="FreeType was asked for")
def test_the_kernel_draws_where_there_is_a_compiler() -> None:
    found = find_kernel()
    assert found.draw, f"{found.reason}: python -m glyphgen.kernel.compiling"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "text"), [("kana", "あぬヴ"), ("latin", "aQ8"), ("persian", "بک۵"), ("han", "永")]
)
def test_bundled_faces_are_drawn_as_freetype_draws_them(
    folder: str, text: str, native: Kernel
) -> None:
    faces = [read_face(path) for path in sorted((FONTS / folder).glob("*.[ot]tf"))]
    store = read_outlines(faces, list(text))
    cells = np.flatnonzero(store.n_points)
    rng = np.random.default_rng(0)
    for side in (8, 28, 61, 64, 100, 256, 512):
        for _ in range(3 if side <= 100 else 1):
            turn, shear, stretch = (
                rng.uniform(low, high, len(cells))
                for low, high in ((-40.0, 40.0), (-0.3, 0.3), (0.8, 1.2))
            )
            linear = make_linear_map(turn, shear, stretch) * (side * 64 * rng.uniform(0.3, 1.1))
            x, y = place(store, cells, linear, side)
            found, expected = np.full((2, len(cells), side, side), 99, dtype=np.uint8)
            Rasterizer(native).fill(store, cells, x, y, found, np.arange(len(cells)))
            Rasterizer(FREETYPE).fill(store, cells, x, y, expected, np.arange(len(cells)))
            assert np.array_equal(found, expected), f"{folder}, {side} pixels"


def place(
    store: OutlineStore, cells: np.ndarray, linear: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return points in 64ths, the ink's middle in the middle of the frame."""
    at = store.point_start[cells][:, None] + np.arange(store.n_points.max())
    box = store.box[cells]
    x = store.x[at] - (box[:, 0] + box[:, 2])[:, None] / 2
    y = store.y[at] - (box[:, 1] + box[:, 3])[:, None] / 2
    (xx, xy), (yx, yy) = linear.transpose(1, 2, 0)[..., None].astype(np.float32)
    return xx * x + xy * y + 32 * side, yx * x + yy * y + 32 * side


@pytest.mark.slow
def test_random_outlines_are_drawn_as_freetype_draws_them(native: Kernel) -> None:
    assert sum(compare(np.random.default_rng(0), native, seconds=5)) > 1000


coordinate = st.one_of(
    st.integers(-700, 1400),
    st.sampled_from([-64, -1, 0, 1, 63, 64, 65, 640, 639, 641, 704]),
    st.floats(-1e5, 1e5, width=32),
)
contour = st.tuples(
    st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=14),
    st.lists(st.sampled_from([(1,), (0,), (1, 2, 2)]), min_size=14, max_size=14),
)


@given(contours=st.lists(contour, min_size=1, max_size=4))
def test_any_outline_is_drawn_as_freetype_draws_it(
    contours: list[tuple[list[tuple[float, float]], list[tuple[int, ...]]]], native: Kernel
) -> None:
    outline = []
    for points, turns in contours:
        tags = list(itertools.chain.from_iterable(turns))[: len(points)]
        while tags[-1] == 2 and tags[-2:] != [2, 2]:  # a cubic curve has two control points
            tags.pop()
        outline.append([(x, y, tag) for (x, y), tag in zip(points, tags, strict=False)])
    store = make_store([outline])
    assert np.array_equal(draw_store(store, 10, 10, native), draw_store(store, 10, 10, FREETYPE))


@pytest.mark.parametrize(
    "tags",
    [
        [2, 2, 1, 1],
        [1, 2, 1, 1],
        [1, 0, 2, 2],
        [1, 1, 1, 2],
        [3, 1, 1, 1],
        [1, 3, 3, 1],
        [0, 3, 1, 1],
    ],
)
def test_what_may_be_no_outline_is_left_to_freetype(tags: list[int], native: Kernel) -> None:
    contour = [(x, y, tag) for (x, y, _), tag in zip(SQUARE, tags, strict=True)]
    store = make_store([[contour]])
    assert draw_or_refuse(store, native) == draw_or_refuse(store, FREETYPE)


def draw_or_refuse(store: OutlineStore, kernel: Kernel) -> bytes | str:
    try:
        return draw_store(store, 10, 10, kernel).tobytes()
    except EngineError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38, -1e9])
def test_numbers_that_are_no_coordinates_are_refused(value: float, native: Kernel) -> None:
    store = make_store([[[(value, 0, 1), *SQUARE[1:]]]])
    with pytest.raises(EngineError, match="refuses an outline"):
        draw_store(store, 10, 10, native)


@pytest.mark.parametrize("far", [2.0**19, 2.0**19 + 1, 2.0**21, 2.0**22, 2.0**23])
def test_points_beyond_the_kernels_limits_are_drawn_by_freetype(far: float, native: Kernel) -> None:
    outlines = [
        [[(0, 0, 1), (x, y, 1), (300, 0, 1)]] for x, y in [(far, 9), (-far, 9), (9, far), (9, -far)]
    ]
    store = make_store(outlines)
    assert np.array_equal(draw_store(store, 10, 10, native), draw_store(store, 10, 10, FREETYPE))


def test_a_frame_beyond_the_kernels_limits_is_drawn_by_freetype(native: Kernel) -> None:
    found = draw_store(make_store([[SQUARE]]), 1, 2**13 + 1, native)
    assert found[0, 0, :12].tolist() == [255] * 10 + [0] * 2
    assert not found[0, 0, 12:].any()


def test_an_outline_without_points_is_paper(native: Kernel) -> None:
    assert not draw_store(make_store([[], [SQUARE], []]), 10, 10, native)[[0, 2]].any()


def test_many_contours_over_each_other_are_ink_once(native: Kernel) -> None:
    for n in (1, 2, 3, 500):
        store = make_store([[SQUARE] * n, [SQUARE[::-1]] * n, [SQUARE, SQUARE[::-1]] * n])
        found = draw_store(store, 12, 12, native)
        assert np.array_equal(found, draw_store(store, 12, 12, FREETYPE))
        assert found[:2, 2:, :10].all()
        assert not found[2].any()


def test_an_image_leaves_nothing_to_the_next(native: Kernel) -> None:
    """Also where an outline turns out to be none when part of it is drawn."""
    outlines = draw_outlines_of(np.random.default_rng(1), 200, 30, 30)
    store = make_store([*outlines, [SQUARE, [(9, 9, 1), (99, 700, 1), (700, 80, 2), (90, 90, 1)]]])
    order = np.array([200, *range(200), 200, *range(199, -1, -1)])
    at = store.point_start[order][:, None] + np.arange(store.n_points.max())
    out = np.zeros((len(order), 30, 30), dtype=np.uint8)
    taken = fill_natively(store, order, store.x[at], store.y[at], out, native)
    assert np.array_equal(taken, order != 200)
    assert np.array_equal(out[1:201], draw_store(make_store(outlines), 30, 30, FREETYPE))
    assert np.array_equal(out[1:201], out[:201:-1])


def fill_natively(
    store: OutlineStore,
    cells: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    out: np.ndarray,
    kernel: Kernel,
) -> np.ndarray:
    rows = np.arange(len(cells))
    left = Rasterizer(kernel)._draw_fast(store, cells, out, rows, points=(x, y))
    taken = np.ones(len(cells), dtype=bool)
    taken[left] = False
    return taken


def test_threads_draw_at_once(native: Kernel) -> None:
    store = make_store(draw_outlines_of(np.random.default_rng(2), 400, 64, 64))
    expected = draw_store(store, 64, 64, FREETYPE)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: draw_store(store, 64, 64, native), range(16)):
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("far", [0, 2**20])
def test_outlines_lie_over_each_other_as_freetype_draws_them(far: int, native: Kernel) -> None:
    """Also where FreeType has to draw one in their midst, for it is beyond the kernel's limits."""
    outlines = draw_outlines_of(np.random.default_rng(5), 40, 30, 30)
    outlines.insert(20, [[(0, 0, 1), (900, 900, 1), (far, 0, 1)]])
    store, moves = make_movable(np.random.default_rng(6), make_store(outlines))
    cells = np.arange(len(outlines))
    drawn = [np.full((3, 30, 30), 50, dtype=np.uint8) for _ in range(2)]
    for own_kernel, out in zip((native, FREETYPE), drawn, strict=True):
        for at in (cells[:30], cells[30:]):
            own = moves_of(moves, at)
            Rasterizer(own_kernel).draw(store, at, own, out, at % 3, onto=True)
    assert np.array_equal(drawn[0], drawn[1])
    assert (drawn[0] == 50).any(), "what lies beside the ink stays"


def moves_of(moves: Moves, at: np.ndarray) -> Moves:
    by_image = {name: getattr(moves, name)[at] for name in ("half_weight", "nodes", "bend_scale")}
    return replace(moves, **by_image, first_map=moves.first_map[at])


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize(
    "flags",
    [
        ["-O0"],
        ["-O1"],
        ["-O2"],
        ["-Os"],
        ["-march=native"],
        ["-funsigned-char", "-fwrapv"],
        ["-U__SSE2__"],
    ],
)
def test_every_way_to_compile_gives_the_same_bytes(
    flags: list[str], tmp_path: Path, native: Kernel
) -> None:
    compile_kernel(tmp_path / "other.so", flags)
    other = open_kernel(tmp_path / "other.so")
    assert other.draw, other.reason
    assert sum(compare(np.random.default_rng(3), other, seconds=1)) > 100


@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_every_compiler_gives_the_same_bytes(
    compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}")
    monkeypatch.setenv("CC", compiler)
    compile_kernel(tmp_path / "other.so")
    assert sum(compare(np.random.default_rng(4), open_kernel(tmp_path / "other.so"), 1)) > 100


def test_a_library_of_another_version_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, native: Kernel
) -> None:
    copy = tmp_path / "libkernel.so"
    shutil.copy(KERNEL_LIBRARY, copy)
    monkeypatch.setattr(library, "hash_kernel_source", lambda: "0" * 64)
    assert open_kernel(copy) == Kernel(
        reason=f"{copy}: of another version, ignored {AGAIN}",
        is_ignored=True,
    )


@pytest.mark.parametrize("content", [b"", b"not a library", b"\x7fELF" + bytes(200)])
def test_a_library_of_another_machine_is_ignored(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "libkernel.so"
    path.write_bytes(content)
    assert open_kernel(path) == Kernel(
        reason=f"{path}: not for this machine, ignored {AGAIN}",
        is_ignored=True,
    )


def test_without_a_library_freetype_draws(tmp_path: Path) -> None:
    path = tmp_path / "libkernel.so"
    found = open_kernel(path)
    assert not found.is_ignored
    assert found.describe() == f"FreeType: {path}: missing {AGAIN}"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Kernel]:
    def ask(value: str) -> Kernel:
        monkeypatch.setenv("GLYPHGEN_KERNEL", value)
        return find_kernel.__wrapped__()

    return ask


def test_the_kernel_can_be_turned_off(ask: Callable[[str], Kernel]) -> None:
    assert ask("off").describe() == "FreeType: GLYPHGEN_KERNEL=off"
    assert ask("").describe() == open_kernel(KERNEL_LIBRARY).describe()


def test_other_wishes_are_refused(ask: Callable[[str], Kernel]) -> None:
    with pytest.raises(EngineError) as error:
        ask("of")
    assert str(error.value) == (
        "GLYPHGEN_KERNEL: found 'of', expected 'off' (leave it unset to draw faster)"
    )


def test_a_compiler_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(
        CompilingError, match=r"^no C compiler: cc, gcc or clang is not on the PATH$"
    ):
        find_compiler()
    monkeypatch.setenv("CC", "icc -fast")
    with pytest.raises(CompilingError, match=r"^no C compiler: 'icc' \(CC\) is not on the PATH$"):
        find_compiler()
    for name in ("clang", "gcc"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("CC", "")
    assert find_compiler() == ["gcc"]


@needs_compiler
def test_a_compiler_that_fails_is_told_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(CompilingError, match=r"^\w+: .*-fno-such-flag"):
        compile_kernel(tmp_path / "other.so", ["-fno-such-flag"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "overrides"),
    [
        ("kana", ["render.weight=[-0.03, 0.05]"]),
        ("hiragana", []),
        ("katakana-handwriting", ["render.wobble.grid=6"]),
        ("katakana-handwriting", ["render.wobble.grid=2", "render.scatter.turn=45"]),
        ("persian", ["image.height=31"]),
    ],
)
def test_points_are_moved_as_numpy_moves_them(
    recipe: str, overrides: list[str], native: Kernel
) -> None:
    """Weight, bends, pieces and maps, and nothing of them where a recipe has none."""
    parts = lay_out(FONTS.parent / "recipes" / f"{recipe}.toml", *overrides)
    n = min(600, parts.plan.n_rows)
    placements, engine = parts.plan.rows(0, n), VectorEngine(parts.engine_inputs)
    image = parts.recipe.image
    found, expected = np.full((2, n, image.height, image.width), 99, dtype=np.uint8)
    engine._rasterizer = Rasterizer(native)
    engine.draw(placements, found)
    engine._rasterizer = Rasterizer(FREETYPE)
    engine.draw(placements, expected)
    assert np.array_equal(found, expected)


def test_a_piece_without_a_map_is_left_to_freetype(native: Kernel) -> None:
    store = replace(
        make_store([[SQUARE], [SQUARE]]),
        n_pieces=np.array([1, 0], dtype=np.int32),
        piece_start=np.array([0, 1]),
    )
    moves = Moves(
        half_weight=np.zeros(2, dtype=np.float32),
        nodes=np.zeros((2, 0, 2), dtype=np.float32),
        bend_scale=np.zeros(2, dtype=np.float32),
        maps=np.array([[[1, 0, 0], [0, 1, 0]]], dtype=np.float32),
        first_map=np.zeros(2, dtype=np.int64),
        by_piece=True,
    )
    out = np.zeros((2, 10, 10), dtype=np.uint8)
    rows = np.arange(2)
    assert Rasterizer(native)._draw_fast(store, rows, out, rows, moves=moves).tolist() == [1]
    assert out[0].all()
    assert not out[1].any()


@pytest.mark.slow
def test_datasets_are_alike_whatever_draws(tmp_path: Path, native: Kernel) -> None:
    for wish in ("", "off"):
        command = [
            sys.executable,
            "-m",
            "glyphgen",
            "render",
            str(FONTS.parent / "recipes" / "hiragana.toml"),
        ]
        command += [
            "--out",
            str(tmp_path / f"made{wish}"),
            "--set",
            "render.per_class=8",
            "--quiet",
        ]
        subprocess.run(command, check=True, env={**os.environ, "GLYPHGEN_KERNEL": wish})
    index, slower = ((tmp_path / name / "index.json").read_bytes() for name in ("made", "madeoff"))
    assert index == slower
    run, slower_run = (
        json.loads((tmp_path / name / "run.json").read_bytes()) for name in ("made", "madeoff")
    )
    assert run["rasterizer"] == "kernel"
    assert slower_run["rasterizer"] == "FreeType: GLYPHGEN_KERNEL=off"


@pytest.mark.slow
def test_the_version_tells_what_draws() -> None:
    command = [sys.executable, "-m", "glyphgen", "--version"]
    for wish, said in [
        ("", open_kernel(KERNEL_LIBRARY).describe()),
        ("off", "FreeType: GLYPHGEN_KERNEL=off"),
    ]:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "GLYPHGEN_KERNEL": wish},
        )
        assert done.stdout == f"glyphgen, version {VERSION}\nrasterizer: {said}\n"


def test_a_kernel_that_is_ignored_is_told_before_a_render(
    make_font: MakeFont, write_recipe: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_font("x.ttf", {"A": BOX})
    recipe = read_recipe(write_recipe('classes.text = "A"\nfonts.files = ["x.ttf"]\n'))
    for is_ignored in (True, False):
        kernel = Kernel(reason="libkernel.so: of another version", is_ignored=is_ignored)
        monkeypatch.setattr(preparing, "find_kernel", lambda kernel=kernel: kernel)
        assert (kernel.reason in survey_faces(recipe).warnings) == is_ignored


def test_pieces_scatter_as_numpy_scatters_them(native: Kernel) -> None:
    store = read_outlines([read_face(FONTS / "kana" / "KleeOne_400Regular.ttf")], list("いでゔ。"))
    rng = np.random.default_rng(5)
    cell = rng.integers(0, store.n_cells, 300)
    linear = rng.uniform(-64.0, 64.0, (300, 2, 3))
    words = rng.integers(0, 2**64, (300, 2), dtype=np.uint64)  # fewer than ゔ has pieces
    given = (store, cell, linear, words, np.array([0.02, 3.0, 0.05]))
    assert store.n_pieces.max() > 2
    assert np.array_equal(
        scatter_pieces(*given, kernel=native), scatter_pieces(*given, kernel=FREETYPE)
    )
