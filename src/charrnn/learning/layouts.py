"""How a learner lays arrays out: rows or columns, one array or one for each gate, lanes first or steps first.

Every layout is a linear map of the reference's arrays, so that it applies to parameters and to their gradients alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np

from charrnn.learning.case import GATES, Case, K
from charrnn.learning.names import BIASES, JOINED, PAIRS, SINGLE, TWO_BIASES, spelled, spelled_part
from charrnn.learning.names import GATES as LETTERS

Arrays = dict[str, Any]
# input form → target forms. T steps, B lanes, K characters.
ONE_LANE = {"ids": ("ids",), "KT": ("KT", "ids"), "TK": ("TK", "ids"), "TK1": ("ids", "TK1"), "blank": ("ids",)}
LANES = {"TB": ("TB",), "BT": ("BT",), "TBK": ("TB", "TBK"), "BTK": ("BT", "BTK"), "TKB": ("TKB", "TB")}
LAYER = {"BTK": (), "TBK": (), "KBT": ()}
# what the styles of well-known assignments fix: input forms, and whether vectors are columns
STYLES: dict[str, tuple[tuple[str, ...], bool | None]] = {
    "dd2424": (("KT",), True), "min-char-rnn": (("ids",), True), "cs231n": (("BTK",), False),
    "coursera": (("blank", "ids", "KBT"), True), "plain": ((), None),
}  # fmt: skip
ORDERS = {"lstm": ("ifgo", "ifog", "figo", "fiog"), "gru": ("rzn", "zrn"), "gru_before": ("rzn", "zrn"), "rnn": ("h",)}
MOST_REORDERED = 16  # layouts whose gates are tried in every order


@dataclass(frozen=True)
class Naming:
    """The names of a program's arrays: `stacked` gates in one array, `joined` input and state, or both apart."""

    names: tuple[tuple[str, str], ...]  # part, such as U or W.i, and the program's name for it
    separate_gates: bool = False
    joined: bool = False

    @property
    def array_names(self) -> set[str]:
        return {name for _, name in self.names}

    @property
    def without(self) -> tuple[str, ...]:
        """The biases that the program does not have."""
        parts = {part.split(".")[0] for part, _ in self.names}
        return tuple(part for part in ("b", "bh", "c") if part not in parts)


@dataclass(frozen=True)
class Layout:
    """One way to lay out a case."""

    case: Case
    naming: Naming
    column: bool
    inputs: str
    targets: str = ""
    vectors: str = "flat"  # biases: flat (H,), row (1, H), column (H, 1)
    states: str = "flat"  # of one lane: the same; of many: row (B, H), column (H, B)
    order: str = "h"
    state_first: bool = True  # in joined arrays
    exchanged: bool = False  # z and 1 − z
    turned: bool = False  # W against U

    def parameters(self, d: Arrays) -> Arrays:
        """From U, W, b, bh, V, c, or their gradients, to the program's arrays by its names."""
        gates, found = GATES[self.case.network], {}
        cut: dict[str, Arrays] = {k: dict(zip(gates, np.split(np.asarray(d[k]), len(gates), axis=-1), strict=True))
               for k in ("U", "W", "b", "bh") if k in d}  # fmt: skip
        if self.exchanged:
            for of_gate in cut.values():
                of_gate["z"] = -of_gate["z"]
        for part, name in self.naming.names:
            kind, _, gate = part.partition(".")
            if kind in ("V", "c"):
                if kind in d:
                    found[name] = self._matrix(d[kind]) if kind == "V" else self._vector(d[kind])
                continue
            chosen = [gate] if gate else list(self.order)
            if kind == "J":
                pair = ("W", "U") if self.state_first else ("U", "W")
                joined = [np.concatenate([cut[k][g] for k in pair]) for g in chosen]
                found[name] = self._matrix(np.concatenate(joined, axis=1))
            elif kind in cut:
                whole = np.concatenate([cut[kind][g] for g in chosen], axis=-1)
                if kind == "W" and self.turned:
                    whole = np.concatenate([cut[kind][g].T for g in chosen], axis=-1)
                found[name] = self._vector(whole) if kind in ("b", "bh") else self._matrix(whole)
        return found

    def expected(self, found: Arrays) -> Arrays:
        """What the program should return, by its own names for parameters, and loss, last, h, x, h0, c0."""
        result = self.parameters(found)
        for key in ("h0", "c0", "last", "last_c"):
            if key in found:
                result["$" + key] = self._state(found[key])
        result["$h"] = self._sequence(found["h"])
        if self.case.kind != "loss":
            result["$x"] = self._sequence(found["x"])
        else:
            result["$loss"] = np.asarray(found["loss"])
        return result

    def argument(self, slot: str, d: Arrays) -> Any:
        """The value of an argument: an array, a number, or a list with None."""
        if slot == "inputs":
            return self._ids(self.inputs, d["ids"]) if self.case.kind == "loss" else self._sequence(d["x"])
        if slot == "targets":
            return self._ids(self.targets, d["targets"])
        if slot == "d_out":
            return self._sequence(d["d_out"])
        return self._state(d[slot])

    def _ids(self, form: str, ids: Any) -> Any:
        one_hot = np.eye(K)[ids]  # (T, B, K)
        if form == "blank":
            return [None, *ids[1:, 0].tolist()]
        return {
            "ids": lambda: ids[:, 0], "KT": lambda: one_hot[:, 0].T, "TK": lambda: one_hot[:, 0],
            "TK1": lambda: one_hot[:, 0, :, None], "TB": lambda: ids, "BT": lambda: ids.T, "TBK": lambda: one_hot,
            "BTK": lambda: one_hot.swapaxes(0, 1), "TKB": lambda: one_hot.swapaxes(1, 2),
        }[form]()  # fmt: skip

    def _sequence(self, a: Any) -> Any:
        if self.case.kind == "step":
            return self._state(a[0])
        return {
            "BTK": a.swapaxes(0, 1),
            "KBT": a.transpose(2, 1, 0),
            "BT": a.swapaxes(0, 1),
            "TKB": a.swapaxes(1, 2),
        }.get(self.inputs, a)

    def _matrix(self, a: Any) -> Any:
        return np.asarray(a).T if self.column else np.asarray(a)

    def _vector(self, a: Any) -> Any:
        return {"flat": a, "row": a[None, :], "column": a[:, None]}[self.vectors]

    def _state(self, a: Any) -> Any:
        if self.case.lanes > 1:
            return a.T if self.states == "column" else a
        return {"flat": a[0], "row": a, "column": a.T}[self.states]


def namings(tokens: set[str], network: str, reads_out: bool) -> Iterator[Naming]:
    """The ways in which a program with these names can have called its arrays."""
    readout = _readout(tokens)
    if reads_out and not any(part == "V" for part, _ in readout):
        return
    found = {part: spelled_part(tokens, part) for part in ("U", "W", "b")}
    used = {name for _, name in readout}
    pairs = [(spelled(tokens - used, b), spelled(tokens - used, bh)) for b, bh in TWO_BIASES]
    found["b"], found["bh"] = next((pair for pair in pairs if all(pair)), (found["b"], None))
    gates, separate = GATES[network], []
    if network != "rnn":
        for kinds in [*((("U", u), ("W", w)) for u, w in PAIRS), *((("J", j),) for j in SINGLE)]:
            for b, bh in BIASES:
                patterns = [*kinds, ("b", b), *([("bh", bh)] if bh else [])]
                names = [(f"{kind}.{g}", _of_gate(tokens, pattern, g)) for kind, pattern in patterns for g in gates]
                given = [name for _, name in names]
                of_gates = {name for name in given if name}
                readout = _readout(tokens - of_gates)
                if reads_out and not any(part == "V" for part, _ in readout):
                    continue
                if all(given) and len(set(given)) == len(given):
                    separate.append(Naming((*names, *readout), True, kinds[0][0] == "J"))  # type: ignore[arg-type]
    if separate:
        yield from separate
        return
    readout = _readout(tokens)
    if found["U"] and found["W"] and found["U"] != found["W"]:
        parts = ("U", "W", "b", "bh")
        yield Naming((*((k, name) for k in parts if (name := found[k]) and name not in used), *readout))
    joined = spelled(tokens - {name for _, name in readout}, JOINED)
    if joined and found["b"] and not (found["U"] and found["W"] and found["U"] != found["W"]):
        yield Naming((("J", joined), ("b", found["b"]), *readout), joined=True)


def _readout(tokens: set[str]) -> list[tuple[str, str]]:
    return [(part, name) for part in ("V", "c") if (name := spelled_part(tokens, part))]


def _of_gate(tokens: set[str], pattern: str, gate: str) -> str | None:
    return spelled(tokens, " ".join(pattern.format(letter) for letter in LETTERS[gate].split()))


def reordered(ran: Iterable[Layout]) -> list[Layout]:
    """Layouts that ran, with the gates in the orders that are not usual: a program may stack them as it likes."""
    kept = {replace(layout, order=""): layout for layout in ran if not layout.naming.separate_gates}
    return [replace(layout, order="".join(order)) for layout in list(kept.values())[:MOST_REORDERED]
            for order in permutations(GATES[layout.case.network])
            if "".join(order) not in ORDERS[layout.case.network]]  # fmt: skip


def with_forget_bias(ran: Mapping[Layout, Any]) -> dict[Layout, Any]:
    """The same for programs that add 1 to the forget gate."""
    return {replace(layout, case=replace(layout.case, forget_bias=1.0)): outcome for layout, outcome in ran.items()
            if layout.case.network == "lstm"}  # fmt: skip


def layouts(kind: str, network: str, naming: Naming, style: str | None, turned: bool = False) -> Iterator[Layout]:
    """Every layout that a program in a style can have; `turned` are those whose W is turned against U."""
    forms, column_only = STYLES.get(style or "plain", ((), None))
    table = LAYER if kind != "loss" else ONE_LANE | LANES
    orders = (GATES[network],) if naming.separate_gates else ORDERS[network]
    if style == "cs231n" and network == "lstm":
        orders = ("ifog",)
    first = (True, False) if naming.joined else (True,)
    if turned and (style not in (None, "plain") or naming.joined):
        return
    exchanged = (False, True) if network.startswith("gru") else (False,)
    for form in [f for f in table if f in forms] or list(table):
        many = kind != "loss" or form in LANES
        for column in (True, False) if column_only is None else (column_only,):
            if form == "TKB" and not column:
                continue
            if kind == "layer" and column != (form == "KBT"):
                continue
            if kind == "step" and form != ("KBT" if column else "BTK"):
                continue
            flat_or = ("flat", "column" if column else "row")
            state_forms: tuple[str, ...] = flat_or
            if many:
                state_forms = ("column",) if kind != "loss" and column else ("row",)
                state_forms += ("column",) if kind == "loss" and column else ()
            case = Case(network, kind, 3 if many else 1, zero=naming.without, blank_first=form == "blank")
            for target, vectors, states, order, ahead, exchange in product(
                table[form] or ("",), flat_or, state_forms, orders, first, exchanged
            ):
                yield Layout(case, naming, column, form, target, vectors, states, order, ahead, exchange, turned)
