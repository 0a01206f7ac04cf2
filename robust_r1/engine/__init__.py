"""Ask models about pictures: the catalog, loading, and what engines are asked and answer.

Importing this does not import torch; `load_engine` does.
"""

from robust_r1.engine.conversation import MAX_TURNS
from robust_r1.engine.loading import load_engine
from robust_r1.engine.types import (
    MAX_NEW_TOKENS,
    MAX_PICTURES,
    PRECISIONS,
    Answer,
    Engine,
    GenerationSettings,
    ModelInfo,
    Request,
    TextDelta,
    Turn,
)

__all__ = [
    "MAX_NEW_TOKENS",
    "MAX_PICTURES",
    "MAX_TURNS",
    "PRECISIONS",
    "Answer",
    "Engine",
    "GenerationSettings",
    "ModelInfo",
    "Request",
    "TextDelta",
    "Turn",
    "load_engine",
]
