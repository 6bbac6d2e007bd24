"""What learners call things: each part of a network, and each argument, under its usual names.

Names are compared without underscores. `U` multiplies the input, `W` the state before, `V` makes the logits; b and c
are the biases of the state and the logits, and bh is the GRU's second.
"""

from __future__ import annotations

import re

PARTS = {
    "U": "U Wxh Whx Wax Wx weightih Wih Whx Win Winput Uh Wxhs Wx2h Wi2h Wxa",
    "W": "W Whh Waa Wh weighthh Wrec Whidden Wh2h Wrecurrent Wstate",
    "b": "b bh ba bias biasih bih bhh bhidden b1 bx",
    "bh": "biashh bhh brec",
    "V": "V Why Wyh Wya Wy Who weightout Wout Wo Wha Wh2o Wr Woutput",
    "c": "c by bo bout cout biasout b2 boutput bV bias2",
}
JOINED = "W Wg Wgates Wlstm Wgru weight Wall Wx"  # one matrix over [h; x] or [x; h]
GATES = {"i": "i", "f": "f", "g": "c g a ctilde", "o": "o", "r": "r", "z": "z u", "n": "n h c g htilde hhat"}
# of a gate's matrices: over input and state, or over both at once; {} is its letter
PAIRS = (("Wx{}", "Wh{}"), ("W{}x", "W{}h"), ("Wi{}", "Wh{}"), ("U{}", "W{}"), ("W{}", "U{}"), ("Ux{}", "Uh{}"))
SINGLE = ("W{}",)
BIASES = (("b{}x", "b{}h"), ("bi{}", "bh{}"), ("bx{}", "bh{}"), ("b{}", ""))

ARGUMENTS = {
    "inputs": "inputs input x xs xt ids tokens chars inputids seq sequence xonehot xbatch xseq xids",
    "targets": "targets target y ys labels yonehot ybatch yseq t yids ytrue",
    "h0": "h0 hprev prevh h a0 aprev state hinit hidden inith hprevious prevhidden initialstate hstart s0 hin preva",
    "c0": "c0 cprev prevc cinit cellstate initc",
    "params": "params parameters p rnn model weights theta net param network lstm gru cell",
    "d_out": "dh da dout dhs doutputs dhall dhout das",
    "d_last": "dnexth danext dhnext dht dnexta dh",
    "d_c_last": "dnextc dcnext dct dc",
    "cache": "cache caches saved memory",
    "K": "vocabsize v k d nx inputsize vocab numclasses ny vocablen nchars outputsize",
    "H": "hiddensize h m nh na nhidden hiddendim numhidden units",
    "T": "seqlength seqlen t tau n timesteps tx length numsteps",
    "B": "batchsize n batch",
    "rate": "learningrate lr eta alpha",
}
SIZES = ("K", "H", "T", "B")
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


def is_one_of(name: str, known: str) -> bool:
    """Whether a name, in small letters, is among those known."""
    return plain(name).lower() in known.split()


def spelled(tokens: set[str], wanted: str) -> str | None:
    """The token that is one of the names wanted, as the program spells it: the first of them that occurs."""
    by_plain = {plain(token): token for token in sorted(tokens, reverse=True)}
    by_small = {name.lower(): token for name, token in by_plain.items() if len(name) > 1}
    exact = next((by_plain[name] for name in wanted.split() if name in by_plain), None)
    return exact or next((by_small[name.lower()] for name in wanted.split() if name.lower() in by_small), None)


def without_d(name: str) -> str | None:
    """`Wxh` for dWxh, d_Wxh, grad_Wxh or Wxh_grad; None if the name is not that of a gradient."""
    match = re.fullmatch(r"(?:dL_?d|dJ_?d|grad_?|grads_|g_|delta_?|d_?)(\w+?)|(\w+?)_grad", name)
    return (match[1] or match[2]) if match else None
