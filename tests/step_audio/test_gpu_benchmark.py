"""The GPU benchmark, as far as a CPU can tell: its path at tiny size, its weights, its decoding."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import DynamicCache, StaticCache

from model_adapters.step_audio.testing import tiny_config

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "gpu" / "run.py"


def loaded(script: Path, name: str) -> Any:
    import sys

    spec = importlib.util.spec_from_file_location(name, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def bench() -> Any:
    return loaded(SCRIPT, "gpu_benchmark")


@pytest.fixture(scope="module")
def serving() -> Any:
    return loaded(SCRIPT.with_name("serve.py"), "gpu_serving_benchmark")


def test_a_dated_table_with_every_row(bench, capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "CHUNKS", (1, 2))
    monkeypatch.setattr(bench, "REPEATS", 1)
    monkeypatch.setattr(bench, "MIXED", (0.4, 0.9))
    monkeypatch.setattr(bench, "CLIPS", (2, 1.0))
    out = tmp_path / "table.md"
    options = ["--size", "tiny", "--device", "cpu", "--tokens", "2", "--seconds", "26", "--batches", "2"]
    assert bench.main([*options, "--out", str(out)]) == 0
    text = capsys.readouterr().out
    assert out.read_text(encoding="utf-8") == text
    assert re.match(r"\d{4}-\d\d-\d\d, CPU, size tiny, random weights, bf16, torch ", text)
    for what in (
        "instantiation",
        "1 x 25 s",
        "2 x 25 s",
        "eager (as StepFun's server)",
        "masked buckets, compiled",
        "resampling and mel, 2 x 1 s",
        "bf16 against fp32",
        "prefill, 26 s",
        "decode, 2 requests",
    ):
        assert what in text
    drift = re.search(r"relative error (\S+), lowest cosine of a token (\S+) ", text)
    assert drift is not None and 0 < float(drift[1]) < 0.05 and 0.99 < float(drift[2]) <= 1.0


def test_full_sizes_are_refused_where_they_do_not_run(bench, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert bench.main([]) == 2
    assert "sees no GPU" in capsys.readouterr().err
    assert bench.main(["--size", "mini", "--device", "cpu"]) == 2
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (40 * 2**30, 80 * 2**30))
    assert bench.main([]) == 2
    assert "needs 72 GiB of GPU memory; 40 GiB are free" in capsys.readouterr().err


@torch.inference_mode()
def test_the_static_cache_decodes_what_a_growing_one_does(bench):
    model = bench.random_model(tiny_config(), torch.device("cpu")).float()
    assert all(bool(p.isfinite().all()) and float(p.abs().max()) <= 1.0 for p in model.parameters())
    embedded = model.embed(bench.audio_prompt(2.0, 319), 319)[None]
    length = embedded.shape[1]
    said = []
    for cache in (
        StaticCache(config=model.language_model.config, max_cache_len=length + 8),
        DynamicCache(config=model.language_model.config),
    ):
        ids = bench.start(model, embedded, cache)
        said.append(bench.decode(model, ids, length, 8, cache).tolist())
    assert said[0] == said[1] and len(said[0][0]) == 8


@pytest.mark.parametrize(
    ("wrong", "also", "code"), [(None, "stepfun", 0), ("stepfun", None, 0), ("buckets", None, 1), (None, "buckets", 1)]
)
def test_a_variant_that_should_change_no_answer_fails_where_it_does(serving, capsys, monkeypatch, wrong, also, code):
    def ran(name: str, folder: str, args: Any) -> dict[str, Any]:
        if name == "fp8 KV cache":
            return {"error": "ValueError: fp8"}
        answers = [[1, 2], [3, 5 if name == wrong else 4]]
        likely = {"logprobs": [-1.0, -2.01 if name == also else -2.0]}
        times = {"start": 1.0, "first token": 0.1, "all": 0.2, "rate": 20.0}
        return {**times, "accepted": None, "answers": answers, **likely}

    monkeypatch.setattr(serving, "run", ran)
    assert serving.main(["--size", "tiny", "--device", "cpu", "--requests", "2"]) == code
    said = capsys.readouterr()
    table = [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.out.splitlines() if line.startswith("|")]
    rows = {cells[0]: cells[1:] for cells in table}
    assert rows["default"][-1] == "" and rows["n-gram speculation"][-1] == "2 of 2"
    assert rows["fp8 KV cache"][0] == "did not run: ValueError: fp8"
    assert rows[wrong or also][-1] == "1 of 2"
    assert said.err == ("other answers than default: buckets\n" if code else "")
