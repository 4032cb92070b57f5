"""Of kaldialign, which ships no types, what audiobench calls."""

from collections.abc import Iterable

def batch_error_rate(
    refs: Iterable[Iterable[str]],
    hyps: Iterable[Iterable[str]],
    sclite_mode: bool = False,
    merge_compounds: bool = False,
) -> dict[str, int | float]: ...
