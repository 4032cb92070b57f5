"""Of huggingface_hub, whose types rest on those of tqdm, which has none, what audiobench calls."""

from collections.abc import Sequence

from huggingface_hub import constants as constants
from huggingface_hub import errors as errors

class _Lfs:
    sha256: str

class _Sibling:
    rfilename: str
    size: int | None
    blob_id: str | None
    lfs: _Lfs | None

class _DatasetInfo:
    sha: str | None
    siblings: list[_Sibling] | None

class HfApi:
    def __init__(self, endpoint: str | None = None) -> None: ...
    def dataset_info(self, repo_id: str, *, revision: str, files_metadata: bool, timeout: float) -> _DatasetInfo: ...

def hf_hub_download(
    repo_id: str,
    filename: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
    cache_dir: str | None = None,
) -> str: ...
def snapshot_download(
    repo_id: str,
    *,
    revision: str | None = None,
    allow_patterns: Sequence[str] | None = None,
    etag_timeout: float = ...,
) -> str: ...
