from typing import Any

MultiModalInput = dict[str, Any]
