"""A scorer and its metric in one class: macro-averaged F1, in which every class counts alike, however rare it is.

Name it in a task file beside this one: `scorer: own_scorer.py:MacroF1`.
"""

from audiobench.scorers import Metric


class MacroF1(Metric):
    """F1 of each option's text as a class, averaged over the classes."""

    name = "macro_f1"
    label = "macro-averaged F1"
    extraction = ("multiple_choice",)

    def score(self, answer, sample, text):
        said = None if answer.index is None else sample.choices[answer.index]
        return float(said == sample.target), {"said": said, "target": sample.target}

    def counts(self, outcome):
        said, target = outcome.detail["said"], outcome.detail["target"]
        if said == target:
            return {f"tp {target}": 1}
        return {f"fn {target}": 1} if said is None else {f"fn {target}": 1, f"fp {said}": 1}

    def value(self, total):
        def f1(name):
            tp, fp, fn = (total.get(f"{kind} {name}", 0) for kind in ("tp", "fp", "fn"))
            return 2 * tp / (2 * tp + fp + fn)

        classes = {key[3:] for key, number in total.items() if number}
        return sum(map(f1, classes)) / len(classes) if classes else None
