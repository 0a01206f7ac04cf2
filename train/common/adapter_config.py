"""The settings of the full-size recipe: what of a model is trained, and the two stages that do."""

from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from robust_r1.errors import InputError
from train.common.config import GroupSettings


@dataclass(frozen=True)
class LoraSettings:
    """Size the low-rank updates of a full-size model's text side (Hu et al. 2021, LoRA)."""

    rank: int
    alpha: int  # updates are scaled by alpha / rank
    dropout: float = 0.0
    quantized: bool = True  # the frozen weights in 4-bit NF4 (Dettmers et al. 2023, QLoRA)

    def __post_init__(self) -> None:
        if self.rank < 1 or self.dropout >= 1:
            raise InputError("lora.rank must be 1 or more and lora.dropout below 1")


@dataclass(frozen=True)
class AdapterStage:
    """Set one stage up: passes over the data, batch size and peak learning rate.

    The recipe says how many samples an optimizer step learns from; how many forward passes that
    takes follows from it and from the number of processes, so that eight GPUs train what one does.
    """

    rate: float
    global_batch: int  # samples, or for rewards completions, of an optimizer step, on all devices
    batch: int  # of a forward pass on each device, at most
    epochs: float = 1.0
    warmup_share: float = 0.03
    save_every: int = 50  # optimizer steps between checkpoints
    log_every: int = 5

    def __post_init__(self) -> None:
        if self.batch < 1 or self.global_batch < 1 or not self.epochs:
            raise InputError("batch, global_batch and epochs of a stage must be above 0")
        if self.warmup_share >= 1:
            raise InputError("warmup_share of a stage must be below 1")

    def share(self, processes: int) -> tuple[int, int]:
        """Return what each process does of an optimizer step: batch of a pass, and passes.

        Raises:
            InputError: a step's samples cannot be divided among the processes.
        """
        own, rest = divmod(self.global_batch, processes)
        if rest or not own:
            raise InputError(
                f"global_batch is {self.global_batch}, which {processes} processes cannot share "
                f"evenly; set a multiple of {processes}, or start another number of processes"
            )
        batch = max(size for size in range(1, min(self.batch, own) + 1) if own % size == 0)
        return batch, own // batch


@dataclass(frozen=True)
class AdapterRewards(GroupSettings, AdapterStage):
    """Set the reinforcement stage up; its batches count completions, not samples.

    What begins with `vllm_` goes to TRL's GRPOConfig under the same name.
    """

    # Who samples completions: transformers, vLLM on the GPUs that train, or a server of vLLM.
    vllm: Literal["off", "colocate", "server"] = "off"
    vllm_server_base_url: str = "http://localhost:8000"
    vllm_gpu_memory_utilization: float = 0.3  # of a GPU, where vLLM shares it with training
    vllm_tensor_parallel_size: int = 1  # GPUs that hold one copy of vLLM's model between them
    vllm_max_model_length: int = 0  # tokens of prompt and completion; 0 for what the model takes
    vllm_enable_sleep_mode: bool = False  # whether vLLM frees its memory while a step is computed

    def __post_init__(self) -> None:
        super().__post_init__()
        problems = [*self.problems(), *self._vllm_problems()]
        if self.group > 1 and self.global_batch % self.group:
            problems.append(
                f"grpo.global_batch is {self.global_batch}, which cannot be divided into groups of "
                f"{self.group} completions (grpo.group); set a multiple of {self.group}"
            )
        if problems:
            raise InputError("; ".join(problems))

    def _vllm_problems(self) -> list[str]:
        found = []
        if urlsplit(self.vllm_server_base_url).scheme not in ("http", "https"):
            found.append(
                f"grpo.vllm_server_base_url is {self.vllm_server_base_url!r}, it must be an "
                "address such as http://localhost:8000"
            )
        if not 0 < self.vllm_gpu_memory_utilization < 1:
            found.append("grpo.vllm_gpu_memory_utilization must lie between 0 and 1")
        if self.vllm_tensor_parallel_size < 1:
            found.append("grpo.vllm_tensor_parallel_size must be 1 or more")
        return found


@dataclass(frozen=True)
class AdapterConfig:
    """Fix what of a full-size model is trained, and how."""

    # A recipe may be of one stage alone; what the other one would be is not read then.
    sft: AdapterStage = AdapterStage(rate=0.0002, global_batch=16, batch=2)
    grpo: AdapterRewards = AdapterRewards(rate=0.00001, global_batch=64, batch=4)
    # What learns: low-rank updates beside frozen weights, or the language side's own weights.
    finetuning: Literal["lora", "full"] = "lora"
    lora: LoraSettings | None = None  # not read where `finetuning` is full
    seed: int = 20
    threads: int = 2
    workers: int = 1
    split_seed: int = 20  # of the division of the samples, which another `seed` leaves as it is
    validation: int = 200  # samples marked so that chains are measured on, at most
    sft_share: float = 0.25  # of the samples; rewards are earned on the others (paper, training)
    max_pixels: int = 1280 * 28 * 28  # of a picture, at most, or fewer where the model takes fewer
    checkpointing: bool = True  # compute activations twice instead of keeping them

    def __post_init__(self) -> None:
        if not 0 < self.sft_share < 1:
            raise InputError(f"sft_share is {self.sft_share}, it must lie between 0 and 1")
        if self.finetuning == "lora" and self.lora is None:
            raise InputError("missing key lora, the size of the updates; or set finetuning=full")
        if self.finetuning == "full" and self.lora is not None and self.lora.quantized:
            raise InputError(
                "finetuning is full and lora.quantized true, but weights of 4 bits cannot learn; "
                "set lora.quantized=false or finetuning=lora"
            )
        if self.quantized and self.grpo.vllm != "off":
            raise InputError(
                f"grpo.vllm is {self.grpo.vllm} and lora.quantized true, but vLLM is handed merged "
                "weights of 16 bits; set lora.quantized=false or grpo.vllm=off"
            )

    @property
    def updates(self) -> LoraSettings | None:
        """Return the size of the low-rank updates; None where the weights themselves learn."""
        return self.lora if self.finetuning == "lora" else None

    @property
    def quantized(self) -> bool:
        """Tell whether the frozen weights are loaded in 4 bits."""
        return self.updates is not None and self.updates.quantized
