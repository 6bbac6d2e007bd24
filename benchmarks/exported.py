"""How fast an exported model writes: characters a second of its module in Node and in Chromium, and of its page.

Needs Node, and Playwright with Chromium. The module writes slices of 200 characters. In Node, processor seconds are
counted, in Chromium seconds on the clock, so run nothing beside it. The page waits for a picture after each 12 ms.

    python benchmarks/exported.py RUN … [--slices 40] [--node]
"""

from __future__ import annotations

import argparse
import json
import mimetypes
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
CODE = """
const model = load(), seconds = [];
const written = model.write("", { seed: 1, temperature: 0.8, top_p: 0.95 });
for (let n = 0; n < 1000; n += 1) written.next(); // the compiler of JavaScript has to see what is often done
const clock = () => (globalThis.process ? process.cpuUsage().user / 1e6 : performance.now() / 1000);
for (let k = 0; k < SLICES; k += 1) {
  const begun = clock();
  for (let n = 0; n < SLICE; n += 1) written.next();
  seconds.push(clock() - begun);
}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=Path, nargs="+")
    parser.add_argument("--slices", type=int, default=40)
    parser.add_argument("--node", action="store_true", help="not in Chromium")
    arguments = parser.parse_args()
    print(machine.describe())
    code = CODE.replace("SLICES", str(arguments.slices)).replace("SLICE", str(SLICE))
    for run in arguments.runs:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            export(run, "js", folder / "js", callback=Callback())
            export(run, "html", folder / "page.html", callback=Callback())
            (folder / "js" / "time.mjs").write_text(
                f'import {{ load }} from "./index.js";\n{code}console.log(JSON.stringify(seconds));\n', encoding="utf-8"
            )
            ran = subprocess.run(["node", "time.mjs"], cwd=folder / "js", capture_output=True, text=True, check=True)
            print(f"{run.name}: Node, by processor time: {pace(json.loads(ran.stdout))}")
            if arguments.node:
                continue
            with chromium() as browser:
                print(f"{run.name}: module in Chromium: {pace(in_chromium(browser, folder / 'js', code))}")
                print(
                    f"{run.name}: page in Chromium: {of_page(browser, folder / 'page.html'):,.0f} characters a second"
                )


def pace(seconds: list[float]) -> str:
    fastest, median = SLICE / min(seconds), SLICE / float(np.median(seconds))
    return f"{fastest:,.0f} characters a second in the fastest slice, {median:,.0f} in the median"


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")  # else Playwright's own
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


def in_chromium(browser: Any, folder: Path, code: str) -> list[float]:
    """The seconds of each slice, of a module that a page imports; its files come from the folder."""
    page = browser.new_page()

    def answer(route: Any) -> None:
        path = folder / route.request.url.removeprefix("http://module/")
        kind = mimetypes.guess_type(path.name)[0] or "text/plain"
        route.fulfill(body=path.read_bytes() if path.is_file() else b"<title>module</title>", content_type=kind)

    page.route("**/*", answer)
    page.goto("http://module/page.html")
    found: list[float] = page.evaluate(
        f"async () => {{ const {{ load }} = await import('/index.js'); {code} return seconds; }}"
    )
    page.close()
    return found


def of_page(browser: Any, path: Path, length: int = 4000) -> float:
    """The characters a second of the page itself."""
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.fill("#length", str(length))
    seconds: float = page.evaluate(
        """async () => {
          const begun = performance.now(), stop = document.getElementById("stop");
          document.getElementById("go").click();
          while (!stop.disabled) await new Promise((done) => setTimeout(done, 5));
          return (performance.now() - begun) / 1000;
        }"""
    )
    written: int = page.locator("#text .c").count()
    page.close()
    return written / seconds


if __name__ == "__main__":
    main()
