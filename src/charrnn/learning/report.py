"""What a check found: as values, as text, as JSON, and in the form that Gradescope reads."""

from __future__ import annotations

from typing import Any, NamedTuple

from charrnn.learning.by_array import Named

DERIVATIONS = "docs/derivations"  # in the project


class Checked(NamedTuple):
    """One function: the network that it computes, what is wrong, what may go wrong, and which arrays are right."""

    function: str
    network: str
    mistakes: tuple[Named, ...]
    warnings: tuple[Named, ...]
    right: tuple[str, ...]
    missing: tuple[str, ...] = ()  # parameters whose gradient was not found in what the function returned
    rule: str = ""  # of an update rule or a sampler, in the place of the network


class Report(NamedTuple):
    """What a check found in a program; in a notebook it shows itself."""

    program: str
    functions: tuple[Checked, ...]
    not_checked: tuple[
        tuple[str, str], ...
    ] = ()  # functions that are no recurrent network's or cannot be called, and why

    @property
    def mistakes(self) -> list[Named]:
        """Every mistake, of all functions."""
        return [mistake for f in self.functions for mistake in f.mistakes]

    @property
    def warnings(self) -> list[Named]:
        """What is right for ordinary numbers, and fails for others."""
        return [warning for f in self.functions for warning in f.warnings]

    @property
    def verdict(self) -> str:
        """`right` or `wrong`."""
        return "wrong" if self.mistakes else "right"

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON."""

        def entry(m: Named, function: str) -> dict[str, str]:
            return {**m._asdict(), "function": function, "derivation": link(m.equation)}

        return {
            "verdict": self.verdict,
            "mistakes": [entry(m, f.function) for f in self.functions for m in f.mistakes],
            "warnings": [entry(m, f.function) for f in self.functions for m in f.warnings],
            "checked": [
                {
                    "function": f.function,
                    **({"rule": f.rule} if f.rule else {"network": f.network}),
                    "right": list(f.right),
                    "missing": list(f.missing),
                }
                for f in self.functions
            ],
            "not_checked": [{"function": name, "why": why} for name, why in self.not_checked],
        }

    def as_gradescope(self, points: float = 1.0) -> dict[str, Any]:
        """The report as Gradescope's `results.json`: a test for each function, without points if it was not checked."""
        tests: list[dict[str, Any]] = [
            {"name": f.function, "score": 0.0 if f.mistakes else points, "max_score": points,
             "status": "failed" if f.mistakes else "passed", "output": "\n".join(_lines(f))}
            for f in self.functions
        ]  # fmt: skip
        tests += [{"name": name, "score": 0.0, "max_score": 0.0, "output": f"not checked: {why}"}
                  for name, why in self.not_checked]  # fmt: skip
        return {"score": sum(t["score"] for t in tests), "tests": tests}

    def as_text(self, remarks: bool = True) -> str:
        """The report as lines; without remarks, those of the verdicts and of what was not checked."""
        lines = [line for f in self.functions for line in _lines(f)[: None if remarks else 1]]
        return "\n".join([*lines, *(f"{name}: not checked: {why}" for name, why in self.not_checked)])

    def __str__(self) -> str:
        return self.as_text()

    def __repr__(self) -> str:
        return str(self)


def link(equation: str) -> str:
    """The derivation of an equation."""
    return f"{DERIVATIONS}/{equation.partition('.')[0]}.md"


def _lines(f: Checked) -> list[str]:
    network = f.rule or {"rnn": "vanilla RNN", "lstm": "LSTM"}.get(f.network, "GRU")
    if not f.mistakes:
        lines = [f"{f.function}: right ({network}: {', '.join(f.right)})"]
    else:
        lines = [f"{f.function}: wrong ({network})"]
    for m in f.mistakes:
        lines += [f"  {m.name} [{m.equation}]{f', in {m.array}' if m.array else ''}", f"    {m.explanation}",
                  f"    {link(m.equation)}"]  # fmt: skip
    if f.mistakes and f.right:
        lines.append(f"  right: {', '.join(f.right)}")
    if f.missing:
        lines.append(f"  not compared, since no gradient of it was found: {', '.join(f.missing)}")
    for m in f.warnings:
        lines += [f"  warning: {m.name} [{m.equation}]", f"    {m.explanation}"]
    return lines
