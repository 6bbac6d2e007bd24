"""What the site makes of pages and code, without building it: `./run docs` does that, and CI runs it."""

from __future__ import annotations

import json
import re
import runpy
import shlex
from pathlib import Path

import pytest

import charrnn
from charrnn.cli import commands

ROOT = Path(__file__).parents[2]
EXTENSIONS = ROOT / "docs" / "_ext"
latex = runpy.run_path(str(EXTENSIONS / "notation.py"))["latex"]
broken_links = runpy.run_path(str(EXTENSIONS / "check_links.py"))["broken"]
REFERENCE = runpy.run_path(str(EXTENSIONS / "reference.py"))
LABELLED = re.compile(r"^    (.*\S)\s+\[[a-z]+\.\d+\]", re.MULTILINE)


@pytest.mark.parametrize(
    ("written", "set_as"),
    [
        ("c = f · c_prev + i · g", r"c = f \cdot c_{\text{prev}} + i \cdot g"),
        ("d_a_k = d_k · k", r"\mathrm{d}a_{k} = \mathrm{d}k \cdot k"),
        ("dW = Σ_t d_a_t h_{t−1}ᵀ", r"\mathrm{d}W = \sum_{t} \, \mathrm{d}a_{t} \, h_{t - 1}^{\mathsf{T}}"),
        ("d_c += d_h", r"\mathrm{d}c \;\text{+=}\; \mathrm{d}h"),
        ("m̂ / (1 − β₁ᵗ)", r"\hat{m} / ( 1 - \beta_{1}^{t} )"),
        ("√v̂ + √(x² + ε)", r"\sqrt{\hat{v}} + \sqrt{x^{2} + \varepsilon}"),
        ("ℓ_k,t,y_t − q_s,v^λ_s", r"\ell_{k,t,y_{t}} - q_{s,v}^{\lambda_{s}}"),
        ("ĥ_tᵀ", r"\hat{h}{}_{t}^{\mathsf{T}}"),
        ("[u_{t−1}; u_t]ᵀ", r"[ u_{t - 1} ; u_{t} ]^{\mathsf{T}}"),
        ("z, f = tanh(a_z), σ(a_f)", r"z , f = \operatorname{tanh} ( a_{z} ) , \sigma ( a_{f} )"),
        ("1 − k for k in i, f;   o", r"1 - k \, \text{ for } k \, \text{ in } i , f ; \quad o"),
    ],
)
def test_an_equation_is_set_as_it_is_meant(written: str, set_as: str) -> None:
    assert latex(written).replace(r"\, \text", r"\text") == set_as.replace(r"\, \text", r"\text")


def equations() -> list[str]:
    pages = [ROOT / "docs" / "cells.md", *(ROOT / "docs" / "derivations").glob("*.md")]
    texts = [page.read_text() for page in pages]
    for notebook in ROOT.glob("course/*.ipynb"):
        cells = json.loads(notebook.read_text())["cells"]
        texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    return [equation for text in texts for equation in LABELLED.findall(text)]


def test_the_notation_knows_every_equation() -> None:
    assert len(equations()) > 100
    for equation in equations():
        assert latex(equation).count("{") == latex(equation).count("}")


def test_no_cell_of_the_results_is_a_paragraph() -> None:
    for page in (ROOT / "docs" / "results.md", *(ROOT / "docs" / "results").rglob("*.md")):
        for row in re.findall(r"^\|(.*)\|$", page.read_text(), re.MULTILINE):
            cells = [re.sub(r"\]\([^)]*\)", "", cell).strip() for cell in row.split("|")]
            assert max(map(len, cells)) <= 120, f"{page.relative_to(ROOT)}: {row}"


def test_everything_about_a_cell_is_two_clicks_from_the_front_page() -> None:
    """The front page leads to the cells, whose rows have links that resolve (test_docs.py)."""
    front = (ROOT / "docs" / "index.md").read_text().partition("## ")[0]
    assert "(cells.md)" in front


def test_the_page_about_python_runs(
    book: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(book.parent)
    charrnn.train("book.txt", hidden_size=8, num_layers=1, steps=20, out="runs/book-qrnn")
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "how-to" / "use-python.md").read_text(), re.DOTALL)
    assert len(blocks) == 8
    for block in blocks:
        exec(compile(block, "use-python.md", "exec"), names)
    assert "λ" in capsys.readouterr().out


def test_tutorials_and_how_to_pages_give_commands_that_exist() -> None:
    for page in [ROOT / "docs" / "first-model.md", *(ROOT / "docs" / "how-to").glob("*.md")]:
        for line in re.findall(r"^(?:charrnn|\./run) (.*)$", page.read_text(), re.MULTILINE):
            if line.startswith("test "):
                continue
            name, *arguments = shlex.split(line, comments=True)
            known = {flag for option in commands.commands[name].params for flag in option.opts}
            assert {argument for argument in arguments if argument.startswith("--")} <= known, f"{page.name}: {line}"


@pytest.mark.parametrize("unknown", ["a ⊕ b", "x # y", "h_{t"])
def test_what_the_notation_does_not_know_is_an_error(unknown: str) -> None:
    with pytest.raises(ValueError, match=re.escape(unknown)):
        latex(unknown)


def test_every_command_has_a_page_with_every_flag_and_example() -> None:
    pages = dict(REFERENCE["command_pages"]())
    assert list(pages) == list(commands.commands)
    for name, page in pages.items():
        command = commands.commands[name]
        every = [command, *getattr(command, "commands", {}).values()]
        options = [each for one in every for each in one.params if not getattr(each, "hidden", False)]
        flags = {flag for option in options for flag in option.opts if flag[:2] == "--"}
        shown = set(re.findall(r"(--[a-z0-9][a-z0-9-]*)", " ".join(re.findall(r"^\.\. option:: (.*)$", page, re.M))))
        assert flags == shown - {"--help"}, name
        assert f"   charrnn {name}" in page.partition("rubric:: Example")[2], name


def test_every_public_name_has_an_entry() -> None:
    pages = {module.__name__: REFERENCE["package_page"](module) for module in REFERENCE["public_packages"]()}
    assert len(pages) > 10
    for name in charrnn.__all__:
        assert f":: charrnn.{name}\n" in pages["charrnn"], name
    assert ":: per_char\n      :type: Array\n" in pages["charrnn.scoring"]
    assert "nats" in pages["charrnn.scoring"].partition(":: per_char\n")[2][:200]


def test_a_link_of_the_site_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "page.html").write_text(
        '<a href="../b.html#here">1</a> <a href="../b.html#there">2</a> <a href="gone.html">3</a> <p id="top">'
        '<a href="#top">4</a> <a href="#bottom">5</a> <img src="../_static/p.png?v=1"> <a href="https://example.org/x">6</a>'
    )
    (tmp_path / "b.html").write_text('<h1 id="here">b</h1> <a href="a/page.html#top">back</a>')
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "p.png").touch()
    found = [link.partition(": ")[2] for link in broken_links(tmp_path)]
    assert found == ["#bottom", "../b.html#there", "gone.html"]
