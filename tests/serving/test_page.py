"""The page in a real browser: what it shows is what the model says, for a mouse, for keys alone, and for a phone."""

from __future__ import annotations

import json
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import charrnn
from charrnn.config import ModelConfig
from charrnn.inspection.units import activation
from charrnn.language_model import LanguageModel
from charrnn.nn.model import CharModel
from charrnn.runs.folder import RunFolder
from charrnn.text.vocabulary import Vocabulary
from charrnn.training.callback import Callback
from tests.serving.browser import SIZES, Visit, chromium, slide, until, write, written
from tests.serving.conftest import Process

STRANGE = '<script>window.hacked = true</script> "é" 漢字 😀 & <b>\n'
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def served(run_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The trained run; a copy to change, and one without a curve; and a model of strange characters."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(run_path, folder / "live")
    shutil.copytree(run_path, folder / "bare", ignore=shutil.ignore_patterns("metrics.jsonl"))
    model = CharModel(ModelConfig(len(set(STRANGE)), "gru", hidden_size=4, num_layers=1))
    params = model.init_parameters(np.random.default_rng(1))
    LanguageModel(model, params, Vocabulary(STRANGE)).save(folder / "strange.safetensors")
    process = Process(run_path, folder / "live", folder / "bare", folder / "strange.safetensors")
    process.told["live"] = folder / "live"
    yield process
    status, err = process.stop()
    assert (status, err) == (0, "")


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Any, served: Process) -> Iterator[Open]:
    """Opens pages; none of them may complain, or ask for anything elsewhere."""
    visits = []

    def open_(**options: Any) -> Visit:
        visits.append(Visit(browser, served.url, **options))
        return visits[-1]

    yield open_
    for each in visits:
        each.close()


def ask(served: Process, path: str, body: Any = None, headers: dict[str, str] | None = None) -> tuple[int, Any, Any]:
    """Status, headers and body of an answer."""
    data = None if body is None else json.dumps(body).encode()
    headers = {**({"content-type": "application/json"} if data else {}), **(headers or {})}
    request = urllib.request.Request(served.url + path, data, headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_it_writes_what_the_api_writes(visit: Open, served: Process) -> None:
    page = visit().open()
    slide(page, "seed", 7)
    text = write(page)
    asked = {"prompt": "The clock ", "max_tokens": 400, "temperature": 0.8, "top_p": 0.95, "seed": 7}
    _, _, answer = ask(served, "/v1/completions", {"model": "cat", **asked})
    assert text == json.loads(answer)["choices"][0]["text"]
    assert page.text_content("#columns .prefix") == "The clock "
    assert "400 characters, mean surprise" in page.text_content("#columns .note")
    first = float(page.get_attribute("#columns section", "data-first-character"))
    print(f"first character on the page {first:.1f} ms after the click")
    assert first > 0


def test_its_sliders_are_those_that_the_server_lists(visit: Open, served: Process) -> None:
    page = visit().open()
    listed = json.loads(ask(served, "/api/settings")[2])["settings"]
    inputs = page.locator("#sliders input").all()
    found = [[each.get_attribute(name) for name in ("id", "min", "max", "step")] for each in inputs]
    expected = [[f"set-{s['name']}", *(f"{s[key]:g}" for key in ("low", "high", "step"))] for s in listed]
    assert found[: len(listed)] == expected
    assert [each[0] for each in found[len(listed) :]] == ["set-max_tokens", "set-seed"]
    assert page.locator("#sliders output").all_text_contents() == ["0.8", "off", "0.95", "off", "400", "1"]


def test_it_stops_and_goes_on(visit: Open) -> None:
    page = visit().open()
    slide(page, "max_tokens", 2000)
    page.fill("#prompt", "The clock ")
    page.evaluate(
        """() => new Promise(done => {
            const watch = new MutationObserver(() => {
                if (!document.querySelector("#columns .c")) return;
                watch.disconnect();
                document.getElementById("stop").click();
                done();
            });
            watch.observe(document.getElementById("columns"), { childList: true, subtree: true });
            document.getElementById("go").click();
        })"""
    )
    page.wait_for_selector("#continue:enabled")
    text = written(page)
    assert 0 < len(text) < 2000
    slide(page, "max_tokens", 50)
    page.click("#continue")
    until(page, f"document.querySelectorAll('#columns .c').length === {len(text) + 50}")
    assert written(page).startswith(text)


def test_samples_and_settings_side_by_side(visit: Open) -> None:
    page = visit().open()
    write(page)
    page.click("#add-sample")
    page.click("#add-setting")
    until(page, "document.querySelectorAll('#columns .c').length === 1200")
    assert page.locator(".pick").all_text_contents() == [
        "temperature 0.8, top-p 0.95, seed 1",
        "temperature 0.8, top-p 0.95, seed 2",
        "temperature 0.4, top-p 0.95, seed 2",
    ]
    assert len({written(page, column) for column in (1, 2, 3)}) == 3
    page.click(".pick >> nth=0")
    slide(page, "temperature", 0)
    assert page.text_content(".pick >> nth=0") == "temperature 0, top-p 0.95, seed 1"
    assert page.text_content("#settings summary") == "Settings of column 1"
    page.get_by_role("button", name="Remove column 2").click()
    assert page.locator("#columns section").count() == 2


def test_no_two_columns_are_alike(visit: Open) -> None:
    page = visit().open()
    page.click("#add-setting")
    page.click("#add-setting")
    page.click(".pick >> nth=0")
    page.click("#add-setting")
    heads = page.locator(".pick").all_text_contents()
    assert [head.split(",")[0].split()[1] for head in heads] == ["0.8", "0.4", "1.2", "1.6"]
    page.get_by_role("button", name="Remove column 4").click()
    page.get_by_role("button", name="Remove column 3").click()
    for _ in range(2):
        page.click(".pick >> nth=0")
        page.click("#add-sample")
    heads = page.locator(".pick").all_text_contents()
    assert [head.split("seed ")[1] for head in heads] == ["1", "1", "2", "3"]


def test_every_character_shows_what_else_could_have_stood_there(visit: Open, served: Process) -> None:
    page = visit().open()
    slide(page, "top_p", 1)
    slide(page, "top_k", 2)
    text = write(page, "The c")
    page.hover("#columns .c >> nth=6")
    _, _, answer = ask(served, "/api/inspect", {"model": "cat", "text": "The c" + text})
    seen = json.loads(answer)
    best = seen["alternatives"][5 + 6]
    shown = page.evaluate(
        "[...document.querySelectorAll('.bar:not(.beyond)')].map(b => [b.querySelector('.name').textContent,"
        " Number(b.querySelector('i').style.getPropertyValue('--share'))])"
    )
    assert [name.replace("␣", " ").replace("↵", "\n") for name, _ in shown] == [c for c, _ in best]
    np.testing.assert_allclose([share for _, share in shown], [p for _, p in best], atol=1e-3)
    # Two were left to draw from: the third and all below it are cut off.
    assert [b.get_attribute("class").replace(" own", "") for b in page.locator(".bar").all()][:5] == [
        "bar", "bar", "bar cut first-cut", "bar cut", "bar cut",
    ]  # fmt: skip
    assert "2 likeliest of" in page.text_content("#which")


def test_colours_of_surprise(visit: Open, served: Process) -> None:
    page = visit().open("read")
    text = "The clock ran up, and the (cat) struck two."
    page.fill("#text", text)
    until(page, f"document.querySelectorAll('#reading .c').length === {len(text)}")
    nats = json.loads(ask(served, "/api/inspect", {"model": "cat", "text": text})[2])["nats"]
    classes = page.evaluate("[...document.querySelectorAll('#reading .c')].map(c => c.className)")
    assert classes == ["c"] + [f"c s{min(8, int(n / 6 * 8 + 0.5))}" for n in nats[1:]]
    page.check("input[name=read-colour][value=none]")
    assert set(page.evaluate("[...document.querySelectorAll('#reading .c')].map(c => c.className)")) == {"c"}


def test_a_text_is_scored_and_coloured_by_a_unit(visit: Open, model: LanguageModel) -> None:
    page = visit().open("read")
    text = 'The cat ran. "Where to?" asked the clock.'
    page.fill("#text", text)
    score = model.score(text)
    until(page, f"document.querySelectorAll('#reading .c').length === {len(text)}")
    assert f"{score.nats_per_char:.3f} nats ({score.bits_per_char:.3f} bits) per character" in page.text_content(
        "#score"
    )
    option = page.locator("#units-list label").nth(2)
    option.click()
    layer, unit = (int(n) for n in option.locator("small").text_content().replace("layer ", "").split(", unit "))
    values = activation(model, text, layer - 1, unit)
    page.wait_for_selector("#reading .c.p1, #reading .c.n1, #reading .c.p2, #reading .c.n2, #reading .c.p3")
    for name, value in zip(
        page.evaluate("[...document.querySelectorAll('#reading .c')].map(c => c.className)"), values, strict=True
    ):
        sign, shade = name.split()[-1][0], int(name.split()[-1][1])
        assert abs(shade - 8 * abs(value)) <= 0.51
        assert shade == 0 or (sign == "n") == (value < 0)
    page.hover("#reading .c >> nth=20")
    assert f"The unit is at {values[20]:.2f}".replace("-", "−") in page.text_content("#which")


def test_units_are_listed_by_what_they_follow(visit: Open, served: Process) -> None:
    page = visit().open("read")
    page.wait_for_selector("#units-list input")
    units = json.loads(ask(served, "/api/units", {"model": "cat", "text": ""})[2])["units"]
    assert len(units) == 2 * 24
    assert page.locator("#units-list .feature").all_text_contents() == [u["feature"] for u in units]
    feature = units[5]["feature"]
    page.locator("#units-list label").first.click()  # it is chosen from the beginning, and pressing it still colours
    assert page.is_checked("input[name=read-colour][value=unit]")
    page.select_option("#units-feature", feature)
    assert set(page.locator("#units-list .feature").all_text_contents()) == {feature}
    page.fill("#text", "too short")
    page.select_option("#units-on", "text")
    assert "at least 200 characters" in page.text_content("#message")
    assert page.input_value("#units-on") == "own"


NOTE = "document.getElementById('units-note').textContent"


def test_where_units_were_found_is_told_as_it_is(visit: Open) -> None:
    page = visit().open("read")
    until(page, f"{NOTE}.includes('own writing')")
    page.fill("#text", "The clock struck one, and the cat ran down. " * 6)
    page.select_option("#units-on", "text")
    until(page, f"{NOTE}.includes('264 characters of the text, ')")
    page.focus("#text")
    page.keyboard.type("The cat ran up.")
    until(page, f"{NOTE}.includes('279 characters of the text, ')")
    page.fill("#text", "The cat")
    until(page, f"{NOTE}.includes('of the earlier text')")
    # Of two searches the last one counts, whichever comes first.
    page.fill("#text", "The cat ran up, and the clock struck two. " * 6)
    until(page, f"{NOTE}.includes('252 characters of the text, ')")
    held: list[Any] = []
    page.route("**/api/units", lambda route: route.fallback() if held else held.append(route))
    page.select_option("#units-on", "own")
    until(page, f"{NOTE} === 'Searching …'")
    page.select_option("#units-on", "text")
    until(page, f"{NOTE}.includes('of the text, ')")
    held[0].fulfill(json={"own": True, "characters": 5, "units": []})
    page.wait_for_timeout(100)
    assert "of the text, " in page.text_content("#units-note")
    assert page.locator("#units-list input").count() > 0
    page.select_option("#model", "live")
    until(page, f"{NOTE}.includes('own writing')")
    assert page.input_value("#units-on") == "own"


def test_the_colours_of_a_text_that_has_gone_are_not_put_on_another(visit: Open) -> None:
    page = visit().open()
    page.check("input[name=write-colour][value=unit]")
    page.wait_for_selector("#write-colours option", state="attached")
    held: list[Any] = []
    page.route("**/api/activations", lambda route: route.fallback() if held else held.append(route))
    write(page)
    slide(page, "seed", 2)
    write(page)
    page.wait_for_selector("#columns [class*=' n'], #columns [class*=' p']")
    page.wait_for_timeout(200)
    classes = "[...document.querySelectorAll('#columns .c')].map(c => c.className)"
    before = page.evaluate(classes)
    held[0].fulfill(json={"values": [1.0] * 410})
    page.wait_for_timeout(200)
    assert page.evaluate(classes) == before


def test_markup_and_unicode_are_text(visit: Open) -> None:
    page = visit().open("read")
    page.select_option("#model", "strange")
    page.fill("#text", STRANGE)
    until(page, f"document.querySelectorAll('#reading .c').length === {len(STRANGE)}")
    assert page.evaluate("[...document.querySelectorAll('#reading .c')].map(c => c.textContent)") == list(STRANGE)
    page.goto(page.url.replace("#read", "#write"))
    assert len(write(page, STRANGE)) == 400
    page.hover("#columns .c >> nth=3")
    assert page.evaluate("window.hacked") is None
    assert page.locator("main script, main b").count() == 0


def test_unknown_characters_are_named_and_can_be_left_out(visit: Open) -> None:
    page = visit().open()
    page.click("#add-sample")
    write(page)
    page.hover("#columns .c >> nth=5")
    page.fill("#prompt", "The <b>é")
    page.click("#go")
    page.wait_for_selector("#message:not([hidden])")
    assert "'<' (U+003C, LESS-THAN SIGN) at position 4" in page.text_content("#message")
    # Nothing of the text before stands there any more.
    assert page.locator("#columns section > .note").all_text_contents() == ["", ""]
    assert page.locator("#strip .hint").count() == 1
    page.click("#message button")
    until(page, "document.querySelectorAll('#columns .c').length === 800")
    assert page.locator("#message").is_hidden()
    assert page.locator("#columns .prefix").all_text_contents() == ["The ", "The "]
    # It is seen that they are left out, in each view that reads a text, and can be ended.
    page.click("nav a[href='#read']")
    page.fill("#text", "The <cat>")
    until(page, "document.getElementById('score').textContent.includes('2 unknown left out')")
    page.click("#skipping button")
    page.wait_for_selector("#message:not([hidden])")
    assert (page.text_content("#score"), page.locator("#reading .c").count()) == ("", 0)
    assert page.locator("#skipping").is_hidden()


def test_the_strip_is_put_away(visit: Open) -> None:
    page = visit(size="phone").open()
    write(page)
    page.click("#columns .c >> nth=5")
    page.click("#strip >> text=Close")
    page.wait_for_timeout(200)  # the pointer rests on the text that was covered: nobody points at it
    assert page.locator("#strip").is_hidden()
    page.keyboard.press("ArrowRight")  # the keys go on from the character that was looked at
    assert page.evaluate("document.activeElement.index") == 6
    assert page.locator("#strip .bar").count() >= 5
    page.keyboard.press("Escape")
    assert page.locator("#strip").is_hidden()


def test_the_limits_of_the_server_are_kept(visit: Open) -> None:
    opened = visit()
    page = opened.page
    limits = {"max_prompt": 30, "max_length": 130, "max_text": 50, "max_choices": 3}

    def limited(route: Any) -> None:
        told = route.fetch().json()
        assert all(set(run["limits"]) == set(limits) for run in told["runs"])
        route.fulfill(json={"runs": [{**run, "limits": limits} for run in told["runs"]]})

    asked: list[Any] = []
    page.route("**/api/runs", limited)
    page.route("**/v1/completions", lambda route: (asked.append(route.request.post_data_json), route.fallback()))
    opened.open()
    write(page)
    page.click("#continue")
    until(page, "document.querySelectorAll('#columns .c').length === 260")
    assert [len(body["prompt"]) for body in asked] == [10, 30]
    assert page.get_attribute("#prompt", "maxlength") == "30"
    assert page.get_attribute("#text", "maxlength") == "50"


def test_a_mistake_of_the_page_is_not_blamed_on_the_server(visit: Open) -> None:
    opened = visit()
    page = opened.open()
    page.evaluate("import('/static/store.js').then(store => store.report(new TypeError('x is undefined')))")
    assert page.text_content("#message") == "This page has an error: x is undefined. Please reload it."
    assert [words.split("\n")[0] for words in opened.complaints] == ["TypeError: x is undefined"]
    opened.complaints.clear()


def test_what_is_read_aloud_is_not_every_character(visit: Open) -> None:
    page = visit().open()
    live = "[aria-live], [role=status], [role=alert], [role=log]"
    assert page.evaluate(f"document.getElementById('columns').closest('{live}')") is None
    assert page.locator("#columns").locator(live).count() == 0
    page.evaluate(
        """() => {
            window.heard = [];
            const status = document.getElementById("status");
            new MutationObserver(() => window.heard.push(status.textContent)).observe(status, { childList: true });
        }"""
    )
    write(page)
    assert page.evaluate("window.heard") == ["Writing", "Written"]


def tab_to(page: Any, selector: str, keys: str = "Tab") -> None:
    for _ in range(80):
        page.keyboard.press(keys)
        if page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"{keys} never leads to {selector}")


def test_keys_alone(visit: Open) -> None:
    page = visit().open()
    tab_to(page, ".skip")
    tab_to(page, "#set-max_tokens")
    page.keyboard.press("Home")
    tab_to(page, "#prompt")
    page.keyboard.type("The ")
    tab_to(page, "#go")
    page.keyboard.press("Enter")
    page.wait_for_selector("#continue:enabled")
    tab_to(page, ".c")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.index") == 2
    said = page.text_content("#said")
    assert "likeliest" in said
    assert said.count("%") >= 6  # its own, and five alternatives
    page.keyboard.press("Control+End")
    assert page.evaluate("document.activeElement.index") == 49
    page.keyboard.press("Control+Home")
    page.keyboard.press("End")
    end = page.evaluate("document.activeElement.index")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.index") > end
    assert page.locator("#columns [tabindex='0']").count() == 1
    tab_to(page, "nav a[href='#read']", "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#reading .c")
    tab_to(page, "#units-list input")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#reading [class*=' n'], #reading [class*=' p']")


def test_the_learning_curve_and_the_samples_of_a_run(visit: Open, run_path: Path) -> None:
    page = visit().open("training")
    page.wait_for_selector("#curve svg")
    assert "Validation loss from" in page.get_attribute("#curve svg", "aria-label")
    assert {"nats per character", "bits per character", "training", "validation", "step"} <= set(
        page.locator("#curve text").all_text_contents()
    )
    stages = sorted((run_path / "samples").iterdir())
    assert page.text_content("#sample") == stages[-1].read_text()
    page.focus("#scrub")
    page.keyboard.press("Home")
    assert page.text_content("#sample") == stages[0].read_text()
    assert page.text_content("#scrub-at").startswith("50, validation")


def test_a_run_in_training_is_followed(visit: Open, served: Process) -> None:
    folder = served.told["live"]
    page = visit().open("training")
    page.select_option("#model", "live")
    until(page, "document.getElementById('training-state').textContent.startsWith('Trained: step 150')")
    with RunFolder(folder).lock():
        # A run that begins to train is noticed when somebody comes back to the page.
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        until(page, "document.getElementById('training-state').textContent.startsWith('Training now: step 150')")
        assert "training now" in page.text_content("#facts")
        record = {"step": 777, "epoch": 9.5, "train_loss": 0.5, "val_loss": 0.6, "seconds": 3.0}
        with (folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(record) + "\n")
        (folder / "samples" / "step_00000777.txt").write_text("<b>The</b> latest.")
        until(page, "document.getElementById('training-state').textContent.includes('step 777')")
        assert page.text_content("#sample") == "<b>The</b> latest."
    until(page, "document.getElementById('training-state').textContent.startsWith('Trained: step 777')")


def test_a_model_file_alone_has_no_curve(visit: Open) -> None:
    page = visit().open("training")
    page.select_option("#model", "strange")
    until(page, "document.getElementById('training-state').textContent.startsWith('This is a model file')")
    assert page.locator("#curve").is_hidden()
    page.select_option("#model", "bare")
    until(page, "document.getElementById('training-state').textContent.startsWith('No learning curve')")


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_axe_finds_nothing_and_nothing_is_cut_off(visit: Open, size: str, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit(size=size, scheme=scheme).open()

    def check(view: str) -> None:
        found = axe.Axe().run(page)
        assert found.violations_count == 0, f"{view}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"], view

    check("empty")
    write(page)
    page.click("#add-setting")
    until(page, "document.querySelectorAll('#columns .c').length === 800")
    page.focus("#columns .c >> nth=5")
    check("write")
    page.check("input[name=write-colour][value=unit]")
    page.wait_for_selector("#columns [class*=' n'], #columns [class*=' p']")
    check("unit")
    page.fill("#prompt", "§")
    page.click("#go")
    page.wait_for_selector("#message:not([hidden])")
    check("message")
    page.click("#message button")
    page.wait_for_selector("#skipping:not([hidden])")
    check("skipping")
    for view, ready in (("read", "#reading .s1"), ("training", "#curve svg")):
        page.click(f"nav a[href='#{view}']")
        page.wait_for_selector(ready)
        check(view)


def test_behind_a_key_and_when_the_server_has_gone(
    browser: Any, start_server: Callable[..., Process], run_path: Path
) -> None:
    process = start_server(run_path, "--api-key", "hunter2")
    visit = Visit(browser, process.url, http_credentials={"username": "anyone", "password": "hunter2"})
    page = visit.open()
    text = write(page)
    assert len(text) == 400
    assert visit.complaints == []
    process.stop()
    page.click("#continue")
    page.wait_for_selector("#message:not([hidden])")
    assert page.text_content("#message") == "The server cannot be reached: is it still running?"
    assert written(page) == text
    visit.context.close()


def test_the_key_comes_with_the_address_and_stays_in_the_tab(
    browser: Any, start_server: Callable[..., Process], run_path: Path
) -> None:
    process = start_server(run_path, "--api-key", "pässword")
    visit = Visit(browser, process.url)
    page = visit.page
    page.goto(f"{process.url}/?token=p%C3%A4ssword&model=cat#write")
    page.wait_for_selector("html[data-ready]")
    assert page.url == f"{process.url}/?model=cat#write"
    assert len(write(page)) == 400
    page.reload()
    page.wait_for_selector("html[data-ready]")
    assert len(write(page)) == 400
    visit.close()
    stranger = Visit(browser, process.url)
    stranger.page.goto(f"{process.url}/?token=wrong")
    stranger.page.wait_for_selector("#message:not([hidden])")
    expected = "The server asks for a key: open the address that charrnn serve printed."
    assert stranger.page.text_content("#message") == expected
    stranger.context.close()


def test_nothing_moves_where_that_is_not_wanted(visit: Open) -> None:
    for wish, moves in (("no-preference", True), ("reduce", False)):
        page = visit(reduced_motion=wish).open()
        times = page.evaluate("getComputedStyle(document.getElementById('go')).transitionDuration")
        assert any(float(t.strip(" s")) > 0 for t in times.split(",")) == moves


def test_files_of_the_page(served: Process) -> None:
    status, headers, body = ask(served, "/")
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "text/html; charset=utf-8", "no-cache")
    assert "script-src 'self'" in headers["content-security-policy"]
    assert b" style=" not in body
    assert b"<style" not in body
    status, headers, body = ask(served, "/static/app.js")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert ask(served, "/static/app.js", headers={"if-none-match": headers["etag"]})[0] == 304
    for path in ("/static/index.html", "/static/../models.py", "/static/%2e%2e%2fmodels.py", "/static/none.js"):
        assert ask(served, path)[0] == 404
    modules = {p.name for p in (ROOT / "src/charrnn/serving/page").iterdir()} - {"index.html"}
    for name in modules:
        assert ask(served, f"/static/{name}")[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/api/inspect", {"model": "cat"}, 400, "text"),
        ("/api/inspect", {"model": "none", "text": "a"}, 404, "model"),
        ("/api/inspect", {"model": "cat", "text": "a" * 20_001}, 400, "text"),
        ("/api/inspect", {"model": "cat", "text": "\ud800"}, 400, "text"),
        ("/api/inspect", {"model": "cat", "text": ""}, 400, None),
        ("/api/units", {"model": "cat", "text": "The cat"}, 400, None),
        ("/api/activations", {"model": "cat", "text": "The", "layer": 2, "unit": 0}, 400, "layer"),
        ("/api/activations", {"model": "cat", "text": "The", "layer": 0, "unit": 24}, 400, "unit"),
        ("/api/activations", {"model": "cat", "text": "The", "layer": True, "unit": 0}, 400, "layer"),
        ("/api/runs/none/metrics", None, 404, "model"),
    ],
)
def test_bad_requests(served: Process, path: str, body: Any, status: int, param: str | None) -> None:
    found, _, answer = ask(served, path, body)
    assert found == status
    error = json.loads(answer)["error"]
    assert error["param"] == param
    assert error["message"]


@pytest.mark.skipif(
    os.environ.get("CHARRNN_WRITE_DOCS") != "1", reason="CHARRNN_WRITE_DOCS=1 makes the README's figure"
)
def test_the_figure_of_the_readme(browser: Any, tmp_path: Path) -> None:
    """A minute of training on the bundled novel; then the page as it looks with that model."""
    charrnn.train(out=tmp_path / "clockmakers-cup", minutes=1, callback=charrnn.training.callback.Callback())
    process = Process(tmp_path / "clockmakers-cup")
    try:
        visit = Visit(browser, process.url, device_scale_factor=1.5)
        page = visit.open()
        write(page, '"Who are you?" asked the Bishop. ')
        # Where three were left to draw from, and the second of them was drawn.
        asked = {"prompt": '"Who are you?" asked the Bishop. ', "max_tokens": 400, "temperature": 0.8, "top_p": 0.95}
        body = {"model": "clockmakers-cup", "seed": 1, "logprobs": 5, **asked}
        (choice,) = json.loads(ask(process, "/v1/completions", body)[2])["choices"]
        best = [sorted(top, key=top.__getitem__, reverse=True) for top in choice["logprobs"]["top_logprobs"]]
        places = zip(choice["kept"], best, choice["text"], strict=True)
        page.hover(
            f"#columns .c >> nth={[kept == 3 and top[1] == c and c.isalpha() for kept, top, c in places].index(True)}"
        )
        page.screenshot(path=ROOT / "docs/figures/playground.png")
        page.click("nav a[href='#read']")
        page.fill("#text", TEXT_OF_THE_FIGURE)
        page.locator("#units-list label", has_text="quotation").first.click()
        until(page, f"document.querySelectorAll('#reading .c').length === {len(TEXT_OF_THE_FIGURE)}")
        page.wait_for_selector("#reading [class*=' n'], #reading [class*=' p']")
        page.hover("#reading .c >> nth=71")
        page.screenshot(path=ROOT / "docs/figures/playground-units.png")
        visit.close()
    finally:
        process.stop()


TEXT_OF_THE_FIGURE = (
    '"It is a tall oak case," said Ada, "with no works inside it." The cat went in and out by the little door.\n\n'
    '"Who are you?" asked the Bishop. "I am the clock," it said, and struck eleven. Nobody in the shop was surprised.'
)


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A model of names with labels, and one without labels whose documents may have line ends."""
    folder, rng = tmp_path_factory.mktemp("lists"), np.random.default_rng(0)
    names = ["".join(rng.choice(list("abcdeno"), rng.integers(2, 9))) for _ in range(300)]
    sizes = {"cell": "rnn", "hidden_size": 16, "seq_len": 8, "batch_size": 4, "steps": 150, "callback": Callback()}
    charrnn.train([("low" if "a" in name else "high", name) for name in names], out=folder / "names", **sizes)
    charrnn.train([f"{name}\n{name}" for name in names], out=folder / "pairs", **sizes)
    process = Process(folder / "names", folder / "pairs")
    process.told["names"] = folder / "names"
    yield process
    assert process.stop() == (0, "")


@pytest.fixture
def visit_lists(browser: Any, listed: Process) -> Iterator[Visit]:
    opened = Visit(browser, listed.url)
    yield opened
    opened.close()


def test_documents_are_written_as_cards(visit_lists: Visit, listed: Process) -> None:
    page = visit_lists.open()
    model = charrnn.load(listed.told["names"])
    for label in ("low", "high"):
        page.select_option("#label", label)
        page.click("#many")
        expected = model.generate_many(20, length=400, seed=1, label=label, temperature=0.8, top_p=0.95)
        until(
            page, f"[...document.querySelectorAll('#cards li')].map((card) => card.textContent)[0] === {expected[0]!r}"
        )
        assert page.locator("#cards li").all_text_contents() == expected
    page.fill("#prompt", "no")
    slide(page, "max_tokens", 50)
    page.click("#many")
    until(page, "[...document.querySelectorAll('#cards li')].every((card) => card.textContent.startsWith('no'))")
    page.click("#go")  # a single document, character by character, has the label, too
    page.wait_for_selector("#continue:enabled")
    assert written(page) == model.generate("no", 50, seed=1, label="high", temperature=0.8, top_p=0.95)
    page.fill("#prompt", "xyz")
    page.click("#many")
    until(page, "document.getElementById('message').textContent.includes('“x”') || "
                "document.getElementById('message').textContent.includes(\"'x'\")")  # fmt: skip
    page.click("text=Leave unknown characters out")
    until(page, "document.querySelectorAll('#cards li').length === 20 && document.getElementById('message').hidden")
    page.select_option("#model", "pairs")
    assert page.locator("#cards").is_hidden()
    assert page.locator("#labels").is_hidden()


def test_a_pasted_list_is_ranked(visit_lists: Visit, listed: Process) -> None:
    page = visit_lists.open("read")
    model = charrnn.load(listed.told["names"])
    texts = ["nano", "ccccdddd", "", "bea", "o"]
    page.fill("#text", "\n".join(texts))
    known = [text for text in texts if text]
    scores = sorted(zip(model.score_many(known), known, strict=True), key=lambda pair: -pair[0].nats_per_char)
    rows = [[f"{s.nats_per_char:.3f}", f"{s.percentile:.1f}", text] for s, text in scores]
    until(page, "document.querySelectorAll('#ranked tbody tr').length === 4")
    found = [row.locator("td").all_text_contents() for row in page.locator("#ranked tbody tr").all()]
    assert found == rows
    symbols = sum(len(s.per_char) for s, _ in scores)
    mean = sum(s.nats for s, _ in scores) / symbols
    assert page.text_content("#score") == f"4 documents, {mean:.3f} nats per symbol, ends included."
    assert "bits) per symbol, label and end included, validation split" in page.text_content("#facts")
    page.fill("#text", "nano")  # a single document is read character by character
    until(page, "document.getElementById('score').textContent.includes('per character, end not included')")
    assert page.text_content("#score").endswith("over 4 characters.")
    until(page, "document.querySelectorAll('#reading .c').length === 4")
    assert page.locator("#ranked").is_hidden()
    page.select_option("#model", "pairs")  # whose documents have line ends: empty lines stand between them
    page.fill("#text", "bea\nbea")
    until(page, "document.querySelectorAll('#reading .c').length === 7")
    page.fill("#text", "bea\nbea\n\nda\nno")
    until(page, "document.querySelectorAll('#ranked tbody tr').length === 2")


def test_a_model_of_one_text_has_neither(visit: Open) -> None:
    page = visit().open()
    assert page.locator("#many").is_hidden()
    assert page.locator("#labels").is_hidden()
