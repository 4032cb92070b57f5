# Two commands do everything: `make demo` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
# On machines without a GPU this release of PyTorch has a CPU wheel; any other pulls gigabytes of CUDA packages.
TORCH  ?= torch==2.13.0

.PHONY: setup demo test lint types bench gate baseline vllm-tests train-tiny clean

setup: $(STAMP)

$(STAMP): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet "$(TORCH)"
	$(BIN)/python -m pip install --quiet -e ".[dev,local]" "$(TORCH)"
	touch $(STAMP)

demo: setup
	$(BIN)/audiobench run --model tiny-audio-r1 --tasks listening --limit 480 --think on,off --out results/demo
	$(BIN)/audiobench ablate results/demo

test: lint types
	$(BIN)/python -m pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: setup
	$(BIN)/pyright

bench: setup
	$(BIN)/python benchmarks/throughput/run.py

# The embedded model against its committed baseline, accuracy and think gain.
gate: setup
	$(BIN)/audiobench run --model tiny-audio-r1 --tasks listening --think on,off --out results/candidate
	$(BIN)/audiobench gate --baseline results/baselines/tiny-listening.json --run results/candidate --junit results/gate.xml

baseline: setup
	$(BIN)/audiobench run --model tiny-audio-r1 --tasks listening --think on,off --out results/candidate
	$(BIN)/audiobench gate --baseline results/baselines/tiny-listening.json --run results/candidate --update-baseline

# Real vLLM on the CPU, in an environment of its own (about a minute of install; Python 3.11 on Linux x86-64).
vllm-tests:
	tests/vllm_plugin/install.sh .venv-vllm
	.venv-vllm/bin/python -m pytest tests/vllm_plugin tests/step_audio/test_prompts.py

train-tiny: setup
	OMP_WAIT_POLICY=passive GOMP_SPINCOUNT=0 $(BIN)/python -m model_adapters.step_audio.tiny.train

clean:
	rm -rf $(VENV) .venv-vllm .venv-vllm.log dist build .pytest_cache .ruff_cache .hypothesis
