"""Puts charrnn's compiled kernels into the wheel, where there is a C compiler. Run by hatchling."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = Path("src", "charrnn", "nn", "kernels")


class KernelHook(BuildHookInterface):  # type: ignore[type-arg]
    """A wheel gets a library of its own; an editable installation has it in the source folder."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, KERNELS)
        spec = importlib.util.spec_from_file_location("compile", folder / "compile.py")
        compile = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(compile)
        if version == "editable":
            compile.build(folder / compile.NAME, self.app.display_warning)
            return
        self.made = tempfile.TemporaryDirectory()
        library = compile.build(Path(self.made.name, compile.NAME), self.app.display_warning)
        if library:
            build_data["force_include"][str(library)] = f"charrnn/nn/kernels/{compile.NAME}"
            build_data["pure_python"], build_data["tag"] = False, compile.TAG

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if version != "editable":
            self.made.cleanup()
