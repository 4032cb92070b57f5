"""Of huggingface_hub.constants what audiobench reads."""

HF_HUB_CACHE: str
