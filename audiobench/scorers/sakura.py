"""SAKURA: single-hop and multi-hop questions on one attribute of the clip, checked by a judge.

Official code: ckyang1124/SAKURA evaluation/llm_judge.py, calculate_acc.py @a1fdb14. A reply that the official code cannot
read stays in its denominator as not correct. The paper also gives the accuracy of multi-hop questions whose single-hop
question was answered rightly; no official code computes it (`given_single_hop`).
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence

from audiobench.core.types import LETTERS, Answer, Outcome, Sample
from audiobench.scorers.base import Judge, Scorer, ScoreResult, Turns, fill, mean, option_match, references
from audiobench.scorers.metrics import Counts, Metric, Tally, total
from audiobench.statistics import intervals
from audiobench.statistics.intervals import Interval

SOURCE = "ckyang1124/SAKURA evaluation/llm_judge.py @a1fdb14"
SYSTEM_PROMPT = """\
You are a good judge. You will be given a question with list of possible options, a ground truth answer and a model generated response.\x20
                       You have to determine whether the model generated answer is correct."""
USER_PROMPT = """
    You will be given a question with list of possible options, a ground truth answer and a model generated response. Determine whether the model generated response is correct based on the following criteria:
    1. Since there is one and only one corect answer, it should be judged incorrect if the model do not choose any option from the option list or it choose more than one option.
    2. If the model choose one option from the option list, it should be judged correct if the chosen option aligns with the ground truth answer, otherwise it should be judged incorrect.
    3. Read the question, options, ground truth answer and model generated response carefully before making a decision.

    Considering the following examples:
    Question: What is the capital of France? (a) Paris (b) London (c) Berlin (d) Madrid
    Ground truth answer: (a) Paris
    If the model generated response is: "The capital of France is Tokyo.", it should be judged incorrect since it does not choose any option from the option list.
    If the model generated response is: "The capital of France is Paris and London.", it should be judged incorrect since it chooses more than one option from the option list.
    If the model generated response is: "The capital of France is London.", it should be judged incorrect since it chooses one option from the option list but the chosen option does not align with the ground truth answer.
    If the model generated response is: "The capital of France is Paris.", it should be judged correct since it chooses one option from the option list and the chosen option aligns with the ground truth answer.
    Another Question: What is the underlying emotion of the speaker? (a) Happy (b) Sad (c) Angry (d) Neutral
    Ground truth answer: (a) Happy
    If the model generated response is: "The speaker is happy.", it should be judged correct since it chooses one option from the option list and the chosen option aligns with the ground truth answer.
    If the model generated response is: "The speaker expresses happiness.", it should be judged correct since "happiness" aligns with the ground truth answer "happy", and they are just different part of speech of the same word.
    If the model generated response is: "Happiness," it should be judged correct since it is also a valid derivative of the ground truth answer "happy".
   \x20
    Now here is the question and the model generated response for you to judge:
    Question: [QUESTION]
    Ground truth answer: [GROUND_TRUTH_ANSWER]
    Model generated response: [MODEL_GENERATED_RESPONSE]

    Carefully make your decision based on the above criteria. Return your judgement with the following format:
    Explanation: <Your explanation on your judgement>
    Judgement: <Your judgement, either "correct" or "incorrect">
    """


def _listed(sample: Sample) -> str:
    """The published form of options: `(a) Paris (b) London`, after the question where it lacks them."""
    options = " ".join(f"({LETTERS[i].lower()}) {text}" for i, text in enumerate(sample.choices) if text is not None)
    return sample.question if not options or options in sample.question else f"{sample.question} {options}"


def _reference(sample: Sample) -> str:
    target = " / ".join(references(sample))
    letters = [LETTERS[i].lower() for i, text in enumerate(sample.choices) if text == target]
    return f"({letters[0]}) {target}" if letters else target


def render(sample: Sample, text: str, reasoning: str) -> Turns:
    """The published question to the judge."""
    del reasoning
    template = USER_PROMPT
    for name in ("QUESTION", "GROUND_TRUTH_ANSWER", "MODEL_GENERATED_RESPONSE"):
        template = template.replace(f"[{name}]", f"{{{name}}}")
    values = {
        "QUESTION": _listed(sample), "GROUND_TRUTH_ANSWER": _reference(sample), "MODEL_GENERATED_RESPONSE": text,
    }  # fmt: skip
    return [("system", SYSTEM_PROMPT), ("user", fill(template, values))]


def extract_judgement(reply: str) -> dict[str, str]:
    """The official reading of a reply: `Explanation: ...`, a new line, `Judgement: ...`."""
    match = re.search(r"Explanation: (.*?)\nJudgement: (.*?)(?:\n\n|$)", reply, re.DOTALL)
    names = ("Explanation", "Judgement")
    return {name: match[i] if match else f"No extracted {name.lower()}" for i, name in enumerate(names, 1)}


def counted(judgements: Iterable[str]) -> dict[str, int]:
    """How many the official code counts as correct, incorrect and invalid; all are in its denominator."""
    words = [judgement.lower().strip() for judgement in judgements]
    found = {name: words.count(name) for name in ("correct", "incorrect")}
    return found | {"invalid": len(words) - sum(found.values())}


def parse(reply: str, sample: Sample | None = None) -> float | None:
    """1 for correct, 0 for incorrect, None for anything else; a full stop, bold or another case change nothing."""
    del sample
    words = re.findall(r"(?i)judge?ment\W*(correct|incorrect)\b(?!\s*or\b)", reply)
    return None if len(set(map(str.lower, words))) != 1 else float(words[0].lower() == "correct")


def given_single_hop(single: Mapping[Hashable, bool], multi: Mapping[Hashable, bool]) -> tuple[float | None, int]:
    """(accuracy of the multi-hop questions of those clips whose single-hop question is right, how many there are)."""
    known = [right for clip, right in multi.items() if single.get(clip)]
    return (sum(known) / len(known) if known else None), len(known)


class MultiHopGivenSingleHop(Metric):
    """Accuracy of multi-hop questions among those clips whose single-hop question was answered rightly.

    Sample metadata `hop` is `single` or `multi`; the two questions on a clip share `cluster`.
    """

    name, label = "multi_given_single", "multi-hop accuracy where the single-hop question is right"

    def counts(self, outcome: Outcome) -> Counts:
        """Whether the question of that hop on that clip is right; `drawn` counts how often a clip is there."""
        hop, clip = outcome.detail.get("hop"), outcome.detail.get("clip")
        right = {f"{hop} {clip}": float(outcome.value or 0.0)}
        return right | {f"drawn {clip}": 1.0} if hop == "multi" else right

    def value(self, total: Counts) -> float | None:
        """Over all clips whose single-hop question is right; a clip that is there twice, as in a resample, weighs double."""
        known = {name[7:]: n for name, n in total.items() if n and name.startswith("single ")}
        both = [n * total.get(f"multi {clip}", 0.0) / total.get(f"drawn {clip}", 1.0) for clip, n in known.items()]
        return sum(both) / sum(known.values()) if known else None

    def interval(
        self, tallies: Sequence[Tally], clusters: Sequence[str] | None = None, *, epochs: float = 1
    ) -> Interval:
        """Wilson's of the multi-hop questions that count, taking as given which these are; with epochs the bootstrap."""
        sums = total(t.counts for t in tallies)
        known = {name[7:]: n for name, n in sums.items() if n and name.startswith("single ")}
        if epochs != 1 or any(n != 1 for n in known.values()):
            return super().interval(tallies, clusters, epochs=epochs)
        return intervals.proportion([sums.get(f"multi {clip}", 0.0) for clip in known])


def _with_hop(answer: Answer, sample: Sample, text: str) -> ScoreResult:
    value, _ = option_match(answer, sample, text)
    return value, {"hop": str(sample.metadata.get("hop")), "clip": sample.cluster or sample.id}


JUDGE = Scorer(
    name="sakura_judge",
    version="1",
    score=option_match,
    doc="a judge says whether the response chooses the right option and no other (SAKURA)",
    source=SOURCE,
    judge=Judge(
        name="sakura",
        source=SOURCE,
        model_default="gpt-4o-2024-11-20",
        generation={"max_gen_toks": 1024, "temperature": 0.0, "top_p": 0.9},
        runs=1,
        render=render,
        parse=parse,
        combine=mean,
    ),
)
GIVEN_SINGLE = Scorer(
    name="sakura_given_single",
    version="1",
    score=_with_hop,
    metric=MultiHopGivenSingleHop(),
    doc="the extracted option is the target, of multi-hop questions whose single-hop question is right (SAKURA)",
    source="arXiv 2505.13237",
    extraction=("multiple_choice",),
    columns=("hop",),
)
