"""A learner's program, read without running it: its functions, what they take, return, and mention."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from charrnn.errors import ConfigError
from charrnn.learning.names import size_of, spelled_part, without_d

# Dictionaries of gradients, whose keys may be the names of parameters.
OF_GRADIENTS = re.compile(r"d|g|d_?(?:p|params?|parameters|w|weights|theta)|(?:\w+_)?(?:grads?|gradients?)", re.I)


class Function(NamedTuple):
    """A function of the program."""

    name: str
    parameters: tuple[str, ...]
    optional: frozenset[str]  # parameters with a default
    returns: tuple[str, ...]  # the names of what the last `return` gives; "" where it is no name
    tokens: frozenset[str]  # what may name an array: parameters, names from outside, attributes and strings
    free: frozenset[str]  # names that it reads and does not define
    unpacked: dict[str, tuple[str, ...]]  # parameter → the names it is unpacked into
    sizes: frozenset[str]  # attributes that are sizes
    boxes: frozenset[str]  # parameters that hold arrays by name: W["xh"], rnn.U
    source: str
    line: int


def read_functions(source: str, path: str) -> dict[str, Function]:
    """The functions of a program by name.

    Raises
    ------
    ConfigError
        The program is not Python.
    """
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise ConfigError(
            f"'{path}' is not Python{f', line {line}' if line else ''}: {str(error) or 'it is nested too deeply'}"
        ) from None
    nodes = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {(a.asname or a.name).split(".")[0] for n in ast.walk(tree)
                if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names}  # fmt: skip
    found = {name: _function(name, node, nodes, imported, source) for name, node in nodes.items()}
    makers: dict[str, ast.FunctionDef] = {}  # the constructor of a class, which a class below it may inherit
    for owner in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        methods = {node.name: node for node in owner.body if isinstance(node, ast.FunctionDef)}
        above = [makers[base.id] for base in owner.bases if isinstance(base, ast.Name) and base.id in makers]
        if above:
            methods.setdefault("__init__", above[0])
        if "__init__" in methods:
            makers[owner.name] = methods["__init__"]
        for name, node in methods.items():
            if node.args.args and not node.decorator_list:
                full = f"{owner.name}.{name}"
                maker = methods.get("__init__")
                made = {*_tokens(maker), *(a.arg for a in maker.args.args[1:])} if maker else set()
                function = _function(full, node, nodes | methods, imported, source)
                sizes = frozenset(_sizes(maker) if maker else ())
                found[full] = function._replace(tokens=(function.tokens | made) - sizes, sizes=sizes)
    return found


FRAMEWORKS = {"torch": "PyTorch", "tensorflow": "TensorFlow", "keras": "Keras", "jax": "JAX", "flax": "Flax"}


def framework_of(source: str, used_in: Iterable[str]) -> str:
    """The framework with gradients of its own that a program imports, and that functions use; "" if there is none."""
    tree = ast.parse(source)
    modules = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    modules += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    found = [FRAMEWORKS[top] for name in modules if (top := name.partition(".")[0]) in FRAMEWORKS]
    functions = list(used_in)
    used = any(re.search(rf"\b(?:{'|'.join(FRAMEWORKS)}|nn|tf|jnp)\.|\.backward\(", each) for each in functions)
    return found[0] if found and (used or not functions) else ""


def _function(
    name: str, node: ast.FunctionDef, nodes: dict[str, ast.FunctionDef], imported: set[str], source: str
) -> Function:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    names = [a.arg for a in arguments]
    with_default = node.args.args[len(node.args.args) - len(node.args.defaults) :] if node.args.defaults else []
    optional = {a.arg for a in with_default}
    optional |= {a.arg for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None}
    reached, waiting = {node.name}, [node]
    while waiting:
        for called in _calls(waiting.pop()) & nodes.keys() - reached:
            reached.add(called)
            waiting.append(nodes[called])
    parts = [nodes[name] for name in reached] if node.name in nodes else [node]
    free = set().union(*(_free(part) for part in parts)) - nodes.keys() - imported - set(dir(builtins))
    tokens = set(names) | free | set().union(*(_tokens(part) for part in parts))
    unpacked = {
        n.value.id: tuple(e.id if isinstance(e, ast.Name) else "" for e in n.targets[0].elts)
        for n in ast.walk(node)
        if isinstance(n, ast.Assign)
        and isinstance(n.targets[0], (ast.Tuple, ast.List))
        and isinstance(n.value, ast.Name)
    }
    tokens |= {name for parameter, found in unpacked.items() if parameter in names for name in found if name}
    text = "\n".join(ast.get_source_segment(source, part) or "" for part in parts)
    return Function(
        name, tuple(names), frozenset(optional), _returned(node), frozenset(tokens), frozenset(free),
                    {k: v for k, v in unpacked.items() if k in names}, frozenset(), _boxes(node) & set(names),
        text, node.lineno,
    )  # fmt: skip


def _calls(node: ast.FunctionDef) -> set[str]:
    """The names that it may call: functions, and methods of its object."""
    own = node.args.args[0].arg if node.args.args else ""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names | {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == own
    }


def _tokens(node: ast.AST) -> Iterator[str]:
    for n in ast.walk(node):
        if isinstance(n, ast.Attribute):
            yield n.attr
        elif isinstance(n, ast.Constant) and isinstance(n.value, str) and n.value.isidentifier():
            yield n.value
        elif isinstance(n, ast.keyword) and n.arg:
            yield n.arg


def _boxes(node: ast.FunctionDef) -> frozenset[str]:
    """Names with two parts of a network by name in them."""
    found: dict[str, set[str]] = {}
    for n in ast.walk(node):
        if isinstance(n, (ast.Subscript, ast.Attribute)) and isinstance(n.value, ast.Name):
            key = n.attr if isinstance(n, ast.Attribute) else getattr(n.slice, "value", None)
            if isinstance(key, str):
                found.setdefault(n.value.id, set()).update(p for p in "UWVbc" if spelled_part({key}, p))
    return frozenset(name for name, parts in found.items() if len(parts) > 1)


def _sizes(maker: ast.FunctionDef) -> set[str]:
    """The attributes that a constructor sets to a size, such as V in `self.V = vocab_size`."""
    parameters = {a.arg for a in maker.args.args}
    found: set[str] = set()
    for node in (n for n in ast.walk(maker) if isinstance(n, ast.Assign)):
        for target in node.targets:
            targets, values = ([*n.elts] if isinstance(n, ast.Tuple) else [n] for n in (target, node.value))
            for t, v in zip(targets, values, strict=False):
                a_size = isinstance(v, ast.Name) and size_of(v.id) and not (v.id == "V" and {"U", "W"} <= parameters)
                if isinstance(t, ast.Attribute) and a_size:
                    found.add(t.attr)
    return found


def _free(node: ast.FunctionDef) -> set[str]:
    names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
    stored = {n.id for n in names if isinstance(n.ctx, ast.Store)} | {
        n.arg for n in ast.walk(node) if isinstance(n, ast.arg)
    }
    declared = {name for n in ast.walk(node) if isinstance(n, ast.Global) for name in n.names}
    return {n.id for n in names if isinstance(n.ctx, ast.Load)} - (stored - declared)


def _returned(node: ast.FunctionDef) -> tuple[str, ...]:
    inner = {id(r) for f in ast.walk(node) if isinstance(f, (ast.FunctionDef, ast.Lambda)) and f is not node
             for r in ast.walk(f)}  # fmt: skip
    returns = [r for r in ast.walk(node) if isinstance(r, ast.Return) and r.value is not None and id(r) not in inner]
    if not returns:
        return ()
    value = max(returns, key=lambda r: r.lineno).value
    lists = {n.targets[0].id: n.value for n in ast.walk(node)
             if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
             and isinstance(n.value, (ast.Tuple, ast.List)) and n.value.elts}  # fmt: skip
    if isinstance(value, ast.Name) and isinstance(lists.get(value.id), ast.Tuple):
        value = lists[value.id]
    if isinstance(value, (ast.Tuple, ast.List)):
        return tuple(_inner(e, lists) for e in value.elts)
    return (_inner(value, lists),) if value is not None else ()


def _inner(node: ast.AST, lists: Mapping[str, ast.AST]) -> str:
    """The name of an element; of a list, the names of its elements, with bars between them."""
    listed = lists.get(node.id, node) if isinstance(node, ast.Name) else node
    if isinstance(listed, (ast.Tuple, ast.List)):
        return "|".join(_name(e) for e in listed.elts)
    return _name(node)


def _name(node: ast.AST) -> str:
    """The name that an expression is about: loss for float(loss) or loss / T, hs for hs[-1], dWxh for grads["Wxh"]."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr if not isinstance(node.value, ast.Name) or node.attr not in ("T", "copy") else node.value.id
    if isinstance(node, ast.Subscript):
        owner, key = _name(node.value), getattr(node.slice, "value", None)
        if not isinstance(key, str):
            return owner
        return f"d{key}" if OF_GRADIENTS.fullmatch(owner) and not without_d(key) else key
    if isinstance(node, ast.UnaryOp):
        return _name(node.operand)
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Div, ast.Mult)):
        return _name(node.left)
    if (
        isinstance(node, ast.Call)
        and len(node.args) == 1
        and isinstance(node.args[0], (ast.Name, ast.Subscript, ast.BinOp))
    ):
        return _name(node.args[0])
    return ""
