"""From the click on "Write" to the first character on the page, in milliseconds, measured by the page itself.

Debian's Chromium, a real server. The clock starts at the time stamp of the click and stops in the animation frame in
which the character is put on the page; a frame lasts 17 ms. Browser and server share all cores.

    python benchmarks/page.py RUN [--clicks 30]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys

import machine
from playwright.sync_api import sync_playwright


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("--clicks", type=int, default=30)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, range(os.cpu_count() or 1))  # `machine` keeps to one core
    print(machine.describe())
    command = [sys.executable, "-m", "charrnn", "serve", arguments.run, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        try:
            assert server.stdout is not None
            address = json.loads(server.stdout.readline())["address"]
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            page = browser.new_page()
            page.goto(address)
            page.wait_for_selector("html[data-ready]")
            page.fill("#prompt", "The ")
            times = []
            for _ in range(arguments.clicks):
                page.click("#go")
                page.wait_for_selector("#continue:enabled")
                times.append(float(page.get_attribute("#columns section", "data-first-character") or "nan"))
            browser.close()
        finally:
            server.terminate()
    lower, median, upper = statistics.quantiles(times, n=4)
    print(
        f"first character after the click, {len(times)} clicks: median {median:.0f} ms, quartiles {lower:.0f} to "
        f"{upper:.0f}, the first click {times[0]:.0f}, the slowest {max(times):.0f}"
    )


if __name__ == "__main__":
    main()
