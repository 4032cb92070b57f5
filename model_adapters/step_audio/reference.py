"""The family in plain PyTorch on transformers' Qwen2: load, embed, full-vocabulary log-probabilities, generate.

It is the yardstick for the vLLM plugin and, through `model_adapters.local`, what runs the embedded tiny model.
Prompts are batched with padding on the left, which moves logits by about 1e-6 in fp32; `logprobs` never pads.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import DynamicCache, Qwen2ForCausalLM

from model_adapters.step_audio.batching import embedder_of
from model_adapters.step_audio.configuration import StepAudio2Config
from model_adapters.step_audio.modules import Adapter, AudioEncoder
from model_adapters.step_audio.prompts import Prompt, PromptBuilder, Turn
from model_adapters.step_audio.sampling import Sampler, Sampling
from model_adapters.step_audio.tokenizer import load_tokenizer
from model_adapters.step_audio.weights import CheckpointError, load_strict


class StepAudio2(nn.Module):
    """Encoder, adaptor and a Qwen2 decoder; parameter names become the published ones by `weights.to_published`."""

    def __init__(self, config: StepAudio2Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = AudioEncoder(config.audio_encoder_config)
        self.adapter = Adapter(config.audio_encoder_config)
        self.language_model = Qwen2ForCausalLM(config.text_config)
        self.embed_chunks = embedder_of(self.encoder, self.adapter, config)

    def embed(self, prompt: Prompt, patch_id: int) -> Tensor:
        """Input embeddings of one prompt, shape (tokens, hidden): audio embeddings stand where the patches are."""
        return self.embed_all([prompt], patch_id)[0]

    def embed_all(self, prompts: Sequence[Prompt], patch_id: int) -> list[Tensor]:
        """Input embeddings of several prompts; their chunks go through the encoder together."""
        table: Any = self.language_model.get_input_embeddings()
        device = table.weight.device
        mels = [mel for prompt in prompts for mel in prompt.mels]
        audio = self.embed_chunks(mels)
        out: list[Tensor] = []
        start = 0
        for prompt in prompts:
            ids = torch.tensor(prompt.ids, device=device)  # pyright: ignore[reportArgumentType]
            embedded = table(ids)
            own = audio[start : start + len(prompt.mels)]
            start += len(prompt.mels)
            patches = ids == patch_id
            count = sum(len(chunk) for chunk in own)
            if int(patches.sum()) != count:
                raise ValueError(f"the prompt has {int(patches.sum())} audio patches but its audio gives {count}")
            if own:
                embedded = embedded.clone()
                embedded[patches] = torch.cat(own).to(embedded.dtype)
            out.append(embedded)
        return out


@dataclass
class Generation:
    """What the model wrote after one prompt."""

    text: str
    """Special tokens and the stop string removed."""
    ids: list[int]
    """New tokens, the ending one included."""
    finish_reason: str
    """stop | length."""
    prompt_tokens: int
    audio_tokens: int


class Reference:
    """A loaded checkpoint: `prompts.build(...)` makes prompts, `generate` and `logprobs` take them."""

    def __init__(self, model: StepAudio2, tokenizer: Any) -> None:
        self.model = model.eval()
        self.config = model.config
        self.tokenizer = tokenizer
        self.prompts = PromptBuilder(tokenizer, model.config)
        self.special = self.prompts.special

    @classmethod
    def load(
        cls, path: str | Path, *, dtype: torch.dtype = torch.float32, device: str = "cpu", **changes: Any
    ) -> Reference:
        """Load a checkpoint folder (config.json, tokenizer, safetensors in the published naming), strictly.

        `changes` win over the top level of config.json (`pad_chunks`, `encoder_batches`, `mel_trim_frames`).

        Raises:
            CheckpointError: config.json is absent or of another model, or tensors are missing, extra or misshapen.
            ValueError: the configuration or the tokenizer does not fit the family.
        """
        config = load_config(path, **changes)
        with torch.device("meta"):
            model = StepAudio2(config)
        load_strict(model, path, dtype=dtype, device=device)
        _restore_buffers(model, device)
        return cls(model, load_tokenizer(path))

    def prompt(self, *parts: Any, prefill: str | None = "<think>\n", system: str | None = None) -> Prompt:
        """The prompt of one user turn: text and clips (float32, 16 kHz, shape (samples,)) in order.

        Raises:
            PromptError: see `PromptBuilder.build`.
        """
        turns = [Turn("system", (system,))] if system else []
        return self.prompts.build([*turns, Turn("user", tuple(parts))], prefill=prefill)

    @torch.inference_mode()
    def logprobs(self, prompt: Prompt, continuation: Sequence[int] = ()) -> Tensor:
        """Log-probabilities over the whole vocabulary after the prompt and after each token of `continuation`.

        float32, shape (1 + len(continuation), vocab).
        """
        embedded = self.model.embed(prompt, self.special.audio_patch)
        if continuation:
            table = self.model.language_model.get_input_embeddings()
            more = table(torch.tensor(list(continuation), device=embedded.device))
            embedded = torch.cat([embedded, more])
        keep = 1 + len(continuation)
        out = self.model.language_model(inputs_embeds=embedded[None], use_cache=False, logits_to_keep=keep)
        return out.logits[0].float().log_softmax(-1)

    @torch.inference_mode()
    def generate(self, prompts: Sequence[Prompt], sampling: Sampling | Sequence[Sampling]) -> list[Generation]:
        """Continue a batch of prompts, each with its own settings; greedy where the temperature is 0.

        A row leaves the batch's cache when fewer than half are still running; sampled rows draw from their own seed,
        so what a row says does not depend on its batch mates (up to the rounding noted above).
        """
        settings = [sampling] * len(prompts) if isinstance(sampling, Sampling) else list(sampling)
        if len(settings) != len(prompts):
            raise ValueError(f"{len(prompts)} prompts but {len(settings)} sampling settings")
        if not prompts:
            return []
        samplers = [
            Sampler(s, p.ids, self.tokenizer, self.special.stop) for s, p in zip(settings, prompts, strict=True)
        ]
        _decode(self.model, self.model.embed_all(prompts, self.special.audio_patch), samplers)
        return [
            Generation(
                text=sampler.text(),
                ids=sampler.ids,
                finish_reason=sampler.finish_reason or "length",
                prompt_tokens=len(prompt.ids),
                audio_tokens=prompt.audio_tokens,
            )
            for sampler, prompt in zip(samplers, prompts, strict=True)
        ]


def _decode(model: StepAudio2, embedded: list[Tensor], samplers: list[Sampler]) -> None:
    """Prefill the batch and sample until every row has finished."""
    decoder = model.language_model
    device = embedded[0].device
    longest = max(len(row) for row in embedded)
    inputs = embedded[0].new_zeros(len(embedded), longest, embedded[0].shape[1])
    mask = torch.zeros(len(embedded), longest, dtype=torch.long, device=device)
    for i, row in enumerate(embedded):
        inputs[i, longest - len(row) :] = row
        mask[i, longest - len(row) :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    cache = DynamicCache(config=decoder.config)
    cached = cache_argument(decoder, cache)
    rows: list[int] = list(range(len(samplers)))
    out = decoder(
        inputs_embeds=inputs,
        attention_mask=mask,
        position_ids=positions,
        use_cache=True,
        logits_to_keep=1,
        **cached,
    )
    position = positions[:, -1:]
    while True:
        logits = out.logits[:, -1].float().cpu()
        tokens = [samplers[row].step(logits[i]) for i, row in enumerate(rows)]
        running: list[int] = [i for i, row in enumerate(rows) if samplers[row].finish_reason is None]
        if not running:
            return
        if len(running) * 2 <= len(rows):
            keep = torch.tensor(running, device=device)
            cache.batch_select_indices(keep)
            mask, position = mask[keep], position[keep]
            tokens = [tokens[i] for i in running]
            rows = [rows[i] for i in running]
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)
        position = position + 1
        out = decoder(
            input_ids=torch.tensor(tokens, device=device)[:, None],
            attention_mask=mask,
            position_ids=position,
            use_cache=True,
            **cached,
        )


def cache_argument(decoder: Any, cache: Any) -> dict[str, Any]:
    """`cache` under the name that this transformers gives it (renamed in 5.24; the old name goes in 5.40)."""
    renamed = "cache" in inspect.signature(decoder.forward).parameters
    return {"cache" if renamed else "past_key_values": cache}


def load_config(path: str | Path, **changes: Any) -> StepAudio2Config:
    """The configuration of a checkpoint folder; `changes` win over its top level.

    Raises:
        CheckpointError: config.json is absent, not JSON, or of another model type.
        ValueError: its sizes are incomplete or contradictory.
    """
    file = Path(path) / "config.json"
    if not file.is_file():
        raise CheckpointError(f"{file}: not there")
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{file}: not JSON: {error}") from error
    if data.get("model_type") != "step_audio_2":
        raise CheckpointError(f"{file}: model_type is {data.get('model_type')!r}, not 'step_audio_2'")
    data.pop("auto_map", None)
    return StepAudio2Config(**{k: v for k, v in {**data, **changes}.items() if k != "model_type"})


def count_parameters(config: StepAudio2Config) -> dict[str, int]:
    """Parameters of the encoder, the adaptor, the decoder and in total, from the configuration alone (meta device)."""
    with torch.device("meta"):
        model = StepAudio2(config)
    parts = {
        "encoder": sum(p.numel() for p in model.encoder.parameters()),
        "adapter": sum(p.numel() for p in model.adapter.parameters()),
        "decoder": sum(p.numel() for p in model.language_model.parameters()),
    }
    return {**parts, "total": sum(parts.values())}


def _restore_buffers(model: StepAudio2, device: str) -> None:
    """Rotary frequencies are not in a checkpoint: build them anew after construction on the meta device."""
    decoder = model.language_model.model
    decoder.rotary_emb = type(decoder.rotary_emb)(config=model.config.text_config).to(device)
