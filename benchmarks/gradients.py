"""Every error of `charrnn gradcheck`, with its machine: docs/gradients.md shows the tables, the README the largest.

    python benchmarks/gradients.py [--out benchmarks/results/gradcheck.json] [--figure docs/figures/gradient-errors.png]

It takes some minutes, and needs PyTorch. The figure shows the networks of one layer.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import machine

from charrnn.figures.gradient_errors import draw_gradient_errors
from charrnn.gradcheck import METHODS, gradcheck

COLUMNS = ("cell", "experts", "layers", "parameter", "against", "relative_error", "tolerance")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="a JSON file for the errors")
    parser.add_argument("--figure", type=Path, help="a .png or .svg file for the errors of one layer")
    options = parser.parse_args()
    results = list(gradcheck())
    assert all(result.passed for result in results)
    print(f"{machine.describe()}; all {len(results)} gradients and states agree")
    for method in METHODS:
        print(f"{method}: at most {max(r.relative_error for r in results if r.against == method):.1e}")
    if options.out:
        rows = ",\n".join("  " + json.dumps([getattr(result, column) for column in COLUMNS]) for result in results)
        head = f' "machine": {json.dumps(machine.describe())},\n "command": "charrnn gradcheck",\n'
        columns = f' "columns": {json.dumps(COLUMNS)},\n "rows": [\n'
        options.out.write_text(f"{{\n{head}{columns}{rows}\n ]\n}}\n", encoding="utf-8")
    if options.figure:
        shown = [{**result._asdict(), "title": result.title} for result in results if result.layers == 1]
        options.figure.write_bytes(draw_gradient_errors(shown, options.figure.suffix[1:]))


if __name__ == "__main__":
    main()
