"""Run directories whose answers a judge rated, or whose spoken answers a recogniser wrote down."""

from __future__ import annotations

from pathlib import Path

import orjson

from tests.gate.runs import answers, record, write_run


def judged(folder: Path, judge: str, rating: float = 60.0, *, sha256: str = "", model: str = "m") -> Path:
    """40 answers, each rated `rating` of 100."""
    spec = {"scorer": "wildspeech_judge", "extraction": ["full_text"], "metric_list": [{"metric": "rating"}]}
    lines = answers([1] * 40)
    run = write_run(folder, {"t": lines}, spec=spec, model=model)
    verdict = {"judge": judge, "template": "plain", "judge_sha256": sha256, "value": rating, "ratings": [rating]}
    _write(run / "t" / "judgements.jsonl", [{"id": x["id"], "key": x["key"], **verdict} for x in lines])
    return run


def heard(folder: Path, recogniser: str, text: str = "dog", *, sha256: str = "", model: str = "m") -> Path:
    """40 spoken answers in which the recogniser heard `text`."""
    sound = "e" * 64
    lines = [record(f"s{i:02}", "cat", raw={"answer_audio": {"sha256": sound}}) for i in range(40)]
    run = write_run(folder, {"t": lines}, spec={"protocol": "realtime"}, model=model)
    said = {"asr": recogniser, "asr_sha256": sha256, "text": text, "audio_sha256": sound}
    _write(run / "t" / "transcripts.jsonl", [{"id": x["id"], "key": x["key"], **said} for x in lines])
    return run


def _write(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
