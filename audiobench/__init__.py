"""audiobench: an evaluation harness for audio language models."""

__version__ = "0.1.0"
