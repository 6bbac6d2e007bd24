"""A real browser for tests: Debian's Chromium, driven by playwright. Tests without them skip and say why."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser, or a skipped test."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: charrnn[test] brings it")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


class Visit:
    """A page that is open, and everything it complained of or asked for elsewhere."""

    def __init__(self, browser: Any, url: str, size: str = "desktop", scheme: str = "light", **options: Any) -> None:
        self.url = url
        self.context = browser.new_context(viewport=SIZES[size], color_scheme=scheme, **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.complaints: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._asked)

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning") and "status of 400" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.complaints.append(f"asked for {request.url}")

    def open(self, view: str = "write") -> Any:
        self.page.goto(f"{self.url}/#{view}")
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.complaints == []


def written(page: Any, column: int = 1) -> str:
    """The text of a column, without its prompt."""
    return "".join(page.locator(f"#columns section:nth-child({column}) .c").all_text_contents())


def until(page: Any, expression: str, seconds: float = 60.0) -> None:
    """Wait for an expression to be true. (The page's policy forbids `eval`, which playwright's own waiting uses.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, (
            f"not within {seconds:g} s: {expression}; the page says: {page.inner_text('main')[:1000]}"
        )
        page.wait_for_timeout(20)


def write(page: Any, prompt: str = "The clock ") -> str:
    """Write with the settings as they are; the text of the first column."""
    page.fill("#prompt", prompt)
    page.click("#go")
    page.wait_for_selector("#continue:enabled")
    return written(page)


def slide(page: Any, key: str, value: float) -> None:
    """Move a slider, as a hand would: with an event."""
    page.evaluate(
        "([key, value]) => { const s = document.getElementById(`set-${key}`); s.value = value;"
        " s.dispatchEvent(new Event('input')); }",
        [key, value],
    )
