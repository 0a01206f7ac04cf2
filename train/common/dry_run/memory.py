"""The memory that a step takes on each GPU, part by part, on paper.

Weights and what is kept of each of them are counted, so exact. What passes through the layers is
figured from their widths: 2 bytes for what is computed with, 4 for what norms and updates compute
in (measured against what autograd keeps of a small model: within a quarter, as a test holds).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from train.common.adapter_config import AdapterConfig, AdapterRewards
from train.common.dry_run.base import Shape
from train.common.dry_run.machines import Machine
from train.common.dry_run.sizes import Sizes

HALF, WHOLE = 2, 4  # bytes of a number
LEARNING, SAMPLING = "learning", "sampling"  # phases of a step, which do not last beside each other
# NF4 with double quantization, in bytes a weight (Dettmers et al. 2023, QLoRA).
_NF4 = 4.127 / 8
# AdamW keeps two means of each weight that learns, in 32 bits.
_ADAM = 2 * WHOLE
# TRL scores so many tokens against so many words of the vocabulary at a time, and keeps the scores
# in 32 bits, their gradient too, and probabilities in 16.
_SCORED, _WORDS = 4096, 32_768
_A_SCORE = 2 * WHOLE + HALF
# What a CUDA context and its libraries take, and the share that an allocator cannot hand out again.
CONTEXT = 1 << 30
SPLINTERS = 0.05


@dataclass(frozen=True)
class Part:
    """Name a part of the memory, in bytes, and the phase of a step that it is there in, if one."""

    name: str
    size: float
    phase: str = ""


@dataclass(frozen=True)
class Memory:
    """Tell what a step takes on each GPU, by parts."""

    parts: Sequence[Part]

    @property
    def fullest(self) -> str:
        """Return the phase of a step that takes the most."""
        return max((part.phase for part in self.parts if part.phase), key=self._of)

    @property
    def peak(self) -> float:
        """Return the bytes of the fullest phase, with what the allocator splinters."""
        return (self._of("") + self._of(self.fullest)) * (1 + SPLINTERS) + CONTEXT

    def fits(self, machine: Machine) -> bool:
        """Tell whether each GPU of a machine has that much."""
        return self.peak <= machine.memory

    def _of(self, phase: str) -> float:
        return sum(part.size for part in self.parts if part.phase == phase)


def memory_of(
    stage: str, config: AdapterConfig, shape: Shape, sizes: Sizes, machine: Machine
) -> Memory:
    """Return what a step of a stage takes on each GPU of a machine.

    Whole weights that learn on several GPUs lie spread over them (ZeRO-3 or FSDP); an adapter is
    trained by each GPU beside all frozen weights.

    Args:
        stage: "sft" or "grpo".
        config: of the recipe.
        shape: of the base.
        sizes: of the samples.
        machine: that trains.
    """
    settings: AdapterRewards | None = config.grpo if stage == "grpo" else None
    batch, passes = (settings or config.sft).share(machine.count)
    tokens = sizes.longest if settings is None else sizes.longest_prompt + settings.max_tokens
    scored = max(sizes.chains) if settings is None else settings.max_tokens
    parts = [*_weights(config, shape, machine, settings is not None)]
    parts += [
        Part("activations", _activations(config, shape, batch * tokens), LEARNING),
        Part("scores", min(batch * scored, _SCORED) * min(shape.vocabulary, _WORDS) * _A_SCORE,
             LEARNING),
        Part("vision", _seeing(config, shape, batch * max(sizes.pictures)), LEARNING),
    ]  # fmt: skip
    if settings is not None:
        parts += _sampling(settings, config, shape, batch * passes, sizes, machine)
    return Memory([part for part in parts if part.size])


def _weights(
    config: AdapterConfig, shape: Shape, machine: Machine, rewarded: bool
) -> list[Part]:
    updates = config.updates
    if updates is None:
        return _whole_weights(shape, machine.count, rewarded)
    each = _NF4 if updates.quantized else HALF
    rest = shape.language - shape.linear + shape.vision
    learns = updates.rank * shape.ports
    return [
        Part("frozen weights", shape.linear * each + rest * HALF),
        Part("adapter", learns * WHOLE),
        Part("gradients", learns * WHOLE),
        Part("gradients to exchange", learns * WHOLE if machine.count > 1 else 0),
        Part("optimizer", learns * _ADAM),
        # TRL keeps the adapter as it was, for the divergence from it.
        Part("reference", learns * WHOLE if rewarded else 0),
    ]


def _whole_weights(shape: Shape, gpus: int, rewarded: bool) -> list[Part]:
    """Return the parts of a language side that learns in 32 bits, beside a frozen vision side."""
    every = shape.language + shape.vision
    # Where weights lie spread, a layer is gathered to be computed with, and the next one already.
    layer = 2 * (shape.linear / shape.layers + shape.hidden * shape.vocabulary / 2)
    return [
        Part("weights", every * WHOLE / gpus),
        Part("weights in 16 bits to compute with", HALF * (every if gpus == 1 else layer)),
        Part("gradients", shape.language * WHOLE / gpus),
        Part("optimizer", shape.language * _ADAM / gpus),
        # TRL's copy of the policy as it was; it looks through the policy's vision side.
        Part("reference", shape.language * WHOLE / gpus if rewarded else 0),
    ]


def kept_of_layer(shape: Shape, config: AdapterConfig) -> int:
    """Return the bytes that a layer keeps of each token for its backward pass.

    Two norms and what they compute in, queries, keys, values and what attention gives, both halves
    of the gated layer with what they make (Korthikanti et al. 2022, section 4, for these layers and
    attention that is computed anew). Updates keep what enters them in 32 bits, and what is dropped.
    """
    hidden, query, keys, mlp = shape.hidden, shape.query, shape.keys, shape.mlp
    kept = HALF * (2 * query + 2 * keys + 4 * mlp) + (4 * _stream(config) + 2 * WHOLE) * hidden
    if config.updates is not None:
        inputs = 5 * hidden + query + mlp
        kept += inputs * (WHOLE + 1) + 7 * config.updates.rank * (WHOLE + HALF)
    return kept


def _activations(config: AdapterConfig, shape: Shape, tokens: int) -> float:
    layer = kept_of_layer(shape, config)
    if not config.checkpointing:
        return tokens * shape.layers * layer
    # What enters a layer is kept; the rest of one layer at a time is computed anew, with gradients.
    return tokens * (shape.layers * shape.hidden * _stream(config) + 2 * layer)


def _stream(config: AdapterConfig) -> int:
    """Return the bytes of a number that passes from layer to layer: those of the weights."""
    return HALF if config.updates is not None else WHOLE


def _seeing(config: AdapterConfig, shape: Shape, tokens: int) -> float:
    """Return what one layer of the vision side holds, of which nothing is kept: it is frozen."""
    widths = 6 * shape.vision_hidden + 3 * shape.vision_mlp
    return tokens * shape.patches * widths * _stream(config)


def _sampling(
    settings: AdapterRewards,
    config: AdapterConfig,
    shape: Shape,
    completions: int,
    sizes: Sizes,
    machine: Machine,
) -> list[Part]:
    """Return what the sampling of completions takes, of all passes of a step at once."""
    if settings.vllm == "server":
        return []
    if settings.vllm == "colocate":
        share = settings.vllm_gpu_memory_utilization * machine.memory
        return [Part("vLLM", share, SAMPLING if settings.vllm_enable_sleep_mode else "")]
    # What is sampled from is kept as the weights are, in 32 bits where they learn.
    each = _stream(config)
    prompts = completions * sizes.longest_prompt
    cached = (prompts + completions * settings.max_tokens) * shape.layers * 2 * shape.keys
    spread = config.updates is None and machine.count > 1
    gathered = (shape.language + shape.vision) * each if spread else 0
    return [
        Part("cache of keys and values", cached * each, SAMPLING),
        Part("a pass over prompts", prompts * (4 * shape.hidden + 3 * shape.mlp) * each, SAMPLING),
        Part("weights gathered to sample", gathered, SAMPLING),
    ]
