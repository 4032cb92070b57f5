"""The configuration of Step-Audio-2 and Step-Audio-R1, in the layout of the released config.json.

Source: StepFun's vLLM fork (github.com/stepfun-ai/vllm @5fab0f250) and the Hugging Face repository
stepfun-ai/Step-Audio-2-mini @e36fdd5d for names and values; the sizes of R1 follow from Qwen2.5-32B and from the
published parameter count. Two traps of the published classes are closed here: their defaults (vocabulary 64012,
hidden 4096) fit no released model, so a text configuration must give its sizes; and `num_attention_groups` is only
another name of `num_key_value_heads`, so the two must agree.
"""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig, Qwen2Config

from model_adapters.step_audio.sizes import MINI_TEXT, R1_TEXT, RELEASED_VOCAB_SIZE, REQUIRED_TEXT_SIZES

RELEASED_EOS_TOKEN_ID = [151643, 151645, 151665]
"""What StepFun's fork sets for the released vocabulary: <|endoftext|>, <|im_end|>, <|EOT|>."""


class StepAudio2EncoderConfig(PretrainedConfig):
    """Audio encoder and adaptor. Defaults are the released Qwen2-Audio encoder (frozen in R1)."""

    model_type = "step_audio_2_encoder"

    def __init__(
        self,
        n_mels: int = 128,
        n_audio_ctx: int = 1500,
        n_audio_state: int = 1280,
        n_audio_head: int = 20,
        n_audio_layer: int = 32,
        llm_dim: int = 3584,
        kernel_size: int = 3,
        adapter_stride: int = 2,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.n_mels = n_mels
        """Mel bands."""
        self.n_audio_ctx = n_audio_ctx
        """Positions of the encoder (20 ms each): the longest chunk is twice as many mel frames."""
        self.n_audio_state = n_audio_state
        """Width of the encoder."""
        self.n_audio_head = n_audio_head
        self.n_audio_layer = n_audio_layer
        self.llm_dim = llm_dim
        """Width of the decoder, which the adaptor projects to."""
        self.kernel_size = kernel_size
        """Of the adaptor's convolution."""
        self.adapter_stride = adapter_stride
        if n_audio_state % n_audio_head:
            raise ValueError(
                f"audio_encoder_config.n_audio_state is {n_audio_state}: it must be a multiple of n_audio_head "
                f"({n_audio_head})"
            )


ENCODER_BATCHES = ("lengths", "buckets", "compiled")


class StepAudio2Config(PretrainedConfig):
    """`model_type: step_audio_2` with nested `text_config` (a plain Qwen2 decoder) and `audio_encoder_config`.

    `mel_trim_frames` chooses between the two official token-count rules: 0 keeps every mel frame (StepFun's vLLM
    fork, which serves R1; the default), 2 drops the last two (the Hugging Face implementation of the mini model).
    They disagree by one audio token on a quarter of all clip lengths.

    `pad_chunks` batches chunks as StepFun's own server does, whose padding leaks into the shorter ones; otherwise
    `encoder_batches` (lengths, buckets or compiled) says what shares a batch. See `model_adapters.step_audio.batching`.
    `device_frontend` computes log-mel on the model's device (`model_adapters.step_audio.device_frontend`).

    Raises:
        ValueError: a size is missing from the text configuration, or two sizes contradict each other.
    """

    model_type = "step_audio_2"

    def __init__(
        self,
        text_config: dict[str, Any] | PretrainedConfig | None = None,
        audio_encoder_config: dict[str, Any] | PretrainedConfig | None = None,
        mel_trim_frames: int = 0,
        pad_chunks: bool = False,
        encoder_batches: str = "lengths",
        device_frontend: bool = False,
        eos_token_id: int | list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["tie_word_embeddings"] = False
        self.text_config = text_decoder_config(text_config)
        if eos_token_id is None:
            eos_token_id = self.text_config.eos_token_id
        if eos_token_id is None and self.text_config.vocab_size == RELEASED_VOCAB_SIZE:
            eos_token_id = list(RELEASED_EOS_TOKEN_ID)
        if audio_encoder_config is None:
            audio_encoder_config = {"llm_dim": self.text_config.hidden_size}
        audio = _as_dict(audio_encoder_config)
        known = {k: v for k, v in audio.items() if k not in ("model_type", "transformers_version")}
        self.audio_encoder_config = StepAudio2EncoderConfig(**known)
        if self.audio_encoder_config.llm_dim != self.text_config.hidden_size:
            raise ValueError(
                f"audio_encoder_config.llm_dim is {self.audio_encoder_config.llm_dim}: it must equal "
                f"text_config.hidden_size ({self.text_config.hidden_size})"
            )
        if mel_trim_frames not in (0, 2):
            raise ValueError(f"mel_trim_frames is {mel_trim_frames!r}: it must be 0 (as served) or 2 (Hugging Face)")
        if encoder_batches not in ENCODER_BATCHES:
            raise ValueError(f"encoder_batches is {encoder_batches!r}: it must be {', '.join(ENCODER_BATCHES)}")
        if pad_chunks and encoder_batches != "lengths":
            raise ValueError(
                f"pad_chunks and encoder_batches {encoder_batches}: each says what shares a batch; leave one out"
            )
        self.mel_trim_frames = mel_trim_frames
        self.pad_chunks = bool(pad_chunks)
        self.encoder_batches = encoder_batches
        self.device_frontend = bool(device_frontend)
        super().__init__(**kwargs)
        self.eos_token_id = eos_token_id

    def get_text_config(self, *args: Any, **kwargs: Any) -> PretrainedConfig:
        """The decoder's configuration."""
        return self.text_config

    def to_dict(self) -> dict[str, Any]:
        """The released layout: the decoder carries `step_audio_2_text` and both names of the kv head count."""
        out = super().to_dict()
        text = self.text_config.to_dict()
        text["model_type"] = "step_audio_2_text"
        text["num_attention_groups"] = text["num_key_value_heads"]
        out["text_config"] = text
        out["audio_encoder_config"] = self.audio_encoder_config.to_dict()
        return out


def _as_dict(given: Any) -> dict[str, Any]:
    return given.to_dict() if hasattr(given, "to_dict") else dict(given)


def text_decoder_config(given: dict[str, Any] | PretrainedConfig | None) -> Qwen2Config:
    """The Qwen2 configuration of the decoder from a published `text_config`; the mini model's when None.

    Raises:
        ValueError: a size is missing, or `num_attention_groups` is not `num_key_value_heads`.
    """
    text = _as_dict(MINI_TEXT if given is None else given)
    for name in REQUIRED_TEXT_SIZES:
        if text.get(name) is None:
            raise ValueError(f"config.json: text_config.{name} is missing; it must be given (no default fits)")
    groups = text.pop("num_attention_groups", None)
    kv_heads = text.get("num_key_value_heads", groups)
    if kv_heads is None:
        raise ValueError("config.json: text_config.num_key_value_heads is missing; it must be given")
    if groups is not None and groups != kv_heads:
        raise ValueError(
            f"config.json: text_config.num_attention_groups is {groups} but num_key_value_heads is {kv_heads}; "
            "they are two names of one number"
        )
    for name in ("model_type", "auto_map", "architectures", "transformers_version", "tie_word_embeddings"):
        text.pop(name, None)
    text.setdefault("rms_norm_eps", 1e-6)
    text["num_key_value_heads"] = kv_heads
    if text.get("rope_parameters") is None and text.get("rope_theta") is None:
        text["rope_theta"] = 1_000_000.0
        text.pop("rope_parameters", None)
    text.setdefault("max_position_embeddings", 16384)
    return Qwen2Config(architectures=["Qwen2ForCausalLM"], tie_word_embeddings=False, **text)


def released_config(name: str) -> StepAudio2Config:
    """The configuration of a released size, for counting and for random weights: `mini` (8.3 B) or `r1` (33.5 B)."""
    sizes = {"mini": MINI_TEXT, "r1": R1_TEXT}
    if name not in sizes:
        raise ValueError(f"released size {name!r} is unknown; known: {', '.join(sizes)}")
    return StepAudio2Config(text_config=sizes[name], architectures=["StepAudio2ForCausalLM"])


TEXT_KEYS = (
    *REQUIRED_TEXT_SIZES,
    "num_key_value_heads",
    "max_position_embeddings",
    "rms_norm_eps",
    "hidden_act",
)
AUDIO_KEYS = (
    "n_mels",
    "n_audio_ctx",
    "n_audio_state",
    "n_audio_head",
    "n_audio_layer",
    "llm_dim",
    "kernel_size",
    "adapter_stride",
)


def published_layout(config: StepAudio2Config) -> dict[str, Any]:
    """The content of a released config.json: the family's own keys only, without transformers' general ones."""
    text = config.text_config
    rope = getattr(text, "rope_parameters", None) or {"rope_theta": getattr(text, "rope_theta", 1_000_000.0)}
    return {
        "model_type": config.model_type,
        "architectures": ["StepAudio2ForCausalLM"],
        "mel_trim_frames": config.mel_trim_frames,
        "eos_token_id": config.eos_token_id,
        "tie_word_embeddings": False,
        "text_config": {
            "model_type": "step_audio_2_text",
            **{key: getattr(text, key) for key in TEXT_KEYS},
            "num_attention_groups": text.num_key_value_heads,
            "rope_theta": rope["rope_theta"],
            "rope_scaling": None,
        },
        "audio_encoder_config": {key: getattr(config.audio_encoder_config, key) for key in AUDIO_KEYS},
    }
