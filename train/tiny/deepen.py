"""A tower with more blocks, which begin by changing nothing."""

import copy

import torch
from torch import nn
from transformers import Qwen2_5_VLForConditionalGeneration


def deepened(model: nn.Module, depth: int) -> nn.Module:
    """Return the model with a tower of `depth` blocks, the new ones changing nothing at first."""
    have = model.config.vision_config.depth
    settings = copy.deepcopy(model.config)
    settings.vision_config.depth = depth
    settings.vision_config.fullatt_block_indexes = list(range(depth))
    settings.answer_only = False
    settings.dtype = torch.float32
    deeper = Qwen2_5_VLForConditionalGeneration(settings).float()
    deeper.load_state_dict(model.state_dict(), strict=False)
    deeper.tie_weights()
    with torch.no_grad():
        for block in deeper.model.visual.blocks[have:]:
            for layer in (block.attn.proj, block.mlp.down_proj):
                layer.weight.zero_()
                layer.bias.zero_()
    return deeper
