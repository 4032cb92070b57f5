"""BLEU."""

from collections.abc import Sequence

class BLEUScore:
    score: float
    counts: list[int]
    totals: list[int]
    sys_len: int
    ref_len: int

class BLEU:
    def __init__(self, *, tokenize: str | None = None, effective_order: bool = False) -> None: ...
    def sentence_score(self, hypothesis: str, references: Sequence[str]) -> BLEUScore: ...
    def corpus_score(self, hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> BLEUScore: ...
    @staticmethod
    def compute_bleu(
        correct: list[int], total: list[int], sys_len: int, ref_len: int, smooth_method: str = "none"
    ) -> BLEUScore: ...
