"""The plain model: embeddings, log-probabilities, batched generation, stopping, sampling."""

from __future__ import annotations

import json

import pytest
import torch

from model_adapters.step_audio.batching import embed_chunks
from model_adapters.step_audio.reference import Reference
from model_adapters.step_audio.sampling import Sampler, Sampling
from model_adapters.step_audio.testing import make_tiny_checkpoint
from model_adapters.step_audio.tokenizer import THINK_OFF


@pytest.fixture(scope="module")
def prompts(reference):
    import numpy as np

    rng = np.random.default_rng(7)

    def noise(seconds):
        return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)

    return [
        reference.prompt(noise(0.2), "hello?"),
        reference.prompt("a", noise(3.0), "b", prefill=THINK_OFF),
        reference.prompt(noise(30.0)),
        reference.prompt(noise(0.7), noise(26.01), "two"),
        reference.prompt("text only"),
    ]


def test_audio_embeddings_have_the_counted_length(reference, prompts):
    for prompt in prompts:
        embedded = embed_chunks(reference.model.encoder, reference.model.adapter, prompt.mels)
        assert sum(len(e) for e in embedded) == prompt.audio_tokens


def test_a_chunk_does_not_depend_on_its_batch_mates(reference, prompts):
    together = reference.model.embed_all(prompts, reference.special.audio_patch)
    for prompt, row in zip(prompts, together, strict=True):
        alone = reference.model.embed(prompt, reference.special.audio_patch)
        assert torch.allclose(alone, row, atol=1e-6)


def test_the_audio_is_heard(reference, clip):
    one, other = (reference.logprobs(reference.prompt(clip(3.0, seed), "What?")) for seed in (1, 2))
    assert (one - other).abs().max() > 0.01


def test_alone_and_in_a_batch_say_the_same(reference, prompts):
    greedy = Sampling(max_new_tokens=10)
    together = reference.generate(prompts, greedy)
    for prompt, answer in zip(prompts, together, strict=True):
        alone = reference.generate([prompt], greedy)[0]
        assert alone == answer
        assert answer.prompt_tokens == len(prompt.ids)


def test_generation_follows_the_log_probabilities(reference, prompts):
    answer = reference.generate([prompts[1]], Sampling(max_new_tokens=8))[0]
    logprobs = reference.logprobs(prompts[1], answer.ids[:-1])
    assert logprobs.shape == (len(answer.ids), 320)
    assert logprobs.argmax(-1).tolist() == answer.ids
    assert torch.allclose(logprobs.exp().sum(-1), torch.ones(len(answer.ids)), atol=1e-4)


def test_both_token_count_rules(tmp_path, clip):
    served = Reference.load(make_tiny_checkpoint(tmp_path / "a"))
    trimmed = Reference.load(make_tiny_checkpoint(tmp_path / "b", mel_trim_frames=2))
    short = clip(0.165)
    assert served.prompt(short).audio_tokens == 3
    assert trimmed.prompt(short).audio_tokens == 2
    equal = clip(3.0)
    assert served.prompt(equal).audio_tokens == trimmed.prompt(equal).audio_tokens == 38
    difference = served.logprobs(served.prompt(equal)) - trimmed.logprobs(trimmed.prompt(equal))
    assert 0 < difference.abs().max() < 0.5


def test_rows_of_one_batch_may_differ_in_settings(reference, prompts):
    settings = [Sampling(max_new_tokens=2 + i, temperature=float(i % 2), seed=5) for i in range(len(prompts))]
    answers = reference.generate(prompts, settings)
    assert [len(a.ids) for a in answers] == [2, 3, 4, 5, 6]
    assert {a.finish_reason for a in answers} == {"length"}
    assert answers == reference.generate(prompts, settings)
    assert answers[3] == reference.generate([prompts[3]], settings[3])[0]
    assert reference.generate([], []) == []
    with pytest.raises(ValueError, match="5 prompts but 1"):
        reference.generate(prompts, settings[:1])


class Words:
    """A tokenizer of three words."""

    def decode(self, ids, skip_special_tokens=True):
        return "".join(["a", "b", "</think>", ""][i] for i in ids)


def logits(best: int) -> torch.Tensor:
    out = torch.zeros(4)
    out[best] = 5.0
    return out


def test_a_stop_string_ends_the_answer_and_is_not_in_it():
    sampler = Sampler(Sampling(until=("</think>",)), [], Words(), [3])
    for token in (0, 1, 2):
        assert sampler.finish_reason is None
        sampler.step(logits(token))
    assert (sampler.text(), sampler.finish_reason) == ("ab", "stop")


def test_a_stop_token_ends_the_answer():
    sampler = Sampler(Sampling(), [], Words(), [3])
    sampler.step(logits(0))
    sampler.step(logits(3))
    assert (sampler.text(), sampler.finish_reason, sampler.ids) == ("a", "stop", [0, 3])


def test_sampling_settings():
    def draws(sampling, n=200):
        sampler = Sampler(sampling, [1], Words(), [])
        values = torch.tensor([2.0, 1.0, 0.0, -1.0])
        return [sampler._choose(values) for _ in range(n)]

    assert draws(Sampling(temperature=1.0, seed=1)) == draws(Sampling(temperature=1.0, seed=1))
    assert draws(Sampling(temperature=1.0, seed=1)) != draws(Sampling(temperature=1.0, seed=2))
    assert set(draws(Sampling(temperature=1.0, seed=1))) == {0, 1, 2, 3}
    assert set(draws(Sampling(temperature=1.0, seed=1, top_k=2))) == {0, 1}
    assert set(draws(Sampling(temperature=1.0, seed=1, top_p=0.5))) == {0}
    share = draws(Sampling(temperature=1.0, seed=1), n=4000).count(0) / 4000
    assert share == pytest.approx(torch.tensor([2.0, 1.0, 0.0, -1.0]).softmax(0)[0].item(), abs=0.03)
    penalised = Sampler(Sampling(repetition_penalty=3.0), [0], Words(), [])
    assert penalised._choose(torch.tensor([2.0, 1.0, 0.0, -1.0])) == 1


def test_a_checkpoint_of_another_family_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "qwen2_audio"}), encoding="utf-8")
    with pytest.raises(ValueError, match="qwen2_audio"):
        Reference.load(tmp_path)
