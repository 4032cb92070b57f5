"""Sizes of the released models, as plain numbers: importing this module imports neither torch nor transformers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAMPLE_RATE = 16_000
"""Hz; the only rate that the family hears."""

RELEASED_VOCAB_SIZE = 158_720
"""Rows of the embedding in every released checkpoint."""

REQUIRED_TEXT_SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
)

MINI_TEXT: dict[str, Any] = {
    "vocab_size": RELEASED_VOCAB_SIZE,
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "max_position_embeddings": 16384,
}
R1_TEXT: dict[str, Any] = {
    "vocab_size": RELEASED_VOCAB_SIZE,
    "hidden_size": 5120,
    "intermediate_size": 27648,
    "num_hidden_layers": 64,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "max_position_embeddings": 65536,
}
RELEASED_TEXT = {"mini": MINI_TEXT, "r1": R1_TEXT}

RELEASED_AUDIO: dict[str, int] = {
    "n_mels": 128,
    "n_audio_ctx": 1500,
    "n_audio_state": 1280,
    "n_audio_layer": 32,
    "kernel_size": 3,
}
"""The Qwen2-Audio encoder and the adaptor's convolution, the same in every size."""

ADAPTER_HIDDEN = 2048
"""Width between the adaptor's two linear layers; the same in every released size."""


def parameters(text: Mapping[str, Any], audio: Mapping[str, Any] = RELEASED_AUDIO) -> int:
    """Parameters of a model of these sizes; `reference.count_parameters` counts the modules themselves."""
    width, hidden = audio["n_audio_state"], text["hidden_size"]
    square = width * width
    block = 4 * square + 3 * width + 8 * square + 5 * width + 4 * width  # attention (no bias on keys), mlp, two norms
    encoder = (
        3 * audio["n_mels"] * width + 3 * square + 2 * width  # the two convolutions
        + audio["n_audio_ctx"] * width + audio["n_audio_layer"] * block + 2 * width
    )  # fmt: skip
    adapter = (
        audio["kernel_size"] * square + width + (width + 1) * ADAPTER_HIDDEN + (ADAPTER_HIDDEN + 1) * hidden
    )  # fmt: skip
    kv = hidden // text["num_attention_heads"] * text["num_key_value_heads"]
    layer = 2 * hidden * hidden + hidden + 2 * (hidden + 1) * kv + 3 * hidden * text["intermediate_size"] + 2 * hidden
    decoder = 2 * text["vocab_size"] * hidden + text["num_hidden_layers"] * layer + hidden
    return encoder + adapter + decoder
