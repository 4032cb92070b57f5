"""The released config.json layout, its traps, and the published parameter counts."""

from __future__ import annotations

import json

import pytest

from model_adapters.step_audio.configuration import MINI_TEXT, StepAudio2Config, published_layout, released_config
from model_adapters.step_audio.reference import count_parameters, load_config
from model_adapters.step_audio.testing import tiny_config
from model_adapters.step_audio.weights import CheckpointError


@pytest.mark.parametrize(
    ("size", "billions", "encoder", "adapter"), [("r1", 33.487, 636968960, 18030848), ("mini", 8.315, 636968960, None)]
)
def test_published_parameter_counts(size, billions, encoder, adapter):
    counts = count_parameters(released_config(size))
    assert round(counts["total"] / 1e9, 3) == billions
    assert counts["encoder"] == encoder
    assert adapter in (None, counts["adapter"])
    assert counts["total"] == counts["encoder"] + counts["adapter"] + counts["decoder"]


def test_round_trip_through_config_json(tmp_path):
    config = tiny_config(mel_trim_frames=2)
    (tmp_path / "config.json").write_text(json.dumps(published_layout(config)), encoding="utf-8")
    again = load_config(tmp_path)
    assert published_layout(again) == published_layout(config)
    assert again.text_config.rope_parameters["rope_theta"] == 10_000.0
    assert again.text_config.architectures == ["Qwen2ForCausalLM"]
    assert again.text_config.tie_word_embeddings is False


def test_it_survives_transformers_own_saving(tmp_path):
    from transformers import AutoConfig

    AutoConfig.register("step_audio_2", StepAudio2Config, exist_ok=True)
    tiny_config().save_pretrained(tmp_path)
    again = AutoConfig.from_pretrained(tmp_path)
    assert isinstance(again, StepAudio2Config)
    assert published_layout(again) == published_layout(tiny_config())
    saved = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    assert saved["text_config"]["model_type"] == "step_audio_2_text"


def test_a_published_style_config_is_read():
    config = StepAudio2Config(
        text_config={
            **MINI_TEXT,
            "model_type": "step_audio_2_text",
            "num_attention_groups": 4,
            "rope_theta": 1000000.0,
            "rope_scaling": None,
            "eos_token_id": None,
        },
        audio_encoder_config={"n_mels": 128, "n_audio_ctx": 1500, "n_audio_state": 1280, "n_audio_head": 20,
                              "n_audio_layer": 32, "llm_dim": 3584, "kernel_size": 3, "adapter_stride": 2,
                              "n_codebook_size": 4096},
        use_sliding_window=False,
        torch_dtype="bfloat16",
    )  # fmt: skip
    assert config.eos_token_id == [151643, 151645, 151665]
    assert config.get_text_config().hidden_size == 3584
    assert config.mel_trim_frames == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"vocab_size": None}, "text_config.vocab_size is missing"),
        ({"num_attention_groups": 8}, "num_attention_groups is 8 but num_key_value_heads is 4"),
        ({"num_key_value_heads": None}, "num_key_value_heads is missing"),
    ],
)
def test_a_decoder_without_its_sizes_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        StepAudio2Config(text_config={**MINI_TEXT, **change})


def test_contradictions_are_refused():
    with pytest.raises(ValueError, match="llm_dim is 4096: it must equal"):
        StepAudio2Config(text_config=MINI_TEXT, audio_encoder_config={"llm_dim": 4096})
    with pytest.raises(ValueError, match="mel_trim_frames is 1"):
        StepAudio2Config(text_config=MINI_TEXT, mel_trim_frames=1)
    with pytest.raises(ValueError, match="n_audio_state is 90"):
        StepAudio2Config(text_config=MINI_TEXT, audio_encoder_config={"llm_dim": 3584, "n_audio_state": 90})
    with pytest.raises(ValueError, match="known: mini, r1"):
        released_config("r2")


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "not there"), ("{", "not JSON"), ('{"model_type": "qwen2"}', "'qwen2', not 'step_audio_2'")],
)
def test_a_folder_that_is_not_a_checkpoint(tmp_path, content, words):
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=words):
        load_config(tmp_path)


@pytest.mark.parametrize("size", ["mini", "r1"])
def test_the_parameters_by_arithmetic_are_those_of_the_modules(size):
    from model_adapters.step_audio.reference import count_parameters
    from model_adapters.step_audio.sizes import RELEASED_TEXT, parameters

    assert parameters(RELEASED_TEXT[size]) == count_parameters(released_config(size))["total"]
