"""Speech-Hands' own scripts, verdict by verdict: credit by action token, routing report, word error rates.

github.com/YukinoWan/Speech-Hands: scripts/compute_acc.py and scripts/compute_wer.py @03d9bcf, scripts/analyze.py @ea5bae9.

What differs from a score by answers: the token alone earns full credit, whatever is written behind it; a full stop makes
an answer another one; error rates are divided by the length of the hypothesis (both arguments of jiwer.wer are
exchanged), and `analyze` exchanges precision and recall. None of this is used for our own scores; it stands beside them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.scorers.text import whisper_basic

TOKENS = ("<internal>", "<external>", "<rewrite>")
_ALONE = ("<internal>", "<external>", "<no_ref>")
"""Tokens that are credited without the answer."""
_MARKS = re.compile(r"<.*?>|\(.*?\)|\{.*?\}")
SKIPPED = "ignore time segment in scoring"
"""A reference that holds this is left out of the error rate."""
MOST_CASES = 20
"""Examples of each kind that the script collects."""
Matrix = list[list[int]]


def credit(said: str | Sequence[str], gold: str) -> int:
    """`acc`: 1 for the same `<internal>`, `<external>` or `<no_ref>` on both sides, else for equal normalised answers."""
    if any(token in said and token in gold for token in _ALONE):
        return 1
    gold = gold.split(">")[1].strip() if ">" in gold else gold
    if not isinstance(said, str):
        return int(any(whisper_basic(one.strip()) == whisper_basic(gold) for one in said))
    said = said.split(">")[1].strip() if ">" in said else said
    return int(whisper_basic(said.strip()) == whisper_basic(gold.strip()))


def token_of(text: str) -> str:
    """The first of `TOKENS`, in their order, that stands anywhere in the text.

    Raises:
        IndexError: none does; the script ends there.
    """
    found = [token for token in TOKENS if token in text]
    return found[0]


def report(golds: Sequence[str], said: Sequence[str]) -> dict[str, Any]:
    """scikit-learn's classification_report of the tokens, as a dict; what cannot be divided is 0."""
    matrix = confusion(golds, said)
    rows: dict[str, dict[str, float]] = {}
    support: dict[str, int] = {}
    for place, token in enumerate(TOKENS):
        hits, labelled, chosen = matrix[place][place], sum(matrix[place]), sum(row[place] for row in matrix)
        rows[token] = _scores(hits, chosen, labelled)
        support[token] = labelled
    total = sum(support.values())
    right = sum(matrix[place][place] for place in range(len(TOKENS)))
    macro = {
        name: sum(row[name] for row in rows.values()) / len(TOKENS) for name in ("precision", "recall", "f1-score")
    }
    weighted = {
        name: sum(rows[token][name] * support[token] for token in TOKENS) / total if total else 0.0 for name in macro
    }
    overall: dict[str, Any] = (
        {"accuracy": right / total}
        if {*golds, *said} == {*TOKENS}
        else {"micro avg": {**_scores(right, total, total), "support": float(total)}}
    )
    return {
        **{token: {**rows[token], "support": float(support[token])} for token in TOKENS},
        **overall,
        "macro avg": {**macro, "support": float(total)},
        "weighted avg": {**weighted, "support": float(total)},
    }


def _scores(hits: int, chosen: int, labelled: int) -> dict[str, float]:
    precision, recall = (hits / of if of else 0.0 for of in (chosen, labelled))
    f1 = 2 * hits / (chosen + labelled) if chosen + labelled else 0.0
    return {"precision": precision, "recall": recall, "f1-score": f1}


def confusion(golds: Sequence[str], said: Sequence[str]) -> Matrix:
    """How often each token (row: the right one) was answered by each (column)."""
    pairs = list(zip(golds, said, strict=True))
    return [[pairs.count((gold, token)) for token in TOKENS] for gold in TOKENS]


def part_of(audio: str) -> str:
    """Which part of DCASE 2025's development set a clip belongs to, by its path: CQA is part3, TSQA part2, BQA part1."""
    return "part3" if "dev/audio" in audio else "part2" if "dev/fold" in audio else "part1"


def whole_script(
    items: Sequence[Mapping[str, str]], internal: Sequence[str] | None = None, external: Sequence[str] | None = None
) -> dict[str, Any]:
    """What compute_acc.py prints of items with `pred`, `gold` and `audio`; `internal`, `external`: the first answers.

    Raises:
        IndexError: an item has no token.
        ZeroDivisionError: a part has no items.
    """
    parts: dict[str, list[tuple[str, str, int]]] = {"part1": [], "part2": [], "part3": []}
    cases: dict[str, int] = dict.fromkeys(("internal", "external", "rewrite"), 0)
    for place, item in enumerate(items):
        said, gold = item["pred"], item["gold"]
        tokens = token_of(said), token_of(gold)
        parts[part_of(item["audio"])].append((*tokens, credit(said, gold)))
        if tokens[0] != tokens[1]:
            continue
        first = tuple(credit(given[place], gold) if given else 0 for given in (internal, external))
        kind = tokens[0].strip("<>")
        wanted = {"internal": (1, 0), "external": (0, 1), "rewrite": (0, 0)}[kind]
        cases[kind] += credit(said, gold) == 1 and first == wanted and cases[kind] < MOST_CASES
    found: dict[str, Any] = {}
    for name, rows in parts.items():
        said, golds, credits = (list(column) for column in zip(*rows, strict=True)) if rows else ([], [], [])
        found[name] = {
            "n": len(rows),
            "correct": sum(credits),
            "confusion_gold_rows_pred_cols": confusion(golds, said),
            "report": report(golds, said),
        }
    for name in found:
        _ = found[name]["correct"] / found[name]["n"]
    total = sum(part["correct"] for part in found.values()) / len(items)
    return {**found, "labels": list(TOKENS), "total_acc": total, "cases": cases}


def error_rates(items: Sequence[tuple[str, str, str, str]]) -> dict[str, Any]:
    """What compute_wer.py prints of (reference, final, internal, external) texts: errors over the hypothesis' length.

    A final transcript that is further from the internal one than its own length is replaced by it.
    """
    import jiwer

    used: list[str] = []
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    truths, inner, outer = columns
    for gold, final, internal, external in items:
        if SKIPPED in gold:
            continue
        hypothesis, first = (whisper_basic(text).strip() for text in (final, internal))
        used.append(first if jiwer.wer(hypothesis, first) > 1.0 else hypothesis)
        truths.append(whisper_basic(gold).strip())
        inner.append(first)
        outer.append(whisper_basic(external))
    by_external = jiwer.wer(outer, truths)
    return {
        "hypothesis vs reference": jiwer.wer(used, truths),
        "qwen vs reference": jiwer.wer(inner, truths),
        "canary vs reference": by_external,
        "parakeet vs reference": by_external,
        "used_hypotheses": used,
        "references": truths,
    }


def stripped(text: str) -> str:
    """A transcript without action tokens and anything in brackets, as the scripts normalise it."""
    return whisper_basic(_MARKS.sub("", text))


def _swapped(said: str, gold: str) -> float:
    import jiwer

    return jiwer.wer(stripped(said), stripped(gold))


def analysis(
    items: Sequence[tuple[str, str, str, Sequence[str]]], train_responses: Sequence[str] = ()
) -> dict[str, Any]:
    """What analyze.py prints of (reference, final, internal, n-best): did the model change its transcript where it should?

    Raises:
        SyntaxError: a hypothesis holds a `[`, at which the script cuts the list.
    """
    said: list[int] = []
    gold_labels: list[int] = []
    for gold, final, internal, hypotheses in items:
        first = internal.strip()
        listed = ast.literal_eval("[" + str(list(hypotheses)).split("[")[-1])
        best = min([100, *(_swapped(one, gold) for one in listed)])
        error, before = _swapped(final, gold), _swapped(first, gold)
        kept = _swapped(final, first) == 0
        said.append(0 if kept else 1)
        good = error == 0 or (error <= best if kept else error <= before or best <= before)
        gold_labels.append(said[-1] if good else 1 - said[-1])
    hits = sum(a == b == 1 for a, b in zip(said, gold_labels, strict=True))
    chosen, labelled = sum(gold_labels), sum(said)  # the script hands them over the other way round
    need = sum("<need_ref>" in text for text in train_responses)
    no = sum("<no_ref>" in text and "<need_ref>" not in text for text in train_responses)
    scores = _scores(hits, chosen, labelled)
    return {
        "Precision": scores["precision"],
        "Recall": scores["recall"],
        "F1 score": scores["f1-score"],
        "Need ref count": need,
        "No ref count": no,
        "Total count": need + no,
        "labels_preds": said,
        "labels_gold": gold_labels,
    }
