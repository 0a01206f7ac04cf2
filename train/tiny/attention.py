"""First weights of the text side: heads that look back, and heads that match words.

To name the number of an option, a model must tie each option to the number before it, and find the
option that says what its conclusion said. Both are patterns of attention that hold at any
content, and from random weights a model this small needs many thousands of chains before they
appear: on drills the number of an option was right .68 of the time after 440 steps, with colors
and places still a guess. Options of several words that share some (`top` and `top right`) take the
word at an option's end and the one before it; with heads that match both, drills of text alone come
to .99 where heads that match one word come to .97, and to .95 in half of the steps (train/LOG.md).
The idea is that of mimetic initialization (Trockman & Kolter 2023): begin where trained
transformers end up.
"""

import torch
from torch import nn

_LOOK_BACK = (1, 2, 3, 4)  # tokens; the number of an option stands two to five before its end
_POSITION = 5.0  # amplitude of the biases: a softmax weight near one on the place looked back to
_EMBEDDING = 12.0
_RECALLED = 0.6  # size of what a head recalls of an earlier token, as a share of an embedding's
# Attention's logit, before the softmax, of a token with itself (or of two words with the same two).
_SAME_TOKEN, _SAME_WORDS = 6.0, 12.0
_WORDS = 2  # how many of the tokens looked back to are matched
# From <ANSWER> back to the stop that ends the conclusion, where its last words have been matched.
_TO_CONCLUSION = 2


@torch.no_grad()
def initialize(language: nn.Module) -> None:
    """Give a Qwen2.5-VL language model its first weights, in place.

    - Embeddings are enlarged (and the last normalization shrunk, so that logits stay as they were)
      and fill the first half of the width alone: the second half is for what is recalled.
    - In the first layer, biases of queries and keys let each head attend to the token one to four
      places before. They use the faster half of the rotation's frequencies alone. What a head finds
      there it writes to a block of its own in the second half.
    - In every later layer the first query head of the first key head asks for tokens like its own,
      that of the second for places with the same two tokens before them: at the end of an option
      these are its last words, and behind the last word of a conclusion the same. Both use the
      slower half of the frequencies, which hardly tell places apart.
    - In the third layer one more head looks back from the answer to the end of the conclusion.
    """
    width = language.embed_tokens.weight.shape[1]
    language.embed_tokens.weight[:, width // 2 :] = 0
    language.embed_tokens.weight.mul_(_EMBEDDING)
    language.norm.weight.div_(_EMBEDDING / 2**0.5)
    first, *later = (layer.self_attn for layer in language.layers)
    frequencies = language.rotary_emb.inv_freq
    heads = len(first.q_proj.bias) // first.head_dim
    distances = _LOOK_BACK[:heads]
    for head, distance in enumerate(distances):
        _look_back(first, head, distance, frequencies)
    block = width // 2 // heads
    _recall(first, language.embed_tokens.weight, block)
    for place, layer in enumerate(later):
        _match(layer, 0, slice(0, width // 2), _SAME_TOKEN)
        if len(layer.k_proj.bias) > layer.head_dim:
            words = slice(width // 2, width // 2 + _WORDS * block)
            _match(layer, 1, words, _SAME_WORDS)
            if place == 1:
                head = layer.num_key_value_groups + 1
                _look_back(layer, min(head, heads - 1), _TO_CONCLUSION, frequencies)


def _look_back(layer: nn.Module, head: int, distance: int, frequencies: torch.Tensor) -> None:
    width, fast = layer.head_dim, layer.head_dim // 4
    queries = layer.q_proj.bias.view(-1, width)[head]
    keys = layer.k_proj.bias.view(-1, width)[head // layer.num_key_value_groups]
    turn = -distance * frequencies[:fast]
    keys[:fast] = _POSITION
    queries[:fast] = _POSITION * turn.cos()
    queries[width // 2 : width // 2 + fast] = _POSITION * turn.sin()


def _recall(layer: nn.Module, embeddings: torch.Tensor, block: int) -> None:
    """Let each head write what it attends to into its own block of the second half."""
    width, half = layer.head_dim, embeddings.shape[1] // 2
    size = _RECALLED * embeddings[:, :half].std()
    values = nn.functional.rms_norm(embeddings, embeddings.shape[1:]) @ layer.v_proj.weight.T
    layer.o_proj.weight.zero_()
    for head in range(layer.o_proj.in_features // width):
        source = head // layer.num_key_value_groups * width
        mixed = torch.randn(block, width)
        written = values[:, source : source + width] @ mixed.T
        rows = slice(half + head * block, half + (head + 1) * block)
        layer.o_proj.weight[rows, head * width : (head + 1) * width] = mixed * size / written.std()


def _match(layer: nn.Module, key_head: int, columns: slice, logit: float) -> None:
    """Let the first query head of a key head ask for places like its own in some columns."""
    width = layer.head_dim
    slow = torch.zeros(width, 1)
    slow[width // 4 : width // 2] = slow[-(width // 4) :] = 1.0
    keys = layer.k_proj.weight.view(-1, width, layer.k_proj.in_features)[key_head]
    queries = layer.q_proj.weight.view(-1, width, layer.q_proj.in_features)
    count = columns.stop - columns.start
    size = (logit * width**0.5 / (count * slow.sum())) ** 0.5
    asked = torch.randn(width, count) * size * slow
    query = queries[key_head * layer.num_key_value_groups]
    query.zero_()
    keys[:, columns] = query[:, columns] = asked
