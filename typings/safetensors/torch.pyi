from collections.abc import Mapping

from torch import Tensor

def save_file(tensors: Mapping[str, Tensor], filename: str, metadata: Mapping[str, str] | None = None) -> None: ...
