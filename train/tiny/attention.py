"""First weights of the text side: heads that look back, and heads that match words.

To name the number of an option, a model must tie each option to the number before it, and find the
option that says what its conclusion said. Both are patterns of attention that hold at any
content, and from random weights a model this small needs many thousands of chains before they
appear: on drills the number of an option was right .68 of the time after 440 steps, with colors
and places still a guess. With the first weights below it was .94 after 190 (train/LOG.md). The
idea is that of mimetic initialization (Trockman & Kolter 2023): begin where trained transformers
end up.
"""

import torch
from torch import nn

_LOOK_BACK = (1, 2, 3)  # tokens; the number of an option stands two before its first word
_POSITION = 5.0  # amplitude of the biases: a softmax weight near one on the place looked back to
_MATCH = 3.0  # gain of keys in layers that match
_EMBEDDING = 12.0


@torch.no_grad()
def initialize(language: nn.Module) -> None:
    """Give a Qwen2.5-VL language model its first weights, in place.

    - Embeddings are enlarged (and the last normalization shrunk, so that logits stay as they were):
      a token can then be told from what the layers add to it.
    - In the first layer, biases of queries and keys let single heads attend to the token one, two
      and three places before. They use the faster half of the rotation's frequencies alone.
    - In every later layer the first query head of each key head asks for tokens like its own, by
      the slower half of the frequencies, which hardly tell places apart.
    """
    language.embed_tokens.weight.mul_(_EMBEDDING)
    language.norm.weight.div_(_EMBEDDING)
    first, *later = (layer.self_attn for layer in language.layers)
    _look_back(first, language.rotary_emb.inv_freq)
    for layer in later:
        _match(layer)


def _look_back(layer: nn.Module, frequencies: torch.Tensor) -> None:
    width, groups = layer.head_dim, layer.num_key_value_groups
    fast = width // 4
    queries = layer.q_proj.bias.view(-1, width)
    keys = layer.k_proj.bias.view(-1, width)
    for head, distance in enumerate(_LOOK_BACK[: len(queries)]):
        turn = -distance * frequencies[:fast]
        keys[head // groups, :fast] = _POSITION
        queries[head, :fast] = _POSITION * turn.cos()
        queries[head, width // 2 : width // 2 + fast] = _POSITION * turn.sin()


def _match(layer: nn.Module) -> None:
    width, groups = layer.head_dim, layer.num_key_value_groups
    slow = torch.zeros(width, 1, dtype=torch.bool)
    slow[width // 4 : width // 2] = slow[-(width // 4) :] = True
    layer.k_proj.weight.mul_(_MATCH)
    keys = layer.k_proj.weight.view(-1, width, layer.k_proj.in_features)
    queries = layer.q_proj.weight.view(-1, width, layer.q_proj.in_features)
    queries[::groups] = keys * slow
