"""Ask a tiny checkpoint the probes of an evaluation seed, thinking and not, with controls: the numbers of its card.

`python -m model_adapters.step_audio.tiny.evaluate --seed 777001 --per-family 60 --out scores.json`

An answer counts only when it is, word for word, the right option; nothing else is read into it. The harness gives the
same numbers by `audiobench run` (this asks the checkpoint without it, in one process).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audiobench.data.listening import Item, generate
from audiobench.data.listening.draw import Draw
from audiobench.data.listening.families import FAMILIES
from audiobench.data.listening.synthesis import render
from audiobench.statistics.intervals import wilson
from audiobench.statistics.paired import compare
from model_adapters.step_audio.tiny import CHECKPOINT
from model_adapters.step_audio.tiny.prompts import user_text

if TYPE_CHECKING:
    from model_adapters.step_audio.prompts import Prompt

PREFILLS = {"think": "<think>\n", "direct": "<think>\n\n</think>\n"}
AUDIO = ("full", "silence", "none", "swap")
MAX_NEW_TOKENS = 160


@dataclass(frozen=True)
class Reply:
    """What the model said to one item."""

    text: str
    right: bool
    formatted: bool
    """It ended by itself and its answer is one of the options."""
    trace: str
    tokens: int


def waveform(item: Item) -> np.ndarray:
    """The item's clip: float32, 16 kHz."""
    return render(item.scene, Draw("sound", item.id)).astype(np.float32) / 32768.0


def swapped(items: Sequence[Item], seed: int) -> list[int]:
    """Whose clip each item gets: a random cycle through all of them, so that nobody keeps its own."""
    order = Draw("swap", seed).shuffled(range(len(items)))
    other = [0] * len(items)
    for here, there in zip(order, [*order[1:], order[0]], strict=True):
        other[here] = there
    return other


def ask(
    reference: Any, items: Sequence[Item], think: str, audio: str = "full", style: str = "lettered", batch: int = 32
) -> list[Reply]:
    """Greedy replies to the items; `think` is a key of `PREFILLS`, `audio` one of `AUDIO`."""
    from model_adapters.step_audio.sampling import Sampling

    other = swapped(items, 0) if audio == "swap" else []
    order = sorted(range(len(items)), key=lambda i: items[i].scene.seconds)
    replies: dict[int, Reply] = {}
    for start in range(0, len(items), batch):
        part = order[start : start + batch]
        prompts: list[Prompt] = []
        for i in part:
            clip = waveform(items[other[i]] if other else items[i]) if audio != "none" else None
            if audio == "silence" and clip is not None:
                clip = np.zeros_like(clip)
            text = user_text(items[i].question, items[i].choices, style)
            prompts.append(reference.prompt(*([] if clip is None else [clip]), text, prefill=PREFILLS[think]))
        for i, out in zip(part, reference.generate(prompts, Sampling(max_new_tokens=MAX_NEW_TOKENS)), strict=True):
            replies[i] = read(items[i], out.text, out.finish_reason == "stop", len(out.ids), think)
    return [replies[i] for i in range(len(items))]


def read(item: Item, text: str, ended: bool, tokens: int, think: str) -> Reply:
    """Split thinking from answer; an answer before thinking has ended does not count."""
    trace, end, final = text.partition("\n</think>\n") if think == "think" else ("", "x", text)
    formatted = ended and bool(end) and final in item.choices
    return Reply(text, formatted and final == item.target, formatted, trace, tokens)


GROUPS: dict[str, Callable[[Item], bool]] = {
    "all": lambda item: True,
    "tally": lambda item: item.family.tally,
    "single": lambda item: item.family.kind == "single",
    "compositional": lambda item: item.family.kind == "compositional",
    "compositional without tally": lambda item: item.family.kind == "compositional" and not item.family.tally,
    "speech": lambda item: item.family.domain == "speech",
    "sound": lambda item: item.family.domain == "sound",
    "music": lambda item: item.family.domain == "music",
}


def share(flags: Sequence[bool]) -> dict[str, Any]:
    """A proportion with its 95 % Wilson interval."""
    interval = wilson(sum(flags), len(flags))
    return {"n": len(flags), "value": sum(flags) / len(flags), "ci": [round(interval.low, 4), round(interval.high, 4)]}


def paired(items: Sequence[Item], think: Sequence[Reply], direct: Sequence[Reply]) -> dict[str, Any]:
    """Both modes and their difference for each group (exact McNemar, Bonett-Price interval)."""
    out: dict[str, Any] = {}
    for name, belongs in GROUPS.items():
        at = [i for i, item in enumerate(items) if belongs(item)]
        if not at:
            continue
        difference = compare([float(direct[i].right) for i in at], [float(think[i].right) for i in at])
        out[name] = {
            "n": len(at),
            "think": share([think[i].right for i in at]),
            "direct": share([direct[i].right for i in at]),
            "difference": difference.difference,
            "ci": [round(difference.interval.low, 4), round(difference.interval.high, 4)],
            "think_only": difference.gained,
            "direct_only": difference.lost,
            "mcnemar_p": difference.p,
        }
    return out


def evaluate(
    checkpoint: Path, seed: int, per_family: int, controls: bool = True, styles: bool = True
) -> dict[str, Any]:
    """Everything that the card says about scores."""
    import torch

    from model_adapters.step_audio.reference import Reference

    torch.set_num_threads(1)
    reference = Reference.load(checkpoint)
    items = list(generate(seed, per_family=per_family))
    begin = time.monotonic()
    replies = {mode: ask(reference, items, mode) for mode in PREFILLS}
    seconds = time.monotonic() - begin
    think, direct = replies["think"], replies["direct"]
    result: dict[str, Any] = {
        "seed": seed,
        "n": len(items),
        "chance": sum(1 / len(i.choices) for i in items) / len(items),
        "seconds": round(seconds, 1),
        "groups": paired(items, think, direct),
        "families": {},
        "format": {mode: share([r.formatted for r in replies[mode]]) for mode in PREFILLS},
        "tokens": {mode: round(sum(r.tokens for r in replies[mode]) / len(items), 1) for mode in PREFILLS},
        "trace_exact": share([r.trace == i.trace for r, i in zip(think, items, strict=True)]),
        "perception_exact": share(
            [r.trace.split(".")[0] == i.trace.split(".")[0] for r, i in zip(think, items, strict=True)]
        ),
    }
    for family in FAMILIES:
        at = [i for i, item in enumerate(items) if item.family is family]
        result["families"][family.name] = {mode: sum(replies[mode][i].right for i in at) / len(at) for mode in PREFILLS}
    if controls:
        result["controls"] = {
            audio: {mode: share([r.right for r in ask(reference, items, mode, audio)]) for mode in PREFILLS}
            for audio in AUDIO[1:]
        }
    if styles:
        some = [item for i, item in enumerate(items) if i % per_family < max(1, per_family // 6)]
        result["styles"] = {
            style: {mode: share([r.right for r in ask(reference, some, mode, style=style)]) for mode in PREFILLS}
            for style in ("step_audio_r1", "parentheses", "tail", "inline", "open")
        }
    return result


def table(result: dict[str, Any]) -> str:
    """The groups as a markdown table (per cent)."""
    lines = [
        "| group | n | think | no-think | difference [95 % CI] | only think / only no-think right | exact McNemar p |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, g in result["groups"].items():
        think, direct = (
            f"{100 * g[m]['value']:.1f} [{100 * g[m]['ci'][0]:.1f}, {100 * g[m]['ci'][1]:.1f}]" for m in PREFILLS
        )
        low, high = (100 * x for x in g["ci"])
        lines.append(
            f"| {name} | {g['n']} | {think} | {direct} | {100 * g['difference']:+.1f} [{low:+.1f}, {high:+.1f}] "
            f"| {g['think_only']} / {g['direct_only']} | {g['mcnemar_p']:.2g} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m model_adapters.step_audio.tiny.evaluate", description=__doc__)
    parser.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--per-family", type=int, default=60)
    parser.add_argument("--brief", action="store_true", help="no controls, no other prompt styles")
    parser.add_argument("--out", type=Path, help="write the numbers as JSON")
    args = parser.parse_args()
    result = evaluate(args.checkpoint, args.seed, args.per_family, not args.brief, not args.brief)
    print(table(result))
    for name, scores in result["families"].items():
        print(f"{name:16} {scores['think']:.2f} {scores['direct']:.2f}")
    print({k: v for k, v in result.items() if k not in ("groups", "families")})
    if args.out:
        args.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
