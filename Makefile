# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# CPU-only machines: this release of PyTorch has a CPU wheel; any other pulls CUDA packages.
TORCH  ?= torch==2.13.0

.PHONY: setup demo test lint types bench clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet -e ".[dev,local]" "$(TORCH)"
	touch $(STAMP)

demo: setup
	$(BIN)/audiobench run --model tiny-audio-r1 --tasks listening --limit 180 --think on,off --out results/demo

test: lint types
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/pyright

bench: setup
	$(BIN)/python benchmarks/throughput/run.py

clean:
	rm -rf $(VENV) dist build .pytest_cache .ruff_cache
