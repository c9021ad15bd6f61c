"""What is installed: with a C compiler and without, the datasets are the same."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from conftest import FONTS

from glyphgen.kernel.compiling import CompilingError, find_compiler

ROOT = FONTS.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
NEEDED = ("sh", "env", "git")  # of the programs that pip and hatchling call


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The source as a stranger has it, with a library that was compiled from something else."""
    ignored = shutil.ignore_patterns(".*", "datasets", "tests", "build", "*.so")
    shutil.copytree(ROOT, tmp_path / "copy", ignore=ignored)
    shutil.copy(ROOT / ".gitignore", tmp_path / "copy")
    (tmp_path / "copy" / "glyphgen" / "kernel" / "libkernel.so").write_bytes(b"old")
    return tmp_path / "copy"


@pytest.fixture
def without_compiler(tmp_path: Path) -> dict[str, str]:
    """An environment in which no compiler is found."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in NEEDED:
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    return {**os.environ, "PATH": str(programs), "CC": ""}


def render(site: Path, out: Path) -> str:
    command = [sys.executable, "-m", "glyphgen", "render", "digits", "--out", str(out), "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    subprocess.run([*command, "--set", "render.per_class=9"], check=True, env=environment, cwd=site)
    version = [sys.executable, "-m", "glyphgen", "--version"]
    return subprocess.run(
        version, check=True, env=environment, cwd=site, capture_output=True, text=True
    ).stdout


@pytest.mark.slow
def test_wheels_with_a_kernel_and_without_make_the_same_dataset(
    copy: Path, without_compiler: dict[str, str], tmp_path: Path
) -> None:
    try:
        find_compiler()
    except CompilingError as error:
        pytest.skip(str(error))
    indexes, versions = [], []
    for name, environment in [("native", None), ("pure", without_compiler)]:
        done = subprocess.run(
            [*PIP, "wheel", "-vv", "--no-deps", "-w", tmp_path / name, copy],
            check=True,
            env=environment,
            capture_output=True,
            text=True,
        )
        [wheel] = (tmp_path / name).glob("*.whl")
        with zipfile.ZipFile(wheel) as packed:
            libraries = [file for file in packed.namelist() if file.endswith(".so")]
        tag = wheel.stem.split("-", 2)[2]
        if name == "native":
            assert tag.startswith("py3-none-")
            assert tag != "py3-none-any"
            assert libraries == ["glyphgen/kernel/libkernel.so"]
        else:
            assert tag == "py3-none-any"
            assert libraries == []
            said = "cc, gcc or clang is not on the PATH: FreeType will draw the same images"
            assert said in done.stdout + done.stderr
        site = tmp_path / f"site-{name}"
        subprocess.run([*PIP, "install", "--no-deps", "--target", site, wheel], check=True)
        versions.append(render(site, tmp_path / f"made-{name}").splitlines()[1])
        indexes.append((tmp_path / f"made-{name}" / "index.json").read_bytes())
    assert indexes[0] == indexes[1]
    assert versions[0] == "rasterizer: kernel"
    assert versions[1].startswith("rasterizer: FreeType: ")


@pytest.mark.slow
def test_an_sdist_holds_the_source_of_the_kernel(copy: Path, tmp_path: Path) -> None:
    build = "from hatchling.build import build_sdist; print(build_sdist('.'))"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "tools")}
    subprocess.run([*PIP, "install", "--target", tmp_path / "tools", "hatchling"], check=True)
    done = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, env=environment, check=True, capture_output=True
    )
    with tarfile.open(copy / done.stdout.decode().strip()) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"glyphgen/kernel/raster.c", "hatch_build.py"} <= names
    assert not [name for name in names if name.endswith(".so")]
