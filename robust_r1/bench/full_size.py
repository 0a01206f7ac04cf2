"""Measure what a model of full size costs on this machine's GPU, with random weights."""

from robust_r1.errors import ModelError

MODEL = "random-3b"
# (precision, attention, cache): the plain way, the fast one and the small one, then both of these
# with a cache that their steps can be compiled for.
WAYS = (
    ("bf16", "eager", "dynamic"),
    ("bf16", "sdpa", "dynamic"),
    ("4bit", "sdpa", "dynamic"),
    ("bf16", "sdpa", "static"),
    ("4bit", "sdpa", "static"),
)
BATCHES = (1, 8)
TOKENS = 128  # a chain of moderate length


def measure_full_size() -> tuple[list, list[str]]:
    """Measure each way with each size of batch; returns the costs, and a sentence per failed way.

    Raises ModelError on a machine without a CUDA GPU.
    """
    from robust_r1.engine.random_model import (
        config_3b,
        measure,
        random_checkpoint,
        require_gpu,
    )

    require_gpu()
    costs, faults = [], []
    with random_checkpoint(config_3b()) as checkpoint:
        for precision, attention, cache in WAYS:
            try:
                costs += measure(checkpoint, precision, attention, BATCHES, TOKENS, cache=cache)
            except ModelError as error:
                faults.append(f"{precision} {attention} {cache}: {error}")
    return costs, faults
