"""ROUGE-L."""

from collections.abc import Mapping, Sequence

class Rouge:
    def compute_score(
        self, gts: Mapping[int, Sequence[str]], res: Mapping[int, Sequence[str]]
    ) -> tuple[float, Sequence[float]]: ...
