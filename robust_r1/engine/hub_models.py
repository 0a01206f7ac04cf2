"""The models on the hub that have a name here, as data: what they are, how they see pictures.

Sizes and shapes are those of the published files (config.json, safetensors) and model cards.
"""

from dataclasses import dataclass
from typing import Any

from robust_r1.engine.memory import memory_needed
from robust_r1.engine.needs import Needs
from robust_r1.engine.types import CHAIN_TOKENS, MAX_PICTURES, GenerationSettings, ModelInfo

# About a megapixel: 1,280 tokens of 28 x 28 pixels, the budget that Qwen2.5-VL recommends. Hub
# checkpoints allow twelve times that, at twelve times the cost.
HUB_MAX_PIXELS = 1280 * 28 * 28
HUB_MIN_PIXELS = 56 * 56

# Who is asked for the answer alone needs no more than a few sentences.
CHAIN = GenerationSettings(max_new_tokens=CHAIN_TOKENS)
ANSWER = GenerationSettings(max_new_tokens=256)


@dataclass(frozen=True)
class Family:
    """Say how models of one kind are shown pictures, and how they are loaded.

    Attributes:
        min_pixels, max_pixels, multiple, side: as in `ModelInfo`.
        patch, token: as in `Needs`.
        pictures: how many one question may show.
        precision: as in `Needs`.
        packages: as in `Needs`.
    """

    min_pixels: int = HUB_MIN_PIXELS
    max_pixels: int = HUB_MAX_PIXELS
    multiple: int = 28
    side: int = 0
    patch: int = 14
    token: int = 28
    pictures: int = 1
    precision: str = "4bit"
    packages: tuple[str, ...] = ()


# By model type. What is not known of a kind is as of Qwen2.5-VL, with one picture a question.
FAMILIES = {
    "qwen2_5_vl": Family(pictures=MAX_PICTURES),
    "qwen3_vl": Family(min_pixels=65_536, multiple=32, patch=16, token=32),
    # Not split into further pictures: the longer side becomes 512, and the vision tower is shown
    # the whole as a square of that side: 1,024 patches, 64 tokens.
    "smolvlm": Family(
        *(512 * 512, 512 * 512, 2), side=512, patch=16, token=64, precision="bf16"
    ),
    # Up to 256 tokens it does not split pictures either.
    "lfm2_vl": Family(
        *(65_536, 256 * 32 * 32, 32), patch=16, token=32, precision="bf16",
        packages=("torchvision",),
    ),
}  # fmt: skip


def _hub(
    kind: str, weights: tuple[int, int, int, int], layers: int, *,
    download: int, reasons: bool = False, **said: Any,
) -> ModelInfo:  # fmt: skip
    """Describe a model.

    Args:
        kind: of FAMILIES.
        weights: of the language side's linear layers, of the vision side, of the head, and all.
        layers: of the language side.
        download: bytes.
        reasons: whether it was trained to write chains.
        said: `name`, `label`, `source`, `licence`, `about`.
    """
    linear, vision, head, parameters = weights
    family = FAMILIES[kind]
    needs = Needs(
        family.precision, download, family.packages, linear, head, vision, family.patch,
        family.token, layers,
    )  # fmt: skip
    shown: dict[str, Any] = {
        "min_pixels": family.min_pixels, "max_pixels": family.max_pixels,
        "multiple": family.multiple, "side": family.side, "pictures": family.pictures,
    }  # fmt: skip
    return ModelInfo(
        **said,
        **shown,
        bundled=False,
        parameters=parameters,
        memory=memory_needed(linear=linear, other=parameters - linear),
        knows_photographs=True,
        reasons=reasons,
        defaults=CHAIN if reasons else ANSWER,
        needs=needs,
    )


# That of the base; tuned checkpoints cannot grant more. Their cards may say more.
_QWEN_RESEARCH = "Qwen Research License"
# Linear layers, vision, head (the embeddings over again), all: of Qwen2.5-VL-3B.
_3B = (2_774_532_096, 668_684_288, 311_164_928, 3_754_622_976)
_3B_DOWNLOAD = 7_520_000_000

# Robust-R1's two, and their base: of one shape.
ROBUST_R1 = (
    _hub(
        "qwen2_5_vl", _3B, 36, download=_3B_DOWNLOAD, reasons=True,
        name="robust-r1-rl", label="Robust-R1 RL (3B)", source="Jiaqi-hkust/Robust-R1-RL",
        licence=_QWEN_RESEARCH,
        about="The authors' final model: writes chains about any picture; wants a GPU.",
    ),
    _hub(
        "qwen2_5_vl", _3B, 36, download=_3B_DOWNLOAD, reasons=True,
        name="robust-r1-sft", label="Robust-R1 SFT (3B)", source="Jiaqi-hkust/Robust-R1-SFT",
        licence=_QWEN_RESEARCH,
        about="The authors' model before reinforcement learning: writes chains about any picture; "
        "wants a GPU.",
    ),
    _hub(
        "qwen2_5_vl", _3B, 36, download=_3B_DOWNLOAD,
        name="qwen2.5-vl-3b", label="Qwen2.5-VL 3B", source="Qwen/Qwen2.5-VL-3B-Instruct",
        licence=_QWEN_RESEARCH,
        about="The base of the authors' models: answers about any picture without a chain; wants "
        "a GPU.",
    ),
)  # fmt: skip

# Models that answer about photographs on a machine without a GPU.
SMALLER = (
    _hub(
        "smolvlm", (106_168_320, 93_510_912, 28_385_280, 256_484_928), 30,
        download=1_030_000_000,
        name="smolvlm2-256m", label="SmolVLM2 256M",
        source="HuggingFaceTB/SmolVLM2-256M-Video-Instruct", licence="Apache-2.0",
        about="The smallest that answers about photographs: short answers without a chain, on any "
        "machine.",
    ),
    _hub(
        "smolvlm", (314_572_800, 98_229_504, 47_308_800, 507_482_304), 32,
        download=2_040_000_000,
        name="smolvlm2-500m", label="SmolVLM2 500M",
        source="HuggingFaceTB/SmolVLM2-500M-Video-Instruct", licence="Apache-2.0",
        about="Answers about photographs without a chain, on any machine; twice as large as the "
        "256M.",
    ),
    # By its model card and the size of its file, rounded.
    _hub(
        "lfm2_vl", (287_000_000, 97_000_000, 67_108_864, 451_000_000), 16,
        download=907_000_000,
        name="lfm2.5-vl-450m", label="LFM2.5-VL 450M", source="LiquidAI/LFM2.5-VL-450M",
        licence="LFM Open License v1.0",
        about="Answers about photographs without a chain, on any machine that has torchvision.",
    ),
    _hub(
        "qwen3_vl", (1_409_286_144, 406_957_056, 311_164_928, 2_127_532_032), 28,
        download=4_270_000_000,
        name="qwen3-vl-2b", label="Qwen3-VL 2B", source="Qwen/Qwen3-VL-2B-Instruct",
        licence="Apache-2.0",
        about="Answers about any picture without a chain; runs without a GPU where one is patient.",
    ),
)  # fmt: skip

HUB = (*ROBUST_R1, *SMALLER)
