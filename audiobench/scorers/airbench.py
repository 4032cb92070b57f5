"""AIR-Bench: multiple choice (foundation), and a judge that rates two answers in both orders (chat).

Official code: OFA-Sys/AIR-Bench score_foundation.py, score_chat.py, cal_score.py @9832476. Foundation there takes a first
letter A to D ("Dog" is D), else the last but one character, and leaves out of the denominator what it cannot read. Chat
asks gpt-4-0125-preview for two numbers; no official code combines the two orders, so ours is the mean of both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from audiobench.core.types import LETTERS, Answer, Sample
from audiobench.scorers.base import Judge, Scorer, Turns, fill, mean, option_match, or_crash, references, share_true
from audiobench.scorers.metrics import RATING, Mean

# -- foundation


def foundation_letter(response: str) -> str | None:
    """The letter that the official code reads; None = a failure, which leaves the denominator."""
    text = response.strip().replace("\n", "")
    if not text or text == "None":
        return None
    found = text[0] if text[0] in "ABCD" else text[-2:-1]
    return found if found and found in "ABCD" else None


def foundation_verdict(response: str, answer: str, choices: Sequence[str | None]) -> bool | None:
    """Whether the letter is that of the first option with the answer's text; None = a failure.

    Raises:
        SystemExit: the answer is not among the options (the official script ends there).
    """
    letter = foundation_letter(response)
    if letter is None:
        return None
    if answer not in choices:
        raise SystemExit(1)
    return LETTERS[list(choices).index(answer)] == letter


def _official(text: str | None, sample: Sample) -> Any:
    try:
        return or_crash(foundation_verdict, text, sample.target, sample.choices)
    except SystemExit:
        return "error:SystemExit"


def _extracted(answer: Answer, sample: Sample) -> Any:
    return _official(answer.value or "", sample)


FOUNDATION = Scorer(
    name="airbench_foundation",
    version="1",
    score=option_match,
    doc="the extracted option is the target (AIR-Bench foundation)",
    source="OFA-Sys/AIR-Bench score_foundation.py @9832476",
    official=_official,
    official_extracted=_extracted,
    official_summary=share_true("acc"),
    extraction=("multiple_choice",),
)

# -- chat

CHAT_PROMPT = """\
You are a helpful and precise assistant for checking the quality of the answer.
[Detailed Audio Description]
XAudioX
[Question]
XQuestionX
[The Start of Assistant 1s Answer]
XAssistant1X
[The End of Assistant 1s Answer]
[The Start of Assistant 2s Answer]
XAssistant2X
[The End of Assistant 2s Answer]
[System]
We would like to request your feedback on the performance of two AI assistants in response to the user question and audio description displayed above. AI assistants are provided with detailed audio descriptions and questions.
Please rate the helpfulness, relevance, accuracy, and comprehensiveness of their responses. Each assistant receives an overall score on a scale of 1 to 10, where a higher score indicates better overall performance. Please output a single line containing only two values indicating the scores for Assistant 1 and 2, respectively. The two scores are separated by a space."""
TASKS: Mapping[str, str] = {
    "speech_QA": "speech",
    "speech_dialogue_QA": "speech",
    "music_QA": "music",
    "music_generation_analysis_QA": "music",
    "sound_QA": "sound",
    "sound_generation_QA": "sound",
    "speech_and_sound_QA": "speech_and_sound",
    "speech_and_music_QA": "speech_and_music",
}
"""A row's task -> the part of the benchmark that it counts in."""


def _render(model_first: bool, sample: Sample, text: str) -> Turns:
    reference = " / ".join(references(sample))
    first, second = (text, reference) if model_first else (reference, text)
    template = re.sub(r"X(\w+?)X", r"{\1}", CHAT_PROMPT)
    values = {"Audio": str(sample.metadata.get("meta_info") or ""), "Question": sample.question}
    return [("user", fill(template, {**values, "Assistant1": first, "Assistant2": second}))]


def two_ratings(reply: str) -> tuple[float, float] | None:
    """The ratings of the two assistants, from 1 to 10 each, in a reply that names no other number."""
    plain = re.sub(r"(?i)assistant\s*[12]\b|/\s*10\b", " ", reply)
    numbers = [float(number) for number in re.findall(r"(?<![\w.-])\d+(?:\.\d+)?", plain)]
    return (numbers[0], numbers[1]) if len(numbers) == 2 and all(1 <= n <= 10 for n in numbers) else None


def _rating_of(place: int) -> Any:
    def parse(reply: str, sample: Sample) -> float | None:
        del sample
        found = two_ratings(reply)
        return None if found is None else found[place]

    return parse


def _win_of(place: int) -> Any:
    def parse(reply: str, sample: Sample) -> float | None:
        del sample
        found = two_ratings(reply)
        return (
            None if found is None else (1.0 + (found[place] > found[1 - place]) - (found[place] < found[1 - place])) / 2
        )

    return parse


def both(values: Sequence[float | None]) -> float | None:
    """The mean of both orders; None where one of them is missing, since the first place has an advantage."""
    return None if None in values or not values else mean(values)


def _chat(name: str, metric: Mean, doc: str, parse_at: Any) -> Scorer:
    return Scorer(
        name=name,
        version="1",
        metric=metric,
        score=lambda answer, sample, text: (0.0, {}),
        doc=doc,
        source="OFA-Sys/AIR-Bench score_chat.py @9832476",
        judge=Judge(
            name="airbench_chat",
            source="OFA-Sys/AIR-Bench score_chat.py @9832476",
            model_default="gpt-4-0125-preview",
            generation={"max_gen_toks": 1024, "temperature": 1.0},
            runs=2,
            render=lambda sample, text, reasoning: _render(False, sample, text),
            parse=parse_at(1),
            swapped=lambda sample, text, reasoning: _render(True, sample, text),
            parse_swapped=parse_at(0),
            combine=both,
        ),
        columns=("meta_info",),
    )


CHAT = _chat(
    "airbench_chat",
    RATING,
    "a judge's rating from 1 to 10 beside the reference, in both orders (AIR-Bench chat)",
    _rating_of,
)
CHAT_WIN = _chat(
    "airbench_chat_win",
    Mean("win_rate", label="share of comparisons with the reference that are won, a tie half"),
    "a judge rates the response above the reference, in both orders, a tie half (AIR-Bench chat)",
    _win_of,
)


def chat_report(rows: Sequence[tuple[str, str]], *, swapped: bool) -> dict[str, Any]:
    """What cal_score.py prints of one file of (task_name, reply): each part's and the whole's figures.

    Exactly two integers with one blank between them are read. A score over 10 is counted as a success and as a failure;
    a tie is not won; a task of unknown name counts in the part of the row before it.

    Raises:
        NameError: the first row's task is unknown.
        ZeroDivisionError: a part without a row that was read.
    """
    read: dict[str, list[tuple[int, int]]] = {part: [] for part in dict.fromkeys(TASKS.values())}
    part, success, fail = None, 0, 0
    for task, reply in rows:
        part = TASKS.get(task, part)
        if part is None:
            raise NameError("task_id")
        scores = reply.strip().replace("\n", "").split(" ")
        success += len(scores) == 2
        try:
            first, second = map(int, scores)
            assert first <= 10 and second <= 10
        except (ValueError, AssertionError):
            fail += 1
        else:
            read[part].append((first, second))
    found: dict[str, Any] = {}
    for part, pairs in read.items():
        won = sum((first > second) if swapped else (second > first) for first, second in pairs)
        averages = [sum(pair[i] for pair in pairs) / len(pairs) for i in (0, 1)]
        found[part] = {
            "sum": len(pairs), "win_rate": won / len(pairs), "first_avg": averages[0], "second_avg": averages[1],
        }  # fmt: skip
    return found | {"all": {"fail": fail, "success": success, "percentage": success / (success + fail)}}
