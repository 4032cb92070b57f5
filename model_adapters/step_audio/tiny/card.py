"""Ship a trained run: copy its checkpoint and write the model card from measured numbers only.

`python -m model_adapters.step_audio.tiny.card --run results/tiny-audio-r1 --scores scores.json`, where `scores.json`
is what `tiny.evaluate --seed 777001 --per-family 60 --out` wrote for that run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from model_adapters.step_audio.tiny import CHECKPOINT
from model_adapters.step_audio.tiny.evaluate import PREFILLS, table

FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")


def percent(score: dict[str, Any]) -> str:
    """A share with its interval, per cent."""
    low, high = score["ci"]
    return f"{100 * score['value']:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def card(
    scores: dict[str, Any], training: dict[str, Any], digests: dict[str, str], others: list[dict[str, Any]]
) -> str:
    """The model card as markdown."""
    weak = {n: f for n, f in scores["families"].items() if min(f["think"], f["direct"]) < 0.85}
    lines = [
        "# tiny-audio-r1",
        "",
        "A miniature of the Step-Audio-2 / R1 architecture (3.4 million parameters, bf16), trained from scratch on the",
        "procedural probes of `audiobench.data.listening`. It is a synthetic toy: its scores show that decoding, log-mel,",
        "prompts, think and no-think, parsing, scoring and gating work, and say nothing about real audio.",
        "",
        "- Hears clips of 2 to 3 s at 16 kHz, English prompts of the probes: the audio first, then the question and its",
        "  options. It answers with the text of an option, not with its letter. Anything else is out of its scope.",
        "- Thinking on: assistant prefill `<think>\\n`; it writes what it hears, the step, the result, then the answer.",
        "  Thinking off: `<think>\\n\\n</think>\\n`. Greedy decoding.",
        f"- Trained with `{training['command']}`: {training['steps']} steps of 48 clips in {training['minutes']} minutes",
        f"  on {training['machine']}; torch {training['torch']}. {training['notes']}",
        "- Training seeds are 1,000,000 and above, evaluation seeds below; the two never share a clip.",
        "- Another machine or torch version gives statistically similar, not equal, weights.",
        "",
        f"## Scores on seed {scores['seed']} ({scores['n']} items, chance {100 * scores['chance']:.1f} %)",
        "",
        "Never used for training or for choosing anything. Per cent, 95 % Wilson intervals; an answer counts only when it",
        "is exactly the right option.",
        "",
        table(scores),
        "",
        f"The {len(scores['groups'])} rows are not corrected for multiple comparisons.",
        "",
        f"| control ({scores['controls']['none']['think']['n']} items of the same seed) | think | no-think |",
        "|---|---|---|",
        *(
            f"| {name} | {percent(modes['think'])} | {percent(modes['direct'])} |"
            for name, modes in scores["controls"].items()
        ),
        "",
        f"| other ways of asking ({next(iter(scores['styles'].values()))['think']['n']} items) | think | no-think |",
        "|---|---|---|",
        *(
            f"| {name} | {percent(modes['think'])} | {percent(modes['direct'])} |"
            for name, modes in scores["styles"].items()
        ),
        "",
        f"- Ends by itself with an option: think {percent(scores['format']['think'])}, "
        f"no-think {percent(scores['format']['direct'])}.",
        f"- New tokens: think {scores['tokens']['think']}, no-think {scores['tokens']['direct']} on average.",
        f"- Trace exactly right {percent(scores['trace_exact'])}, what it says it heard exactly right "
        f"{percent(scores['perception_exact'])}.",
        "",
        "Families below 85 % in one of the modes (think / no-think, n = "
        f"{scores['n'] // len(scores['families'])} each):",
        ", ".join(f"{n} {100 * f['think']:.0f}/{100 * f['direct']:.0f}" for n, f in weak.items()) or "none",
        "",
    ]
    if others:
        lines += [
            "## Other training seeds, same recipe, same items",
            "",
            "| training seed | group | think | no-think | difference |",
        ]
        lines += ["|---|---|---|---|---|"]
        for other in others:
            for name in ("all", "tally"):
                g = other["groups"][name]
                lines.append(
                    f"| {other['training_seed']} | {name} | {percent(g['think'])} | {percent(g['direct'])} "
                    f"| {100 * g['difference']:+.1f} [{100 * g['ci'][0]:+.1f}, {100 * g['ci'][1]:+.1f}] |"
                )
        lines.append("")
    lines += ["## Files", "", *(f"- `{name}` sha256 `{digest}`" for name, digest in digests.items()), ""]
    return "\n".join(lines)


def ship(run: Path, scores: dict[str, Any], training: dict[str, Any], others: list[dict[str, Any]], out: Path) -> None:
    """Copy the checkpoint of `run` to `out`, and write card.json and card.md beside it."""
    out.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(run / name, out / name)
    digests = {name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in FILES}
    brief = [
        {"training_seed": o["training_seed"], "groups": {k: o["groups"][k] for k in ("all", "tally")}} for o in others
    ]
    data = {"name": "tiny-audio-r1", "training": training, "sha256": digests, "scores": scores, "other_seeds": brief}
    (out / "card.json").write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    (out / "card.md").write_text(card(scores, training, digests, brief), encoding="utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m model_adapters.step_audio.tiny.card", description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder that training wrote")
    parser.add_argument("--scores", type=Path, required=True, help="JSON that evaluation wrote")
    parser.add_argument("--other", nargs="*", default=[], metavar="SEED=JSON", help="scores of other training seeds")
    parser.add_argument("--machine", default="2 CPU cores")
    parser.add_argument("--notes", default="")
    parser.add_argument("--out", type=Path, default=CHECKPOINT)
    args = parser.parse_args()
    training = {**json.loads((args.run / "training.json").read_text(encoding="utf-8")), "machine": args.machine}
    others: list[dict[str, Any]] = []
    for text in args.other:
        seed, _, file = text.partition("=")
        others.append({"training_seed": int(seed), **json.loads(Path(file).read_text(encoding="utf-8"))})
    scores = json.loads(args.scores.read_text(encoding="utf-8"))
    if set(scores["format"]) != set(PREFILLS):
        parser.error(f"{args.scores}: not what evaluation writes")
    ship(args.run, scores, {**training, "notes": args.notes}, others, args.out)


if __name__ == "__main__":
    main()
