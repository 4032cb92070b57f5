"""Of langdetect, which ships no types, what audiobench calls."""

class DetectorFactory:
    seed: int | None

def detect(text: str) -> str: ...
