"""Mistakes that nobody wrote down: every line of a backward pass, with a term or factor gone, or another in its place.

They are made from the source of the references, so that a wrong line is named in the references' words even where the
catalogue has no entry for it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from typing import NamedTuple

from charrnn.learning.mistakes.mistake import HEAD, Mistake, source_of

# What is taken for one another: arrays of one shape. The first pool has factors, the others gradients.
POOLS = {
    "rnn": (("h[t]", "h[t - 1]"), ("d_h", "d_a", "d_out[t]", "d_next")),
    "lstm": (("i", "f", "g", "o", "tanh_c", "np.tanh(c[t - 1])", "c[t]", "c[t - 1]", "h[t]", "h[t - 1]"),
             ("d_h", "d_c", "d_c_next", "d_out[t]", "d_next"), *((f"d_{k}", "d_h", "d_c") for k in "ifgo")),
    "gru": (("r", "z", "n", "y_n", "h[t - 1]", "h[t]"), ("d_h", "d_z", "d_n", "d_r", "d_x_n", "d_y_n", "d_out[t]"),
            ("d_a", "d_y")),
    "gru_before": (("r", "z", "n", "h[t - 1]", "h[t]"), ("d_h", "d_z", "d_n", "d_r", "d_x_n", "d_reset", "d_out[t]")),
    HEAD: (("h[t]", "h[t - 1]"), ("d_o", "prob / N", "y[t] / N")),
}  # fmt: skip
# Square matrices, and what stands in the place of W.T where it is not transposed.
SQUARE = {"W": "blocks_transposed(W)", "W_r": "W_r.T", "W_z": "W_z.T", "W_n": "W_n.T"}
# The equation of the line that sets a name.
_LOOP = {"d_h": "rnn.4", "d_U": "rnn.6", "d_W": "rnn.5", "d_b": "rnn.6", "d_x": "rnn.6", "d_next": "rnn.4"}
_GRU = {"d_z": "gru.4", "d_n": "gru.4", "d_past": "gru.5", "d_x_n": "gru.6", "d_r": "gru.7", "d_y_n": "gru.7",
        "d_reset": "gru.7", "d_W_n": "gru.7", "d_y": "gru.7", "d_bh": "gru.7", "d_next": "gru.5"}  # fmt: skip
EQUATIONS = {
    "rnn": _LOOP | {"d_a": "rnn.3"},
    "lstm": _LOOP | {"d_c": "lstm.4", "d_o": "lstm.5", "d_i": "lstm.6", "d_f": "lstm.6", "d_g": "lstm.6",
                     "d_c_next": "lstm.7", "d_a": "lstm.8"},
    "gru": _LOOP | _GRU | {"d_a": "gru.8"}, "gru_before": _LOOP | _GRU | {"d_a": "gru.8"},
    HEAD: {"d_o": "readout.4", "d_V": "readout.5", "d_c": "readout.5", "d_out": "readout.5"},
}  # fmt: skip


class Line(NamedTuple):
    """A line of the backward loop."""

    text: str
    target: str
    sign: str  # = or +=
    value: ast.expr


@cache
def generated(network: str) -> tuple[Mistake, ...]:
    """Every mistake of one line, of a network and of its readout; the likelier kinds first."""
    found = [(kind, where, line, wrong) for where in (network, HEAD) for line in _lines(where)
             for kind, wrong in _variants(line, POOLS[where])]  # fmt: skip
    found.sort(key=lambda entry: KINDS.index(entry[0]))
    return tuple(
        Mistake(kind, _equation(where, line.target), line.text, wrong,
                f"{KIND_SAYS[kind]} Its gradients are those of `{wrong}`; right is `{line.text}`.",
                where if where == HEAD else "")
        for kind, where, line, wrong in found
    )  # fmt: skip


KIND_SAYS = {
    "term-missing": "A term or factor is missing.",
    "wrong-sign": "A sign is wrong.",
    "not-transposed": "Going back takes the transpose of the matrix.",
    "wrong-operand": "It takes one array for another.",
    "wrong-step": "It takes the array of another step.",
    "overwritten": "It is overwritten where it must be added to.",
    "accumulated": "It is added to where it must be overwritten.",
    "gate-left-out": "The gradient of a gate is left out.",
    "factor-too-many": "There is a factor too many.",
    "wrong-axis": "A sum runs over the wrong axes.",
    "first-step-differs": "The first step is computed in another way than the others.",
    "last-step-differs": "The last step is computed in another way than the others.",
}
KINDS = tuple(KIND_SAYS)


def _equation(where: str, target: str) -> str:
    known = EQUATIONS[where]
    return next(known[name] for name in (target, target.rpartition("_")[0], "d_a") if name in known)


def _lines(where: str) -> Iterator[Line]:
    """The lines of the backward loop, the last loop of the function."""
    source = source_of(where)
    loop = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.For)][-1]
    for node in loop.body:
        if not isinstance(node, (ast.Assign, ast.AugAssign)):
            continue
        left = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = ast.unparse(left)
        if name.startswith("d_"):
            text = ast.get_source_segment(source, node) or ""
            yield Line(text, name.partition("[")[0], "=" if isinstance(node, ast.Assign) else "+=", node.value)


def _variants(line: Line, pools: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, str]]:
    left = line.text.partition("=")[0].removesuffix("+").strip()
    right = ast.unparse(line.value)
    for kind, value in _expressions(line.value, pools):
        if value != right:
            yield kind, f"{left} {line.sign} {value}"
            if kind != "wrong-step":  # as where the loop begins, or ends, outside the loop
                yield "last-step-differs", f"{left} {line.sign} {value} if t == T - 1 else {right}"
                yield "first-step-differs", f"{left} {line.sign} {value} if t == 0 else {right}"
    if ".sum(axis=0)" in right:
        for other in (".sum()", ".mean(axis=0)", ".mean()", "[0]", "[-1]"):
            yield "wrong-axis", f"{left} {line.sign} {right.replace('.sum(axis=0)', other)}"
    yield "wrong-sign", f"{left} {line.sign} -({right})"
    if line.sign == "+=":
        yield "overwritten", f"{left} = {right}"
        yield "term-missing", f"{left} += ({right}) * (t > 0)"
        yield "term-missing", f"{left} += ({right}) * (t < T - 1)"
    elif "next" in left:
        for before in (left, "d_c" if "c" in left else "d_h"):
            yield "accumulated", f"{left} = {before} + {right}"
    if line.sign == "=" and not isinstance(line.value, ast.Call):
        for factor in pools[0]:
            yield "factor-too-many", f"{left} = ({right}) * {factor}"


def _expressions(value: ast.expr, pools: tuple[tuple[str, ...], ...]) -> Iterator[tuple[str, str]]:
    """A right-hand side, changed at one place."""
    inside = {id(n) for s in ast.walk(value) if isinstance(s, ast.Subscript) for n in ast.walk(s.slice)}
    for node in (n for n in ast.walk(value) if id(n) not in inside):
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub, ast.Mult)):
            yield "term-missing", _with(value, node, node.left)
            yield "term-missing", _with(value, node, node.right)
            if isinstance(node.op, ast.Sub):
                yield "term-missing", _with(value, node, ast.UnaryOp(ast.USub(), node.right))
            if isinstance(node.op, ast.Add):
                for term, factor in product((node.left, node.right), pools[0]):
                    yield "factor-too-many", _with(value, term, ast.BinOp(term, ast.Mult(), ast.Name(factor)))
            if not isinstance(node.op, ast.Mult):
                sign = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
                yield "wrong-sign", _with(value, node, ast.BinOp(node.left, sign, node.right))
                if isinstance(node.op, ast.Sub):
                    yield "wrong-sign", _with(value, node, ast.BinOp(node.right, node.op, node.left))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            yield "term-missing", _with(value, node, node.left)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in SQUARE:
            yield "not-transposed", _with(value, node.value, ast.parse(SQUARE[node.value.id], mode="eval").body)
        elif isinstance(node, ast.List):
            for element in node.elts:
                none = ast.Call(ast.Name("zeros"), [element], [])
                yield "gate-left-out", _with(value, element, none)
    names = [n for n in ast.walk(value) if isinstance(n, (ast.Name, ast.Subscript))]
    seen = {ast.unparse(n) for n in names}
    for pool in pools:
        for name in sorted(seen & set(pool)):
            for other in (*pool, *([f"(1 - {name})"] if pool is pools[0] else [])):
                yield "wrong-operand", _renamed(value, name, other)
                same = [n for n in names if ast.unparse(n) == name]
                for node in same if len(same) > 1 else ():
                    yield "wrong-operand", _with(value, node, ast.parse(other, mode="eval").body)
    for name in sorted(seen & set(pools[0])):  # the derivative of a gate, taken at its gradient
        for other in sorted(n for n in seen if n.startswith("d_")):
            yield "wrong-operand", _renamed(value, name, other)
    for name in ("d_out[t]", "x[t]"):
        if name in seen:
            for place in ("[t - 1]", "[t + 1]", "[T - 1]", "[0]"):
                yield "wrong-step", _renamed(value, name, name.replace("[t]", place))


def _with(value: ast.expr, old: ast.AST, new: ast.AST) -> str:
    return _replaced(value, lambda node: new if node is old else None)


def _renamed(value: ast.expr, old: str, new: str) -> str:
    made = ast.parse(new, mode="eval").body
    return _replaced(value, lambda n: made if isinstance(n, ast.expr) and ast.unparse(n) == old else None)


def _replaced(value: ast.expr, choose: Callable[[ast.AST], ast.AST | None]) -> str:
    """The source of an expression in which some nodes are others; the tree itself is left as it is."""

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            chosen = choose(node)
            if chosen is not None:
                return chosen
            fields = {name: self._field(field) for name, field in ast.iter_fields(node)}
            return type(node)(**fields)

        def _field(self, field: object) -> object:
            if isinstance(field, list):
                return [self.visit(item) if isinstance(item, ast.AST) else item for item in field]
            return self.visit(field) if isinstance(field, ast.AST) else field

    return ast.unparse(ast.fix_missing_locations(Replace().visit(value)))
