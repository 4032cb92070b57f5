"""Step-Audio-R1 under vLLM with random weights: StepFun's way and each option for speed, one table.

    python benchmarks/gpu/serve.py                         # 33.5 B in bf16, every variant
    python benchmarks/gpu/serve.py --size tiny --device cpu --only stepfun default   # shows that the script works

Every variant is an engine of its own, in a process of its own, with weights that vLLM makes up (`load_format dummy`; size
tiny has a random checkpoint whose answers depend on the audio); no released weights and no network are needed. Random
weights say nothing of how often n-gram speculation guesses right: its row is a lower bound, and the tokens that were
accepted are printed with it. A variant that does not start is a row with the reason.

The last column counts the requests whose answer is, token for token, that of `default`, on a CPU with the same log-probability too. In fp32 on the CPU the variants of
`EXACT` must have all of them equal, else the exit code is 1; in bf16 on a GPU rounding moves some.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VARIANTS: dict[str, dict[str, Any]] = {
    "stepfun": {"enforce_eager": True, "hf_overrides": {"pad_chunks": True}},
    "default": {},
    "buckets": {"hf_overrides": {"encoder_batches": "buckets"}},
    "compiled": {"hf_overrides": {"encoder_batches": "compiled"}},
    "device front end": {"hf_overrides": {"device_frontend": True}},
    "n-gram speculation": {
        "speculative_config": {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4}
    },
    "fp8 KV cache": {"kv_cache_dtype": "fp8"},
}
"""Engine arguments of each. `stepfun`: chunks padded to the longest, no CUDA graphs."""
EXACT = ("buckets", "compiled", "device front end", "n-gram speculation")
"""Variants that change no answer but for rounding."""
CLOSE = 1e-4
"""Log-probability of a whole answer: what rounding in fp32 may move, far less than padding does."""


def write_checkpoint(folder: Path, size: str) -> None:
    """config.json and a tokenizer; the weights are vLLM's, but for size tiny, which has a whole checkpoint."""
    from model_adapters.step_audio.configuration import released_config
    from model_adapters.step_audio.testing import byte_tokenizer, make_tiny_checkpoint, write_config, write_tokenizer

    if size == "tiny":
        make_tiny_checkpoint(folder)
        return
    tokenizer = byte_tokenizer()
    write_tokenizer(folder, tokenizer)
    write_config(folder, released_config(size), tokenizer, dtype="bfloat16")


def measure(name: str, folder: str, args: argparse.Namespace) -> dict[str, Any]:
    """One variant in this process: seconds to start, seconds for all requests, tokens a second, and the answers."""
    import numpy as np
    from vllm import LLM, SamplingParams

    began = time.perf_counter()
    tiny, requests = args.size == "tiny", args.requests
    here = {"enforce_eager": True} if args.device == "cpu" else {}
    llm = LLM(
        folder,
        load_format="auto" if tiny else "dummy",
        dtype="float32" if tiny else "bfloat16",
        max_model_len=2048 if tiny else 16_384,
        max_num_seqs=requests,
        enable_prefix_caching=False,
        disable_log_stats=False,
        **{**here, **VARIANTS[name]},
    )
    started = time.perf_counter() - began
    rng = np.random.default_rng(0)
    lengths = [args.seconds * (1 + i % 8) / 8 for i in range(requests)]
    prompt = "<|BOT|>human\n<audio_patch>What is it?<|EOT|><|BOT|>assistant\n<think>\n"

    def asked() -> list[dict[str, Any]]:
        waves = [(0.1 * rng.standard_normal(round(16_000 * n))).astype(np.float32) for n in lengths]
        return [{"prompt": prompt, "multi_modal_data": {"audio": wave}} for wave in waves]

    logprobs = 0 if args.device == "cpu" else None  # where answers are compared to the digit; costs time
    sampling = SamplingParams(max_tokens=args.tokens, temperature=0.0, ignore_eos=True, logprobs=logprobs)
    first = SamplingParams(max_tokens=1, temperature=0.0, ignore_eos=True)
    llm.generate(asked(), sampling, use_tqdm=False)  # compiles what is left to compile
    taken = {}
    for what, how in (("first token", first), ("all", sampling)):
        since = time.perf_counter()
        outputs = llm.generate(asked(), how, use_tqdm=False)
        taken[what] = time.perf_counter() - since
    answers = [list(output.outputs[0].token_ids) for output in outputs]
    made = sum(map(len, answers))
    result = {"start": started, **taken, "rate": made / taken["all"]}
    accepted = [m.value for m in llm.get_metrics() if m.name == "vllm:spec_decode_num_accepted_tokens"]
    llm.llm_engine.engine_core.shutdown()
    sums = [output.outputs[0].cumulative_logprob for output in outputs]
    return {**result, "accepted": accepted[0] if accepted else None, "answers": answers, "logprobs": sums}


def run(name: str, folder: str, args: argparse.Namespace) -> dict[str, Any]:
    """What `measure` returns, from a process of its own; only `error` where it did not run."""
    command = [sys.executable, __file__, "--one", name, folder, "--size", args.size, "--device", args.device]
    command += ["--requests", str(args.requests), "--seconds", str(args.seconds), "--tokens", str(args.tokens)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = next((line for line in done.stdout.splitlines() if line.startswith("@@")), None)
    if found is not None:
        return json.loads(found[2:])
    why = next((x for x in reversed(done.stderr.splitlines()) if "Error" in x), f"exit code {done.returncode}")
    return {"error": why.strip()[:160]}


def equal(result: dict[str, Any], default: dict[str, Any] | None) -> int | None:
    """How many requests have the answer that `default` gives them, and on the CPU its log-probability to `CLOSE`.

    None where one of the two did not run.
    """
    if default is None or "answers" not in result or "answers" not in default:
        return None
    pairs = zip(result["answers"], default["answers"], result["logprobs"], default["logprobs"], strict=True)
    return sum(a == b and (p is None or abs(p - q) <= CLOSE) for a, b, p, q in pairs)


def row(name: str, result: dict[str, Any], same: int | None) -> str:
    """A line of the table."""
    if "error" in result:
        return f"| {name} | did not run: {result['error']} | | | | |"
    note = "" if result["accepted"] is None else f"; {result['accepted']} speculated tokens accepted"
    equals = "" if same is None else f"{same} of {len(result['answers'])}"
    return (
        f"| {name} | {result['start']:.1f} s | {result['first token']:.2f} s | {result['all']:.2f} s | "
        f"{result['rate']:,.0f}{note} | {equals} |"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", choices=("tiny", "mini", "r1"), default="r1")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", nargs="+", choices=tuple(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--requests", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=25.0, help="longest clip; the others are shorter in eighths")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--one", nargs=2, metavar=("VARIANT", "FOLDER"), help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.one:
        name, folder = args.one
        print("@@" + json.dumps(measure(name, folder, args)))
        return 0
    import torch

    if args.device == "cuda" and not torch.cuda.is_available():
        print("PyTorch sees no GPU here; --size tiny --device cpu tries the script", file=sys.stderr)
        return 2
    if args.device == "cpu" and args.size != "tiny":
        print(f"--device cpu: size {args.size} is measured on a GPU; --size tiny runs on a CPU", file=sys.stderr)
        return 2
    place = torch.cuda.get_device_name() if args.device == "cuda" else "CPU"
    what = f"{args.requests} requests of up to {args.seconds:g} s of audio, {args.tokens} new tokens"
    print(f"{datetime.now(UTC):%Y-%m-%d}, {place}, size {args.size}, random weights; {what}\n")
    print("| variant | start | first tokens of all | whole answers of all | new tokens/s | answers as default |")
    print("|---|---|---|---|---|---|")
    default, unequal = None, []
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoint(Path(folder), args.size)
        for name in sorted(args.only, key=lambda name: name != "default"):  # the others are compared with it
            result = run(name, folder, args)
            default = result if name == "default" else default
            same = None if name == "default" else equal(result, default)
            print(row(name, result, same), flush=True)
            if name in EXACT and same is not None and same < args.requests:
                unequal.append(name)
    if args.device == "cpu" and unequal:
        print(f"other answers than default: {', '.join(unequal)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
