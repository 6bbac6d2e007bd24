# What a developer runs. `./run` makes the environment on first use.
.PHONY: test check torture fuzz

test:
	./run test

check:
	./run check

# Training processes killed with SIGKILL at random moments, 200 times; some minutes. KILLS=1000 for more.
torture:
	./run test --collect-only -q tests/torture >/dev/null 2>&1 || true
	.venv/bin/python -m tests.torture.kills --kills $(or $(KILLS),200)

# Model and checkpoint files mutated in every way we know of, 100,000 of them; a few minutes. FILES=1000000 for more.
fuzz:
	./run test --collect-only -q tests/fuzz >/dev/null 2>&1 || true
	.venv/bin/python -m tests.fuzz.files --files $(or $(FILES),100000)
