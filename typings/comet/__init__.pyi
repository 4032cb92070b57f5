"""Of unbabel-comet, which ships no types, what audiobench calls."""

from collections.abc import Mapping, Sequence

class _Prediction:
    scores: list[float]

class CometModel:
    def predict(
        self, samples: Sequence[Mapping[str, str]], *, batch_size: int, gpus: int, progress_bar: bool
    ) -> _Prediction: ...

def download_model(model: str) -> str: ...
def load_from_checkpoint(checkpoint_path: str) -> CometModel: ...
