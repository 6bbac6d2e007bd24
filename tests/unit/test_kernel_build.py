"""The compiled kernels: what the library exports, and what a build does without a compiler or with one that fails."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from charrnn.nn.kernels import compile
from charrnn.nn.kernels.library import VERSION

ROOT = Path(__file__).parents[2]
needs_a_compiler = pytest.mark.skipif(
    shutil.which("cc") is None or platform.machine().lower() not in compile.INSTRUCTIONS,
    reason="no command cc, or a processor for which there are no compiled kernels",
)


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CC", "CHARRNN_BUILD_KERNELS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library, compiled once for this file, and without optimisation: in two seconds instead of ten."""
    target = tmp_path_factory.mktemp("kernels") / compile.NAME
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compile, "FLAGS", ["-O0" if flag == "-O3" else flag for flag in compile.FLAGS])
        compile.compile_library(target)
    return target


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@needs_a_compiler
def test_the_library_exports_every_kernel_for_every_precision_and_set(library: Path) -> None:
    loaded = ctypes.CDLL(str(library))
    loaded.charrnn_instructions.restype = ctypes.c_char_p
    best = loaded.charrnn_instructions().decode()
    sets = compile.INSTRUCTIONS[platform.machine().lower()]
    assert best in {"", *sets}
    assert ctypes.c_int.in_dll(loaded, "charrnn_kernels_version").value == VERSION
    sources = "".join(path.read_text() for path in compile.SOURCES.glob("*.h"))
    names = re.findall(r"^(?!INLINE|#|static)\w[\w ]*?\bNAME\((\w+)\)\(", sources, re.MULTILINE)
    assert {"product", "panel_size"} <= set(names)
    built = [of for of in sets if hasattr(loaded, f"panel_size_float32_{of}")]
    assert "v3" in built or "neon" in built
    for of in built:
        for precision in compile.PRECISIONS:
            assert [n for n in names if not hasattr(loaded, f"{n}_{precision}_{of}")] == []


@needs_a_compiler
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="only Linux lists the processor's flags in a file")
def test_the_best_set_is_one_that_the_processor_has(library: Path) -> None:
    flags = set(re.findall(r"\w+", Path("/proc/cpuinfo").read_text()))
    loaded = ctypes.CDLL(str(library))
    loaded.charrnn_instructions.restype = ctypes.c_char_p
    best = loaded.charrnn_instructions().decode()
    if platform.machine() == "aarch64":
        assert best == "neon"
    elif {"avx512f", "avx512dq", "avx512bw", "avx512vl"} <= flags and hasattr(loaded, "panel_size_float32_v4"):
        assert best == "v4"
    else:
        assert best == ("v3" if {"avx2", "fma"} <= flags else "")


@needs_a_compiler
def test_a_library_newer_than_its_sources_is_kept(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(compile, "compile_library", lambda target: said.append("compiled"))
    assert compile.build(library, said.append) == library
    assert said == []
    monkeypatch.setattr(compile, "up_to_date", lambda target: False)
    compile.build(library, said.append)
    assert said == ["compiled"]


@needs_a_compiler
def test_age_and_a_fault_are_noticed(library: Path, tmp_path: Path) -> None:
    copy = shutil.copy(library, tmp_path / compile.NAME)
    assert compile.up_to_date(copy)
    os.utime(copy, (0, 0))
    assert not compile.up_to_date(copy)
    copy.write_bytes(library.read_bytes()[:5000])
    assert not compile.up_to_date(copy)
    assert not compile.up_to_date(tmp_path / "absent.so")


def test_without_a_compiler_the_build_says_so_once_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(compile.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(compile.platform, "machine", lambda: "x86_64")
    stale, said = tmp_path / compile.NAME, list[str]()
    stale.write_bytes(b"of another version")
    assert compile.build(stale, said.append) is None
    (line,) = said
    assert "no C compiler was found" in line
    assert "\n" not in line
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="the compilers of this test are shell scripts")
@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("echo In file included from x; echo '1: error: no such thing'; echo more; exit 1", "1: error: no such thing"),
        ("echo broken >&2; exit 1", "broken"),
        ("exit 3", "ends with status 3"),
        ("exit 0", "charrnn_kernels"),  # it makes no file, and reports success
    ],
)  # fmt: skip
def test_a_compiler_that_fails_is_no_error(
    does: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", str(script(tmp_path / "broken", does)))
    monkeypatch.setattr(compile.platform, "machine", lambda: "x86_64")
    said: list[str] = []
    assert compile.build(tmp_path / compile.NAME, said.append) is None
    assert len(said) == 1
    assert reason in said[0]
    assert "\n" not in said[0]
    monkeypatch.setenv("CHARRNN_BUILD_KERNELS", "1")
    with pytest.raises(compile.NotBuiltError, match="cannot be built: "):
        compile.build(tmp_path / compile.NAME, said.append)
    assert len(said) == 1


@needs_a_compiler
@pytest.mark.skipif(platform.machine() != "x86_64", reason="there is one set for this processor")
def test_a_compiler_that_does_not_know_the_newest_set_makes_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sources are a stand-in, so that nothing is compiled twice."""
    sources = tmp_path / "c"
    sources.mkdir()
    shutil.copy(compile.SOURCES / "instructions.c", sources)
    (sources / "kernels.c").write_text("#if IS_FLOAT\nint VECTOR = VECTOR_BYTES;\n#endif\n")
    cc = shutil.which("cc")
    old = script(
        tmp_path / "old", f'case "$*" in *avx512*) echo "error: what is avx512?"; exit 1;; esac; exec {cc} "$@"'
    )
    monkeypatch.setattr(compile, "SOURCES", sources)
    monkeypatch.setenv("CC", str(old))
    target = tmp_path / compile.NAME
    compile.compile_library(target)
    loaded = ctypes.CDLL(str(target))
    loaded.charrnn_instructions.restype = ctypes.c_char_p
    assert ctypes.c_int.in_dll(loaded, "VECTOR").value == 32
    assert loaded.charrnn_instructions() in (b"v3", b"")


def test_other_processors_get_no_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compile.platform, "machine", lambda: "riscv64")
    with pytest.raises(compile.NotBuiltError, match="riscv64"):
        compile.compile_library(tmp_path / compile.NAME)


def test_the_variable_leaves_the_library_out_and_has_two_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHARRNN_BUILD_KERNELS", "0")
    said: list[str] = []
    assert compile.build(tmp_path / compile.NAME, said.append) is None
    assert said[0].endswith("CHARRNN_BUILD_KERNELS is 0")
    monkeypatch.setenv("CHARRNN_BUILD_KERNELS", "yes")
    with pytest.raises(compile.NotBuiltError, match="'yes': set it to 0 or 1"):
        compile.build(tmp_path / compile.NAME, said.append)


def test_no_flag_assumes_that_numbers_are_finite() -> None:
    flags = {*compile.FLAGS, *compile.LINK, *compile.V3, *compile.V4}
    assert not flags & {"-ffast-math", "-Ofast", "-ffinite-math-only", "-funsafe-math-optimizations"}


def test_the_build_needs_the_standard_library_alone() -> None:
    code = (
        f"import runpy, sys; runpy.run_path({compile.__file__!r}); print(not {{'numpy', 'charrnn'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.parametrize("with_kernels", [pytest.param(True, marks=needs_a_compiler), False])
def test_a_wheel_holds_the_library_or_is_pure(
    with_kernels: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The hook, as hatchling calls it. The library is the one that is compiled already."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: it is fetched when charrnn is built")
    from hatchling.builders.wheel import WheelBuilder

    if with_kernels:
        made = request.getfixturevalue("library")
        monkeypatch.setenv("CC", str(script(tmp_path / "cc", copying(made))))
    else:
        monkeypatch.setenv("CHARRNN_BUILD_KERNELS", "0")
    (wheel,) = map(Path, WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    inside = zipfile.ZipFile(wheel).namelist()
    assert (f"charrnn/nn/kernels/{compile.NAME}" in inside) == with_kernels
    assert "charrnn/nn/kernels/c/kernels.c" in inside
    assert wheel.name.endswith(f"-{compile.TAG if with_kernels else 'py3-none-any'}.whl")
    assert wheel.stat().st_size <= 1_000_000


def copying(library: Path) -> str:
    """What a compiler does that has the library in store."""
    return f'while [ "$1" != -o ]; do shift; done; cp {library} "$2"'
