"""`--to html`: one file that holds the module, the model and a page around them, and asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from importlib import resources
from pathlib import Path

from charrnn.export.contents import Contents
from charrnn.export.js import MODULE, MODULES, check_known, packed
from charrnn.language_model import LanguageModel
from charrnn.runs.files import write_atomic

PAGE = resources.files("charrnn.export") / "page"


def check(out: Path, model: LanguageModel) -> None:
    """Refuse a cell or a chain of counts that the module lacks."""
    check_known(model)


def write(out: Path, contents: Contents) -> list[Path]:
    style, script = (PAGE / "page.css").read_text("utf-8"), one_script()
    # Only the style and the script of this file may act, and nothing may be asked for, sent, framed or submitted.
    policy = (
        f"default-src 'none'; script-src '{digest(script)}'; style-src '{digest(style)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
    title = html.escape(f"{contents.name}: a model that writes")
    parts = {"policy": policy, "title": title, "style": style, "script": script, "model": packed(contents)}
    page = re.sub(r"\{(\w+)\}", lambda part: parts[part[1]], (PAGE / "page.html").read_text("utf-8"))
    write_atomic(out, page.encode())
    return [out]


def one_script() -> str:
    """All modules in one script, without imports; each in a scope of its own but for what it exports."""
    parts = []
    for name in MODULES:
        text = (MODULE / name).read_text("utf-8")
        renamed = re.findall(r"(\w+) as (\w+)", " ".join(re.findall(r"^import (.*?) from", text, re.MULTILINE)))
        exported = ", ".join(re.findall(r"^export (?:const|(?:async )?function|class) (\w+)", text, re.MULTILINE))
        body = re.sub(r"^import .*;\n|^export ", "", text, flags=re.MULTILINE)
        aliases = "".join(f"const {alias} = {original};\n" for original, alias in renamed)
        parts.append(f"const {{ {exported} }} = (() => {{\n{aliases}{body}return {{ {exported} }};\n}})();\n")
    return "\n" + "\n".join([*parts, (PAGE / "page.js").read_text("utf-8")])


def digest(text: str) -> str:
    """The hash by which a policy allows an inline style or script."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
