"""The live table, drawn into a string."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from charrnn.cli.sweep_table import TableSweepCallback
from charrnn.runs.folder import RunFolder
from charrnn.sweeps import sweep


def test_the_table_shows_what_runs_and_what_is_best(small: dict[str, Any], tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    table = TableSweepCallback(console)

    def drawn() -> str:
        out = Console(file=io.StringIO(), width=100)
        out.print(table.table())
        return out.file.getvalue()  # type: ignore[attr-defined]

    small |= {"seeds": [0]}
    small["search"]["learning_rate"] = [1e39, 0.003, 0.03]  # the first diverges
    small["settings"] |= {"optimizer": "sgd", "grad_clip": 0, "steps": 20}
    done = sweep(small, out=tmp_path / "out", jobs=1, callback=table)
    shown = drawn()
    assert "6 of 6 runs done, 2 failed" in shown
    assert done.best is not None
    best = next(line for line in shown.splitlines() if "best so far" in line)
    assert f"{done.best['number']:03}" in best
    assert f"{done.best['val_nats_per_char']:.4f}" in best
    assert console.file.getvalue().count("failed: DivergenceError") == 2  # type: ignore[attr-defined]
    run = tmp_path / "run"
    table.on_trial_begin(17, {"hidden_size": 5}, 3, run)
    assert "017 │ hidden_size 5" in drawn()
    run.mkdir()
    records = [{"step": n, "epoch": n / 10, "val_loss": 2.5 if n == 3000 else None} for n in range(3, 3002, 3)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records) + '{"step": 300')
    line = next(line for line in drawn().splitlines() if "017" in line)
    assert "3,000" in line
    assert "2.5000" in line
    assert "3.6067" in line
    assert "running" in line
    table.on_trial_end({**done.records[0], "number": 17, "state": "pruned"}, False, 9)
    assert "7 of 9 runs done, 1 ended early, 2 failed" in drawn()


def test_a_run_may_end_while_the_table_is_drawn() -> None:
    table = TableSweepCallback(Console(file=io.StringIO()))

    class Ends(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            table.records[len(table.records)] = {"state": "failed"}
            return "failed"

    table.records[0] = Ends()
    assert table.table().title == "1 of 0 runs done, 1 failed"


def test_how_far_a_run_is_when_it_has_written_nothing(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).latest() == {}
    (tmp_path / "metrics.jsonl").touch()
    assert RunFolder(tmp_path).latest() == {}
    (tmp_path / "metrics.jsonl").write_text('{"st')
    assert RunFolder(tmp_path).latest() == {}
