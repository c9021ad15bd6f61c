"""The house is built as it is drawn: imports go one way, each heavy library has one owner."""

import ast
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "glyphgen"
_EVERYWHERE = ("__init__.py", "__main__.py")  # names that Python gives

# The way of the data: a module imports only what stands above it.
ORDER = [
    "version",
    "text",
    "bidi",
    "errors",
    "choices",
    "progress",
    "partition",
    "cpus",
    "ahead",
    "kernel",
    "streams",
    "geometry",
    "files",
    "images",
    "settings",
    "augment",
    "recipe",
    "classes",
    "reference",
    "fonts",
    "outlines",
    "strokes",
    "layout",
    "gate",
    "plan",
    "engines",
    "dataset",
    "executors",
    "shipping",
    "shard_making",
    "production",
    "render",
    "balance",
    "streaming",
    "torch",
    "fetch",
    "exchange",
    "verify",
    "report",
    "baseline",
    "pad",
    "cli",
    "__main__",
]

OWNERS = {
    "uharfbuzz": {"outlines"},
    "fontTools": {"fonts", "strokes.stroke_pictures"},
    "ots": {"fonts"},
    "brotli": {"fonts"},
    "pyclipper": {"outlines.flattening"},
    "freetype": {"outlines.raster"},
    "PIL": {"images", "engines.pillow"},
    "wand": {"engines.imagemagick"},
    "zlib_ng": {"images.png"},
    "cv2": {"augment", "images"},
    "albumentations": {"augment"},
    "h5py": {"dataset.shards.hdf5"},
    "fsspec": {"files.object_store"},
    "dask": {"executors.dask_cluster"},
    "distributed": {"executors.dask_cluster"},
    "blake3": {"dataset.shards.contract"},
    "jinja2": {"report"},
    "torch": {"baseline", "torch"},
    "safetensors": {"baseline"},
    "onnx": {"baseline"},
    "timm": {"baseline.timm_models"},
    "huggingface_hub": {"baseline.timm_models"},
    "pyarrow": {"exchange.parquet"},
    "lmdb": {"exchange.lmdb_images"},
    "matplotlib": {"report", "baseline.training_figures"},
    "click": {"cli"},
    "rich": {"cli"},
    "tomllib": {"recipe"},
    "tomli_w": {"recipe"},
}

# Calls that open a file by its name, beside those of glyphgen.files.opening, and where they may stand. Who
# is named here gives the library an open file, or reads what this program has written or brought along.
OPENING = {
    # Locks; what is written; the null device.
    "os.open": {"cli", "files", "dataset.shards.npy", "fetch.downloading"},
    "np.memmap": {"dataset.annotations", "dataset.shards", "exchange.stored", "outlines"},
    "np.fromfile": {"dataset.shards.npy", "exchange.assembling", "files.writing"},
    "np.load": {"outlines", "gate", "balance.balanced_rows"},
    "h5py.File": {"dataset.shards.hdf5"},
    "zipfile.ZipFile": {"exchange.stored"},
    "tarfile.open": {"exchange.tree"},
    "Image.open": {"images.decoding"},
    "safe_open": {"baseline.checkpoint"},
    "read_bytes": {"gate.shipped", "kernel", "outlines", "pad", "shard_making"},
    "read_text": {"outlines"},
    "open(r)": {"outlines"},
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        yield name.removesuffix(".__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_every_room_has_its_place_in_the_order() -> None:
    rooms = {name.split(".")[0] for name, _ in modules()} - {"__init__"}
    assert rooms == set(ORDER)


@pytest.mark.parametrize(("name", "tree"), [(n, t) for n, t in modules() if n != "__init__"])
def test_a_module_imports_only_what_stands_above_it(name: str, tree: ast.Module) -> None:
    own = ORDER.index(name.split(".", maxsplit=1)[0])
    for imported in imports(tree):
        package, _, rest = imported.partition(".")
        if package == "glyphgen":
            assert rest, f"{name} imports the package itself"
            assert ORDER.index(rest.split(".")[0]) <= own, f"{name} imports {imported}"


def test_a_file_name_occurs_once() -> None:
    names = Counter(path.name for path in PACKAGE.rglob("*.py") if path.name not in _EVERYWHERE)
    assert [name for name, count in names.items() if count > 1] == []


def test_a_public_name_is_defined_once() -> None:
    owners: dict[str, list[str]] = {}
    for module, tree in modules():
        if module == "__init__" or (PACKAGE / module.replace(".", "/")).is_dir():
            continue  # it hands on what is defined elsewhere
        for name in list_public(tree):
            owners.setdefault(name, []).append(module)
    assert {name: modules for name, modules in owners.items() if len(modules) > 1} == {}


def list_public(tree: ast.Module) -> list[str]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["__all__"]:
            return list(ast.literal_eval(node.value))
    return []


def test_each_heavy_library_has_one_owner() -> None:
    for name, tree in modules():
        for imported in imports(tree):
            owners = OWNERS.get(imported.split(".")[0])
            if owners is not None:
                assert any(f"{name}.".startswith(f"{owner}.") for owner in owners), (
                    f"{name} imports {imported}, which belongs to {', '.join(owners)}"
                )


def list_openings(tree: ast.Module) -> Iterator[str]:
    """Yield the calls of a module that open a file for reading, by the names of ``OPENING``."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        name = called.rpartition(".")[2]
        mode = next((ast.unparse(given) for given in (*node.args, *node.keywords)), "")
        if called in OPENING:
            yield called
        elif name in ("read_bytes", "read_text"):
            yield name
        elif name in ("fromfile", "memmap", "load") and called.split(".")[0] in ("np", "numpy"):
            yield called
        elif called in ("open", "io.open", "gzip.open") or (name == "open" and "'r" in mode):
            yield "open(r)"


def test_files_are_opened_in_one_way() -> None:
    """Whoever reads a file by other means may wait for a pipe, or read what a link leads to."""
    found: dict[str, set[str]] = {}
    for module, tree in modules():
        for call in list_openings(tree):
            found.setdefault(call, set()).add(module)
    wrong = {
        call: sorted(
            module
            for module in users
            if not any(f"{module}.".startswith(f"{owner}.") for owner in OPENING.get(call, ()))
        )
        for call, users in found.items()
    }
    assert {call: users for call, users in wrong.items() if users} == {}, (
        "see the rule in glyphgen/files/opening.py"
    )
    assert {"os.open", "np.memmap", "h5py.File", "zipfile.ZipFile", "safe_open"} <= found.keys(), (
        "the test looks at the right names"
    )


def test_the_freetype_that_came_with_the_rasterizer_never_opens_a_font() -> None:
    """Its version reads variable fonts beyond their bounds (CVE-2026-23865)."""
    opening = ("New_Face", "New_Memory_Face", "Open_Face", "Load_Glyph", "Load_Char")
    [tree] = [tree for name, tree in modules() if name == "outlines.raster"]
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    used = {text for text in names | texts if isinstance(text, str)}
    assert {"FT_Outline_Get_Bitmap", "FT_Init_FreeType"} <= used, (
        "the test looks at the right names"
    )
    assert not [text for text in used for name in opening if name in text]
    assert "Face" not in names


def test_every_module_says_in_two_breaths_what_it_does() -> None:
    for name, tree in modules():
        first = (ast.get_docstring(tree) or "").split("\n")[0]
        assert first, name
        assert first[-1] in ".;:", f"{name}: {first}"


def test_help_loads_nothing_heavy() -> None:
    heavy = [*OWNERS, "numpy", "pydantic"]
    program = (
        "import sys\nimport glyphgen.cli\n"
        "try:\n    glyphgen.cli.cli(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', *(set({heavy}) & set(sys.modules) - {{'click', 'tomllib'}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_architecture_page_shows_the_tree_as_it_is() -> None:
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = page[page.index("glyphgen/\n├──") :]
    tree = tree[: tree.index("```")]
    shown = {
        word.rstrip("/")
        for line in tree.splitlines()
        if "── " in line
        for word in line.partition("── ")[2].split()
        if word.endswith(("/", ".py"))
    }
    there = {
        path.name
        for path in PACKAGE.iterdir()
        if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
    }
    assert there <= shown | {"__init__.py", "__main__.py"}, "the page lacks a room"


def test_the_public_names_are_there() -> None:
    import glyphgen

    for name in glyphgen.__all__:
        assert getattr(glyphgen, name).__doc__, name
    assert set(glyphgen.__all__) <= set(dir(glyphgen))
    assert (PACKAGE / "py.typed").exists()
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = glyphgen.nothing
