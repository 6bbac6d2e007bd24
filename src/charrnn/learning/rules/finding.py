"""Which functions of a program are update rules or samplers, and what their arguments are for."""

from __future__ import annotations

import re
from typing import NamedTuple

from charrnn.learning.names import is_one_of, plain
from charrnn.learning.reading import Function
from charrnn.learning.tasks import BACKWARD

NAMES = {
    "adam": r"adam", "rmsprop": r"rms_?prop", "adagrad": r"ada_?grad", "momentum": r"momentum|nesterov",
    "sgd": r"sgd|gradient_?descent|update_?param",
}  # fmt: skip
SAMPLES = re.compile(r"sampl|temperature|top_?[kp]|nucleus|draw", re.IGNORECASE)
GREEDY = re.compile(r"greedy|argmax|best|likeliest|max", re.IGNORECASE)  # which are not meant to draw
UPDATE_ARGUMENTS = {
    "theta": "theta thetas param params parameter parameters w x weight weights variables",
    "g": "g grad grads gradient gradients dw dx dtheta dparam dparams dparameters",
    "m": "m m1 mom velocity velocities vel firstmoment mt momenta statem expavg ms",
    "v": "v s v2 cache caches mem memory mems secondmoment sq squares accum accumulated h r vt sumsquares gsq statev "
    "expavgsq vs",
    "t": "t step iteration iter i k n count timestep",
    "rate": "rate learningrate lr eta stepsize alpha",
    "beta1": "beta1 b1 momentum mu beta",
    "beta2": "beta2 b2 rho decay decayrate gamma",
    "eps": "eps epsilon delta",
    "zero": "weightdecay wd l2 reg",
    "config": "config cfg optimconfig",
}
SAMPLE_ARGUMENTS = {
    "logits": "logits logit o scores score",
    "probs": "probs prob probabilities probability p dist distribution pt yhat ps",
    "either": "preds prediction predictions x y out output outputs z u",
    "temperature": "temperature temp tau t",
    "top_k": "topk k",
    "top_p": "topp p nucleus threshold cutoff",
    "rng": "rng random generator gen rs randomstate",
    "seed": "seed",
}
INPUTS = ("logits", "probs", "either")


class Found(NamedTuple):
    """A function that follows a rule: its name in UPDATES, or "sampling"; what each parameter is for."""

    function: Function
    maker: Function | None
    rule: str
    slots: dict[str, str]  # parameter → slot; "" where it is not known
    maker_slots: dict[str, str]

    @property
    def unknown(self) -> list[str]:
        """Parameters without a default that nobody knows."""
        both = ((self.function, self.slots), *(((self.maker, self.maker_slots),) if self.maker else ()))
        return [name for f, slots in both for name, slot in slots.items() if not slot and name not in f.optional]

    @property
    def remembers(self) -> bool:
        """Whether it keeps something from step to step, as plain gradient descent does not."""
        return bool({*self.slots.values(), *self.maker_slots.values()} & {"m", "v", "beta1", "beta2"})

    @property
    def able(self) -> bool:
        """Whether it takes what such a rule needs."""
        slots = {*self.slots.values(), *self.maker_slots.values()}
        return bool(slots & set(INPUTS)) if self.rule == "sampling" else {"theta", "g"} <= slots


def find_rules(functions: dict[str, Function], wanted: str | None, like: str | None) -> list[Found]:
    """The update rules and samplers of a program, or the one that is wanted; with `like`, those that may follow it."""
    wanted = wanted or (next(iter(functions)) if like and len(functions) == 1 else None)
    usual: list[Found] = []
    others: list[Found] = []  # of a name that says nothing
    unclear: list[Found] = []  # update rules by name whose arguments are not all known: reported as not checked
    for name, f in functions.items():
        if name.endswith("__") or (wanted and name != wanted):
            continue
        by_name = _rule_of(name)
        rule = like or by_name
        if not rule:
            continue
        maker = functions.get(name.rpartition(".")[0] + ".__init__") if "." in name else None
        each = Found(f, maker, rule, _slots(f, rule), _slots(maker, rule) if maker else {})
        known = each.able and not each.unknown
        if wanted:
            if known or like or not BACKWARD.search(name):
                usual.append(each)
        elif known and (by_name == rule or (rule == "momentum" and by_name == "sgd" and each.remembers)):
            usual.append(each)
        elif known and not by_name and rule != "sampling" and not BACKWARD.search(name):
            others.append(each)
        elif by_name == rule != "sampling" and "g" in each.slots.values() and not (known or BACKWARD.search(name)):
            unclear.append(each)
    return (usual or others) + unclear


def _rule_of(name: str) -> str:
    for rule, pattern in NAMES.items():
        if re.search(pattern, name, re.IGNORECASE):
            return rule
    return "sampling" if SAMPLES.search(name) and not GREEDY.search(name) else ""


def _slots(f: Function, rule: str) -> dict[str, str]:
    names = f.parameters[1:] if "." in f.name else f.parameters
    table = SAMPLE_ARGUMENTS if rule == "sampling" else UPDATE_ARGUMENTS
    small = {plain(name).lower() for name in names}
    found: dict[str, str] = {}
    for name in names:
        known = [slot for slot, words in table.items() if is_one_of(name, words) and slot not in found.values()]
        if rule == "sampling" and found:
            known = [slot for slot in known if slot not in INPUTS]
        slot = known[0] if known else ""
        if rule != "sampling":
            slot = update_slot(name, rule, slot, small)
        found[name] = slot
    return found


def update_slot(name: str, rule: str, slot: str, beside: set[str]) -> str:
    """What a memory or a constant is for in a rule, beside other names: v is the first average if s is the second."""
    if rule in ("rmsprop", "adagrad"):
        return {"m": "v", "beta1": "beta2"}.get(slot, slot)
    if rule in ("momentum", "sgd"):
        return {"v": "m", "beta2": "beta1"}.get(slot, slot)
    first = plain(name).lower() == "v" and "s" in beside and "m" not in beside
    return "m" if first else slot


def slot_returned(found: Found, name: str) -> str:
    """What an array that is returned is, by its name."""
    name = re.sub(r"^(?:new|next)_?|_?(?:new|next)$", "", name)
    known = [slot for slot, words in UPDATE_ARGUMENTS.items() if is_one_of(name, words)]
    beside = {plain(n).lower() for n in found.function.parameters}
    slot = found.slots.get(name) or update_slot(name, found.rule, known[0] if known else "", beside)
    return slot if slot in ("theta", "m", "v", "config") else ""
