"""Two tensor-parallel ranks on the CPU say what one process says."""

from __future__ import annotations

import os

import numpy as np
import pytest


@pytest.mark.slow
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two CPU cores")
def test_two_ranks(tiny_checkpoint, monkeypatch):
    monkeypatch.setenv("VLLM_ENABLE_V1_MULTIPROCESSING", "1")
    monkeypatch.setenv("VLLM_CPU_OMP_THREADS_BIND", "0|1")
    from vllm import LLM, SamplingParams

    from model_adapters.step_audio.reference import Reference

    llm = LLM(
        str(tiny_checkpoint),
        tensor_parallel_size=2,
        dtype="float32",
        max_model_len=1024,
        max_logprobs=-1,
        enforce_eager=True,
        disable_log_stats=True,
    )
    try:
        clip = (0.1 * np.random.default_rng(0).standard_normal(48_000)).astype(np.float32)
        asked = {
            "prompt": "<|BOT|>human\n<audio_patch>What?<|EOT|><|BOT|>assistant\n<think>\n",
            "multi_modal_data": {"audio": clip},
        }
        output = llm.generate([asked], SamplingParams(max_tokens=3, temperature=0.0, logprobs=-1), use_tqdm=False)[0]
    finally:
        llm.llm_engine.engine_core.shutdown()
    reference = Reference.load(tiny_checkpoint)
    prompt = reference.prompt(clip, "What?")
    assert output.prompt_token_ids == prompt.ids
    expected = reference.logprobs(prompt, list(output.outputs[0].token_ids)[:-1]).numpy()
    got = np.array([[step[i].logprob for i in range(expected.shape[1])] for step in output.outputs[0].logprobs])
    assert np.abs(expected - got).max() < 1e-4
