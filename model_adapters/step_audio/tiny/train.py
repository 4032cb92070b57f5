"""Train the tiny model from scratch: `python -m model_adapters.step_audio.tiny.train`.

AdamW, warm-up, constant, linear decay; bf16 autocast with attention in float32; an average of the weights is what is
kept. Batches are a function of (seed, step): two runs on one machine agree, another machine or torch version gives
statistically similar weights, so checks belong on scores and not on hashes. About 28 minutes on two cores (1.2 s a step).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from model_adapters.step_audio.tiny.batches import QUESTIONS, Batch, Maker
from model_adapters.step_audio.tiny.model import TinyTrainer, tiny_config
from model_adapters.step_audio.tiny.tokenizer import build, save
from model_adapters.step_audio.tokenizer import load_tokenizer
from model_adapters.step_audio.weights import SINGLE, to_published

SEED = 1_000_001
TOKENIZER_SEED = 1_000_000
PEAK_RATE, WARM_UP, DECAY_FROM, LAST_RATE = 2e-3, 100, 9 / 14, 0.02
AUX_WEIGHT = 0.5
AVERAGE = 0.99


class Loader:
    """Batches made ahead of training in another process."""

    def __init__(self, maker: Maker, first: int, last: int) -> None:
        from torch.utils.data import DataLoader, Dataset

        made = cast(Dataset[Batch], maker)  # by its method
        self.batches: DataLoader[Batch] = DataLoader(
            made,
            batch_size=None,
            sampler=range(first, last),
            num_workers=1,
            prefetch_factor=4,
            collate_fn=_as_it_is,
        )

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


def _as_it_is(batch: Any) -> Any:
    return batch


def rate(step: int, steps: int) -> float:
    """Learning rate of a step: warm-up, constant, from 9/14 of the way linear to 2 %."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    begin = DECAY_FROM * steps
    if step < begin:
        return PEAK_RATE
    return PEAK_RATE * (1 - (1 - LAST_RATE) * (step - begin) / max(1, steps - begin))


def optimizer_of(model: TinyTrainer) -> torch.optim.AdamW:
    """AdamW; no decay on norms, biases and positions."""
    decayed = [p for n, p in model.named_parameters() if p.ndim >= 2 and "positional" not in n]
    plain = [p for n, p in model.named_parameters() if p.ndim < 2 or "positional" in n]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)


def train(out: Path, *, seed: int, steps: int, threads: int, save_every: int = 100) -> TinyTrainer:
    """Train and return the averaged model; continues from `out/state.pt` when it is there."""
    torch.set_num_threads(threads)
    cast("Any", torch).manual_seed(seed)  # declared without types, as `step` below
    save(build(TOKENIZER_SEED), out)
    model = TinyTrainer(tiny_config())
    optimizer = optimizer_of(model)
    average = {k: v.detach().clone() for k, v in model.named_parameters()}
    first, spent = 0, 0.0
    state_file = out / "state.pt"
    if state_file.is_file():
        state = torch.load(state_file)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        average, first, spent = state["average"], state["step"], state["seconds"]
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, from step {first} to {steps}", flush=True)
    begin, log = time.monotonic(), Log()
    batches = Loader(Maker(seed, load_tokenizer(out)), first, steps)
    for step, batch in enumerate(batches, first):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = model(batch)
        loss = result["loss"] + AUX_WEIGHT * result["aux"]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        cast("Any", optimizer).step()
        with torch.no_grad():
            keep = min(AVERAGE, (1 + step) / (10 + step))
            for name, value in model.named_parameters():
                average[name].lerp_(value, 1 - keep)
        log.add(batch, result)
        done = step + 1
        if done % 25 == 0 or done == steps:
            print(f"{done:5d} {spent + time.monotonic() - begin:6.0f}s {log.line()}", flush=True)
        if done % save_every == 0 or done == steps:
            seconds = spent + time.monotonic() - begin
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "average": average}
            torch.save({**state, "step": done, "seconds": seconds}, state_file.with_suffix(".new"))
            state_file.with_suffix(".new").rename(state_file)
            export(average, out)
            describe(out, seed=seed, steps=done, seconds=seconds)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(average[name])
    return model


class Log:
    """Running shares of right tokens, answers by kind, since the last line."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.sums: dict[str, list[float]] = {}

    def add(self, batch: Batch, result: dict[str, torch.Tensor]) -> None:
        """Count one batch: a trace or an answer is right when all of its tokens are."""
        wrong = np.zeros(batch.targets.shape, bool)
        wrong[batch.targets >= 0] = ~result["right"].numpy()
        suffix = "" if batch.mels else "-text"
        for role, name in ((1, "trace"), (2, "think"), (3, "direct")):
            for question in range(QUESTIONS):
                node = 1 + 3 * question + (2 if role == 3 else 1)
                at = (batch.roles == role) & (batch.segments == node)
                self.sums.setdefault(name + suffix, []).extend(~(wrong & at).any(axis=1))
        self.sums.setdefault("loss", []).append(float(result["loss"].detach()))
        if batch.mels:
            self.sums.setdefault("aux", []).append(float(result["aux"].detach()))

    def line(self) -> str:
        """The means, and forget."""
        text = "  ".join(f"{k} {np.mean(v):.3f}" for k, v in sorted(self.sums.items()))
        self.clear()
        return text


def describe(out: Path, *, seed: int, steps: int, seconds: float) -> None:
    """Write training.json: what made this checkpoint."""
    about = {
        "command": f"python -m model_adapters.step_audio.tiny.train --seed {seed} --steps {steps}",
        "seed": seed,
        "steps": steps,
        "minutes": round(seconds / 60, 1),
        "torch": torch.__version__,
    }
    (out / "training.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")


def export(average: dict[str, torch.Tensor], out: Path) -> None:
    """Write the averaged weights in bf16 under their published names, and config.json."""
    import transformers
    from safetensors.torch import save_file

    tensors = {
        to_published(name): value.detach().to(torch.bfloat16).contiguous()
        for name, value in average.items()
        if not name.startswith("events.")
    }
    save_file(tensors, str(out / SINGLE), metadata={"format": "pt"})
    config = tiny_config().to_dict()
    config.update(transformers_version=transformers.__version__, dtype="bfloat16")
    (out / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m model_adapters.step_audio.tiny.train", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("results/tiny-audio-r1"), help="folder to write")
    parser.add_argument("--seed", type=int, default=SEED, help="training seed, 1,000,000 or more")
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    train(args.out, seed=args.seed, steps=args.steps, threads=args.threads)


if __name__ == "__main__":
    main()
