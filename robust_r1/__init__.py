"""See through degraded pictures: degradation-aware reasoning for vision-language models."""

__version__ = "0.1.0"
