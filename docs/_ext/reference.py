"""The reference pages: one for each command, from its help, and one for each public package, from its docstrings.

They are written when the site is built, so that they cannot differ from the code: to `docs/commands/` and `docs/api/`.
"""

from __future__ import annotations

import ast
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import click

import charrnn
from charrnn.cli import commands

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
COMMANDS, PACKAGES = ROOT / "docs" / "commands", ROOT / "docs" / "api"
FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]*[a-z])")


def heading(text: str, line: str = "=") -> str:
    return f"{text}\n{line * len(text)}\n"


def indented(text: str) -> str:
    return "\n".join(f"   {line}".rstrip() for line in text.splitlines())


# Commands.


def prose(text: str) -> str:
    """Return words of a help text as reStructuredText, with flags as code."""
    return FLAG.sub(r"``\1``", re.sub(r"([*`|_:\\])", r"\\\1", text))


def passages(text: str) -> Iterator[str]:
    """Yield the passages of a help text: prose, and what click is to leave as it is (after \\b) as a block."""
    for passage in inspect.cleandoc(text).split("\n\n"):
        if not passage.startswith("\b\n"):
            yield prose(passage)
            continue
        first, *rest = passage.removeprefix("\b\n").split("\n")
        if rest and all(line.startswith("  ") for line in rest):
            yield f".. rubric:: {first.rstrip(':')}"
            first, *rest = [line[2:] for line in rest]
        yield ".. code-block:: sh\n\n" + indented("\n".join([first, *rest]))


def options(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield an entry for each option of a command."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record:
            yield f".. option:: {record[0].replace(' RANGE', '')}\n\n{indented(prose(record[1]))}"


def command_page(command: click.Command, context: click.Context, line: str = "=") -> str:
    """Return the page of a command, and of the commands in it."""
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    blocks = [heading(path, line), ".. code-block:: text\n\n" + indented(usage)]
    blocks += [*passages(command.help or ""), f".. program:: {path}", *options(command, context)]
    blocks += passages(command.epilog or "")
    for name in command.list_commands(context) if isinstance(command, click.Group) else ():
        inner = command.commands[name]
        blocks.append(command_page(inner, click.Context(inner, info_name=name, parent=context), "-"))
    return "\n\n".join(blocks) + "\n"


def command_pages() -> Iterator[tuple[str, str]]:
    """Yield the page of each command, by its name."""
    context = click.Context(commands, info_name="charrnn")
    for name, command in commands.commands.items():
        yield name, command_page(command, click.Context(command, info_name=name, parent=context))


# Packages.


def public_packages() -> Iterator[ModuleType]:
    """Yield the packages that say what is public in them, the whole first."""
    names = [info.name for info in pkgutil.walk_packages(charrnn.__path__, "charrnn.") if info.ispkg]
    yield from (module for module in map(import_module, ["charrnn", *names]) if hasattr(module, "__all__"))


def fields(cls: type) -> Iterator[tuple[str, str]]:
    """Yield the name of each field of a record, and its entry: its type, and the comment on its line."""
    if not (is_dataclass(cls) or hasattr(cls, "_fields")) or "Attributes\n---" in inspect.getdoc(cls):
        return
    source = inspect.getsource(cls)
    lines, (body,) = source.splitlines(), ast.parse(source).body
    for node in body.body if isinstance(body, ast.ClassDef) else ():
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id[0] != "_":
            comment = lines[(node.end_lineno or node.lineno) - 1][node.end_col_offset or 0 :].partition("# ")[2]
            type_ = ast.unparse(node.annotation)
            yield (
                node.target.id,
                f".. py:attribute:: {node.target.id}\n   :type: {type_}\n   :no-index:\n\n   {prose(comment)}",
            )


def registry(path: str, entries: Mapping[str, object]) -> str:
    """Return the entry of a registry: its names, each with its first line where it has one of its own."""
    first_lines = [(inspect.getdoc(value) or "").partition("\n")[0] for value in entries.values()]
    if len({*first_lines, ""}) > len(entries):
        names = "\n".join(f"- `{name}`: {line}" for name, line in zip(entries, first_lines, strict=True))
    else:
        names = ", ".join(f"`{name}`" for name in entries)
    return f".. py:data:: {path}\n\n{indented(names)}"


def entry(module: ModuleType, name: str) -> str:
    """Return the entry of a public name."""
    value, path = getattr(module, name), f"{module.__name__}.{name}"
    if inspect.isclass(value):
        if issubclass(value, Exception):
            return f".. autoexception:: {path}\n   :members:"
        own = dict(fields(value))
        lines = [f".. autoclass:: {path}", "   :members:", "   :inherited-members: Executor, tuple, dict"]
        lines += [f"   :exclude-members: {', '.join(own)}"] if own else []
        return "\n\n".join(["\n".join(lines), *map(indented, own.values())])
    if inspect.isroutine(value):
        return f".. autofunction:: {path}"
    if isinstance(value, Mapping):
        return registry(path, value)
    return f".. py:data:: {path}\n   :value: {value!r}"


def package_page(module: ModuleType) -> str:
    """Return the page of a package: what it is, and its public names."""
    listed = re.findall(r"^- `(\w+)`:", module.__doc__ or "", re.MULTILINE)  # in the order of the docstring, then
    names = sorted(module.__all__, key=lambda name: listed.index(name) if name in listed else len(listed))
    blocks = [heading(module.__name__), f".. automodule:: {module.__name__}"]
    return "\n\n".join([*blocks, *(entry(module, name) for name in names)]) + "\n"


# Files.


def write(folder: Path, pages: dict[str, str]) -> None:
    """Write pages to a folder that holds nothing else; a page that has not changed keeps its time."""
    folder.mkdir(exist_ok=True)
    for page in folder.iterdir():
        if page.stem not in pages:
            page.unlink()
    for name, text in pages.items():
        page = folder / f"{name}.rst"
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def write_pages(app: Sphinx) -> None:
    """Write all reference pages."""
    write(COMMANDS, dict(command_pages()))
    write(PACKAGES, {module.__name__: package_page(module) for module in public_packages()})


def listing(title: str, folder: str, entries: Mapping[str, str], program: str = "") -> str:
    """Return a list of pages in a folder, each with what it is about, which is also a part of the contents."""
    lines = [f"- [`{program}{name}`]({folder}/{name}.rst): {what}" for name, what in entries.items()]
    names = [f"{program}{name} <{folder}/{name}>" for name in entries]
    return "\n".join([f"\n## {title}\n", *lines, "\n```{toctree}", ":hidden:", "", *names, "```\n"])


def list_pages(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add the list of its pages to each of the two pages above them."""
    if docname == "docs/command-line":
        helps = {name: command.get_short_help_str(200) for name, command in commands.commands.items()}
        source[0] += listing("Commands", "commands", helps, "charrnn ")
    elif docname == "docs/api":
        first_lines = {module.__name__: (module.__doc__ or "").partition("\n")[0] for module in public_packages()}
        source[0] += listing("Packages", "api", first_lines)


def link_to_source(domain: str, info: Mapping[str, str]) -> str | None:
    """Return the address of the line where a name is defined, as seen from a page of a package."""
    value = import_module(info["module"])
    try:
        value = inspect.unwrap(attrgetter(info["fullname"])(value))
        value = value.fget if isinstance(value, property) else value
        path = Path(inspect.getsourcefile(value) or "").relative_to(ROOT)
        return f"../../{path.with_suffix('.html').as_posix()}#L-{inspect.getsourcelines(value)[1]}"
    except (AttributeError, TypeError, ValueError, OSError):
        return None  # a value, or a method that Python itself defines


def plain_aliases(
    app: Sphinx, what: str, name: str, value: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Write a type alias inside another type by its name."""
    first, second = (text and re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text) for text in (signature, returns))
    return first, second


def setup(app: Sphinx) -> dict[str, bool]:
    """Write the pages before the site is read."""
    app.connect("builder-inited", write_pages)
    app.connect("source-read", list_pages)
    app.connect("autodoc-process-signature", plain_aliases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
