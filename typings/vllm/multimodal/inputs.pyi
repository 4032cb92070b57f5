from collections.abc import Mapping, Sequence

from torch import Tensor

class MultiModalFieldConfig:
    @staticmethod
    def batched(modality: str, *, keep_on_cpu: bool = False) -> MultiModalFieldConfig: ...

class MultiModalFieldElem:
    data: Tensor

MultiModalKwargsItems = Mapping[str, Sequence[Mapping[str, MultiModalFieldElem]]]
