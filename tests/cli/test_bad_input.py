"""Bad input, in one line: every option out of range, every contradiction, everything that is missing or damaged.

bad-input.md, beside this file, records every message. To write it again:
`CHARRNN_WRITE_DOCS=1 ./run test tests/cli/test_bad_input.py -n 0`.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from charrnn.config import known_settings
from tests.cli.conftest import TEXT, Run

PAGE = Path(__file__).with_name("bad-input.md")
HEAD = """# Bad input and the messages it gets

Each command below is refused with exit status 2 and one line on standard error that begins with `charrnn: error:`.
Nothing is written. `tests/cli/test_bad_input.py` writes this table and fails if a message changes.

In the examples `text.txt` is a text of 3,440 characters, `empty.txt` is empty, `binary` holds the bytes 61 FF FE,
`packed` is compressed, `wide.txt` is UTF-16 without a mark, `windows.txt` has quotation marks in Windows's code page,
`tiny.txt` holds three characters, `used` is a folder with a file in it, and `run` is a run of a vanilla RNN of 16 units
on `book.txt`. Its copy `torn` has lost the end of its model, `pickled` holds a pickle instead of a model, and `emptied`
has an empty checkpoint and no earlier one. `few.py` has one function, `forward(x)`, and that of `endless.py` does not
end. `grid.toml` is a sweep of `text.txt` over `hidden_size = [8, 16]`, and
`wrong.toml` is one over `hidden_size = [8, 0]`.

| command | message |
| --- | --- |
"""


def out_of_range() -> list[str]:
    """Each setting of a training run just outside its range."""
    commands = []
    for name, limits in known_settings().items():
        flag, whole = "--" + name.replace("_", "-"), limits.kind == "int"
        if limits.least is not None:
            commands.append(f"{flag} {limits.least - 1}")
        if limits.above is not None:
            commands.append(f"{flag} {limits.above}")
        if limits.most is not None:
            commands.append(f"{flag} {limits.most * 10 if whole else f'{limits.most * 10:g}'}")
        if limits.below is not None:
            commands.append(f"{flag} {limits.below}")
        if limits.kind in ("int", "float"):
            commands.append(f"{flag} {'1.5' if whole else 'nan'}")
    return [f"train text.txt {command}" for command in commands]


COMMANDS = [
    *out_of_range(),
    # exports
    "export run --to onnx --out m.npz", "export run --to npz --out m.txt", "export run --to html --out run",
    "export run --to npz --out m.npz --prune 2", "export run --to npz --out m.npz --prune 0",
    "export run --to js --out used", "export run --to js --out text.txt", "export run --to npz --out nowhere/m.npz",
    "export run --to npz --out m.npz --quantise int4", "export torn --to npz --out m.npz", "export run --to npz",
    # unknown names
    "trian", "train text.txt --hiden-size 3", "train text.txt --cell lstmm", "train text.txt --batching chunk",
    "train text.txt --schedule cosin", "train text.txt --optimizer adamw", "train text.txt --dtype float16",
    "train text.txt --recipe refrence", "train text.txt --recipe missing.toml", "train text.txt --encoding latin9000",
    "check missing.py", "check text.txt", "check few.py", "check few.py:forward", "check few.py:absent",
    "check endless.py --seconds 1", "check few.py --like torch",
    "corpora fetch shakespeare", "experiment batchsize", "gradcheck --cell rmn",
    # texts
    "train missing.txt", "train empty.txt", "train binary", "train packed", "train wide.txt", "train windows.txt",
    "train windows.txt --encoding latin-1", "train tiny.txt", "train used",
    # contradictions
    "train text.txt --init-from missing", "train text.txt --init-from run --cell gru",
    "train text.txt --init-from run --recipe quick", "train text.txt --init-from torn",
    "train text.txt --batching chunked --chunk-len 100", "train text.txt --chunk-len 128",
    "train text.txt --val-fraction 0.6 --test-fraction 0.5", "train text.txt --cell rnn --num-layers 1 --dropout 0.2",
    "train text.txt --val-fraction 0 --patience 3", "train text.txt --val-fraction 0 --eval-every 3",
    "train text.txt --optimizer sgd --beta2 0.9", "train text.txt --batch-size 9999",
    "train --resume run --out elsewhere", "train --resume run --recipe quick", "train --resume run --hidden-size 17",
    "train --resume run --seed 3", "train tiny.txt --resume run", "evaluate run --dynamic-rate 0.1",
    "evaluate run tiny.txt --split val",
    # runs and models
    "train text.txt --out used", "train text.txt --out /dev/null/x", "train --resume missing", "train --resume used",
    "train --resume emptied", "sample missing", "sample text.txt", "sample torn", "sample pickled",
    "evaluate missing", "evaluate torn", "plot missing", "info missing", "info torn",
    # writing
    "sample run --prompt Ω", "sample run --num-samples 0", "sample run --temperature -1",
    "sample run --temperature nan",
    "sample run --top-p 1.5", "sample run --top-k -1", "sample run --min-p 2", "sample run --length -1",
    # sweeps
    "sweep missing.toml", "sweep wrong.toml", "sweep grid.toml --out used",
    "sweep grid.toml --out /dev/null/x", "sweep grid.toml --jobs 0", "sweep grid.toml --dask tcp://x:1 --slurm",
    "sweep grid.toml --dask tcp://x:1 --jobs 2",
    # serving
    "serve", "serve missing", "serve text.txt", "serve used", "serve torn", "serve run --port 70000",
    "serve run --max-streams 0",
    "serve run --max-length 0", "serve run --max-seconds nan", "serve run --grace -1", "serve run --max-body 10",
    "train text.txt --port 8001", "train text.txt --serve --port 70000",
]  # fmt: skip


def prepare(trained: Path) -> None:
    """The files of the examples, in the current folder."""
    import shutil

    Path("empty.txt").touch()
    Path("binary").write_bytes(b"a\xff\xfe")
    Path("tiny.txt").write_text("abc")
    Path("packed").write_bytes(gzip.compress(TEXT.encode()))
    Path("wide.txt").write_bytes(TEXT.encode("utf-16-le"))
    Path("windows.txt").write_bytes(TEXT.replace("cat", "“cat”").encode("cp1252"))
    Path("text.txt").write_text(TEXT)
    Path("few.py").write_text("def forward(x): return x\n")
    Path("endless.py").write_text("def lossFun(inputs, targets, U, W, V):\n    while True: pass\n")
    Path("grid.toml").write_text('text = "text.txt"\n[search]\nhidden_size = [8, 16]\n')
    Path("wrong.toml").write_text('text = "text.txt"\n[search]\nhidden_size = [8, 0]\n')
    Path("used").mkdir()
    Path("used/file").touch()
    shutil.copy(trained.parent / "book.txt", "book.txt")
    for name in ("run", "torn", "pickled", "emptied"):
        shutil.copytree(trained, name)
        config = json.loads(Path(name, "config.json").read_text())
        Path(name, "config.json").write_text(json.dumps({**config, "sources": ["book.txt"]}))
    whole = Path("torn/model.safetensors").read_bytes()
    Path("torn/model.safetensors").write_bytes(whole[:-100])
    Path("pickled/model.safetensors").write_bytes(b"\x80\x04}\x94.")
    Path("emptied/checkpoint.safetensors").write_bytes(b"")
    Path("emptied/checkpoint.previous.safetensors").unlink()


def tree() -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in sorted(Path().rglob("*")) if path.is_file()}


def test_bad_input_is_one_line_and_status_two_and_the_table_records_it(charrnn: Run, trained: Path) -> None:
    prepare(trained)
    before, rows = tree(), []
    for command in COMMANDS:
        result = charrnn(*command.split())
        assert (result.status, result.out) == (2, ""), command
        assert result.err.startswith("charrnn: error: "), command
        assert result.err.count("\n") == 1, command
        assert "Traceback" not in result.err, command
        assert tree() == before, command
        message = result.err.removeprefix("charrnn: error: ").strip().replace("|", "\\|")
        rows.append(f"| `charrnn {command}` | {message} |\n")
    page = HEAD + "".join(rows)
    if os.environ.get("CHARRNN_WRITE_DOCS"):
        PAGE.write_text(page)
    assert page == PAGE.read_text(), "run CHARRNN_WRITE_DOCS=1 ./run test tests/cli/test_bad_input.py -n 0"


@pytest.mark.parametrize("command", ["train text.txt --batch-size 9999", "train binary"])
def test_messages_name_the_remedy(charrnn: Run, trained: Path, command: str) -> None:
    prepare(trained)
    message = charrnn(*command.split()).err
    assert any(remedy in message for remedy in ("lower", "--encoding"))
