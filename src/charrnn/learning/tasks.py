"""What to check in a program: which function, with which partner, of which network; and how to call it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from charrnn.errors import ConfigError
from charrnn.learning.case import H, K
from charrnn.learning.layouts import Layout, Naming, layouts, namings
from charrnn.learning.names import ARGUMENTS, SIZES, is_one_of, plain, size_of, without_d
from charrnn.learning.reading import Function

BACKWARD = re.compile(r"back_?ward|back_?prop|bptt|grad|loss_?fun|loss_?and|lossf|_bwd|^bwd", re.IGNORECASE)
FORWARD_FOR = (("backward_pass", "forward_pass"), ("backward", "forward"), ("Backward", "Forward"),
               ("backprop", "forward"),
               ("back_prop", "forward"), ("bptt", "forward"), ("bwd", "fwd"), ("compute_gradients", "forward"),
               ("ComputeGradients", "ForwardPass"), ("ComputeGradients", "forward"), ("compute_grads", "forward"),
               ("gradients", "forward"), ("grads", "forward"))  # fmt: skip


class UnknownNamesError(ConfigError):
    """The names of a function's arguments do not say which array is which."""


@dataclass(frozen=True)
class Task:
    """A backward pass, or a function that does both passes, and the forward pass that it needs."""

    backward: Function
    forward: Function | None
    kind: str  # loss, layer or step, as in a case
    networks: tuple[str, ...]
    maker: Function | None = None  # `__init__` of the class that they belong to

    @property
    def tokens(self) -> set[str]:
        functions = [f for f in (self.backward, self.forward) if f]
        return set().union(*(f.tokens - f.boxes for f in functions))


def find_tasks(functions: dict[str, Function], wanted: str | None, path: str, others: bool = False) -> list[Task]:
    """The function that is wanted, or every backward pass in the program; none is no error where `others` are checked.

    Raises
    ------
    ConfigError
        There is no such function.
    """
    if wanted and wanted not in functions:
        raise ConfigError(f"'{path}' has no function '{wanted}': it has {', '.join(functions) or 'none'}")
    if wanted and re.search("forward", wanted, re.IGNORECASE) and not BACKWARD.search(wanted):
        partner = wanted.replace("forward", "backward").replace("Forward", "Backward")
        wanted = partner if partner in functions else wanted
    callable_ = {name: f for name, f in functions.items() if not name.endswith("__")}
    names = [wanted] if wanted else [name for name in callable_ if BACKWARD.search(name.rpartition(".")[2])]
    tasks = [task for name in names if (task := _task(functions[name], callable_))]
    if not wanted and not any(task.kind == "loss" for task in tasks):  # under another name: it returns gradients
        rest = [f for name, f in callable_.items() if name not in names]
        for returns in (lambda f: any(map(_is_gradient, f.returns)), _mentions_gradients, lambda f: len(f.returns) > 1):
            found = [task for f in rest if returns(f) and (task := _task(f, callable_)) and task.kind == "loss"]
            if found:
                tasks += found
                break
    tasks = [replace(t, maker=functions.get(t.backward.name.rpartition(".")[0] + ".__init__")) for t in tasks]
    functions = callable_
    if not tasks and not others:
        what = f"'{wanted}'" if wanted else "no function"
        raise ConfigError(
            f"'{path}': {what} {'is not' if wanted else 'is'} a backward pass that takes targets, or the gradient "
            f"of the states; its functions are {', '.join(functions) or 'none'}: name one as FILE.py:FUNCTION"
        )
    return tasks


def _task(function: Function, functions: dict[str, Function]) -> Task | None:
    forward: Function | None = None
    for old, new in FORWARD_FOR:
        if old in function.name and (name := function.name.replace(old, new)) in functions and name != function.name:
            forward = functions[name]
            break
    slots = {slot_of(p, "") for p in function.parameters}
    if forward is None and "cache" in slots:  # any function that returns one
        makers = [f for f in functions.values() if f is not function and _keeps(f)]
        makers = [f for f in makers if "inputs" in {slot_of(p, "") for p in f.parameters}]
        forward = makers[0] if len(makers) == 1 else None
    upstream = [p for p in function.parameters if is_one_of(p, ARGUMENTS["d_out"]) or is_one_of(p, ARGUMENTS["d_last"])]
    networks = _networks(function, forward)
    if not upstream and "gru" in networks:  # whose state is called c by some
        upstream = [p for p in function.parameters if is_one_of(p, ARGUMENTS["d_c_last"])]
    if upstream and "targets" not in slots:
        one = re.search("step|cell", function.name, re.IGNORECASE) or "next" in plain(upstream[0]).lower()
        cells = any(is_one_of(p, ARGUMENTS["d_c_last"]) for p in function.parameters)
        kind = "step" if one or cells else "layer"
        return Task(function, forward, kind, networks) if forward else None
    if "targets" not in slots and not (forward and "targets" in {slot_of(p, "") for p in forward.parameters}):
        return None
    needs = {p for p in function.parameters if p not in function.optional and slot_of(p, "") in ("cache", "")}
    needs -= {p for p in needs if p in function.tokens and len(p) == 1 and p in "UWVbc"}
    returned = set(forward.returns) if forward else set()
    split = forward and "inputs" not in slots and "inputs" in {slot_of(p, "") for p in forward.parameters}
    return Task(function, forward if needs & returned or "cache" in slots or split else None, "loss", networks)


def _is_gradient(name: str) -> bool:
    return "grad" in name.lower() or any(without_d(n) for n in name.split("|"))


def _mentions_gradients(f: Function) -> bool:
    """Whether it names the gradients of at least two of its arrays, or something a gradient, in its source."""
    names = set(re.findall(r"\b[A-Za-z_]\w*", f.source))
    return "grad" in f.source.lower() or sum(without_d(name) in f.tokens for name in names) > 1


def _keeps(f: Function) -> bool:
    """Whether the last thing that a function returns may be what its backward pass needs."""
    return len(f.returns) > 1 and (
        is_one_of(f.returns[-1], ARGUMENTS["cache"]) or not f.returns[-1] or "|" in f.returns[-1]
    )


def _networks(function: Function, forward: Function | None) -> tuple[str, ...]:
    text = " ".join(f.name + "\n" + f.source for f in (function, forward) if f).lower()
    names = " ".join(f.name for f in (function, forward) if f).lower()
    for name, found in (("lstm", ("lstm",)), ("gru", ("gru", "gru_before")), ("rnn", ("rnn",))):
        if name in names:
            return found
    if re.search(r"lstm|\bc_?prev\b|\bprev_?c\b|\bnext_?c\b|\bc_?next\b|\bdc_?next\b|\bdc_?prev|\bforget", text):
        return ("lstm",)
    if re.search(r"\bgru|\breset", text) or (re.search(r"\bd_?z", text) and re.search(r"\bd_?r", text)):
        return ("gru", "gru_before")
    return ("rnn",)


def slot_of(parameter: str, kind: str) -> str:
    """What a parameter is for, by its name."""
    for slot, known in ARGUMENTS.items():
        if kind == "step" and slot == "d_out":
            continue
        if is_one_of(parameter, known):
            return slot
    return size_of(parameter)


class Caller:
    """Makes the plans of a task, and keeps the arrays that they name."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.arrays: dict[str, Any] = {}
        self._known: dict[tuple[Any, ...], str] = {}

    def layouts(self, style: str | None, turned: bool = False) -> Iterator[Layout]:
        """Every layout that the task's names allow."""
        functions = [f for f in (self.task.forward, self.task.backward) if f]
        taken = {self._slot(f, p, self.task.kind) for f in functions for p in f.parameters}
        taken |= {"h0"} if "c0" in taken and "gru" in self.task.networks else set()
        memory = {p for f in functions for p in f.parameters if p == "c" and self._slot(f, p, "") == "c0"}
        for network in self.task.networks:
            for naming in self._namings(self.task.tokens - memory, network):
                for layout in layouts(self.task.kind, network, naming, style, turned):
                    case = replace(layout.case, state_given="h0" in taken, memory_given="c0" in taken)
                    yield replace(layout, case=case)

    def _namings(self, tokens: set[str], network: str) -> list[Naming]:
        """How the program calls its arrays; what it takes as arguments goes before words in its text, such as keys."""
        functions = [f for f in (self.task.forward, self.task.backward) if f]
        taken = {p for f in functions for p in f.parameters}
        reads_out = self.task.kind == "loss"
        found = list(namings(tokens, network, reads_out))
        of_arguments = list(namings(tokens & taken, network, reads_out))
        return max(found, of_arguments, key=lambda each: max((len(taken & n.array_names) for n in each), default=0))

    def plans(self, layouts: Iterable[Layout]) -> tuple[list[Layout], list[dict[str, Any]]]:
        """The layouts in which every argument is known, and their plans.

        Raises
        ------
        UnknownNamesError
            There is no such layout: why the first is none.
        """
        tried = [(layout, self._planned(layout)) for layout in layouts]
        able = [(layout, plan) for layout, plan in tried if not isinstance(plan, UnknownNamesError)]
        for _, plan in tried if not able else ():
            if isinstance(plan, UnknownNamesError):
                raise plan
        return [layout for layout, _ in able], [plan for _, plan in able]

    def _planned(self, layout: Layout) -> dict[str, Any] | UnknownNamesError:
        try:
            return self.plan(layout)
        except UnknownNamesError as error:
            return error

    def _slot(self, f: Function, parameter: str, kind: str) -> str:
        """What a parameter is for; beside the state h of an LSTM, c is its memory."""
        if parameter == "c" and "h" in f.parameters and "lstm" in self.task.networks:
            return "c0"
        return "params" if parameter in f.boxes else slot_of(parameter, kind)

    def plan(self, layout: Layout) -> dict[str, Any]:
        """The calls of the task in a layout."""
        d = layout.case.data()
        parameters = {name: self._json(a) for name, a in layout.parameters(d).items()}
        functions = [f for f in (self.task.forward, self.task.backward) if f]
        free = set().union(*(f.free for f in functions))
        names: dict[str, Any] = {name: value for name, value in parameters.items() if name in free}
        names |= {name: self._size(slot, layout) for name in free if (slot := size_of(name))}
        calls = [{"function": f.name, "arguments": self._arguments(f, layout, d, parameters)} for f in functions]
        boxed = {name: value for name, value in parameters.items() if name not in names}
        return {"globals": names, "boxed": boxed, "calls": calls}

    def _arguments(self, f: Function, layout: Layout, d: dict[str, Any], parameters: dict[str, Any]) -> dict[str, Any]:
        given: dict[str, Any] = {}
        used: set[str] = set()
        earlier = self.task.forward.returns if self.task.forward and f is self.task.backward else ()
        for name in f.parameters:
            slot = self._slot(f, name, layout.case.kind)
            if "gru" in self.task.networks:
                slot = {"c0": "h0", "d_c_last": "d_last"}.get(slot, slot)
            if "." in f.name and name == f.parameters[0]:
                given[name] = self._object(f, layout, parameters)
            elif self.task.forward and name in earlier and name not in self.task.forward.parameters:
                given[name] = {"$result": [0, earlier.index(name) if len(earlier) > 1 else None]}
            elif name in parameters:
                given[name] = parameters[name]
            elif slot == "cache" and self.task.forward and f is self.task.backward:
                at = next((k for k, n in enumerate(earlier) if is_one_of(n, ARGUMENTS["cache"])), len(earlier) - 1)
                given[name] = {"$result": [0, at if len(earlier) > 1 else None]}
            elif slot == "params":
                order = f.unpacked.get(name)
                whole = {"$params": parameters}
                given[name] = [parameters[n] for n in order] if order and set(order) <= parameters.keys() else whole
            elif slot in SIZES and (name in f.optional or slot in used or slot == size_of(name)):
                given[name] = self._size(slot, layout)
            elif slot in ("inputs", "targets", "h0", "c0", "d_out", "d_last", "d_c_last") and slot not in used:
                given[name] = self._json(layout.argument(slot, d))
            elif slot == "rate" and name not in f.optional:
                given[name] = 0.0
            elif name not in f.optional:
                raise UnknownNamesError(
                    f"'{f.name}' takes '{name}', a name that is not known: name it inputs, targets, h0, params, or as "
                    "the array that it is, such as Wxh"
                )
            used.add(slot)
        return given

    def _object(self, f: Function, layout: Layout, parameters: dict[str, Any]) -> dict[str, Any]:
        """How to make the object of a method: what its constructor takes, and the attributes that it has then."""
        sizes = {
            n: self._size(slot, layout) for n in f.tokens | f.sizes if (slot := size_of(n)) and n not in parameters
        }
        given: dict[str, Any] = {}
        if maker := self.task.maker:
            wanted = [n for n in maker.parameters[1:] if size_of(n) or n not in maker.optional]
            given = {n: self._size(slot, layout) if (slot := size_of(n)) else 0.1 for n in wanted}
            given |= {n: parameters[n] for n in wanted if n in parameters}
        return {"$object": f.name.partition(".")[0], "given": given, "sizes": sizes, "parameters": parameters}

    def _size(self, slot: str, layout: Layout) -> int:
        return {"K": K, "H": H, "T": layout.case.steps, "B": layout.case.lanes, "J": H + K}[slot]

    def _json(self, value: Any) -> Any:
        """A value as JSON, with arrays kept aside."""
        if isinstance(value, (list, int, float)):
            return value
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        key = (array.shape, array.dtype.str, array.tobytes())
        if key not in self._known:
            self._known[key] = f"a{len(self._known)}"
            self.arrays[self._known[key]] = array
        return {"$array": self._known[key]}
