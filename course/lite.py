"""Build a JupyterLite site of the course: static files, from which it runs in a browser, with nothing to install.

    pip install -r course/requirements-lite.txt
    python course/lite.py site
    python -m http.server --directory site

The site holds the notebooks, the wheel of charrnn without compiled kernels, and the wheels of its requirements that are
pure Python. NumPy, safetensors and Matplotlib are compiled: the browser takes them from Pyodide's own distribution.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]
COPIED = ("course/*.ipynb", "course/checks.py", "course/solutions/*.py", "editions/*.py", "editions/README.md",
          "docs/derivations/*.md")  # fmt: skip
COMPILED = ("numpy", "safetensors")  # Pyodide ships them
OF_THE_KERNEL = ("comm",)  # Pyodide does not ship it: without it here, a kernel would ask PyPI before it starts
INSTALL = """\
# In the browser: charrnn from this site, NumPy and Matplotlib from Pyodide.
%pip install -q charrnn matplotlib
import sys

sys.path.insert(0, "")  # checks.py lies beside the notebook"""


def write_contents(folder: Path) -> None:
    """Copy what the notebooks read and link to; each notebook begins with a cell that installs charrnn."""
    for pattern in COPIED:
        for source in sorted(ROOT.glob(pattern)):
            target = folder / source.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.suffix != ".ipynb":
                shutil.copyfile(source, target)
                continue
            notebook = nbformat.read(source, as_version=4)
            cell = nbformat.v4.new_code_cell(INSTALL)
            cell["id"] = "install"
            notebook.cells.insert(1, cell)
            nbformat.write(notebook, target)


def build_wheel(folder: Path) -> Path:
    """The wheel of charrnn in pure Python, which runs on every machine; returns its path."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir",
               str(folder), str(ROOT)]  # fmt: skip
    subprocess.run(command, check=True, env=os.environ | {"CHARRNN_BUILD_KERNELS": "0"})
    (wheel,) = folder.glob("charrnn-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        compiled = [name for name in archive.namelist() if re.search(r"\.(so|dll|dylib)$", name)]
    if compiled or not wheel.name.endswith("-py3-none-any.whl"):
        raise SystemExit(f"{wheel.name} holds compiled code ({', '.join(compiled)}): a browser cannot run it")
    return wheel


def download_requirements(wheel: Path, folder: Path) -> list[Path]:
    """The wheels of the kernel's and of charrnn's requirements that are pure Python, with what they require."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        lines = archive.read(name).decode().splitlines()
    required = [
        line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist: ") and "extra ==" not in line
    ]
    wanted = [*OF_THE_KERNEL, *(r for r in required if not r.startswith(COMPILED))]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary", ":all:", "--dest", str(folder)]
    subprocess.run([*command, *wanted], check=True)
    found = [path for path in sorted(folder.glob("*.whl")) if path != wheel]
    if impure := [path.name for path in found if not path.name.endswith("-none-any.whl")]:
        raise SystemExit(
            f"{', '.join(impure)}: compiled for this machine; name the package in COMPILED if Pyodide has it"
        )
    return found


def build_site(site: Path) -> None:
    """Write the whole site into a folder that does not exist, or is empty."""
    if missing := [m for m in ("jupyterlite_core", "jupyterlite_pyodide_kernel") if not importlib.util.find_spec(m)]:
        raise SystemExit(f"{missing[0]} is not installed: pip install -r course/requirements-lite.txt")
    if site.exists() and any(site.iterdir()):
        raise SystemExit(f"'{site}' is not empty: name a new folder")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "pypi").mkdir()
        write_contents(work / "contents")
        download_requirements(build_wheel(work / "pypi"), work / "pypi")
        command = [sys.executable, "-m", "jupyter", "lite", "build", "--lite-dir", str(work), "--contents",
                   str(work / "contents"), "--output-dir", str(site.resolve()), "--no-sourcemaps"]  # fmt: skip
        subprocess.run(command, check=True, cwd=work)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("name the folder of the site: python course/lite.py site")
    build_site(Path(sys.argv[1]))
