"""`audiobench score`: score answers made elsewhere."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add = parser.add_argument
    add("--task", required=True, help="task whose extraction and scorer are used")
    add(
        "--predictions",
        required=True,
        type=Path,
        metavar="FILE",
        help="lines of {id, output}, or a log of Inspect, lm-eval, lmms-eval",
    )
    add("--data", type=Path, metavar="PATH", help="local copy of the task's data, for lines without their sample")
    add("--out", type=Path, metavar="FILE", help="where the scored lines go (default: standard output)")
    add("--json", action="store_true", help="only a JSON summary on standard output")


def run(args: argparse.Namespace) -> int:
    """Score and count."""
    import orjson

    from audiobench import predictions
    from audiobench.journal import write_whole
    from audiobench.statistics.intervals import proportion
    from audiobench.task.find import find_task
    from audiobench.types import STATUSES

    task, file = find_task(args.task)
    samples = None
    if args.data is not None or not _inline(args.predictions):
        from audiobench import dataset

        samples = {
            sample.id: sample for sample in dataset.load(task, file, data=args.data, audio_required=False).samples
        }
    lines = list(predictions.score(task, args.predictions, samples))
    body = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
    if args.out is not None:
        write_whole(args.out, body)
    elif not args.json:
        sys.stdout.write(body.decode())
    counts = {status: sum(line["outcome"] == status for line in lines) for status in STATUSES}
    values = [line["value"] for line in lines if line["value"] is not None]
    mean = sum(values) / len(values) if values else None
    bounded = bool(values) and all(0 <= value <= 1 for value in values)
    interval = proportion(values) if bounded else None
    if args.json:
        found = {
            "task": task.task, "n": len(lines), "counts": counts, "value": mean,
            "ci": [interval.low, interval.high] if interval else None, "exit_code": 4 if counts["error"] else 0,
        }  # fmt: skip
        print(orjson.dumps(found).decode())
    else:
        shown = "-" if mean is None else f"{mean:.4f}"
        span = f" [{interval.low:.4f}, {interval.high:.4f}]" if interval else ""
        kinds = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n)
        print(f"{task.task}: n={len(lines)} {task.metric_list[0].metric}={shown}{span}; {kinds}", file=sys.stderr)
    return 4 if counts["error"] or counts["invalid_audio"] else 0


def _inline(path: Path) -> bool:
    """Whether the first prediction carries its sample."""
    from audiobench import predictions

    for _, entry in predictions.read(path):
        return "answer" in entry or "choices" in entry
    return True
