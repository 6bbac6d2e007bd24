"""How fast an exported model writes: characters a second of its module in Node and in Chromium, and of its page.

Needs Node, and Playwright with Chromium. Modules write slices of 200 characters in turn, so that whatever else the
machine does slows all of them alike. Seconds are of processor time: in Node of the process, in Chromium of the thread
of the page. The page also lays its text out and waits for pictures.

    python benchmarks/exported.py RUN … [--against FOLDER] [--slices 40] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import mimetypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import machine
import numpy as np

from charrnn.export import export
from charrnn.training.callback import Callback

SLICE = 200  # characters
ON_PAGE = 4000
WARM = 1000  # characters that are not measured: the compiler of JavaScript has to see what is often done
WRITER = f"""
async function writer({{ load }}) {{
  const written = (await load()).write("", {{ seed: 1, temperature: 0.8, top_p: 0.95 }});
  const write = (length) => {{ for (let n = 0; n < length; n += 1) written.next(); }};
  write({WARM});
  return write;
}}
"""
IN_NODE = """
const [slices, ...folders] = process.argv.slice(2), writers = [];
for (const folder of folders) writers.push(await writer(await import(`${folder}/index.js`)));
const seconds = writers.map(() => []);
for (let k = 0; k < slices; k += 1)
  writers.forEach((write, which) => {
    const begun = process.cpuUsage();
    write(SLICE);
    const { user, system } = process.cpuUsage(begun);
    seconds[which].push((user + system) / 1e6);
  });
console.log(JSON.stringify(seconds));
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--against", type=Path, help="the folder of an earlier export --to js of the first run")
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # a browser is several processes
    found: dict[str, Any] = {"machine": machine.describe(), "unit": "characters a second of processor time"}
    found |= {"load": round(os.getloadavg()[0], 1), "slices": arguments.slices, "characters": SLICE}
    print(f"{found['machine']}; load {found['load']:.1f}")
    with tempfile.TemporaryDirectory() as name, chromium() as browser:
        found["browser"] = f"Chromium {browser.version}"
        folders, pages = {}, {}
        for run in arguments.runs:
            folders[run.name] = export(run, "js", Path(name) / run.name, callback=Callback()).path
            pages[run.name] = export(run, "html", Path(name) / f"{run.name}.html", callback=Callback())
        if arguments.against:
            folders["against"] = arguments.against.resolve()
        found["node"] = paces(folders, in_node(list(folders.values()), arguments.slices, Path(name)))
        found["chromium"] = paces(folders, in_chromium(browser, list(folders.values()), arguments.slices))
        found["page"] = {run: of_page(browser, page.path) for run, page in pages.items()}
        found["pages"] = {run: page.as_dict() | {"path": page.path.name} for run, page in pages.items()}
    for where in ("node", "chromium", "page"):
        for which, pace in found[where].items():
            print(f"{where}, {which}: {pace:,.0f} characters a second of processor time")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def paces(names: dict[str, Path], seconds: list[list[float]]) -> dict[str, float]:
    """The characters a second in the median slice of each module."""
    return {name: SLICE / float(np.median(each)) for name, each in zip(names, seconds, strict=True)}


def in_node(folders: list[Path], slices: int, work: Path) -> list[list[float]]:
    """The seconds of each slice of each module, in one process."""
    script = work / "time.mjs"
    script.write_text(WRITER + IN_NODE.replace("SLICE", str(SLICE)), encoding="utf-8")
    ran = subprocess.run(["node", script, str(slices), *folders], capture_output=True, text=True, check=True)
    found: list[list[float]] = json.loads(ran.stdout)
    return found


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")  # else Playwright's own
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def patient(page: Any) -> Any:
    """The page, whose actions may take as long as a busy machine needs."""
    page.set_default_timeout(600_000)
    return page


class Clock:
    """The processor time of the thread that a page runs on, in seconds."""

    def __init__(self, page: Any) -> None:
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable")

    def __call__(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in metrics if each["name"] == "ThreadTime"))


def in_chromium(browser: Any, folders: list[Path], slices: int) -> list[list[float]]:
    """The seconds of each slice of each module, in a page for each."""
    seconds: list[list[float]] = [[] for _ in folders]
    pages = [page_with_module(browser, folder) for folder in folders]
    clocks = [Clock(page) for page in pages]
    for _ in range(slices):
        for found, page, clock in zip(seconds, pages, clocks, strict=True):
            begun = clock()
            page.evaluate(f"write({SLICE})")
            found.append(clock() - begun)
    for page in pages:
        page.context.close()
    return seconds


def page_with_module(browser: Any, folder: Path) -> Any:
    """A page that has imported a module, whose files come from the folder, and has a function `write`."""
    page = patient(browser.new_context().new_page())

    def answer(route: Any) -> None:
        path = folder / route.request.url.removeprefix("http://module/")
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        route.fulfill(body=path.read_bytes() if path.is_file() else b"<title>module</title>", content_type=kind)

    page.route("**/*", answer)
    page.goto("http://module/page.html")
    page.evaluate(f"async () => {{ {WRITER} globalThis.write = await writer(await import('/index.js')); }}")
    return page


def of_page(browser: Any, path: Path) -> float:
    """The characters a second of the page itself, with all that it shows."""
    page = patient(browser.new_page())
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    for length in (WARM, ON_PAGE):
        page.fill("#length", str(length))
        clock = Clock(page)
        begun = clock()
        page.click("#go")
        page.wait_for_selector("#stop:disabled")
        seconds = clock() - begun
    page.close()
    return ON_PAGE / seconds


if __name__ == "__main__":
    main()
