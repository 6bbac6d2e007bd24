"""From what a program returned to its mistakes: compare with the reference, then with the reference's mistakes.

An explanation is a set of wrong lines of the catalogue and of wrong arrays (transposed, a mean, never computed). The
one with the fewest parts that leaves nothing unexplained is the answer; what none explains is located by array.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from charrnn.learning.by_array import TOLERANCE, Named, one_by_one, outputs, wrong_array, wrong_state
from charrnn.learning.case import Case
from charrnn.learning.layouts import Layout
from charrnn.learning.mistakes import HEAD, MISTAKES, Mistake, generated, is_forward
from charrnn.learning.observed import STATES, Found, differs

LONGEST_OF_PAIRS = 0.5  # seconds
LOG_2 = float(np.log(2))


class Diagnosis(NamedTuple):
    """How well an explanation fits: the fewer unexplained arrays, then the fewer mistakes, the better."""

    unexplained: tuple[str, ...]
    mistakes: tuple[Named, ...]
    right: tuple[str, ...]  # arrays that are as they should be
    scale: float = 1.0
    missing: int = 0  # parameters whose gradient was not found

    @property
    def cost(self) -> tuple[float, ...]:
        off, fitting = len(self.unexplained) + self.missing, len(self.mistakes) + len(self.right)
        return (off / max(1, off + fitting), len(self.mistakes), -fitting)

    @property
    def clean(self) -> bool:
        """Whether nothing that was found is wrong."""
        return not self.unexplained and not self.mistakes


def scales(case: Case) -> dict[float, str]:
    """By what a loss may be multiplied, compared with the mean over all characters."""
    if case.kind != "loss":
        return {1.0: "sum"}
    T, B = case.steps, case.lanes
    return {1.0: "mean", float(T): "sum over the steps", float(B): "sum over the lanes", float(T * B): "sum"}


def compare(layout: Layout, found: dict[str, Found]) -> Diagnosis:
    """What a program returned in a layout, beside the reference without mistakes."""
    plain = outputs(layout.case, ())
    assert plain is not None
    return _explain(layout, found, plain, ())


def diagnose(layout: Layout, found: dict[str, Found], end: float | None = None) -> Diagnosis:
    """The best explanation of what a program returned; until the process time `end` with generated ones and pairs."""
    case = layout.case
    known = [m for m in MISTAKES[case.network] if (case.kind == "loss" or m.where != HEAD) and not m.large]
    if layout.turned:  # both together are no mistake
        known = [m for m in known if m.name != "recurrent-matrix-transposed-forward"]
    best = fits = compare(layout, found)
    if best.clean:
        return best
    if any(key in found and found[key].name in best.right for key in ("$loss", "$h")):
        known = [m for m in known if not is_forward(m, case.network)]
    fitting = _fitting(layout, found, ())
    for mistake in known:
        best = _better(best, _with(layout, found, (mistake,), fitting))
    if end is None or not best.unexplained:
        return best
    best = _better(best, _one_by_one(layout, found, fits))
    if not best.unexplained and len(best.mistakes) <= 2:
        return best
    for mistake in _possible(layout, found, fits):
        if time.process_time() > end:
            break
        best = _better(best, _with(layout, found, (mistake,), fitting))
        if not best.unexplained:
            return best
    # A mistake that changes an array which is right cannot be one of two.
    possible = [m for m in known if outputs(case, (m,))]
    possible = [m for m in possible if not set(fits.right) & set(_named(m, layout, found).array.split(", "))]
    end = max(end, time.process_time() + LONGEST_OF_PAIRS)
    for pair in combinations(possible, 2):
        best = _better(best, _with(layout, found, pair, fitting))
        if (not best.unexplained and len(best.mistakes) <= 2) or time.process_time() > end:
            break
    return best


def _one_by_one(layout: Layout, found: dict[str, Found], fits: Diagnosis) -> Diagnosis | None:
    """The explanation that says of each array for itself what is wrong; None if the loss is wrong."""
    if any(found[key].name in fits.unexplained for key in found if key == "$loss"):
        return None
    said = one_by_one(layout, found, fits.unexplained, fits.scale)
    rest = tuple(name for name in fits.unexplained if name not in said)
    return fits._replace(unexplained=rest, mistakes=(*fits.mistakes, *_together(said.values())))


def _together(each: Iterable[Named]) -> list[Named]:
    """The same mistake in several arrays as one."""
    arrays: dict[Named, list[str]] = {}
    for named in each:
        arrays.setdefault(named._replace(array=""), []).append(named.array)
    return [named._replace(array=", ".join(names)) for named, names in arrays.items()]


def _possible(layout: Layout, found: dict[str, Found], fits: Diagnosis) -> Iterator[Mistake]:
    """The generated mistakes that may explain what is wrong: by the arrays that a line reaches."""
    names = {name: part.split(".")[0].replace("J", "U") for part, name in layout.naming.names}
    of = {key: names.get(key, key.strip("$")) for key in found if key not in ("$loss", *STATES)}
    wrong = {part for key, part in of.items() if found[key].name not in fits.right}
    for mistake in generated(layout.case.network):
        target = mistake.line.partition("=")[0].strip(" +").partition("[")[0]
        own = target.removeprefix("d_")
        if mistake.where == HEAD:
            reached = {"V", "c"} if target == "d_o" else {own} & {"V", "c"}
            possible = layout.case.kind == "loss" and reached <= wrong and (len(wrong) == 1 or own in ("o", "out"))
        elif own in ("U", "W", "b", "bh", "x"):  # nothing else depends on it
            possible = wrong in ({own}, {"U"} if layout.naming.joined else {own})
        else:
            possible = (not wrong & {"V", "c"} and len(wrong) > 1) or wrong in ({"h0"}, {"c0"})
        if possible:
            yield mistake


def _with(layout: Layout, found: dict[str, Found], mistakes: tuple[Mistake, ...], fitting: int) -> Diagnosis | None:
    """The explanation by mistakes; None if they explain no more arrays than fit without."""
    reference = outputs(layout.case, mistakes)
    if reference is None or _fitting(layout, found, mistakes) <= fitting:
        return None
    return _explain(layout, found, reference, mistakes)


def _fitting(layout: Layout, found: dict[str, Found], mistakes: tuple[Mistake, ...]) -> int:
    """How many arrays are as the mistakes make them."""
    reference = outputs(layout.case, mistakes)
    assert reference is not None
    expected = layout.expected(reference)
    gradients = [k for k in found if k not in ("$loss", *STATES)]
    largest = max((float(np.max(np.abs(found[k].value), initial=0)) for k in gradients), default=0.0)

    def fits(key: str, scale: float) -> bool:
        return differs(found[key].value, np.clip(scale * expected[key], -largest, largest)) <= TOLERANCE

    of_loss, known = _scale_of_loss(found, expected, scales(layout.case))
    if mistakes and not any(fits(k, s) for k in gradients[:3] for s in known):
        return 0
    others = sum(differs(found[k].value, expected[k]) <= TOLERANCE for k in found if k in STATES)
    return others + (of_loss is not None) + max(sum(fits(k, s) for k in gradients) for s in known)


def _better(a: Diagnosis, b: Diagnosis | None) -> Diagnosis:
    return a if b is None or b.cost >= a.cost else b


def _explain(
    layout: Layout, found: dict[str, Found], reference: dict[str, Any], mistakes: tuple[Mistake, ...]
) -> Diagnosis:
    expected = layout.expected(reference)
    gradients = [k for k in found if k not in ("$loss", *STATES)]
    of_loss, known = _scale_of_loss(found, expected, scales(layout.case))
    largest = max((float(np.max(np.abs(found[k].value), initial=0)) for k in gradients), default=0.0)  # may be a limit

    def off(key: str, scale: float) -> float:
        return differs(found[key].value, np.clip(scale * expected[key], -largest, largest))

    fits = {s: sum(off(k, s) <= TOLERANCE for k in gradients) for s in known}
    order = sorted(known, key=lambda s: s != of_loss)  # of two that are as good, the scale of the loss
    explanations = [
        _at_scale(layout, found, expected, reference, mistakes, known, scale, of_loss, off)
        for scale in order
        if fits[scale] or scale in (of_loss, 1.0)
    ]
    return min(explanations, key=lambda e: (len(e.unexplained), len(e.mistakes)))


def _at_scale(
    layout: Layout, found: dict[str, Found], expected: dict[str, Any], reference: dict[str, Any],
    mistakes: tuple[Mistake, ...], known: dict[float, str], scale: float, of_loss: float | None,
    off: Callable[[str, float], float],
) -> Diagnosis:  # fmt: skip
    """The explanation in which right gradients are `scale` times those of the mean loss, one of the `known`."""
    named: list[Named] = []
    unexplained: list[str] = []
    right: list[str] = []
    for key, (name, value) in found.items():
        if key == "$loss":
            (right if of_loss else unexplained).append(name or "loss")
        elif key in STATES and differs(value, expected[key]) <= TOLERANCE:
            right.append(name)
        elif key in STATES:
            wrong = wrong_state(key, name, value, layout, reference)
            if wrong:  # another array of that shape is no mistake; a wrong forward pass shows in the gradients
                named.append(wrong)
        elif off(key, scale) <= TOLERANCE:
            right.append(name)
        else:
            array = wrong_array(layout, key, name, value, scale * expected[key])
            named.append(array) if array else unexplained.append(name)
    own = next(s for s, what in scales(layout.case).items() if what == known[scale])  # the same in the unit of the loss
    if of_loss and any(not k.startswith("$") for k in found) and own != of_loss:
        named.append(
            Named("mean-for-sum", "all gradients", "readout.4",
                  f"The loss is the {known[of_loss]}, but the gradients are those of the {known[scale]}: they are "
                  f"{max(own / of_loss, of_loss / own):g} times too {'large' if own > of_loss else 'small'}.")
        )  # fmt: skip
    lines = [_named(m, layout, found) for m in mistakes]
    missing = sum(name not in found and name in expected for _, name in layout.naming.names)
    return Diagnosis(tuple(unexplained), (*lines, *named), tuple(right), scale, missing)


def _scale_of_loss(
    found: dict[str, Found], expected: dict[str, Any], known: dict[float, str]
) -> tuple[float | None, dict[float, str]]:
    """By what the loss is multiplied, None if it is another loss; and by what gradients may be.

    In bits a loss counts as that in nats, and its gradients are in bits or in nats.
    """
    if "$loss" not in found:
        return None, known
    value, mean = float(np.ravel(found["$loss"].value)[0]), float(expected["$loss"])
    for unit in (1.0, LOG_2):
        for scale in known:
            if np.isfinite(value) and abs(value * unit - scale * mean) <= 10 * TOLERANCE * abs(scale * mean):
                return scale, {s / u: name for u in {1.0, unit} for s, name in known.items()}
    return None, known


def _named(mistake: Mistake, layout: Layout, found: dict[str, Found]) -> Named:
    """A mistake, with the arrays that it makes wrong."""
    plain, changed = outputs(layout.case, ()), outputs(layout.case, (mistake,))
    assert plain is not None
    assert changed is not None
    right, wrong = layout.expected(plain), layout.expected(changed)
    arrays = [f.name or k.strip("$") for k, f in found.items() if differs(right[k], wrong[k]) > TOLERANCE]
    return Named(mistake.name, ", ".join(arrays), mistake.equation, mistake.explanation)
