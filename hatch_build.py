"""Compiles the kernel for wheels and in-place installs; without a C compiler they are pure."""

import runpy
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class KernelHook(BuildHookInterface):
    """Run by hatchling before it packs; told in pyproject.toml."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Compile, and say that the wheel fits this platform, and any Python."""
        # By path: the package itself cannot be imported where it is built.
        compiling = runpy.run_path(str(Path(self.root, "glyphgen", "kernel", "compiling.py")))
        library = compiling["KERNEL_LIBRARY"]
        try:
            compiling["compile_kernel"]()
        except compiling["CompilingError"] as error:
            self.app.display_warning(
                f"{error}: FreeType will draw the same images, at half the speed"
            )
            return
        build_data["artifacts"].append(library.relative_to(self.root).as_posix())
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data.update(pure_python=False, tag=f"py3-none-{platform}")
