"""The other official token-count rule, a sharded bf16 checkpoint, and the strict load, under vLLM."""

from __future__ import annotations

import numpy as np
import pytest


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)


def test_hugging_face_rule_from_a_sharded_checkpoint(engine, tmp_path):
    from vllm import SamplingParams

    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.testing import make_tiny_checkpoint

    folder = make_tiny_checkpoint(tmp_path, mel_trim_frames=2, shard_bytes=1_000_000)
    reference = Reference.load(folder)
    llm = engine(folder)
    parts = [noise(0.165), "hi", noise(55.0, 1)]
    prompt = reference.prompt(*parts)
    asked = {
        "prompt": "<|BOT|>human\n<audio_patch>hi\n<audio_patch><|EOT|><|BOT|>assistant\n<think>\n",
        "multi_modal_data": {"audio": [parts[0], parts[2]]},
    }
    output = llm.generate([asked], SamplingParams(max_tokens=2, temperature=0.0, logprobs=-1), use_tqdm=False)[0]
    assert output.prompt_token_ids == prompt.ids
    assert output.prompt_token_ids[4:].count(reference.special.audio_patch) == prompt.audio_tokens
    expected = reference.logprobs(prompt, list(output.outputs[0].token_ids)[:-1]).numpy()
    got = np.array([[step[i].logprob for i in range(expected.shape[1])] for step in output.outputs[0].logprobs])
    assert np.abs(expected - got).max() < 1e-4


@pytest.mark.parametrize(
    "switch", [{"pad_chunks": True}, {"encoder_batches": "buckets"}, {"device_frontend": True}], ids=str
)
def test_the_switches_of_the_encoder_do_under_vllm_what_they_do_in_the_reference(engine, tmp_path, switch):
    """A clip of 26.05 s is two chunks of one request, so StepFun's padding leaks into the second."""
    from vllm import SamplingParams

    from model_adapters.step_audio.reference import Reference
    from model_adapters.step_audio.testing import make_tiny_checkpoint

    folder = make_tiny_checkpoint(tmp_path)
    llm = engine(folder, hf_overrides=switch)
    clip = noise(26.05, 7)
    asked = {
        "prompt": "<|BOT|>human\n<audio_patch>hi<|EOT|><|BOT|>assistant\n<think>\n",
        "multi_modal_data": {"audio": clip},
    }
    output = llm.generate([asked], SamplingParams(max_tokens=2, temperature=0.0, logprobs=-1), use_tqdm=False)[0]
    said = list(output.outputs[0].token_ids)[:-1]
    got = np.array([[step[i].logprob for i in range(len(step))] for step in output.outputs[0].logprobs])

    def distance(**changes: bool) -> float:
        reference = Reference.load(folder, **changes)
        return float(np.abs(reference.logprobs(reference.prompt(clip, "hi"), said).numpy() - got).max())

    assert distance(**switch) < 1e-4
    if "pad_chunks" in switch:
        assert distance() > 1e-3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("adapter.conv.bias"), r"adapter\.conv\.bias"),
        (
            lambda t: t.update({"encoder.blocks.9.attn.key.bias": t["adapter.conv.bias"].clone()}),
            r"blocks\.9|encoder\.blocks",
        ),
        (lambda t: t.update({"adapter.conv.bias": t["adapter.conv.bias"][:-1].clone()}), r"adapter\.conv\.bias"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_by_name(engine, tmp_path, change, words):
    from safetensors.torch import load_file, save_file

    from model_adapters.step_audio.testing import make_tiny_checkpoint

    folder = make_tiny_checkpoint(tmp_path)
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Exception, match=words):
        engine(folder)
