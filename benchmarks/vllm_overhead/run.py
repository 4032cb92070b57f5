"""Harness throughput over raw `LLM.generate` on the same prompts, model and engine settings.

    python benchmarks/vllm_overhead/run.py [--requests 300] [--tokens 64] [--seconds 10] [--model FOLDER]

Both sides get the same WAV bytes and the same text, and both give greedy answers of the same length. Raw: decode the
bytes, one `LLM.generate` over all prompts. Harness: adapter `vllm_engine`, asked with as many requests in flight as
the engine takes; base64, chat template and per-request isolation included. Each runs in a process of its own, the
engine's start is not counted, a warm-up is; rounds alternate. With no --model, a tiny random checkpoint.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

MAX_SEQS = 64
ENGINE = {
    "dtype": "float32",
    "max_model_len": 2048,
    "max_num_seqs": MAX_SEQS,
    "limit_mm_per_prompt": {"audio": 1},
    "enforce_eager": True,
    "enable_prefix_caching": True,
}
PREFILL = "<think>\n"


def clips(number: int, seconds: float, seed: int) -> list[bytes]:
    """WAV files of noise, 16 kHz, all different."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(number):
        buffer = io.BytesIO()
        soundfile.write(
            buffer, 0.1 * rng.standard_normal(round(16_000 * seconds)), 16_000, format="WAV", subtype="PCM_16"
        )
        out.append(buffer.getvalue())
    return out


def raw(args: argparse.Namespace) -> dict[str, Any]:
    """One `LLM.generate` over all prompts (vLLM's engine in its own process, as AsyncLLM has it)."""
    from vllm import LLM, SamplingParams

    llm = LLM(args.model, **{**ENGINE, **json.loads(args.engine)})
    sampling = SamplingParams(max_tokens=args.tokens, temperature=0.0, ignore_eos=False)

    def ask(files: list[bytes]) -> list[Any]:
        prompts = [
            {
                "prompt": f"<|BOT|>human\n<audio_patch>What is it?<|EOT|><|BOT|>assistant\n{PREFILL}",
                "multi_modal_data": {"audio": soundfile.read(io.BytesIO(data), dtype="float32")[0]},
            }
            for data in files
        ]
        return llm.generate(prompts, sampling, use_tqdm=False)

    ask(clips(16, args.seconds, seed=1))
    times, tokens = [], 0
    for round_ in range(args.rounds):
        files = clips(args.requests, args.seconds, seed=100 + round_)
        started = time.perf_counter()
        outputs = ask(files)
        times.append(time.perf_counter() - started)
        tokens += sum(len(o.outputs[0].token_ids) for o in outputs)
    return {"times": times, "tokens": tokens}


def harness(args: argparse.Namespace) -> dict[str, Any]:
    """The adapter, asked as the runner asks it."""
    from audiobench.core.parts import words
    from audiobench.core.types import AudioPart, Clip, Message, Request, TextPart
    from audiobench.model.spec import ModelSpec, Serve, Weights
    from model_adapters.vllm_engine import VLLMEngine

    spec = ModelSpec(
        name="bench",
        adapter="vllm_engine",
        served_model="bench",
        weights=Weights(repo=args.model, gigabytes=args.gigabytes),
        serve=Serve(plugin=True),
        options={"engine": {**ENGINE, **json.loads(args.engine)}},
    )

    def request(data: bytes) -> Request:
        part = AudioPart(Clip(Path("clip.wav")), data=data, format="wav")
        return Request(
            messages=(Message("user", (part, TextPart("What is it?"))),),
            generation={"max_gen_toks": args.tokens, "temperature": 0.0},
            prefill=words(PREFILL),
        )

    async def run() -> dict[str, Any]:
        adapter = VLLMEngine(spec)
        gate = asyncio.Semaphore(2 * MAX_SEQS)

        async def one(data: bytes) -> int:
            async with gate:
                return (await adapter.generate(request(data))).usage["completion"]

        async def ask(files: list[bytes]) -> int:
            return sum(await asyncio.gather(*(one(data) for data in files)))

        try:
            await ask(clips(16, args.seconds, seed=1))
            times, tokens = [], 0
            for round_ in range(args.rounds):
                files = clips(args.requests, args.seconds, seed=100 + round_)
                started = time.perf_counter()
                tokens += await ask(files)
                times.append(time.perf_counter() - started)
            return {"times": times, "tokens": tokens}
        finally:
            await adapter.close()

    return asyncio.run(run())


def main() -> None:
    """Run both sides in turn and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="?", choices=["raw", "harness"])
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=2, help="processes of each side, in turn")
    parser.add_argument("--model", default="")
    parser.add_argument("--gigabytes", type=float, default=0.01)
    parser.add_argument("--engine", default="{}", help="JSON of engine arguments that win over the defaults")
    args = parser.parse_args()
    if args.side:
        result = raw(args) if args.side == "raw" else harness(args)
        print("@@" + json.dumps(result))
        return
    with tempfile.TemporaryDirectory() as folder:
        if not args.model:
            from model_adapters.step_audio.testing import make_tiny_checkpoint

            args.model = str(make_tiny_checkpoint(folder))
        times: dict[str, list[float]] = {"raw": [], "harness": []}
        tokens: dict[str, int] = {}
        for turn in range(args.repeat):
            for side in ("raw", "harness") if turn % 2 == 0 else ("harness", "raw"):
                result = in_process(side, args)
                times[side] += result["times"]
                tokens[side] = result["tokens"]
    rates = {side: args.requests / statistics.median(values) for side, values in times.items()}
    print(f"{platform.machine()}, {os.cpu_count()} CPUs; {args.requests} requests of {args.seconds:g} s audio, "
          f"{args.tokens} tokens, {len(times['raw'])} rounds a side")  # fmt: skip
    for side in ("raw", "harness"):
        low, high = min(times[side]), max(times[side])
        print(f"{side:8} {rates[side]:7.1f} requests/s (median; {args.requests / high:.1f} to {args.requests / low:.1f}), "
              f"{tokens[side]} tokens")  # fmt: skip
    print(f"harness / raw = {rates['harness'] / rates['raw']:.3f}")


def in_process(side: str, args: argparse.Namespace) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [sys.executable, __file__, side]
    for name in ("requests", "tokens", "seconds", "rounds", "model", "gigabytes", "engine"):
        command += [f"--{name}", str(getattr(args, name))]
    environment = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_LOGGING_LEVEL": "ERROR", "HF_HUB_OFFLINE": "1", **os.environ}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    for line in done.stdout.splitlines():
        if line.startswith("@@"):
            return json.loads(line[2:])
    sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()
