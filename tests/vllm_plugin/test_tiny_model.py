"""The embedded tiny model gives the same answers in plain PyTorch and under vLLM with the plugin (fp32)."""

from __future__ import annotations

import io
from typing import Any

import pytest
import soundfile

from model_adapters.local import EMBEDDED


@pytest.mark.skipif(not (EMBEDDED / "config.json").is_file(), reason="the embedded checkpoint is not here")
def test_the_same_answers_thinking_and_not(engine):
    from vllm import SamplingParams

    from audiobench.data.listening.dataset import rows
    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.sampling import Sampling

    reference = Reference.load(EMBEDDED)
    context = reference.config.text_config.max_position_embeddings
    llm = engine(EMBEDDED, max_model_len=min(1024, context), limit_mm_per_prompt={"audio": 1})
    prompts: list[Any] = []
    asked: list[dict[str, Any]] = []
    for row in rows(seed=31337, per_family=2):
        samples = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="float32")[0]
        options = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCD", row["choices"], strict=False))
        question = f"{row['question']}\n{options}"
        for prefill in ("<think>\n", "<think>\n\n</think>\n"):
            prompts.append(reference.prompt(samples, question, prefill=prefill))
            text = f"<|BOT|>human\n<audio_patch>{question}<|EOT|><|BOT|>assistant\n{prefill}"
            asked.append({"prompt": text, "multi_modal_data": {"audio": samples}})
    expected = [g for i in range(0, len(prompts), 32) for g in reference.generate(prompts[i : i + 32], Sampling(160))]
    outputs = llm.generate(asked, SamplingParams(max_tokens=160, temperature=0.0), use_tqdm=False)
    assert [o.prompt_token_ids for o in outputs] == [p.ids for p in prompts]
    same = [list(o.outputs[0].token_ids) == g.ids for o, g in zip(outputs, expected, strict=True)]
    assert sum(same) == len(same) >= 100
    assert all(g.finish_reason == "stop" for g in expected)
