"""A Stable Audio pipeline of a few thousand untrained weights, of diffusers' own classes."""

from __future__ import annotations

from pathlib import Path


def save(folder: Path) -> None:
    """Write the pipeline into a folder, as `from_pretrained` reads it."""
    import torch
    from diffusers import (
        AutoencoderOobleck,
        EDMDPMSolverMultistepScheduler,
        StableAudioDiTModel,
        StableAudioPipeline,
        StableAudioProjectionModel,
    )
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel

    torch.manual_seed(0)
    words = {"<pad>": 0, "</s>": 1, "<unk>": 2, "rain": 3}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=plain, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=16
    )
    transformer = StableAudioDiTModel(
        sample_size=250, in_channels=3, num_layers=2, attention_head_dim=4, num_key_value_attention_heads=2, out_channels=3,
        cross_attention_dim=4, time_proj_dim=8, global_states_input_dim=8, cross_attention_input_dim=4,
    )  # fmt: skip
    vae = AutoencoderOobleck(
        encoder_hidden_size=6, downsampling_ratios=[1, 2], decoder_channels=3, decoder_input_channels=3, audio_channels=2,
        channel_multiples=[2, 4], sampling_rate=1000,
    )  # fmt: skip
    text_encoder = T5EncoderModel(T5Config(vocab_size=8, d_model=4, d_kv=2, d_ff=8, num_layers=1, num_heads=2))
    projection = StableAudioProjectionModel(text_encoder_dim=4, conditioning_dim=4, min_value=0, max_value=32)
    StableAudioPipeline(
        transformer=transformer.eval(), scheduler=EDMDPMSolverMultistepScheduler(sigma_min=0.3, sigma_max=500, prediction_type="v_prediction", sigma_data=1.0),
        vae=vae.eval(), text_encoder=text_encoder.eval(), tokenizer=tokenizer, projection_model=projection.eval(),
    ).save_pretrained(folder)  # fmt: skip
