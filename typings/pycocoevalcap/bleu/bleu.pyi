"""BLEU of orders 1 to n."""

from collections.abc import Mapping, Sequence

class Bleu:
    def __init__(self, n: int = 4) -> None: ...
    def compute_score(
        self, gts: Mapping[int, Sequence[str]], res: Mapping[int, Sequence[str]], verbose: int = 1
    ) -> tuple[list[float], list[list[float]]]: ...
