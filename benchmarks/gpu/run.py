"""Step-Audio-R1 at full size with random weights in plain PyTorch: memory, encoder, prefill, decode, bf16 drift.

    python benchmarks/gpu/run.py                             # 33.5 B in bf16 on cuda: about 75 GiB of GPU memory
    python benchmarks/gpu/run.py --size mini                 # 8.3 B
    python benchmarks/gpu/run.py --size tiny --device cpu    # a second: only shows that the script works

Needs torch, transformers and safetensors; no vLLM, no released weights, no network. Speed and memory do not depend on
what the weights are; the drift does, so it is one of random weights. A dated Markdown table goes to stdout (`--out`:
to a file as well).
"""

from __future__ import annotations

import argparse
import copy
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
import transformers
from torch import Tensor
from transformers import DynamicCache, StaticCache

from model_adapters.step_audio.batching import ChunkEmbedder, embed_chunks
from model_adapters.step_audio.configuration import StepAudio2Config, released_config
from model_adapters.step_audio.device_frontend import log_mels, resample, torchaudio_trouble
from model_adapters.step_audio.frontend import CHUNK_SECONDS, log_mel, log_mel_chunks
from model_adapters.step_audio.prompts import Prompt
from model_adapters.step_audio.reference import StepAudio2, cache_argument, count_parameters
from model_adapters.step_audio.sizes import SAMPLE_RATE
from model_adapters.step_audio.testing import tiny_config

GIB = 2**30
DTYPE = torch.bfloat16
TEXT_TOKENS = 64
"""Of a prompt, beside its audio."""
REPEATS = 5
CHUNKS = (1, 8, 32)
MIXED = tuple(round(1.5 * (i + 1), 2) for i in range(16))
"""Seconds of the chunks that wait together: 1.5 to 24."""
CLIPS = (16, 25.0)
"""How many clips, of how many seconds, for the front end."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    value: str
    memory: str = ""
    """Peak while it ran."""


def config_of(size: str) -> StepAudio2Config:
    """The configuration of `tiny` (tests), `mini` (8.3 B) or `r1` (33.5 B)."""
    return tiny_config() if size == "tiny" else released_config(size)


def random_model(config: StepAudio2Config, device: torch.device, seed: int = 0) -> StepAudio2:
    """The model in bf16 on the device: matrices normal with deviation 0.02, norms 1, biases 0."""
    with torch.device("meta"):
        model = StepAudio2(config)
    model = model.to(DTYPE).to_empty(device=device).eval()
    generator = torch.Generator(device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(0.0, 0.02, generator=generator)
            else:
                parameter.fill_(0.0 if name.endswith("bias") else 1.0)
    decoder = model.language_model.model
    decoder.rotary_emb = type(decoder.rotary_emb)(config=config.text_config).to(device)
    return model


def noise_mels(seconds: float, seed: int = 0) -> tuple[list[Tensor], list[int]]:
    """Log-mel chunks of noise, and the audio tokens of each."""
    samples = 0.1 * np.random.default_rng(seed).standard_normal(round(SAMPLE_RATE * seconds))
    return log_mel_chunks(samples.astype(np.float32))


def audio_prompt(seconds: float, patch: int) -> Prompt:
    """A prompt of so much audio and some text. Ids stand in for the real ones: only their number matters here."""
    mels, counts = noise_mels(seconds)
    text = [i % patch for i in range(TEXT_TOKENS)]
    ids = [*text]
    for count in counts:
        ids += [0, *[patch] * count, 1]
    return Prompt(ids=ids, mels=list(mels), audio_tokens=sum(counts))


class Meter:
    """Times calls on a device, and keeps its peak memory."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.cuda = device.type == "cuda"

    def time(self, call: Callable[[], Any], repeats: int = REPEATS) -> float:
        """Median seconds of `repeats` calls after one that is not counted."""
        call()
        taken = []
        for _ in range(repeats):
            self.wait()
            since = time.perf_counter()
            call()
            self.wait()
            taken.append(time.perf_counter() - since)
        return statistics.median(taken)

    def wait(self) -> None:
        """Until everything queued on the device is done."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def reset(self) -> None:
        """Forget the peak."""
        if self.cuda:
            torch.cuda.reset_peak_memory_stats(self.device)

    def peak(self) -> str:
        """Most GPU memory since `reset`; nothing on a CPU, where PyTorch does not count it."""
        return f"{torch.cuda.max_memory_allocated(self.device) / GIB:.1f} GiB" if self.cuda else ""


def encoder_latency(model: StepAudio2, meter: Meter) -> list[Row]:
    """Encoder and adaptor on 1, 8 and 32 chunks of 25 s in one batch."""
    mel = noise_mels(CHUNK_SECONDS)[0][0]
    rows = []
    for number in CHUNKS:
        meter.reset()
        mels = [mel] * number
        seconds = meter.time(lambda mels=mels: embed_chunks(model.encoder, model.adapter, mels))
        words = f"{seconds * 1e3:.1f} ms ({seconds * 1e3 / number:.1f} ms a chunk)"
        rows.append(Row(f"encoder + adaptor, {number} x {CHUNK_SECONDS:g} s", words, meter.peak()))
    return rows


def encoder_batches(model: StepAudio2, meter: Meter, seconds: Sequence[float]) -> list[Row]:
    """Chunks of many lengths that wait together: StepFun's way (one padded batch, eager) and the ways of this package."""
    mels = [noise_mels(length, seed)[0][0] for seed, length in enumerate(seconds)]
    ways: dict[str, dict[str, Any]] = {
        "padded to the longest, eager (as StepFun's server)": {"pad_chunks": True},
        "one length at a time": {},
        "masked buckets, eager": {"batches": "buckets"},
        "masked buckets, compiled": {"batches": "compiled"},
    }
    rows = []
    for name, how in ways.items():
        meter.reset()
        embedder = ChunkEmbedder(model.encoder, model.adapter, **how)
        taken = meter.time(lambda embedder=embedder: embedder(mels))
        rows.append(Row(f"encoder + adaptor, {len(mels)} lengths, {name}", f"{taken * 1e3:.1f} ms", meter.peak()))
    return rows


def front_ends(device: torch.device, meter: Meter, clips: int, seconds: float, rate: int = 48_000) -> list[Row]:
    """Resampling to 16 kHz and log-mel of a batch of clips: on the CPU clip by clip, and on the device."""
    waves = [
        (0.1 * np.random.default_rng(seed).standard_normal(round(rate * seconds))).astype(np.float32)
        for seed in range(clips)
    ]

    def on_cpu() -> list[Tensor]:
        heard = [soxr.resample(wave, rate, SAMPLE_RATE, quality="HQ") for wave in waves]
        return [log_mel(wave).to(device) for wave in heard]

    def on_device() -> list[Tensor]:
        return log_mels(resample([torch.from_numpy(wave).to(device) for wave in waves], rate))

    trouble = torchaudio_trouble()
    ways = {
        "CPU, clip by clip": on_cpu,
        "device, one batch" + (f" (mel on the CPU: {trouble})" if trouble else ""): on_device,
    }
    rows = []
    for name, call in ways.items():
        meter.reset()
        taken = meter.time(call)
        rows.append(
            Row(
                f"resampling and mel, {clips} x {seconds:g} s at {rate // 1000} kHz, {name}",
                f"{taken * 1e3:.1f} ms",
                meter.peak(),
            )
        )
    error = max(float((a - b).abs().max()) for a, b in zip(on_cpu(), on_device(), strict=True))
    return [*rows, Row("device front end against the CPU's", f"largest difference of a log-mel {error:.1e}")]


def drift(model: StepAudio2, meter: Meter) -> Row:
    """What bf16 arithmetic moves the audio embeddings by, against fp32 arithmetic on the same (bf16) weights."""
    mels = noise_mels(CHUNK_SECONDS)[0]
    meter.reset()
    low = embed_chunks(model.encoder, model.adapter, mels)[0].float()
    exact = embed_chunks(copy.deepcopy(model.encoder).float(), copy.deepcopy(model.adapter).float(), mels)[0]
    error = (low - exact).norm() / exact.norm()
    cosine = torch.nn.functional.cosine_similarity(low, exact, dim=-1).min()
    words = f"relative error {error:.2e}, lowest cosine of a token {cosine:.5f}"
    return Row("bf16 against fp32, encoder + adaptor", words, meter.peak())


def prefill(model: StepAudio2, seconds: float, meter: Meter) -> Row:
    """From log-mel to the first logits: encoder, adaptor, and the decoder over the whole prompt."""
    patch = model.config.text_config.vocab_size - 1
    prompt = audio_prompt(seconds, patch)

    def call() -> None:
        embedded = model.embed(prompt, patch)[None]
        start(model, embedded, DynamicCache(config=model.language_model.config))

    meter.reset()
    taken = meter.time(call, 3)
    words = f"{taken:.3f} s ({len(prompt.ids) / taken:,.0f} tokens/s)"
    return Row(f"prefill, {seconds:g} s of audio ({len(prompt.ids):,} tokens)", words, meter.peak())


def start(model: StepAudio2, embedded: Tensor, cache: Any) -> Tensor:
    """Prefill `embedded` (batch, length, hidden) into the cache; the first token of each row, shape (batch, 1)."""
    decoder = model.language_model
    out = decoder(inputs_embeds=embedded, use_cache=True, logits_to_keep=1, **cache_argument(decoder, cache))
    return out.logits[:, -1:].argmax(-1)


def decode(model: StepAudio2, ids: Tensor, length: int, tokens: int, cache: Any) -> Tensor:
    """Greedily continue after `length` cached positions and `ids` (batch, 1); the new ids, shape (batch, tokens)."""
    decoder, out = model.language_model, []
    cached = cache_argument(decoder, cache)
    for step in range(tokens):
        place = torch.full_like(ids, length + step)
        ids = decoder(input_ids=ids, position_ids=place, use_cache=True, **cached).logits.argmax(-1)
        out.append(ids)
    return torch.cat(out, dim=1)


def decode_speed(model: StepAudio2, batch: int, tokens: int, meter: Meter) -> Row:
    """Greedy decoding after 25 s of audio with a static cache; eager, no CUDA graphs. Median of three rounds."""
    patch = model.config.text_config.vocab_size - 1
    embedded = model.embed(audio_prompt(CHUNK_SECONDS, patch), patch).expand(batch, -1, -1)
    length = embedded.shape[1]
    meter.reset()
    taken = []
    for _ in range(4):
        cache = StaticCache(config=model.language_model.config, max_cache_len=length + tokens)
        ids = start(model, embedded, cache)
        meter.wait()
        since = time.perf_counter()
        decode(model, ids, length, tokens, cache)
        meter.wait()
        taken.append(time.perf_counter() - since)
    rate = batch * tokens / statistics.median(taken[1:])
    words = f"{rate:,.1f} tokens/s ({rate / batch:,.1f} a request)"
    return Row(f"decode, {batch} request{'s' if batch > 1 else ''}, static cache", words, meter.peak())


@torch.inference_mode()
def measure(
    size: str, device: torch.device, seconds: Sequence[float], tokens: int, batches: Sequence[int]
) -> list[Row]:
    """Every row of the table."""
    config = config_of(size)
    meter = Meter(device)
    meter.reset()
    since = time.perf_counter()
    model = random_model(config, device)
    meter.wait()
    parameters = count_parameters(config)["total"]
    held = sum(p.numel() * p.element_size() for p in model.parameters()) / GIB
    rows = [
        Row(
            "instantiation",
            f"{time.perf_counter() - since:.1f} s; {parameters / 1e9:.3f} B parameters, {held:.2f} GiB",
            meter.peak(),
        )
    ]
    rows += encoder_latency(model, meter)
    rows += encoder_batches(model, meter, MIXED)
    rows += front_ends(device, meter, *CLIPS)
    rows.append(drift(model, meter))
    rows += [prefill(model, length, meter) for length in seconds]
    rows += [decode_speed(model, batch, tokens, meter) for batch in batches]
    return rows


def table(rows: Sequence[Row], size: str, device: torch.device) -> str:
    """The dated Markdown table."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, {name}, size {size}, random weights, bf16, "
        f"torch {torch.__version__}, transformers {transformers.__version__}"
    )
    lines = [head, "", "| what | measured | peak GPU memory |", "|---|---|---|"]
    lines += [f"| {row.what} | {row.value} | {row.memory or '-'} |" for row in rows]
    return "\n".join(lines) + "\n"


def check_device(size: str, device: torch.device) -> str | None:
    """Why the measurement cannot run on this device; None when it can."""
    if device.type != "cuda":
        if size != "tiny":
            return f"--device {device}: size {size} is measured on a GPU; --size tiny runs on a CPU"
        return None
    if not torch.cuda.is_available():
        return "--device cuda: PyTorch sees no GPU here; --size tiny --device cpu tries the script"
    need = 2.0 * count_parameters(config_of(size))["total"] * 1.15 / GIB
    free = torch.cuda.mem_get_info(device)[0] / GIB
    return f"--size {size}: needs {need:.0f} GiB of GPU memory; {free:.0f} GiB are free" if free < need else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; exit code 2 when the device cannot take it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=("tiny", "mini", "r1"), default="r1")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, nargs="+", help="lengths of audio to prefill (default 25 to 600)")
    parser.add_argument("--tokens", type=int, help="tokens to decode (default 128)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8], help="requests decoded together")
    parser.add_argument("--out", type=Path, help="write the table there as well")
    args = parser.parse_args(arguments)
    device = torch.device(args.device)
    tiny = args.size == "tiny"
    if reason := check_device(args.size, device):
        print(reason, file=sys.stderr)
        return 2
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 is the yardstick
    seconds = args.seconds or ([25.0, 60.0] if tiny else [25.0, 60.0, 180.0, 600.0])
    text = table(
        measure(args.size, device, seconds, args.tokens or (8 if tiny else 128), args.batches), args.size, device
    )
    print(text, end="")
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
