"""A vision tower's forward pass for training: whole batches at once, in the fastest number type.

transformers runs the attention of a Qwen2.5-VL vision tower picture by picture and every norm and
rotation in float32 on its own, which is fine for one picture and slow for a batch of small ones.
Here pictures of one shape go through together. The numbers are the same (a test compares them);
with float32 one core made 47 pictures a second by the original and 179 by this, compiled, in
bfloat16 (width 192, depth 4, pictures of 192 x 192, a processor with bfloat16 matrix units).
"""

import sys
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.vision_utils import get_vision_position_ids

from robust_r1.errors import ModelError

EPSILON = 1e-6  # of every norm of a Qwen2.5-VL vision tower
_TRIES = 7  # products of each number type that are timed


@lru_cache(maxsize=1)
def fast_dtype() -> torch.dtype:
    """Return bfloat16 where this machine multiplies it faster than float32, else float32.

    Measured once in a process, and only on hardware with units for it: processors without them
    emulate it, some thirty times slower.
    """
    if torch.cuda.is_available():
        return torch.bfloat16
    if not (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return torch.float32
    return min((torch.bfloat16, torch.float32), key=_seconds_of_a_product)


def say_dtype() -> None:
    """Tell on stderr in which number type this process trains."""
    print(f"computing in {fast_dtype()}".replace("torch.", ""), file=sys.stderr)


def _seconds_of_a_product(dtype: torch.dtype) -> float:
    """Time a product of the size of a layer's over a batch, the fastest of some."""
    left, right = torch.ones(4096, 256, dtype=dtype), torch.ones(256, 512, dtype=dtype)
    times = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - begun)
    return min(times)


def compile_each_shape(function: Callable) -> Callable:
    """Compile a function for every shape it meets, instead of for eight and no more."""
    torch._dynamo.config.recompile_limit = 64
    return torch.compile(function, dynamic=False)


def patches_of(images: torch.Tensor, processor: Any) -> torch.Tensor:
    """Cut pictures into patches as the image processor does, once instead of for two equal frames.

    Args:
        images: uint8, batch x H x W x 3, sides multiples of patch and merge size.
        processor: the image processor, for its sizes, mean and spread.

    Returns:
        float32, batch x patches x (3 * patch * patch), the four patches of each token together.
    """
    side, merge = processor.patch_size, processor.merge_size
    batch, height, width, _ = images.shape
    mean = torch.tensor(processor.image_mean, device=images.device)
    spread = torch.tensor(processor.image_std, device=images.device)
    pixels = (images.float() / 255 - mean) / spread
    rows, columns = height // (side * merge), width // (side * merge)
    cut = pixels.view(batch, rows, merge, side, columns, merge, side, 3)
    return cut.permute(0, 1, 4, 2, 5, 7, 3, 6).reshape(batch, -1, 3 * side * side)


def forward(
    vision: nn.Module,
    patches: torch.Tensor,
    rotation: tuple[torch.Tensor, torch.Tensor],
    dtype: torch.dtype,
) -> torch.Tensor:
    """Run a vision tower, all blocks with full attention, on pictures of one shape.

    Args:
        patches: as `patches_of` returns them.
        rotation: cosine and sine, each patches x head width.
        dtype: of all but the patch embedding, whose small fast coefficients need float32.

    Returns:
        Merged tokens, batch x tokens x width of the text side, in `dtype`.
    """
    # A still picture is two equal frames, so the sum of a filter's two frames does the same.
    filters = vision.patch_embed.proj.weight.sum(2).flatten(1)
    hidden = (patches @ filters.T).to(dtype)
    for block in vision.blocks:
        hidden = hidden + attend(block.attn, _norm(block.norm1, hidden), rotation)
        hidden = hidden + _mlp(block.mlp, _norm(block.norm2, hidden))
    merger = vision.merger
    merged = _norm(merger.ln_q, hidden).reshape(len(hidden), -1, merger.hidden_size)
    return linear(merger.mlp[2], functional.gelu(linear(merger.mlp[0], merged)))


def linear(layer: nn.Linear, inputs: torch.Tensor) -> torch.Tensor:
    """Apply a linear layer in the number type of its inputs, whatever that of its weights."""
    bias = None if layer.bias is None else layer.bias.to(inputs.dtype)
    return functional.linear(inputs, layer.weight.to(inputs.dtype), bias)


def _norm(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    return functional.rms_norm(inputs, inputs.shape[-1:], layer.weight.to(inputs.dtype), EPSILON)


def _mlp(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    gate = functional.silu(linear(layer.gate_proj, inputs))
    return linear(layer.down_proj, gate * linear(layer.up_proj, inputs))


def attend(
    layer: nn.Module, inputs: torch.Tensor, rotation: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    """Attend by plain products: the fused kernel's backward pass takes far longer on a CPU."""
    batch, count, width = inputs.shape
    parts = linear(layer.qkv, inputs).view(batch, count, 3, layer.num_heads, -1)
    query, key, value = (part.transpose(1, 2) for part in parts.unbind(2))
    query, key = rotate(query, *rotation), rotate(key, *rotation)
    weights = (query @ key.transpose(-1, -2) * layer.scaling).softmax(-1)
    mixed = (weights @ value).transpose(1, 2).reshape(batch, count, width)
    return linear(layer.proj, mixed)


def rotate(inputs: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Turn queries or keys, ... x head width, by their rotary positions."""
    first, second = inputs.chunk(2, -1)
    return inputs * cosine + torch.cat((-second, first), -1) * sine


def attends_fully(vision: nn.Module) -> bool:
    """Tell whether every block of a vision tower sees the whole picture, as `forward` takes it.

    The bundled models' do; the full-size ones attend within windows in most of their blocks.
    """
    return set(range(len(vision.blocks))) <= set(vision.fullatt_block_indexes)


class Encoder:
    """Run a vision tower on batches, by shape, compiled or not.

    Args:
        vision: a Qwen2.5-VL vision tower; it stays the owner of the weights.
        compiled: fuse the small operations by `torch.compile`, which needs a C++ compiler and some
            fifteen seconds for each shape; a quarter faster then.
    """

    def __init__(self, vision: nn.Module, compiled: bool = False) -> None:
        if not attends_fully(vision):
            raise ModelError(
                "this checkpoint attends within windows, which training on drawn scenes cannot; "
                "give it a data file by --data"
            )
        self.vision, self.dtype = vision, fast_dtype()
        self._forward = compile_each_shape(forward) if compiled else forward
        self._rotations: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, patches: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
        """Return merged tokens, float32, batch x tokens x width, of pictures of one shape.

        Args:
            patches: batch x (rows * columns) x (3 * patch * patch), as `patches_of` cuts them.
            rows, columns: patches along each side.
        """
        rotation = self._rotation(rows, columns, patches.device)
        return self._forward(self.vision, patches, rotation, self.dtype).float()

    def replace_forward(self) -> None:
        """Let the tower itself run this way, for trainers that call it; it then takes no gradient.

        Pictures of several shapes in one call run shape by shape.
        """

        @torch.no_grad()
        def run(
            patches: torch.Tensor, grid_thw: torch.Tensor, **options: Any
        ) -> BaseModelOutputWithPooling:
            shapes = [tuple(row[1:]) for row in grid_thw.tolist()]
            pictures = patches.split([rows * columns for rows, columns in shapes])
            tokens: list[torch.Tensor] = [patches] * len(shapes)
            for shape in dict.fromkeys(shapes):
                places = [place for place, other in enumerate(shapes) if other == shape]
                merged = self(self._one_frame([pictures[place] for place in places]), *shape)
                for place, each in zip(places, merged, strict=True):
                    tokens[place] = each
            return BaseModelOutputWithPooling(
                last_hidden_state=None, pooler_output=torch.cat(tokens)
            )

        self.vision.forward = run

    def _one_frame(self, pictures: list[torch.Tensor]) -> torch.Tensor:
        _, channels, frames, side, _ = self.vision.patch_embed.proj.weight.shape
        stacked = torch.stack(pictures).float()
        return stacked.unflatten(2, (channels, frames, side * side))[:, :, :, 0].flatten(2)

    def _rotation(
        self, rows: int, columns: int, device: torch.device
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if (rows, columns) not in self._rotations:
            merge = self.vision.spatial_merge_size
            places = get_vision_position_ids(torch.tensor([[1, rows, columns]]), merge)
            angles = self.vision.rotary_pos_emb(torch.zeros(1, device=device), places.to(device))
            self._rotations[rows, columns] = tuple(part.to(self.dtype) for part in angles)
        return self._rotations[rows, columns]
