"""`--to html`: in Chromium, from the file system, the page writes what Python writes, and asks for nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.errors import ConfigError
from charrnn.export import export
from charrnn.language_model import LanguageModel
from charrnn.nn.numerics import log_softmax
from charrnn.training.callback import Callback
from tests.export.models import CELLS, logits_of, make_model
from tests.serving.browser import SIZES, chromium, until


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def page_of(cell: str, tmp_path: Path, layers: int = 2, **options: Any) -> tuple[Path, LanguageModel]:
    make_model(cell, layers, **options).save(tmp_path / "clocks.safetensors")
    run = tmp_path / "clocks.safetensors"
    path = export(run, "html", tmp_path / "page.html", callback=Callback()).path
    return path, charrnn.load(export(run, "npz", tmp_path / "m.npz", quantise="int8", callback=Callback()).path)


def opened(browser: Any, path: Path, size: str = "desktop", scheme: str = "light") -> tuple[Any, list[str]]:
    context = browser.new_context(viewport=SIZES[size], color_scheme=scheme)
    page, complaints = context.new_page(), []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: asked.url == path.as_uri() or complaints.append(asked.url[:100]))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    return page, complaints


def write(page: Any, prompt: str, length: int, **settings: float) -> str:
    page.fill("#prompt", prompt)
    for name, value in {"length": length, **settings}.items():
        page.fill(f"#{name}", str(value))
    page.click("#go")
    until(page, "document.getElementById('stop').disabled")
    return "".join(page.locator("#text .c").all_text_contents())


@pytest.mark.parametrize("cell", CELLS)
def test_it_writes_what_python_writes_and_asks_for_nothing(cell: str, browser: Any, tmp_path: Path) -> None:
    path, model = page_of(cell, tmp_path)
    page, complaints = opened(browser, path)
    text = write(page, "The “", 300, temperature=0.8, top_p=0.95, seed=7)
    assert text == model.generate("The “", 300, temperature=0.8, top_p=0.95, seed=7)
    page.hover("#text .c >> nth=6")
    logs = log_softmax(logits_of(model, "The “" + text)[[4 + 6]])[0]
    five = [model.vocabulary.characters[k] for k in np.argsort(-logs, kind="stable")[:5]]
    shown = [name.replace("␣", " ").replace("↵", "\n") for name in page.locator("#bars b").all_text_contents()]
    assert shown[:5] == five
    assert complaints == []


def test_a_document_is_written_to_its_end(browser: Any, tmp_path: Path) -> None:
    path, model = page_of("qrnn", tmp_path, documents=True)
    page, complaints = opened(browser, path)
    text = write(page, "The “", 2000, temperature=1, top_p=1, seed=7)
    assert [(text, True)] == model.write([0], "The “", 2000, seed=7)
    assert page.locator("#text .c").count() == len(text) + 1
    page.focus("#text")
    page.mouse.move(1, 1)
    for _ in range(len(text) // 10 + 1):
        page.keyboard.press("ArrowDown")
    assert page.text_content("#which").startswith(f"“∎”, character {len(text) + 1}:")
    page.fill("#prompt", "%")
    page.click("#go")
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#which").startswith("Point at a character")  # not at one of the text before
    assert complaints == []


def test_a_page_knows_labels(browser: Any, tmp_path: Path) -> None:
    path, model = page_of("gru", tmp_path, documents=True, labels=("Czech", "Irish"))
    page, complaints = opened(browser, path)
    assert page.locator("#label option").all_text_contents() == ["any", "Czech", "Irish"]
    page.select_option("#label", "Irish")
    write(page, "The “", 100, temperature=1, top_p=1, seed=7)
    text = "".join(page.locator("#text .c:not(.label)").all_text_contents())
    assert text == model.generate("The “", 100, seed=7, label="Irish")
    page.select_option("#label", "")
    write(page, "", 100, temperature=1, top_p=1, seed=3)  # the network draws a first symbol, here a label
    text = "".join(page.locator("#text .c:not(.label)").all_text_contents())
    assert text == model.generate("", 100, seed=3)
    assert page.locator("#text .label").count() > 0
    assert set(page.locator("#text .label").all_text_contents()) <= {"Czech", "Irish"}
    assert complaints == []


def test_a_page_knows_counts(browser: Any, tmp_path: Path) -> None:
    path, model = page_of("qrnn", tmp_path, chains=("characters", "words"))
    page, complaints = opened(browser, path)
    text = write(page, "The “", 300, temperature=0.8, top_p=0.95, seed=7)
    assert text == model.generate("The “", 300, temperature=0.8, top_p=0.95, seed=7)
    assert complaints == []


def test_it_stops_and_keys_move_along_the_text(browser: Any, tmp_path: Path) -> None:
    path, _ = page_of("gru", tmp_path)
    page, complaints = opened(browser, path)
    page.fill("#length", "20000")
    page.click("#go")
    until(page, "document.querySelectorAll('#text .c').length > 0")
    page.keyboard.press("Escape")
    until(page, "document.getElementById('stop').disabled")
    assert 0 < page.locator("#text .c").count() < 20000
    page.fill("#length", "20")
    page.press("#prompt", "Control+Enter")
    until(page, "document.getElementById('stop').disabled")
    assert page.locator("#text .c").count() == 20
    page.focus("#text")
    page.mouse.move(1, 1)
    start = page.evaluate("Number(document.getElementById('which').textContent.match(/character (\\d+)/)?.[1] ?? 0)")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.text_content("#which").split(":")[0].endswith(f"character {start + 2}")
    page.fill("#prompt", "<script>%")
    page.click("#go")
    page.wait_for_selector("#message:not([hidden])")
    assert "is not in the model's vocabulary" in page.text_content("#message")
    assert complaints == []


def test_without_a_seed_each_text_has_another_one_which_is_shown(browser: Any, tmp_path: Path) -> None:
    path, _ = page_of("gru", tmp_path)
    page, complaints = opened(browser, path)
    texts = [write(page, "The ", 60) for _ in range(2)]
    assert texts[0] != texts[1]
    seed = re.search(r"60 characters, mean surprise .* nats, seed (\d+)$", page.text_content("#status"))
    assert seed is not None
    assert write(page, "The ", 60, seed=int(seed[1])) == texts[1]
    assert complaints == []


@pytest.mark.parametrize(("name", "value", "wanted"), [
    ("temperature", "", "a number from 0 to 5"), ("temperature", "-1", "a number from 0 to 5"),
    ("top_p", "1.5", "a number from 0 to 1"), ("length", "0", "a whole number from 1 to 20000"),
    ("seed", "1.5", "a whole number of at least 0"),
])  # fmt: skip
def test_a_field_that_cannot_be_used_is_named(name: str, value: str, wanted: str, browser: Any, tmp_path: Path) -> None:
    path, _ = page_of("rnn", tmp_path, 1)
    page, complaints = opened(browser, path)
    page.fill(f"#{name}", value)
    page.click("#go")
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#message") == f"charrnn: {name} must be {wanted}"
    assert page.locator("#text .c").count() == 0
    page.fill(f"#{name}", "1")
    assert len(write(page, "The ", 20)) == 20
    assert complaints == []


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(size: str, scheme: str, browser: Any, tmp_path: Path) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed: charrnn[test] brings it"
    )
    path, _ = page_of("rnn", tmp_path)
    # axe is put into the page as a script, which the policy of the file forbids: a copy without it is looked at
    bare = tmp_path / "bare.html"
    bare.write_text(
        "\n".join(line for line in path.read_text("utf-8").split("\n") if "Security-Policy" not in line), "utf-8"
    )
    page, _ = opened(browser, bare, size, scheme)
    write(page, "The ", 100)
    page.hover("#text .c >> nth=3")
    page.click("summary")
    results = axe.Axe().run(page)
    assert results.violations_count == 0, results.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "clocks" in page.title()
    assert "clocks" in page.text_content("#facts")


def test_nothing_but_its_own_script_can_run(browser: Any, tmp_path: Path) -> None:
    path, _ = page_of("rnn", tmp_path)
    text = path.read_text("utf-8")
    path.write_text(text.replace("</main>", "</main><script>window.hacked = true</script>"), "utf-8")
    page, complaints = opened(browser, path)
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in words for words in complaints)


def test_a_damaged_page_says_so(browser: Any, tmp_path: Path) -> None:
    path, _ = page_of("rnn", tmp_path)
    text = path.read_text("utf-8")
    start = text.index('id="model">') + 200
    path.write_text(text[:start] + ("A" if text[start] != "A" else "B") + text[start + 1 :], "utf-8")
    page, _ = opened(browser, path)
    assert "not a whole model" in page.text_content("#message")


def test_markup_in_a_name_is_text(tmp_path: Path) -> None:
    make_model("rnn", 1).save(tmp_path / "<b>&.safetensors")
    path = export(tmp_path / "<b>&.safetensors", "html", tmp_path / "page.html", callback=Callback()).path
    assert "<title>&lt;b&gt;&amp;: a model that writes</title>" in path.read_text("utf-8")


def test_other_names_are_refused(tmp_path: Path) -> None:
    make_model("qrnn", 1).save(tmp_path / "clocks.safetensors")
    with pytest.raises(ConfigError, match=r"ends in \.html"):
        export(tmp_path / "clocks.safetensors", "html", tmp_path / "page.txt", callback=Callback())
