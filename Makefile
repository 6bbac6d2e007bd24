# What a developer runs. `./run` makes the environment on first use.
.PHONY: test check torture

test:
	./run test

check:
	./run check

# Training processes killed with SIGKILL at random moments, 200 times; some minutes. KILLS=1000 for more.
torture:
	./run test --collect-only -q tests/torture >/dev/null 2>&1 || true
	.venv/bin/python -m tests.torture.kills --kills $(or $(KILLS),200)
