"""The text side's forward pass for training, in bfloat16 where that is fast.

The general forward pass of transformers serves any mixture of pictures, masks and caches, and its
fused attention has a slow backward pass on a CPU. The numbers here are the same (a test compares
them); one core made 23 chains a second by the original under autocast, 69 by this, 119 compiled
(64 rows of 192 tokens, bfloat16 matrix units).
"""

import torch
from torch import nn
from torch.nn import functional

from train.tiny.encoder import compile_each_shape, fast_dtype, linear, rotate

IGNORED = -100  # a label that does not count, as everywhere in transformers


def forward(
    language: nn.Module,
    embeddings: torch.Tensor,
    rotation: tuple[torch.Tensor, torch.Tensor],
    mask: torch.Tensor,
) -> torch.Tensor:
    """Run a Qwen2.5-VL language model on embeddings, batch x length x width, without its head.

    Args:
        embeddings: picture and text tokens, in the dtype to compute in.
        rotation: cosine and sine, each length x head width, or batch x 1 x that.
        mask: length x length, or batch x 1 x that; added to the attention's logits.
    """
    hidden = embeddings
    for layer in language.layers:
        hidden = hidden + attend(
            layer.self_attn, norm(layer.input_layernorm, hidden), rotation, mask
        )
        inner = norm(layer.post_attention_layernorm, hidden)
        gate = functional.silu(linear(layer.mlp.gate_proj, inner))
        hidden = hidden + linear(layer.mlp.down_proj, gate * linear(layer.mlp.up_proj, inner))
    return norm(language.norm, hidden)


def norm(layer: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Apply a Qwen2.5-VL normalization in the dtype of the inputs."""
    weight = layer.weight.to(inputs.dtype)
    return functional.rms_norm(inputs, inputs.shape[-1:], weight, layer.variance_epsilon)


def attend(
    layer: nn.Module,
    inputs: torch.Tensor,
    rotation: tuple[torch.Tensor, torch.Tensor],
    mask: torch.Tensor,
) -> torch.Tensor:
    """Attend by plain products: the fused kernel's backward pass takes far longer on a CPU."""
    batch, length, _ = inputs.shape
    parts = [linear(part, inputs) for part in (layer.q_proj, layer.k_proj, layer.v_proj)]
    query, key, value = (
        part.view(batch, length, -1, layer.head_dim).transpose(1, 2) for part in parts
    )
    query, key = rotate(query, *rotation), rotate(key, *rotation)
    groups = layer.num_key_value_groups
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    weights = (query @ key.transpose(-1, -2) * layer.scaling + mask).softmax(-1)
    return linear(layer.o_proj, (weights @ value).transpose(1, 2).reshape(batch, length, -1))


class Decoder:
    """Score batches of chains about pictures of one size, padded on the right.

    Positions are then the same in each row, and no mask but the causal one is needed.

    Args:
        model: the whole model; it stays the owner of the weights.
        compiled: see `train.tiny.encoder.Encoder`; each length compiles anew.
    """

    def __init__(self, model: nn.Module, compiled: bool = False) -> None:
        self.model, self.dtype = model, fast_dtype()
        self._forward = compile_each_shape(forward) if compiled else forward
        self._rotations: dict[tuple[int, int, int], tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(
        self, tokens: torch.Tensor, labels: torch.Tensor, pictures: torch.Tensor, grid: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return logits (float32, one row for each label that counts) and those labels.

        Args:
            tokens: int64, batch x length, padded on the right; the picture's tokens in the same
                places in every row.
            labels: int64, batch x length; `IGNORED` where nothing is to be learned.
            pictures: merged tokens, batch x tokens x width.
            grid: int64, (1, rows, columns) in patches, of every picture.
        """
        core = self.model.model
        embeddings = core.language_model.embed_tokens(tokens).to(self.dtype)
        first = int((tokens[0] == self.model.config.image_token_id).nonzero()[0])
        count = pictures.shape[1]
        embeddings = torch.cat(
            [embeddings[:, :first], pictures.to(self.dtype), embeddings[:, first + count :]], 1
        )
        length = tokens.shape[1]
        rotation = self._rotation(first, length, grid)
        mask = torch.full((length, length), -torch.inf, dtype=self.dtype, device=tokens.device)
        hidden = self._forward(core.language_model, embeddings, rotation, mask.triu(1))
        asked = labels[:, 1:] != IGNORED
        head = self.model.lm_head.weight.to(self.dtype)
        return functional.linear(hidden[:, :-1][asked], head).float(), labels[:, 1:][asked]

    def _rotation(
        self, first: int, length: int, grid: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Place the picture's tokens in two dimensions, as the model's `get_rope_index` does."""
        rows, columns = (grid[1:] // self.model.model.visual.spatial_merge_size).tolist()
        if (key := (length, rows, columns)) not in self._rotations:
            before = torch.arange(first).expand(3, -1)
            row = torch.arange(rows).repeat_interleave(columns)
            column = torch.arange(columns).repeat(rows)
            inside = first + torch.stack([torch.zeros_like(row), row, column])
            rest = first + max(rows, columns) + torch.arange(length - first - rows * columns)
            places = torch.cat([before, inside, rest.expand(3, -1)], 1)[:, None].to(grid.device)
            rotary = self.model.model.language_model.rotary_emb
            angles = rotary(torch.zeros(1, dtype=self.dtype, device=grid.device), places)
            self._rotations[key] = tuple(part[0] for part in angles)
        return self._rotations[key]


# Finite, because a row of padding that may attend to nothing at all would turn into NaN.
FAR = -1e4


def place(
    model: nn.Module, tokens: torch.Tensor, seen: torch.Tensor, inputs: dict[str, torch.Tensor]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Embed tokens and their pictures, padded anywhere, and find their positions.

    Returns:
        Embeddings, float32, batch x length x width; positions (time, row, column), int64,
        3 x batch x length.
    """
    core, grid = model.model, inputs["image_grid_thw"]
    pictures = core.visual(inputs["pixel_values"], grid_thw=grid).pooler_output
    embeddings = core.language_model.embed_tokens(tokens)
    # By type, not by token: a policy that knows nothing yet may say the picture's token itself.
    places = (inputs["mm_token_type_ids"] == 1)[..., None]
    embeddings = embeddings.masked_scatter(places, pictures.to(embeddings.dtype))
    positions, _ = core.get_rope_index(
        tokens,
        image_grid_thw=grid,
        attention_mask=seen,
        mm_token_type_ids=inputs["mm_token_type_ids"],
    )
    return embeddings, positions


def completion_logits(
    model: nn.Module,
    tokens: torch.Tensor,
    seen: torch.Tensor,
    kept: int,
    inputs: dict[str, torch.Tensor],
) -> torch.Tensor:
    """Return the logits that score the last `kept` tokens of each row, any padding.

    Args:
        model: the whole model, its vision tower frozen.
        tokens: int64, batch x length.
        seen: int64, batch x length, 0 where a token is padding.
        kept: how many tokens at the end of the rows are asked for.
        inputs: `pixel_values`, `image_grid_thw`, `mm_token_type_ids` as the processor makes them.

    Returns:
        float32, batch x kept x vocabulary.
    """
    core, dtype = model.model, fast_dtype()
    embeddings, positions = place(model, tokens, seen, inputs)
    embeddings = embeddings.to(dtype)
    angles = core.language_model.rotary_emb(embeddings, positions)
    length = tokens.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=tokens.device).tril()
    mask = torch.where(causal & (seen[:, None, None, :] > 0), 0.0, FAR).to(dtype)
    rotation = (angles[0][:, None], angles[1][:, None])
    hidden = forward(core.language_model, embeddings, rotation, mask)[:, -kept - 1 : -1]
    return functional.linear(hidden, model.lm_head.weight.to(dtype)).float()


def log_probabilities(
    logits: torch.Tensor, tokens: torch.Tensor, temperature: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log probability and entropy of tokens, both float32, batch x length.

    Args:
        logits: float32, batch x length x vocabulary.
        tokens: int64, batch x length.
        temperature: what the logits are divided by.
    """
    logs = (logits / temperature).log_softmax(-1)
    entropy = -(logs.detach().exp() * logs.detach()).sum(-1)
    return logs.gather(-1, tokens[..., None]).squeeze(-1), entropy
