"""Whom a network with experts trusted: what the API answers, and the bands of the page in a real browser."""

from __future__ import annotations

import itertools
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

import charrnn
from charrnn.inspection import inspect_text
from charrnn.serving.api.answers import ANSWERS
from charrnn.training.callback import Callback
from tests.serving.browser import Visit, chromium, until
from tests.serving.conftest import TEXT, Process

READ = 'The cat struck one. "Where to?" ran the clock.\nThe old cat'


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a network that knows counts of characters and of words."""
    folder = tmp_path_factory.mktemp("trust")
    (folder / "book.txt").write_text(TEXT)
    return charrnn.train(
        folder / "book.txt", out=folder / "knowing", cell="qrnn", num_layers=2, hidden_size=16, seq_len=16,
        batch_size=8, steps=60, learning_rate=0.03, ngrams="auto", callback=Callback(),
    ).path  # fmt: skip


@pytest.fixture(scope="module")
def served(knowing: Path, run_path: Path) -> Iterator[Process]:
    process = Process(knowing, run_path)
    yield process
    assert process.stop() == (0, "")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


Open = Callable[..., Any]


@pytest.fixture
def read(browser: Any, served: Process) -> Iterator[Open]:
    """Opens the view Read with the text in it, coloured by who was trusted; the page may not complain."""
    visits = []

    def open_(**options: Any) -> Any:
        visits.append(Visit(browser, served.url, **options))
        page = visits[-1].open("read")
        page.fill("#text", READ)
        until(page, f"document.querySelectorAll('#reading .c').length === {len(READ)}")
        page.check("input[name=read-colour][value=trust]")
        return page

    yield open_
    for each in visits:
        each.close()


def ask(served: Process, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(served.url + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_the_api_answers_what_an_inspection_holds(served: Process, knowing: Path) -> None:
    answer = ask(served, "/api/inspect", {"model": "knowing", "text": READ})
    seen = inspect_text(charrnn.load(knowing), READ)
    assert answer["experts"] == list(seen.experts) == ["characters", "words"]
    for name in ("expert_probabilities", "gates", "counts_probabilities", "probabilities"):
        expected = getattr(seen, name)
        assert len(answer[name]) == len(READ)
        assert answer[name][0] == expected[0]
        np.testing.assert_allclose(answer[name][1:], expected[1:], rtol=1e-5)


@pytest.mark.parametrize("model", ["knowing", "cat"])
def test_an_inspection_is_as_described(served: Process, model: str) -> None:
    answer = ask(served, "/api/inspect", {"model": model, "text": "The cat"})
    TypeAdapter(ANSWERS["inspectText"]["application/json"]).validate_python(answer, strict=True)


def test_a_plain_network_answers_with_empty_lists(served: Process) -> None:
    answer = ask(served, "/api/inspect", {"model": "cat", "text": "The cat"})
    for name in ("experts", "expert_probabilities", "gates", "counts_probabilities"):
        assert answer[name] == []


def test_the_facts_of_a_run_name_its_experts(served: Process) -> None:
    assert {run["id"]: run["experts"] for run in ask(served, "/api/runs")["runs"]} == {
        "knowing": ["characters", "words"],
        "cat": [],
    }
    described = ask(served, "/openapi.json")["components"]["schemas"]["Run"]["properties"]["experts"]
    assert "nearly all of its training text" in described["description"]


BANDS = "[...document.querySelectorAll('#reading .c')].map(c => c.style.getPropertyValue('--bands'))"


def height(picture: str, colour: str) -> float:
    """How many em of a gradient have this colour."""
    start, end = re.findall(rf"{re.escape(colour)} ([\d.]+)em ([\d.]+)em", picture)[0]
    return float(end) - float(start)


def test_bands_are_as_high_as_the_gates_and_the_networks_correction(read: Open, served: Process) -> None:
    pictures = read().evaluate(BANDS)
    seen = ask(served, "/api/inspect", {"model": "knowing", "text": READ})
    assert pictures[0] == ""  # nothing predicts the first character
    for picture, gates, p, counted in zip(
        pictures[1:], seen["gates"][1:], seen["probabilities"][1:], seen["counts_probabilities"][1:], strict=True
    ):
        for s, gate in enumerate(gates):
            assert height(picture, f"var(--expert-{s})") == pytest.approx(0.55 * np.clip(gate, 0, 1), abs=2e-3)
        doublings = np.log2(p / counted)
        assert height(picture, "rgb(var(--hot))") == pytest.approx(0.4 * np.clip(doublings, 0, 1), abs=2e-3)
        assert height(picture, "rgb(var(--cold))") == pytest.approx(0.4 * np.clip(-doublings, 0, 1), abs=2e-3)
    assert len(set(pictures)) > 10


def test_bands_are_drawn_below_each_line_and_in_no_other_colouring(read: Open) -> None:
    page = read()
    drawn = "getComputedStyle(document.querySelectorAll('#reading .c')[5]).backgroundImage"
    assert page.evaluate(drawn).startswith("linear-gradient(to top")
    # Each line, with its bands, ends above the next: the last one, too.
    boxes = page.evaluate(
        "[...document.querySelectorAll('#reading .c')].map(c => c.getClientRects()[0])"
        ".map(r => [r.top, r.bottom]).concat([[document.getElementById('trust').getBoundingClientRect().top, 0]])"
    )
    lines = [(top, max(b for t, b in boxes if t == top)) for top in sorted({top for top, _ in boxes})]
    assert len(lines) == 3  # two lines, and the sentence below them
    for (_, bottom), (top, _) in itertools.pairwise(lines):
        assert bottom <= top
    page.check("input[name=read-colour][value=surprise]")
    assert page.evaluate(drawn) == "none"
    assert page.text_content("#trust") == ""


def test_the_legend_and_the_means_are_in_words(read: Open, served: Process) -> None:
    page = read()
    seen = ask(served, "/api/inspect", {"model": "knowing", "text": READ})
    legend = page.locator("#read-colours .scale span").all_text_contents()
    assert [words.split(":")[0] for words in legend[1:]] == ["characters", "words", "up, down"]
    each = [f"{mean:.2f}" for mean in -np.log(seen["expert_probabilities"][1:]).mean(axis=0)]
    together = f"{-np.log(seen['counts_probabilities'][1:]).mean():.2f}"
    gates = [f"{mean:.2f}" for mean in np.mean(seen["gates"][1:], axis=0)]
    assert page.text_content("#trust") == (
        f"Mean surprise in nats: characters alone {each[0]}; words alone {each[1]}; together, as trusted, {together}; "
        f"with the network {seen['nats_per_char']:.2f}. Mean gate: characters {gates[0]}, words {gates[1]}."
    ).replace("-", "−")


def percent(p: float) -> str:
    if p >= 0.9995:
        return "100 %"
    return f"{100 * p:.0f} %" if p >= 0.0995 else f"{100 * p:.1f} %" if p >= 0.001 else "< 0.1 %"


def test_the_strip_shows_and_says_who_gave_a_character_which_probability(read: Open, served: Process) -> None:
    page = read()
    seen = ask(served, "/api/inspect", {"model": "knowing", "text": READ})
    place = READ.index("?")
    page.click(f"#reading .c >> nth={place - 1}")
    page.keyboard.press("ArrowRight")
    gates = [f"{gate:.2f}".replace("-", "−") for gate in seen["gates"][place]]
    shares = [percent(p) for p in seen["expert_probabilities"][place]]
    together, whole = percent(seen["counts_probabilities"][place]), percent(seen["probabilities"][place])
    rows = page.evaluate(
        "[...document.querySelectorAll('#whom tbody tr')].map(r => [...r.cells].map(c => c.textContent))"
    )
    assert rows == [
        ["characters", shares[0], gates[0]],
        ["words", shares[1], gates[1]],
        ["together, as trusted", together, ""],
        ["with the network", whole, ""],
    ]
    said = page.text_content("#said")
    assert f"characters {shares[0]}, gate {gates[0]}. words {shares[1]}, gate {gates[1]}. together" in said
    page.keyboard.press("Control+Home")
    assert page.locator("#whom").is_hidden()
    page.check("input[name=read-colour][value=surprise]")
    page.click(f"#reading .c >> nth={place}")
    assert page.locator("#whom").is_visible()
    assert "gate" not in page.text_content("#said")


def test_keys_alone_choose_the_colouring(read: Open) -> None:
    page = read()
    page.check("input[name=read-colour][value=unit]")
    page.focus("input[name=read-colour][value=unit]")
    page.keyboard.press("ArrowDown")
    until(page, "document.querySelector('#reading .text').classList.contains('trusted')")
    assert page.is_checked("input[name=read-colour][value=trust]")


def test_a_plain_network_offers_no_such_colouring_and_neither_does_writing(read: Open) -> None:
    page = read()
    assert "knows counts of characters and words, which hold nearly all of its training text" in page.text_content(
        "#facts"
    )
    page.select_option("#model", "cat")
    until(page, "document.querySelectorAll('#reading .trusted').length === 0")
    assert page.is_checked("input[name=read-colour][value=surprise]")
    assert page.locator("input[name=read-colour][value=trust]").is_hidden()
    assert "counts" not in page.text_content("#facts")
    page.hover("#reading .c >> nth=3")
    assert page.locator("#whom").is_hidden()
    page.select_option("#model", "knowing")
    page.wait_for_selector("input[name=read-colour][value=trust]")
    page.click("nav a[href='#write']")
    assert page.locator("input[name=write-colour][value=trust]").is_hidden()


def luminance(colour: str) -> float:
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in colour_parts(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def colour_parts(colour: str) -> list[float]:
    return [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bands_stand_out_from_what_is_behind_them(read: Open, scheme: str) -> None:
    page = read(scheme=scheme)
    names = ["--expert-0", "--expert-1", "--expert-2", "--hot", "--cold", "--track", "--paper"]
    *bands, track, paper = page.evaluate(
        """names => names.map(name => {
            const box = document.createElement("i");
            box.style.color = ["--hot", "--cold"].includes(name) ? `rgb(var(${name}))` : `var(${name})`;
            document.body.append(box);
            const found = getComputedStyle(box).color;
            box.remove();
            return found;
        })""",
        names,
    )
    for name, band in zip(names, bands, strict=False):
        for behind in (track, paper):
            light, dark = sorted((luminance(band), luminance(behind)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 3, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_cut_off_at_320_pixels(read: Open, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = read(scheme=scheme)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 640})
        page.click("#reading .c >> nth=5")
        assert page.locator("#whom").is_visible()
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(
            "document.getElementById('strip').scrollHeight <= document.getElementById('strip').clientHeight"
        )
        # The character that has the focus is not behind the strip.
        page.keyboard.press("Control+End")
        top, bottom = page.evaluate(
            "[document.getElementById('strip').getBoundingClientRect().top,"
            " document.activeElement.getBoundingClientRect().bottom]"
        )
        assert bottom <= top
