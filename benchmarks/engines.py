"""Draws the same placements with everything that can draw them, in one process; writes no dataset.

Each function that makes a row prepares its work and returns what is timed.
"""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Measured, Unavailable, find_best
from glyphgen.engines.vector import VectorEngine
from glyphgen.kernel.library import Kernel, find_kernel
from glyphgen.outlines import OutlineStore
from glyphgen.outlines.raster import _LONG, Rasterizer, describe_outlines, draw_outlines
from glyphgen.plan import SAMPLE_DTYPE, Placements
from glyphgen.recipe import read_recipe
from glyphgen.render.drawing import draw_rows
from glyphgen.render.preparing import PreparedRender, prepare_render, survey_faces

__all__ = [
    "AFFINE",
    "CONVERT",
    "EVERYTHING",
    "FREETYPE",
    "FREETYPE_BROKEN",
    "KERNEL",
    "PILLOW",
    "measure_engines",
    "measure_outlines",
]

_RECIPE = Path(__file__).with_name("kana.toml")
_ROWS = 8192  # as many as a shard of 64 x 64 images has
_BATCH = 128  # rows whose points are moved together
_BEND = ("render.wobble.amplitude=0.03", "render.wobble.grid=3")
_BREAK = ("render.scatter.shift=0.02", "render.scatter.turn=3", "render.scatter.scale=0.05")

Run = Callable[[], object]


class _Scene:
    """The first rows of kana: plain, bent, and bent and broken, and the memory to draw them into."""

    def __init__(self) -> None:
        self.plain, self.bent, self.broken = (
            prepare_render(read_recipe(_RECIPE, overrides))
            for overrides in ((), _BEND, (*_BEND, *_BREAK))
        )
        image = self.plain.recipe.image
        self.height, self.width = image.height, image.width
        self.images = np.zeros((_ROWS, self.height, self.width), dtype=np.uint8)

    def list_texts(self, n: int) -> list["_Text"]:
        """Return the first rows as programs that set text want them."""
        forms, faces = self.plain.table.all_forms, self.plain.faces
        return [
            _Text(
                font=str(faces[int(sample["face"])].path),
                text=forms[int(sample["form"])],
                size_px=round(float(sample["size_px"])),
                shift=(float(sample["shift_x_px"]), float(sample["shift_y_px"])),
                rotation_deg=float(sample["rotation_deg"]),
            )
            for sample in self.plain.plan.rows(0, n).samples
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Text:
    font: str
    text: str
    size_px: int
    shift: tuple[float, float]  # of the center: right, down, in pixels
    rotation_deg: float  # counter-clockwise


def _run_convert(scene: _Scene, n: int) -> Run:
    program = _find_convert()
    frame = f"{scene.width}x{scene.height}"

    def make_command(text: _Text, folder: str) -> list[str]:
        (x, y), angle = text.shift, f"{-text.rotation_deg:.2f}"
        place = f"{angle}x{angle}{x:+.0f}{y:+.0f}"
        paper = [program, "-size", frame, "xc:black", "-gravity", "Center"]
        font = ["-font", text.font, "-pointsize", str(text.size_px), "-fill", "White"]
        return [*paper, *font, "-annotate", place, text.text, f"{folder}/image.png"]

    def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for text in texts:
                subprocess.run(make_command(text, folder), check=True)

    texts = scene.list_texts(n)
    return run


def _find_convert() -> str:
    for folder in os.get_exec_path():
        for name in ("magick", "convert"):
            program = Path(folder, name)
            if program.is_file() and os.access(program, os.X_OK):
                # Other programs have the name, too, and scripts that stand in for it are slow.
                with program.open("rb") as file:
                    if file.read(2) == b"#!":
                        continue
                told = subprocess.run([program, "-version"], capture_output=True, check=False)
                if told.stdout.startswith(b"Version: ImageMagick"):
                    return str(program)
    raise Unavailable("not installed (apt install imagemagick)")


def _run_wand(scene: _Scene, n: int) -> Run:
    try:
        from wand.color import Color
        from wand.drawing import Drawing
        from wand.image import Image
        from wand.resource import limits
    except ImportError as error:
        raise Unavailable("not installed (apt install libmagickwand-6.q16-6)") from error
    limits["thread"] = 1
    black, white = Color("black"), Color("white")

    def run() -> None:
        for text, out in zip(texts, scene.images, strict=False):
            with (
                Image(width=scene.width, height=scene.height, background=black) as image,
                Drawing() as drawing,
            ):
                drawing.font, drawing.font_size = text.font, text.size_px
                drawing.fill_color = white
                drawing.gravity = "center"
                x, y = text.shift
                image.annotate(text.text, drawing, round(x), round(y), -text.rotation_deg)
                out[:] = np.frombuffer(image.make_blob("gray"), np.uint8).reshape(out.shape)

    texts = scene.list_texts(n)
    return run


def _run_pillow(scene: _Scene, n: int) -> Run:
    from PIL import Image, ImageDraw, ImageFont

    open_font = lru_cache(maxsize=None)(ImageFont.truetype)

    def run() -> None:
        for text, out in zip(texts, scene.images, strict=False):
            image = Image.new("L", (scene.width, scene.height))
            center = (scene.width / 2 + text.shift[0], scene.height / 2 + text.shift[1])
            font = open_font(text.font, text.size_px)
            ImageDraw.Draw(image).text(center, text.text, 255, font, anchor="mm")
            turned = image.rotate(text.rotation_deg, Image.Resampling.BICUBIC, center=center)
            out[:] = np.asarray(turned)

    texts = scene.list_texts(n)
    return run


def _run_freetype(scene: _Scene, n: int) -> Run:
    return _run_bare_loop(scene, scene.plain, n)


def _run_freetype_broken(scene: _Scene, n: int) -> Run:
    return _run_bare_loop(scene, scene.broken, n)


def _run_kernel(scene: _Scene, n: int) -> Run:
    """Draw ready outlines as FreeType's loop does: from points that are moved already."""
    if not find_kernel().draw:
        raise Unavailable(find_kernel().reason)
    engine, placements = _open_vector(scene.plain), scene.plain.plan.rows(0, n)
    store, cell = scene.plain.store.lay_out(placements.cell)
    moves, batches = engine._make_moves(store, cell, placements), []
    for start in range(0, n, _BATCH):
        rows = np.arange(start, min(start + _BATCH, n))
        batches.append((cell[rows], *moves.move(store, cell, rows), rows))

    def run() -> None:
        for own, x, y, rows in batches:
            engine._rasterizer.fill(store, own, x, y, scene.images, rows)

    return run


def _run_bare_loop(scene: _Scene, prepared: PreparedRender, n: int) -> Run:
    engine = _open_vector(prepared)
    placements = prepared.plan.rows(0, n)
    store, cell = prepared.store.lay_out(placements.cell)
    points, first = _move_points(engine, store, cell, placements)
    outlines = describe_outlines(store, cell, points)
    outlines["points"] = points.ctypes.data + first * points.strides[0]
    library, rows, images = engine._rasterizer._library, np.arange(n), scene.images[:n]

    def run() -> None:
        _ = engine, points  # which the addresses are of
        draw_outlines(library, outlines, images, rows)

    return run


def _move_points(
    engine: VectorEngine, store: OutlineStore, cell: NDArray[np.int64], placements: Placements
) -> tuple[NDArray[np.signedinteger], NDArray[np.int64]]:
    """Return the moved points of all rows, one after the other, and where each row begins."""
    n_points = store.n_points[cell]
    ends = np.cumsum(n_points, dtype=np.int64)
    moves, moved = engine._make_moves(store, cell, placements), []
    for start in range(0, len(placements), _BATCH):
        batch = np.arange(start, min(start + _BATCH, len(placements)))
        x, y = moves.move(store, cell, batch)
        inside = np.arange(x.shape[1]) < n_points[batch, None]
        moved.append(np.stack([np.rint(x)[inside], np.rint(y)[inside]], axis=1))
    return np.concatenate(moved).astype(_LONG), ends - n_points


def _run_affine(scene: _Scene, n: int) -> Run:
    return _run_vector(scene, scene.plain, n)


def _run_wobble(scene: _Scene, n: int) -> Run:
    return _run_vector(scene, scene.bent, n)


def _run_scatter(scene: _Scene, n: int) -> Run:
    return _run_vector(scene, scene.broken, n)


def _run_vector(scene: _Scene, prepared: PreparedRender, n: int) -> Run:
    engine, placements = _open_vector(prepared), prepared.plan.rows(0, n)
    return lambda: engine.draw(placements, scene.images[:n])


def _run_without_kernel(scene: _Scene, n: int) -> Run:
    engine, placements = _open_vector(scene.broken), scene.broken.plan.rows(0, n)
    engine._rasterizer = Rasterizer(Kernel())
    return lambda: engine.draw(placements, scene.images[:n])


def _run_rows(scene: _Scene, n: int) -> Run:
    engine, samples = _open_vector(scene.plain), np.empty(n, dtype=SAMPLE_DTYPE)
    return lambda: draw_rows(scene.plain.plan, engine, 0, scene.images[:n], samples)


def _run_sha(scene: _Scene, n: int) -> Run:
    return lambda: hashlib.sha256(scene.images[:n].data).digest()


def _open_vector(prepared: PreparedRender) -> VectorEngine:
    engine = prepared.open_engine()
    assert isinstance(engine, VectorEngine)
    return engine


CONVERT = "ImageMagick's convert, a process per image"
PILLOW = "Pillow, text + rotate"
FREETYPE = "FreeType alone: a loop over FT_Outline_Get_Bitmap"
FREETYPE_BROKEN = "the same loop over bent and scattered outlines"
KERNEL = "our kernel alone, on the outlines of the first loop"
AFFINE = "vector engine, affine"
EVERYTHING = "vector engine, affine + wobble + scatter"

# what, images a repeat, what makes the run
_ENGINES: tuple[tuple[str, int, Callable[[_Scene, int], Run]], ...] = (
    (CONVERT, 24, _run_convert),
    ("Wand, annotate", 64, _run_wand),
    (PILLOW, 512, _run_pillow),
    (FREETYPE, _ROWS, _run_freetype),
    (FREETYPE_BROKEN, _ROWS, _run_freetype_broken),
    (KERNEL, _ROWS, _run_kernel),
    (AFFINE, _ROWS, _run_affine),
    ("vector engine, affine + wobble", _ROWS, _run_wobble),
    (EVERYTHING, _ROWS, _run_scatter),
    ("vector engine without kernel, affine + wobble + scatter", _ROWS, _run_without_kernel),
    ("vector engine, affine, with the plan of its rows", _ROWS, _run_rows),
    ("SHA-256 of the images, once drawn", _ROWS, _run_sha),
)


def measure_engines(repeats: int) -> list[Measured]:
    """Return images a second of each engine in one process, the best of several repeats."""
    scene = _Scene()
    runs: dict[str, Run] = {}
    missing: dict[str, str] = {}
    for what, n, prepare in _ENGINES:
        try:
            runs[what] = prepare(scene, n)
            runs[what]()  # once, so that fonts are open and memory has been touched
        except Unavailable as error:
            missing[what] = str(error)
    seconds = dict(zip(runs, find_best(list(runs.values()), repeats), strict=True))
    return [
        Measured(
            what=what,
            rate=n / seconds[what] if what in seconds else None,
            note=missing.get(what, ""),
        )
        for what, n, _ in _ENGINES
    ]


def measure_outlines(repeats: int) -> Measured:
    """Return cells a second of reading outlines, in their processes, and passing the gate."""
    recipe = read_recipe(_RECIPE)
    found = survey_faces(recipe)

    def run() -> None:
        survey_faces(recipe, use_cache=False)

    [seconds] = find_best([run], repeats)
    n_cells = found.store.n_cells
    note = f"{len(found.faces)} faces x {found.store.n_forms} forms in {seconds:.2f} s"
    return Measured(
        what="outlines + gate, cells a second", rate=n_cells / seconds, is_compared=False, note=note
    )
