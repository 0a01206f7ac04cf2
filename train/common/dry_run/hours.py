"""The hours that a recipe takes, on paper: operations over what a GPU is assumed to do of its best.

Operations: a token takes 2 for each weight that it passes, forwards (Kaplan et al. 2020, section
2.1), and 4 for each width of queries and each token before it in every layer; backwards twice that
where the weights learn, once where only what passes through them has a gradient (updates). Where
activations are computed twice, the language side's forward pass is counted twice (hardware FLOPs,
Korthikanti et al. 2022). The frozen vision side looks once.

Utilisation: the share of the data sheet's products that training reaches. PaLM reports .46 on TPUs
(Chowdhery et al. 2022, appendix B); .35 is assumed for 16-bit weights on one GPU, .3 where several
exchange weights or gradients, and .2 beside 4-bit weights, which are unpacked before each product.

Sampling by transformers is bound by starting kernels, not by what they compute: .7 ms a layer and
token in 16 bits, 1.15 ms in 4 bits, whatever the batch (measured on an H200, 25 ms and 42 ms a
token for a batch of 8, robust_r1/bench/README.md; for more it is assumed), and half as much again,
assumed, where updates stand beside the weights. Weights and the cache are read once a token, at the
memory's bandwidth; of the two times the longer counts. All completions of a step are sampled until
the longest is done. vLLM is assumed to reach half of the bandwidth.
"""

from dataclasses import dataclass

from train.common.adapter_config import AdapterConfig, AdapterRewards
from train.common.dry_run.base import Shape
from train.common.dry_run.machines import Machine
from train.common.dry_run.sizes import Sizes

_USED, _USED_BY_SEVERAL, _USED_IN_4_BITS = 0.35, 0.3, 0.2
_LAYER_SECONDS, _LAYER_SECONDS_IN_4_BITS = 0.0007, 0.00115
_BESIDE_UPDATES = 1.5
_VLLM_BANDWIDTH = 0.5
# Between steps of an endless loop: rewards, data, the optimizer, handing weights to vLLM. Assumed.
_BETWEEN, _HANDING_OVER = 0.3, 2.0


@dataclass(frozen=True)
class Time:
    """Tell the seconds of an optimizer step by what they are spent on, and the number of steps.

    `most_sampling` is that of a step one of whose completions is as long as is allowed.
    """

    steps: int
    learning: float
    sampling: float
    most_sampling: float
    rest: float

    @property
    def step(self) -> float:
        """Return the seconds of a step."""
        return self.learning + self.sampling + self.rest

    @property
    def hours(self) -> float:
        """Return the hours of the whole run, on all GPUs at once."""
        return self.steps * self.step / 3600

    @property
    def most_hours(self) -> float:
        """Return the hours of a run each of whose steps has a completion as long as is allowed."""
        return self.hours + self.steps * (self.most_sampling - self.sampling) / 3600


def time_of(
    stage: str, config: AdapterConfig, shape: Shape, sizes: Sizes, machine: Machine, steps: int
) -> Time:
    """Return how long a stage takes on a machine, on paper.

    Args:
        stage: "sft" or "grpo".
        config: of the recipe.
        shape: of the base.
        sizes: of the samples; completions are taken to be as long as the chains.
        machine: that trains, whose GPUs share each step.
        steps: optimizer steps of the run.
    """
    settings: AdapterRewards | None = config.grpo if stage == "grpo" else None
    own = (settings or config.sft).global_batch // machine.count
    used = _USED if machine.count == 1 else _USED_BY_SEVERAL
    speed = machine.gpu.tera_flops * 1e12 * (_USED_IN_4_BITS if config.quantized else used)
    chain = sizes.chain if settings is None else min(sizes.chain, settings.max_tokens)
    forward = _forward(shape, sizes.prompt + chain, chain)
    backward = 2 if config.updates is None else 1
    passes = 1 + config.checkpointing + backward
    pictures = own if settings is None else own / settings.group
    if settings is not None:
        passes += bool(settings.beta)
        # vLLM's probabilities differ a little, so that those of the policy are computed besides.
        passes += settings.vllm != "off"
    work = own * forward * passes + pictures * _look(shape, sizes.picture)
    sampling = most = 0.0
    if settings is not None:
        longest = sizes.longest_of(own, settings.max_tokens)
        sampling, most = (
            _sampling(config, shape, sizes.prompt, tokens, own, machine)
            for tokens in (longest, settings.max_tokens)
        )
    return Time(steps, work / speed, sampling, most, _BETWEEN)


def _forward(shape: Shape, tokens: float, scored: float) -> float:
    """Return the operations of a forward pass through the language side."""
    attention = 4 * shape.layers * shape.query * tokens / 2
    head = 2 * shape.hidden * shape.vocabulary
    return tokens * (2 * shape.linear + attention) + scored * head


def _look(shape: Shape, tokens: float) -> float:
    """Return the operations of looking at a picture: nearly all weights are met by each patch."""
    return 2 * shape.vision * shape.patches * tokens


def _sampling(
    config: AdapterConfig, shape: Shape, prompt: float, longest: int, own: int, machine: Machine
) -> float:
    """Return the seconds in which a GPU samples its completions of a step, all at once.

    Args:
        config: of the recipe.
        shape: of the base.
        prompt: tokens of a prompt with its picture.
        longest: tokens of the longest completion.
        own: completions of a GPU.
        machine: that samples.
    """
    half = 2 * (shape.language + shape.vision)
    cached = own * (prompt + longest / 2) * shape.layers * 2 * shape.keys * 2
    prompts = own * _forward(shape, prompt, 1) / (machine.gpu.tera_flops * 1e12 * _USED)
    if config.grpo.vllm != "off":
        reading = (half + cached) / (machine.gpu.bandwidth * _VLLM_BANDWIDTH)
        return longest * reading + prompts + _HANDING_OVER
    layer = _LAYER_SECONDS_IN_4_BITS if config.quantized else _LAYER_SECONDS
    starting = shape.layers * layer * (1 if config.updates is None else _BESIDE_UPDATES)
    # Weights that learn are in 32 bits.
    weights = half / 4 if config.quantized else half if config.updates else 2 * half
    return longest * max(starting, (weights + cached) / machine.gpu.bandwidth) + prompts
