"""What learners call things: each part of a network, and each argument, under its usual names.

Names are compared without underscores. `U` multiplies the input, `W` the state before, `V` makes the logits; b and c
are the biases of the state and the logits, and bh is the GRU's second.
"""

from __future__ import annotations

import re
from functools import cache

PARTS = {
    "U": "U Wxh Whx Wax Wx weightih Wih Whx Win Winput Uh Wxhs Wx2h Wi2h Wxa xh kernel",
    "W": "W Whh Waa Wh weighthh Wrec Whidden Wh2h Wrecurrent Wstate hh recurrentkernel",
    "b": "b bh ba bias biasih bih bhh bhidden b1 bx",
    "V": "V Why Wyh Wya Wy Who weightout Wout Wo Wha Wh2o Wr Woutput hy",
    "c": "c by bo bout cout biasout b2 boutput bV bias2",
}
# Names as they are composed: a matrix between two places, a bias of a place.
_M, _B = r"(?:w|weights?|mat|theta|kernel)", r"(?:b|bias|biases)"
_IN = r"(?:x|i|in|inp|inputs?|e|emb|embed|embedding)"
_STATE = r"(?:h|a|s|hid|hidden|rec|recurrent|r|states?)"
_OUT = r"(?:y|o|out|outputs?|v|vocab|logits?|dec|decoder|readout|fc|proj|q|pred|scores?)"


def _between(source: str, target: str) -> str:
    """A matrix from one place to another, under the names of both: Wxh, xhW, x2h."""
    return rf"{_M}{source}(?:2|to)?{target}|{_M}{target}{source}|{source}(?:2|to)?{target}{_M}|{source}(?:2|to){target}"


SHAPES = {
    "U": _between(_IN, _STATE) + rf"|{_M}{_IN}|{_IN}{_M}",
    "W": _between(_STATE, _STATE) + rf"|{_M}{_STATE}|{_STATE}{_M}",
    "V": _between(_STATE, _OUT) + rf"|{_M}{_OUT}|{_OUT}{_M}",
    "b": rf"{_B}{_STATE}|{_STATE}{_B}|{_B}rnn",
    "c": rf"{_B}{_OUT}|{_OUT}{_B}",
}
JOINED = "W Wg Wgates Wlstm Wgru weight Wall Wx Wxh Wh Wrnn"  # one matrix over [h; x] or [x; h]
GATES = {"i": "i", "f": "f", "g": "c g a ctilde", "o": "o", "r": "r", "z": "z u", "n": "n h c g htilde hhat"}
# of a gate's matrices: over input and state, or over both at once; {} is its letter
PAIRS = (("Wx{}", "Wh{}"), ("W{}x", "W{}h"), ("Wi{}", "Wh{}"), ("U{}", "W{}"), ("W{}", "U{}"), ("Ux{}", "Uh{}"))
SINGLE = ("W{}",)
TWO_BIASES = (
    ("biasih", "biashh"),
    ("bih", "bhh"),
    ("bi", "bh"),
    ("bx", "bh"),
    ("bxh", "bhh"),
    ("bx", "bhh"),
    ("binput", "bhidden"),
    ("b", "bhh"),
    ("b", "brec"),
)  # of the input's product, and of the state's
BIASES = (("b{}x", "b{}h"), ("bi{}", "bh{}"), ("bx{}", "bh{}"), ("b{}", ""))

ARGUMENTS = {
    "inputs": "inputs input x xs xt ids tokens chars inputids seq sequence xonehot xbatch xseq xids "
    "sentence words text",
    "targets": "targets target y ys labels yonehot ybatch yseq t yids ytrue nextwords nextchars nexttokens nextids",
    "h0": "h0 hprev prevh h a0 aprev state hinit hidden inith hprevious prevhidden initialstate hstart s0 hin preva",
    "c0": "c0 cprev prevc cinit cellstate initc",
    "params": "params parameters p rnn model weights theta net param network lstm gru cell",
    "d_out": "dh da dout dhs doutputs dhall dhout das dstates dhidden",
    "d_last": "dnexth danext dhnext dht dnexta dh dhcurr dhcur dhnew",
    "d_c_last": "dnextc dcnext dct dc",
    "cache": "cache caches saved memory",
    "K": "vocab v k d nx ny",
    "H": "h m na units",
    "T": "t tau n tx length",
    "B": "n batch",
    "J": "",
    "rate": "learningrate lr eta alpha",
}
SIZES = ("K", "H", "T", "B", "J")  # J is H + K, of joined arrays
# A size under a longer name: one of these, with size, dim, len, n, num … before or after it.
CORES = {
    "K": "vocab word token symbol v k d x in input out output y char chars class classes embed feature features unique "
    "alphabet xdim",
    "H": "h hid hidden m a units neurons state rnn cell hiddenlayer hiddenunits nodes",
    "T": "seq sequence tau t steps time timesteps window unroll step",
    "B": "batch b minibatch",
    "J": "z concat joined stacked",
}
_SIZE_WORD = r"size|sz|dimension|dim|length|len|count|number|num|nr|no"
OUTPUTS = {
    "loss": "loss cost l j lossvalue totalloss meanloss",
    "last": "h0 hprev h hs a last hlast hfinal hnext nexth hn ht hout anext hstate state",
    "h": "h hs a hidden states outputs hall nexth anext",
    "last_c": "cnext nextc clast",
    "x": "x xt xs inputs",
    "h0": "h0 hprev prevh aprev a0 hinit anext hnext h0",
    "c0": "c0 cprev prevc",
}


def plain(name: str) -> str:
    """The name without underscores."""
    return name.replace("_", "")


@cache
def size_of(name: str) -> str:
    """The size that a name stands for, one of `SIZES`; "" if it is none."""
    small = plain(name).lower()
    for size in SIZES:
        if is_one_of(name, ARGUMENTS[size]):
            return size
    affixed = re.fullmatch(rf"(?:{_SIZE_WORD}|n)(\w+)|(\w+)(?:{_SIZE_WORD})", small)
    cores = [small] if len(small) > 4 else []
    cores += [(affixed[1] or affixed[2]).removesuffix("s")] if affixed else []
    return next(
        (size for core in cores for size, known in CORES.items() if {core, core + "s"} & set(known.split())), ""
    )


@cache
def part_of(name: str) -> str:
    """The part that a name stands for by its shape, as U for W_input_to_hidden; "" if it has none of the shapes."""
    small = plain(name).lower()
    return next((part for part, shape in SHAPES.items() if re.fullmatch(shape, small)), "")


def is_one_of(name: str, known: str) -> bool:
    """Whether a name, in small letters, is among those known."""
    return plain(name).lower() in known.split()


def spelled(tokens: set[str], wanted: str) -> str | None:
    """The token that is one of the names wanted, as the program spells it: the first of them that occurs."""
    by_plain = {plain(token): token for token in sorted(tokens, reverse=True)}
    by_small = {name.lower(): token for name, token in by_plain.items() if len(name) > 1}
    exact = next((by_plain[name] for name in wanted.split() if name in by_plain), None)
    return exact or next((by_small[name.lower()] for name in wanted.split() if name.lower() in by_small), None)


def spelled_part(tokens: set[str], part: str) -> str | None:
    """The token that names a part of the network: under one of its usual names, or in a name of that shape."""
    return spelled(tokens, PARTS[part]) or next((t for t in sorted(tokens) if part_of(t) == part), None)


def without_d(name: str) -> str | None:
    """`Wxh` for dWxh, d_Wxh, grad_Wxh or Wxh_grad; None if the name is not that of a gradient."""
    match = re.fullmatch(r"(?:dL_?d|dJ_?d|grad_?|grads_|g_|delta_?|d_?)(\w+?)|(\w+?)_grad|g([UWVbc])", name)
    return (match[1] or match[2] or match[3]) if match else None
