"""The notation of the equations, as LaTeX.

Pages and docstrings write equations as a reader types them: `d_c_prev = d_c · f`, `m̂ = m / (1 − β₁ᵗ)`. The site sets
them.

- `_` begins a subscript, `^` a superscript: a name, names between commas without spaces (`λ_s,t`), or what stands in
  braces (`h_{t−1}`). Raised and lowered signs mean the same (`x²`, `β₁ᵗ`, `Wᵀ`).
- `d_x` and `dW` are gradients. `√` takes the name or the parentheses behind it.
- Names of two letters and more are functions or words, other names are symbols. Two spaces and more part equations.
"""

from __future__ import annotations

import re
import unicodedata

FUNCTIONS = {"RMSNorm", "cov", "exp", "log", "max", "mean", "nats", "onehot", "softmax", "tanh"}
RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵗ", "0123456789-t", strict=True)) | {"ᵀ": r"\mathsf{T}"}
LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
GREEK = {
    "α": r"\alpha", "β": r"\beta", "δ": r"\delta", "ε": r"\varepsilon", "η": r"\eta", "θ": r"\theta", "λ": r"\lambda",
    "κ": r"\kappa",
    "μ": r"\mu", "ρ": r"\rho", "σ": r"\sigma", "τ": r"\tau", "φ": r"\varphi", "ℓ": r"\ell", "Σ": r"\sum", "Π": r"\prod",
    "∂": r"\partial",
}  # fmt: skip
SIGNS = {
    "·": r"\cdot", "×": r"\times", "−": "-", "←": r"\leftarrow", "≤": r"\le", "…": r"\ldots", "½": r"\tfrac{1}{2}",
    "|": r"\mid",
} | {sign: sign for sign in "+=<>/,;:.()[]-"}  # fmt: skip
HAT = "\u0302"
LETTER = rf"[A-Za-z{''.join(GREEK)}]"
NAME = re.compile(rf"[A-Za-z]{{2,}}|{LETTER}")
WORDS = re.compile(r"(?:'s|[A-Za-z]{2,})(?: ?'s| [A-Za-z]{2,})*")
GRADIENT = re.compile(rf"d_(?={LETTER})|d(?={LETTER}{HAT}?(?![A-Za-z]))")
INDEX = re.compile(rf"{LETTER}(?:_[a-z]+)?(?:[+−]\d)?")


class Reader:
    """Reads one line of the notation, sign by sign."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, pattern: str | re.Pattern[str]) -> str:
        """Return what stands here, if it fits a pattern, and go behind it."""
        match = re.compile(pattern).match(self.text, self.at)
        self.at = match.end() if match else self.at
        return match[0] if match else ""

    def enclosed(self, opening: str, closing: str) -> str:
        """Return what stands between the parentheses that open here, and go behind them."""
        depth = 0
        for at in range(self.at, len(self.text)):
            depth += (self.text[at] == opening) - (self.text[at] == closing)
            if depth == 0:
                inner, self.at = self.text[self.at + 1 : at], at + 1
                return inner
        raise ValueError(f"{self.text}: {opening} is not closed")

    def index(self) -> str:
        """Return a subscript or superscript."""
        if self.text[self.at] == "{":
            return latex(self.enclosed("{", "}"))
        name = self.take(NAME)
        if len(name) > 2:
            return rf"\text{{{name}}}"
        parts = [name + self.take(r"_[a-z]+")]
        while self.take(rf",(?={LETTER})"):
            parts.append(self.take(INDEX))
        return ",".join(part if part.isascii() and part.isalpha() else latex(part) for part in parts)

    def indices(self) -> str:
        """Return the subscripts and superscripts of what stands before."""
        above = below = ""
        while self.at < len(self.text):
            if raised := self.take(f"[{''.join(RAISED)}]+"):
                above += "".join(RAISED[sign] for sign in raised)
            elif lowered := self.take(f"[{''.join(LOWERED)}]+"):
                below += "".join(LOWERED[sign] for sign in lowered)
            elif self.take("'(?![a-z])"):
                above += r"\prime "
            elif self.take("_"):
                below += self.index()
            elif self.take(r"\^"):
                above += self.index()
            else:
                break
        return (f"_{{{below}}}" if below else "") + (f"^{{{above}}}" if above else "")

    def name(self) -> str:
        """Return a symbol or function with its accent and indices; nothing where none stands."""
        name = self.take(NAME)
        if len(name) > 1 and name not in FUNCTIONS:
            self.at -= len(name)
            name = ""
        if not name:
            return ""
        symbol = rf"\operatorname{{{name}}}" if len(name) > 1 else GREEK.get(name, name)
        if self.take(HAT):  # an index of the empty group stands beside the accent, not below it
            symbol, indices = rf"\hat{{{symbol}}}", self.indices()
            return symbol + (f"{{}}{indices}" if indices else "")
        return symbol + self.indices()

    def operand(self) -> str:
        """Return a gradient, name, root, number or words; nothing where a sign stands."""
        if self.take(GRADIENT):
            return r"\mathrm{d}" + self.name()
        if self.take("√"):
            inner = latex(self.enclosed("(", ")")) if self.text[self.at] == "(" else self.name()
            return rf"\sqrt{{{inner}}}"
        before = " " if self.text[self.at - 1 : self.at] == " " else ""
        if operand := self.take(r"\d+(?:\.\d+)?") or self.name():
            return operand
        words = self.take(WORDS)
        after = " " if words and self.text[self.at : self.at + 1] == " " else ""
        return words and rf"\text{{{before}{words}{after}}}"


def latex(text: str) -> str:
    """Return one line of the notation as LaTeX; a sign that it does not know is an error."""
    reader, found, apart = Reader(unicodedata.normalize("NFD", text.replace("one_hot", "onehot"))), [], False
    while reader.at < len(reader.text):
        if spaces := reader.take(" +"):
            follows = re.match(rf"[\d(\[√]|{LETTER}", reader.text[reader.at :])
            found += [r"\quad"] if len(spaces) > 1 else [r"\,"] if apart and follows else []
            apart = False
        elif operand := reader.operand():
            found.append(operand)
            apart = not operand.startswith(r"\text")
        elif sign := reader.take(r"[+−]="):
            found.append(rf"\;\text{{{sign.replace('−', '-')}}}\;")
        elif (sign := reader.take(".")) in SIGNS:
            apart = sign in ")]"
            found.append(SIGNS[sign] + (reader.indices() if apart else ""))
        else:
            raise ValueError(f"{text}: the notation does not know {sign!r}")
    return " ".join(found)
