"""The site that runs the course in a browser, and the badges: their wiring, and what opens without Pyodide."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest

from tests.course.test_exercises import COURSE, load
from tests.serving.browser import chromium

lite, badges = load(COURSE / "lite.py", "course_lite"), load(COURSE / "badges.py", "course_badges")
NOTEBOOKS = sorted(p.name for p in COURSE.glob("*.ipynb"))


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("contents")
    lite.write_contents(folder)
    return folder


def test_the_site_has_the_notebooks_and_what_they_import_and_link_to(contents: Path) -> None:
    assert sorted(p.name for p in contents.glob("course/*.ipynb")) == NOTEBOOKS
    for path in contents.glob("course/*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
        assert code[0].splitlines()[1].startswith("%pip install")
        imported = set(re.findall(r"^(?:from|import) (\w+)", "\n".join(code), re.MULTILINE))
        ours = {p.stem for p in [*contents.glob("course/*.py"), *contents.glob("editions/*.py")]}
        assert imported <= ours | {"charrnn", "numpy", "matplotlib"} | set(sys.stdlib_module_names), path.name
        text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (path.parent / link).exists() or link in LEFT_OUT, (path.name, link)


LEFT_OUT = {"../notebooks/character_rnn.ipynb", "../docs/gradients.md"}  # of the project, not of the course


def test_the_wheel_is_pure_and_says_what_the_browser_needs(tmp_path: Path) -> None:
    wheel = lite.build_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
        required = re.findall(r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", archive.read(metadata).decode(), re.MULTILINE)
    assert "charrnn/text/data/the-clockmakers-cup.txt" in names
    assert not [n for n in names if n.endswith((".so", ".dll", ".dylib"))]
    assert set(required) - {"tomli"} == {"numpy", "safetensors", "click", "rich", "threadpoolctl"}
    assert set(lite.COMPILED) < set(required)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("jupyterlite_core", reason="JupyterLite is not installed: course/requirements-lite.txt has it")
    folder = tmp_path_factory.mktemp("lite") / "site"
    lite.build_site(folder)
    return folder


def test_the_built_site_holds_the_notebooks_and_the_wheels(site: Path) -> None:
    assert sorted(p.name for p in (site / "files/course").glob("*.ipynb")) == NOTEBOOKS
    index = json.loads((site / "pypi/all.json").read_text())
    assert {"charrnn", "click", "comm", "rich", "threadpoolctl"} <= set(index)
    for releases in index.values():
        for files in releases["releases"].values():
            assert all(f["filename"].endswith("-none-any.whl") for f in files)


def test_the_built_site_opens_and_asks_only_pyodides_server(site: Path) -> None:
    handler = functools.partial(Quiet, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, chromium() as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url, asked = f"http://127.0.0.1:{server.server_port}", set()
        context = browser.new_context()
        context.on("request", lambda request: asked.add(request.url))
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{url}/lab/index.html?path=course/1_counting.ipynb")
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        assert "%pip install -q charrnn matplotlib" in page.locator(".jp-Notebook .jp-CodeCell").first.inner_text()
        page.wait_for_selector(f".jp-DirListing-itemText:has-text('{NOTEBOOKS[-1]}')")
        assert set(NOTEBOOKS) <= set(page.locator(".jp-DirListing-itemText").all_text_contents())
        server.shutdown()
    others = {each for each in asked if not each.startswith((url, "data:", "blob:"))}
    assert all(each.startswith("https://cdn.jsdelivr.net/pyodide/") for each in others), others


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_site_is_not_built_over_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr("importlib.util.find_spec", lambda name: None)
        with pytest.raises(SystemExit, match=r"jupyterlite_core is not installed: pip install -r course"):
            lite.build_site(tmp_path / "site")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SystemExit, match="is not empty"):
        lite.build_site(tmp_path)


def test_badges_open_every_notebook_of_an_address() -> None:
    lines = badges.badges("https://github.com/someone/charrnn.git").splitlines()
    assert len(lines) == len(NOTEBOOKS)
    for line, name in zip(lines, NOTEBOOKS, strict=True):
        assert f"https://colab.research.google.com/github/someone/charrnn/blob/main/course/{name}" in line
        assert f"https://mybinder.org/v2/gh/someone/charrnn/main?labpath=course%2F{name}" in line
    with pytest.raises(SystemExit, match="is not the address of a repository on GitHub"):
        badges.badges("https://example.org/charrnn")
    done = subprocess.run([sys.executable, COURSE / "badges.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "name the address" in done.stderr


def test_binder_installs_the_package_and_what_the_course_pins() -> None:
    lines = (COURSE.parent / "binder" / "requirements.txt").read_text().splitlines()
    assert lines[1:] == [".", "-r ../course/requirements.txt"]
