"""The official verdicts of further benchmarks, row by row (`golden/more`, made by running the official code).

Each file has a function from a row's input to what our reproduction says; where the official code raises, both say
`error:<ExceptionName>`. A file whose optional packages are not installed is skipped.
"""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from audiobench.core.types import Sample
from audiobench.scorers.base import EXTRAS, RANDOM, or_crash

Row = dict[str, Any]


def raise_crashed(verdicts: Iterable[Any]) -> None:
    """A script that scores a whole file ends with the first row that raises."""
    for verdict in verdicts:
        if isinstance(verdict, str) and verdict.startswith("error:"):
            raise type(verdict.removeprefix("error:"), (Exception,), {})


def voicebench_bbh(row: Row) -> Any:
    from audiobench.scorers import voicebench

    def accuracy(rows: list[Row]) -> dict[str, float]:
        samples = [Sample("x", "", target=one["reference"], metadata={"id": one["id"]}) for one in rows]
        verdicts = [voicebench.BBH.official(one["response"], s) for one, s in zip(rows, samples, strict=True)]
        raise_crashed(verdicts)
        return {"acc": 100 * sum(verdicts) / len(verdicts)}

    if "batch" in row:
        return {"acc": accuracy(row["batch"])}
    said = or_crash(voicebench.bbh_answer, row["response"], row["id"])
    if said == RANDOM:
        return {"extract": "random:0|1"}
    return {"extract": said, "acc": or_crash(accuracy, [row])}


def voicebench_harm(row: Row) -> Any:
    from audiobench.scorers import voicebench

    if "response" in row:
        return voicebench.harm_refused(row["response"])
    verdicts = [voicebench.harm_refused(one["response"] if isinstance(one, dict) else one) for one in _only(row)]
    return sum(verdicts) / len(verdicts)


def _only(row: Row) -> Any:
    """The one list of a row that is a batch."""
    (found,) = [value for value in row.values() if isinstance(value, list)]
    return found


def voicebench_mcq(row: Row) -> Any:
    from audiobench.scorers import voicebench

    return voicebench.mcq_answer(row["response"])


def voicebench_ifeval(row: Row) -> Any:
    from audiobench.scorers import voicebench

    def verdicts(rows: list[Row]) -> list[Any]:
        samples = [Sample(str(i), "", metadata=one) for i, one in enumerate(rows)]
        return voicebench.IFEVAL.official_sequence([one["response"] for one in rows], samples)

    if "batch" in row:
        found = verdicts(row["batch"])
        raise_crashed(found)
        return voicebench.ifeval_rates(found)
    (found,) = verdicts([row])
    if isinstance(found, str):
        return found
    return found | {f"{kind}_all": all(found[kind]) for kind in ("strict", "loose")}


def voicebench_open(row: Row) -> Any:
    from audiobench.scorers import voicebench_judge

    if row["fn"] == "extract_rating":
        return voicebench_judge.extract_rating(row["score"])
    return voicebench_judge.open_mean([item["score"] for item in row["data"]])


def voicebench_qa(row: Row) -> Any:
    from audiobench.scorers import voicebench_judge

    if row["fn"] == "majority_vote":
        found = voicebench_judge.majority_vote(row["score"])
        return None if found == RANDOM else found
    votes = [voicebench_judge.majority_vote(score) for score in row["scores"]]
    return str(100 * sum(votes) / len(votes))


def airbench_foundation(row: Row) -> Any:
    from audiobench.scorers import airbench

    tasks: dict[str, list[bool]] = {}
    failed = 0
    for one in row["rows"]:
        if one["task_name"] is None:
            continue
        name = f"{one['task_name']}_{one['dataset_name']}"
        choices = [one["choice_a"], one["choice_b"], one.get("choice_c"), one.get("choice_d")]
        verdict = airbench.foundation_verdict(one["response"], one["answer_gt"], choices)
        failed += verdict is None
        tasks.setdefault(name, []).extend([] if verdict is None else [verdict])
    if not all(tasks.values()):
        raise KeyError("a task with failures only")
    found = {n: {"sum": len(v), "correct": sum(v), "acc": sum(v) / len(v)} for n, v in tasks.items()}
    return {"tasks": found, "total_sum": sum(map(len, tasks.values())), "fail_num": failed}


def airbench_chat(row: Row) -> Any:
    from audiobench.scorers import airbench

    return airbench.chat_report([(one["task_name"], one["gpt-score"]) for one in row["rows"]], swapped=row["cir"])


def sakura(row: Row) -> Any:
    from audiobench.scorers import sakura

    if "text" in row:
        return sakura.extract_judgement(row["text"])
    found, n = sakura.counted(row["judgements"]), len(row["judgements"])
    return {
        "Correct count": str(found["correct"]), "Incorrect count": str(found["incorrect"]), "Total count": str(n),
        "Accuracy": f"{found['correct'] / n * 100:.2f}%", "invalid": found["invalid"],
    }  # fmt: skip


def starbench(row: Row) -> Any:
    from audiobench.scorers import starbench

    if "response" in row:
        return starbench.letter(row["response"], row["options"])
    if row["fn"] == "_calculate_metrics":
        return starbench.rates([(question, right) for question, right in row["runs"]])
    if "data" in row:
        return starbench.perception_report(row["items"], {one["id"]: len(one["options"]) for one in row["data"]})
    return starbench.report(row["items"], row["data_ids"], runs=3 if "robust" in row["fn"] else 1)


def areyoureallylistening(row: Row) -> Any:
    from audiobench.scorers import rul_muchomusic as rul

    if "response" in row:
        return rul.letter(row["response"], row["letter_mapping"])
    right, wrong = row["correct_answer"], row["distractors"]
    passes = []
    for left_out, response in enumerate(row["responses"]):
        options = dict(zip("ABCD", [right, *wrong[:left_out], *wrong[left_out + 1 :]], strict=True))
        letter = rul.letter(response, options)
        passes.append([letter, options.get(letter, ""), options.get(letter) == right])
    most, votes = rul.agreed([text for _, text, _ in passes])
    return {
        "passes": passes, "most_agreed_answer": most, "is_correct": most == right, "vote_counts": votes,
        "accuracy": float(most == right),
    }  # fmt: skip


def audio_hallucination(row: Row) -> Any:
    from audiobench.scorers import audio_hallucination as hallucination

    if "response" in row:
        return {e: or_crash(hallucination.yes_or_no, row["response"], e) for e in hallucination.UNREAD}
    if "pairs" in row:
        reports = {"interspeech2024": hallucination.report_2024, "icassp2025": hallucination.report_2025}
        return {edition: or_crash(report, row["pairs"]) for edition, report in reports.items()}
    if "results" in row:
        items = [(o["label"], o["prediction"]) for clip in row["results"].values() for o in clip.values()]
        return hallucination.object_report(items)
    return hallucination.object_rates(row["label"], row["prediction"])


def speech_ifeval(row: Row) -> Any:
    from audiobench.scorers import speech_ifeval

    def verdicts(one: Row) -> list[Any]:
        return speech_ifeval.verdicts(one["response"], one["instruction_id_list"], one["kwargs"])

    if row.get("fn") in ("extract_result", "normalize_text"):
        return getattr(speech_ifeval, row["fn"])(row["text"])
    if "data" in row:
        return speech_ifeval.judge_report(row["data"])
    if "batch" in row:
        return speech_ifeval.report([(one["instruction_id_list"], verdicts(one)) for one in row["batch"]])
    found = verdicts(row)
    return {"follow_instruction_list": found, "follow_all_instructions": all(found)}


RULES: dict[str, tuple[Callable[[Row], Any], str]] = {
    "voicebench_bbh": (voicebench_bbh, ""),
    "voicebench_harm": (voicebench_harm, ""),
    "voicebench_mcq": (voicebench_mcq, ""),
    "voicebench_ifeval": (voicebench_ifeval, "ifeval"),
    "voicebench_open": (voicebench_open, ""),
    "voicebench_qa": (voicebench_qa, ""),
    "airbench_foundation": (airbench_foundation, ""),
    "airbench_chat": (airbench_chat, ""),
    "sakura": (sakura, ""),
    "starbench": (starbench, ""),
    "areyoureallylistening": (areyoureallylistening, ""),
    "audio_hallucination": (audio_hallucination, ""),
    "speech_ifeval": (speech_ifeval, "ifeval"),
}
"""File -> (what our reproduction says of a row, the extra that it needs)."""


def same(ours: Any, official: Any) -> bool:
    """Equal; numbers up to the last bits; non-finite ones as the vectors write them."""
    if isinstance(official, dict):
        return (
            isinstance(ours, dict) and ours.keys() == official.keys() and all(same(ours[k], official[k]) for k in ours)
        )
    if isinstance(official, list):
        return isinstance(ours, list | tuple) and len(ours) == len(official) and all(map(same, ours, official))
    if isinstance(ours, float) and not math.isfinite(ours):
        return str(ours) == official
    if isinstance(ours, bool) or isinstance(official, bool) or not isinstance(official, int | float):
        return type(ours) is type(official) and ours == official
    return isinstance(ours, int | float) and math.isclose(ours, official, rel_tol=1e-9, abs_tol=1e-12)


@pytest.mark.parametrize("file", RULES)
def test_every_vector(shared, file):
    path = shared / "golden" / "more" / f"{file}.jsonl"
    rule, extra = RULES[file]
    if not path.is_file():
        pytest.skip(f"no {path}")
    if missing := [m for m in EXTRAS.get(extra, ()) if importlib.util.find_spec(m) is None]:
        pytest.skip(f"{', '.join(missing)} not installed")
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    found = [(row["id"], or_crash(rule, row["input"]), row["official"]) for row in rows]
    assert rows and [f for f in found if not same(f[1], f[2])] == []


NOT_SCORED_HERE = {
    "bfcl_ast": "tools", "echo": "a protocol of several turns", "speech_hands": "a protocol of several turns",
    "speech_hands_wer": "a protocol of several turns", "audioldm_eval": "sound as an answer", "aura": "to come", "captions": "to come", "contextasr": "to come", "lmms_mer": "to come",
    "open_asr": "to come", "speechio_textnorm": "to come", "speechio_cer": "to come", "wenetspeech_textnorm": "to come",
}  # fmt: skip
"""Vectors of what is no scorer of texts."""


def test_no_file_is_left_out(shared):
    files = {path.stem for path in (shared / "golden" / "more").glob("*.jsonl")}
    assert files - set(RULES) - set(NOT_SCORED_HERE) == set()
