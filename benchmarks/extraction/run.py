"""How often a reader of answers agrees with careful people: ours, the official matchers, two peers' extractors.

usage: python benchmarks/extraction/run.py LABELLED.jsonl [--readers NAME,...] [--reader MODEL] [--list-mistakes]

`--reader MODEL` adds a line for our rules with that model reading what they leave unparsed, as `audiobench score --reader`
does; its readings are kept beside the labelled file (or in `--readings FILE`) and are not requested again.
"""

from __future__ import annotations

import argparse
import json
import re
import string
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audiobench.core.types import LETTERS, Response, Sample
from audiobench.extraction import VERSION, extract
from audiobench.scorers import mmau, mmsu


@dataclass(frozen=True)
class Row:
    """One response with the option that people say it chooses (None: none)."""

    set: str
    kind: str
    question: str
    choices: tuple[str, ...]
    output: str
    chosen: int | None


Reader = Callable[[Row], "int | None"]
"""The index of the option that a response chooses, or None."""


def rows_of(path: Path) -> list[Row]:
    """The rows that the labellers were sure of."""
    rows: list[Row] = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row.get("sure", True):
            kind = row.get("kind") or row.get("why_none") or form(row["output"])
            rows.append(
                Row(row["set"], kind, row.get("question") or "", tuple(row["choices"]), row["output"], row["chosen"])
            )
    return rows


def form(output: str) -> str:
    """A plain kind for a row that names none: what the response looks like."""
    if re.search(r"<[A-Za-z][^<>]*>|\\boxed|[\"'] *:", output):
        return "tag, box or field"
    if len(re.findall(r"\w", output)) <= 1:
        return "letter alone"
    return "one sentence" if len(output) < 200 else "reasoning"


def audiobench(row: Row) -> int | None:
    """Our multiple_choice rule."""
    return extract(row.output, ["multiple_choice"], slots=row.choices, question=row.question).index


def mmau_match(row: Row) -> int | None:
    """MMAU's and MMAR's token match: the option that it would call right, where it is one text only."""
    right = [i for i, choice in enumerate(row.choices) if mmau.string_match(choice, row.output, row.choices)]
    return right[0] if len({row.choices[i] for i in right}) == 1 else None


def mmsu_letter(row: Row) -> int | None:
    """MMSU's first or last-but-one character (version 2)."""
    for i, choice in enumerate(row.choices):
        verdict = mmsu.official_v2(row.output, Sample("", "", choices=row.choices, target=choice))
        if verdict == "correct":
            return i
    return None


def lm_eval_regex(row: Row) -> int | None:
    """lm-eval 0.4.13 `multi_choice_regex`: the first "(X)"; else an option's text; else a letter behind a colon."""
    letters = LETTERS[: len(row.choices)]
    if found := re.search(r"\(([A-Z])\)", row.output):
        return _index(found.group(1), row)
    plain = _unpunctuated(row.output)
    by_text = sorted((plain.find(_unpunctuated(c)), i) for i, c in enumerate(row.choices) if _unpunctuated(c) in plain)
    if by_text:
        return by_text[0][1]
    found = re.search(rf":\s*([{letters}])", row.output)
    return _index(found.group(1), row) if found else None


def can_infer(row: Row) -> int | None:
    """VLMEvalKit e8e78f0 `can_infer`, its rules: one letter among the words, else one option's text in a short answer."""
    words = re.sub(r"[.()\[\],:;!*#{}]", " ", row.output).split()
    letters = {w for w in words if w in LETTERS[: len(row.choices)]}
    if len(letters) == 1 and not ("A" in letters and len(words) > 3):
        return _index(letters.pop(), row)
    if letters or len(row.output) > 2 * sum(len(c) for c in row.choices):
        return None
    named = [i for i, c in enumerate(row.choices) if c.lower() in row.output.lower()]
    return named[0] if len(named) == 1 else None


def _unpunctuated(text: str) -> str:
    return text.lower().translate(str.maketrans("", "", string.punctuation)).strip()


def _index(letter: str, row: Row) -> int | None:
    return LETTERS.index(letter) if LETTERS.index(letter) < len(row.choices) else None


READERS: Mapping[str, tuple[Reader, str]] = {
    "audiobench": (audiobench, f"audiobench, extraction {VERSION}"),
    "lm-eval": (lm_eval_regex, "lm-eval multi_choice_regex, first match"),
    "vlmevalkit": (can_infer, "VLMEvalKit can_infer, rules"),
    "mmau": (mmau_match, "MMAU and MMAR string_match"),
    "mmsu": (mmsu_letter, "MMSU letter, version 2"),
}
"""Name -> (reader, how the table calls it)."""


def with_model(rows: Sequence[Row], name: str, base_url: str | None, file: Path) -> tuple[Reader, str]:
    """Our rules, and the model `name` for what they leave unparsed; readings are kept in `file`."""
    from audiobench.ask.annotate import Terms
    from audiobench.ask.reader import read_records
    from audiobench.files.records import Record, ShownSample

    unread = {}
    for number, row in enumerate(rows):
        if audiobench(row) is None:
            sample = Sample(str(number), row.question, choices=row.choices)
            unread[row] = Record(
                str(number), key=str(number), sample=ShownSample.of(sample), response=Response(row.output)
            )
    ending, readings = read_records(name, list(unread.values()), file, Terms(), base_url=base_url)
    if ending.reason:
        print(f"{ending.reason}; to resume, rerun the same command", file=sys.stderr)

    def read(row: Row) -> int | None:
        if row not in unread:
            return audiobench(row)
        reading = readings.get((unread[row].id, unread[row].key))
        return None if reading is None or reading.option in (None, "none") else LETTERS.index(reading.option)

    return read, f"audiobench, extraction {VERSION}, and reader {name}"


def verdict(row: Row, found: int | None) -> str:
    """Agree, missed (people see an option, the reader none) or guessed (an option where people see none or another)."""
    got = None if found is None else row.choices[found]
    want = None if row.chosen is None else row.choices[row.chosen]
    return "agree" if got == want else "missed" if got is None else "guessed"


def table(title: str, groups: Iterable[tuple[str, Sequence[str]]]) -> list[str]:
    """Markdown lines: one row a group of verdicts."""
    lines = [f"| {title} | n | agree % | missed | guessed |", "|---|---|---|---|---|"]
    for name, verdicts in groups:
        count, n = Counter(verdicts), len(verdicts)
        lines.append(f"| {name} | {n} | {100 * count['agree'] / n:.1f} | {count['missed']} | {count['guessed']} |")
    return lines


def report(rows: Sequence[Row], readers: Mapping[str, tuple[Reader, str]]) -> str:
    """The tables: every reader on all rows, then the first one by set and by kind."""
    found = {name: [verdict(row, read(row)) for row in rows] for name, (read, _) in readers.items()}
    lines = table("reader", [(readers[name][1], verdicts) for name, verdicts in found.items()])
    first = next(iter(readers))
    for attribute in ("set", "kind"):
        grouped: dict[str, list[str]] = {}
        for row, said in zip(rows, found[first], strict=True):
            grouped.setdefault(getattr(row, attribute), []).append(said)
        lines += ["", *table(f"{attribute}, {first}", sorted(grouped.items()))]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the report of a labelled file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled", type=Path, help="JSON lines: set, question, choices, output, chosen, sure")
    parser.add_argument("--readers", default=",".join(READERS), help=f"out of {', '.join(READERS)}")
    parser.add_argument("--reader", metavar="MODEL", help="text model that reads what our rules leave unparsed")
    parser.add_argument("--reader-base-url", metavar="URL", help="its server")
    parser.add_argument("--readings", type=Path, metavar="FILE", help="where its readings are kept")
    parser.add_argument(
        "--list-mistakes", action="store_true", help="also print the rows that the first reader gets wrong"
    )
    given: Any = parser.parse_args(arguments)
    rows, names = rows_of(given.labelled), given.readers.split(",")
    unknown = [name for name in names if name not in READERS]
    if unknown:
        parser.error(f"--readers: {unknown[0]!r} is none of {', '.join(READERS)}")
    readers = {name: READERS[name] for name in names}
    if given.reader:
        file = given.readings or given.labelled.with_name(given.labelled.name + ".readings.jsonl")
        readers[f"reader:{given.reader}"] = with_model(rows, given.reader, given.reader_base_url, file)
    print(report(rows, readers))
    if given.list_mistakes:
        for row in rows:
            said = readers[names[0]][0](row)
            if verdict(row, said) != "agree":
                print(
                    f"\n{verdict(row, said)}: {row.set} {list(row.choices)} chosen={row.chosen} read={said}\n{row.output[-500:]}"
                )


if __name__ == "__main__":
    main()
