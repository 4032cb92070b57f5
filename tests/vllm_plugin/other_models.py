"""Tiny random checkpoints of audio models that stock vLLM serves, written without any download."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

DECODER: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


@dataclass(frozen=True)
class Tiny:
    """A checkpoint and how its model file asks."""

    folder: Path
    audio_token: str
    """The placeholder that stands once for each audio token in the prompt."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the engine must be told, as in the model file."""
    chat_template: str | None = None
    """The model file's, where the checkpoint has none."""


def tokenizer(folder: Path, specials: Sequence[str], **names: str) -> tuple[Any, int]:
    """A byte tokenizer with these special tokens; (tokenizer, vocabulary rounded up to 64)."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {symbol: i for i, symbol in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    bytes_only = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    bytes_only.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_only.decoder = decoders.ByteLevel()
    bytes_only.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in specials])
    fast = PreTrainedTokenizerFast(tokenizer_object=bytes_only, eos_token=specials[0], pad_token=specials[0], **names)
    fast.save_pretrained(folder)
    return fast, -(-len(fast) // 64) * 64


def published(name: str) -> str:
    """The name that released checkpoints use for a parameter of today's transformers modules."""
    if name.startswith("lm_head."):
        return "language_model." + name
    name = name.removeprefix("model.")
    return name.replace("language_model.", "language_model.model.", 1) if name.startswith("language_model.") else name


def save_random(file: Path, shapes: Mapping[str, Sequence[int]]) -> None:
    """Random tensors of these shapes, of about unit gain."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for name, shape in shapes.items():
        if len(shape) == 1:
            tensors[name] = torch.zeros(shape) if name.endswith("bias") else torch.ones(shape)
        else:
            gain = torch.Size(shape[1:]).numel() ** -0.5
            tensors[name] = gain * torch.randn(*shape, generator=generator)
    save_file(tensors, str(file), metadata={"format": "pt"})


def save(folder: Path, model: Any, processor: Any, template: str) -> None:
    """Weights, configuration, processor and chat template."""
    shapes = {published(name): tuple(parameter.shape) for name, parameter in model.named_parameters()}
    save_random(folder / "model.safetensors", shapes)
    model.config.save_pretrained(folder)
    processor.chat_template = template
    processor.save_pretrained(folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["chat_template"] = template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")


def template(audio: str) -> str:
    """ChatML; `audio` stands for a clip."""
    return (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}"
        "{% if p.type == 'text' %}{{ p.text }}{% else %}{{ '" + audio + "' }}{% endif %}{% endfor %}{% endif %}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    )


CHATML = ("<|im_end|>", "<|im_start|>", "<|endoftext|>")


def qwen2_audio(folder: Path) -> Tiny:
    """Qwen2-Audio."""
    from transformers import Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, WhisperFeatureExtractor
    from transformers import Qwen2AudioProcessor as Processor

    marks = ("<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")
    fast, size = tokenizer(folder, (*CHATML, *marks))
    config = Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder",
            "num_mel_bins": 128,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 128,
            "d_model": 64,
            "max_source_positions": 1500,
        },
        text_config={"model_type": "qwen2", "vocab_size": size, **DECODER},
        audio_token_index=fast.convert_tokens_to_ids("<|AUDIO|>"),
        architectures=["Qwen2AudioForConditionalGeneration"],
    )
    model = Qwen2AudioForConditionalGeneration(config)
    processor = Processor(WhisperFeatureExtractor(feature_size=128), fast)
    save(folder, model, processor, template("<|audio_bos|><|AUDIO|><|audio_eos|>"))
    return Tiny(folder, "<|AUDIO|>")


def qwen2_5_omni(folder: Path) -> Tiny:
    """The thinker of Qwen2.5-Omni. `omni_processor` makes its processor."""
    from transformers import Qwen2_5OmniConfig, WhisperFeatureExtractor
    from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniThinkerForConditionalGeneration

    names = {
        "audio_token": "<|AUDIO|>",
        "image_token": "<|IMAGE|>",
        "video_token": "<|VIDEO|>",
        "audio_bos_token": "<|audio_bos|>",
        "audio_eos_token": "<|audio_eos|>",
        "vision_bos_token": "<|vision_bos|>",
        "vision_eos_token": "<|vision_eos|>",
    }
    fast, size = tokenizer(folder, (*CHATML, *names.values()), extra_special_tokens=names)
    ids = {name: fast.convert_tokens_to_ids(token) for name, token in names.items()}
    heads = {"mrope_section": [4, 6, 6], "rope_type": "default", "rope_theta": 10000.0}
    thinker = {
        "audio_config": {
            "num_mel_bins": 128,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 128,
            "d_model": 64,
            "output_dim": DECODER["hidden_size"],
            "max_source_positions": 1500,
        },
        "vision_config": {
            "depth": 1,
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_heads": 2,
            "out_hidden_size": DECODER["hidden_size"],
            "fullatt_block_indexes": [0],
        },
        "text_config": {**DECODER, "vocab_size": size, "rope_parameters": heads, "rope_scaling": heads},
        "audio_token_index": ids["audio_token"],
        "image_token_index": ids["image_token"],
        "video_token_index": ids["video_token"],
        "audio_start_token_id": ids["audio_bos_token"],
        "audio_end_token_id": ids["audio_eos_token"],
        "vision_start_token_id": ids["vision_bos_token"],
        "vision_end_token_id": ids["vision_eos_token"],
    }
    config = Qwen2_5OmniConfig(thinker_config=thinker, architectures=["Qwen2_5OmniModel"])
    config.save_pretrained(folder)
    model = Qwen2_5OmniThinkerForConditionalGeneration(config.thinker_config)
    shapes = {f"thinker.{name}": tuple(parameter.shape) for name, parameter in model.named_parameters()}
    save_random(folder / "model.safetensors", shapes)
    WhisperFeatureExtractor(feature_size=128).save_pretrained(folder)
    limits = {"limit_mm_per_prompt": {"audio": 9, "image": 0, "video": 0}}
    return Tiny(folder, "<|AUDIO|>", limits, template("<|audio_bos|><|AUDIO|><|audio_eos|>"))


def empty_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let vLLM import its Qwen2.5-Omni, whose module names torchvision for pictures: its wheels on PyPI are CUDA builds, which do
    not load beside the CPU build of PyTorch. Nothing of it is used for sound.
    """
    import transformers.models.qwen2_vl  # asks for torchvision first, and finds none

    del transformers
    modes = dict.fromkeys(("NEAREST", "NEAREST_EXACT", "BILINEAR", "BICUBIC", "BOX", "HAMMING", "LANCZOS"))
    contents: dict[str, dict[str, Any]] = {
        "torchvision.transforms.v2.functional": {},
        "torchvision.transforms.v2": {},
        "torchvision.transforms": {"InterpolationMode": SimpleNamespace(**modes)},
        "torchvision": {"__version__": "0"},
    }
    for name, content in contents.items():
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None, is_package=True)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in list(contents)[:-1]:
        parent, _, own = name.rpartition(".")
        setattr(sys.modules[parent], own, sys.modules[name])


def omni_processor(folder: Path) -> Any:
    """Qwen2.5-Omni's processor for sound and text: that of video needs torchvision (`empty_torchvision`)."""
    from transformers import AutoTokenizer, Qwen2_5OmniProcessor, WhisperFeatureExtractor
    from transformers import Qwen2VLImageProcessorPil as ImageProcessor

    made = Qwen2_5OmniProcessor.__new__(Qwen2_5OmniProcessor)
    made.tokenizer = AutoTokenizer.from_pretrained(folder)
    made.feature_extractor = WhisperFeatureExtractor.from_pretrained(folder)
    made.image_processor = ImageProcessor()
    made.video_processor = SimpleNamespace(merge_size=made.image_processor.merge_size)
    made.chat_template = None
    for name in ("image", "audio", "video", "vision_bos", "vision_eos", "audio_bos", "audio_eos"):
        setattr(made, f"{name}_token", getattr(made.tokenizer, f"{name}_token"))
    return made


def audio_flamingo_3(folder: Path) -> Tiny:
    """Audio Flamingo 3."""
    from transformers import (
        AudioFlamingo3Config,
        AudioFlamingo3ForConditionalGeneration,
        AudioFlamingo3Processor,
        WhisperFeatureExtractor,
    )

    fast, size = tokenizer(folder, (*CHATML, "<sound>"))
    config = AudioFlamingo3Config(
        audio_config={
            "num_mel_bins": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 128,
            "hidden_size": 64,
            "max_source_positions": 1500,
        },
        text_config={"model_type": "qwen2", "vocab_size": size, **DECODER},
        audio_token_id=fast.convert_tokens_to_ids("<sound>"),
        architectures=["AudioFlamingo3ForConditionalGeneration"],
    )
    model = AudioFlamingo3ForConditionalGeneration(config)
    processor = AudioFlamingo3Processor(WhisperFeatureExtractor(feature_size=128), fast)
    save(folder, model, processor, template("<sound>"))
    return Tiny(folder, "<sound>")


def glm_asr(folder: Path) -> Tiny:
    """GLM-ASR."""
    from transformers import GlmAsrConfig, GlmAsrForConditionalGeneration, GlmAsrProcessor, WhisperFeatureExtractor

    fast, size = tokenizer(folder, (*CHATML, "<|pad|>"))
    config = GlmAsrConfig(
        audio_config={
            "num_mel_bins": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "intermediate_size": 256,
            "hidden_size": 64,
        },
        text_config={"model_type": "llama", "vocab_size": size, "head_dim": 32, **DECODER},
        audio_token_id=fast.convert_tokens_to_ids("<|pad|>"),
        architectures=["GlmAsrForConditionalGeneration"],
    )
    model = GlmAsrForConditionalGeneration(config)
    save(folder, model, GlmAsrProcessor(WhisperFeatureExtractor(feature_size=128), fast), template("<|pad|>"))
    return Tiny(folder, "<|pad|>")


def voxtral(folder: Path) -> Tiny:
    """Voxtral in Mistral's own layout: tekken.json, params.json, consolidated.safetensors."""
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer

    names = [token["token_str"] for token in Tekkenizer.DEPRECATED_SPECIAL_TOKENS]
    names += ["[ARGS]", "[CALL_ID]", "[AUDIO]", "[BEGIN_AUDIO]", "[TRANSCRIBE]"]
    special, size = 32, 256 + 32
    spectrogram = {"num_mel_bins": 128, "hop_length": 160, "window_size": 400}
    tekken = {
        "config": {
            "pattern": r"\S+|\s+",
            "num_vocab_tokens": 256,
            "default_vocab_size": size,
            "default_num_special_tokens": special,
            "version": "v11",
        },
        "vocab": [
            {"rank": i, "token_bytes": base64.b64encode(bytes([i])).decode(), "token_str": None} for i in range(256)
        ],
        "special_tokens": [{"rank": i, "token_str": str(name), "is_control": True} for i, name in enumerate(names)],
        "audio": {
            "sampling_rate": 16000,
            "frame_rate": 12.5,
            "chunk_length_s": 30.0,
            "audio_encoding_config": spectrogram,
        },
    }
    (folder / "tekken.json").write_text(json.dumps(tekken), encoding="utf-8")
    layer = {"n_layers": 2, "head_dim": 32}
    encoder = {
        **layer,
        "dim": 64,
        "hidden_dim": 128,
        "n_heads": 2,
        "vocab_size": size,
        "max_source_positions": 1500,
        "audio_encoding_args": {**spectrogram, "sampling_rate": 16000},
    }
    params = {
        **layer,
        "dim": 128,
        "hidden_dim": 256,
        "n_heads": 4,
        "n_kv_heads": 2,
        "norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "vocab_size": size,
        "max_position_embeddings": 4096,
        "multimodal": {
            "whisper_model_args": {"encoder_args": encoder, "downsample_args": {"downsample_factor": 4}},
        },
    }
    (folder / "params.json").write_text(json.dumps(params), encoding="utf-8")
    save_random(folder / "consolidated.safetensors", _voxtral_shapes(size))
    how = {"tokenizer_mode": "mistral", "config_format": "mistral", "load_format": "mistral"}
    return Tiny(folder, "[AUDIO]", how)


def _voxtral_shapes(vocabulary: int) -> dict[str, tuple[int, ...]]:
    audio = "mm_whisper_embeddings."
    encoder = audio + "whisper_encoder."
    shapes: dict[str, tuple[int, ...]] = {
        audio + "tok_embeddings.weight": (vocabulary, 128),
        audio + "audio_language_projection.0.weight": (128, 4 * 64),
        audio + "audio_language_projection.2.weight": (128, 128),
        "norm.weight": (128,),
        "output.weight": (vocabulary, 128),
        encoder + "conv_layers.0.weight": (64, 128, 3),
        encoder + "conv_layers.1.weight": (64, 64, 3),
    }
    biased = ["conv_layers.0", "conv_layers.1"]
    norms = ["transformer.norm"]
    for i in range(2):
        own, theirs = f"layers.{i}.", f"transformer.layers.{i}."
        shapes |= {f"{own}{name}.weight": (128,) for name in ("attention_norm", "ffn_norm")}
        shapes |= {f"{own}attention.w{x}.weight": (128 if x in "qo" else 64, 128) for x in "qkvo"}
        shapes |= {f"{own}feed_forward.w{n}.weight": (128, 256) if n == 2 else (256, 128) for n in (1, 2, 3)}
        shapes |= {f"{encoder}{theirs}attention.w{x}.weight": (64, 64) for x in "qkvo"}
        shapes |= {f"{encoder}{theirs}feed_forward.w{n}.weight": (128, 64) if n == 1 else (64, 128) for n in (1, 2)}
        biased += [theirs + name for name in ("attention.wq", "attention.wv", "attention.wo", "feed_forward.w1")]
        biased += [theirs + "feed_forward.w2"]
        norms += [theirs + "attention_norm", theirs + "ffn_norm"]
    shapes |= {f"{encoder}{name}.bias": shapes[f"{encoder}{name}.weight"][:1] for name in biased}
    return shapes | {f"{encoder}{name}.{kind}": (64,) for name in norms for kind in ("weight", "bias")}


def kimi_audio(folder: Path) -> Tiny:
    """Kimi-Audio, with Qwen's vocabulary: vLLM has the numbers of its special tokens written in."""
    import shutil

    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM, WhisperConfig, WhisperFeatureExtractor, WhisperModel

    from audiobench.model.registry import find_model
    from audiobench.serving.planner import located
    from tests.step_audio.test_prompts import qwen_file

    shutil.copy(qwen_file(), folder / "tiktoken.model")
    names = {
        151643: "<|im_bos|>",
        151644: "<|im_eos|>",
        151645: "<|im_msg_end|>",
        151661: "<|im_media_begin|>",
        151663: "<|im_media_end|>",
        151666: "<|im_kimia_text_blank|>",
        151670: "<|im_kimia_user_msg_start|>",
        151671: "<|im_kimia_assistant_msg_start|>",
    }
    added = {str(i): {"content": names.get(i, f"<|extra_{i}|>"), "special": True} for i in range(151643, 151680)}
    settings = json.dumps({"added_tokens_decoder": added})
    (folder / "tokenizer_config.json").write_text(settings, encoding="utf-8")
    width = 64
    config = Qwen2Config(
        **{**DECODER, "hidden_size": width, "num_attention_heads": 2},
        vocab_size=151_680,
        kimia_adaptor_input_dim=4 * width,
        architectures=["MoonshotKimiaForCausalLM"],
    )
    config.save_pretrained(folder)
    whisper = folder / "whisper-large-v3"
    whisper.mkdir()
    tower = WhisperConfig(
        d_model=width,
        encoder_layers=2,
        encoder_attention_heads=2,
        encoder_ffn_dim=128,
        num_mel_bins=128,
        decoder_layers=1,
        decoder_attention_heads=2,
    )
    tower.save_pretrained(whisper)
    WhisperFeatureExtractor(feature_size=128).save_pretrained(whisper)
    with torch.device("meta"):
        encoder, decoder = WhisperModel(tower).encoder, Qwen2ForCausalLM(config)
    heard = {f"model.encoder.{name}": tuple(p.shape) for name, p in encoder.named_parameters()}
    # Whisper's keys have no bias; vLLM 0.32 makes room for one and leaves it as memory was, now and then NaN
    heard |= {f"model.encoder.layers.{i}.self_attn.k_proj.bias": (width,) for i in range(tower.encoder_layers)}
    save_random(whisper / "model.safetensors", heard)
    shapes = {name: tuple(p.shape) for name, p in decoder.named_parameters()}
    adaptor = "model.vq_adaptor.layers."
    shapes |= {f"{adaptor}0.weight": (width, 4 * width), f"{adaptor}3.weight": (width, width)}
    shapes |= {f"{adaptor}{i}.bias": (width,) for i in (0, 3, 4)} | {f"{adaptor}4.weight": (width,)}
    save_random(folder / "model.safetensors", shapes)
    arguments = find_model("kimi-audio").serve.args  # type: ignore[union-attr]
    template = Path(located(arguments["chat-template"])).read_text(encoding="utf-8")
    return Tiny(folder, names[151666], {"max_num_seqs": arguments["max-num-seqs"]}, template)
