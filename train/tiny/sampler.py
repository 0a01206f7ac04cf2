"""Sample completions for reinforcement, a whole step's at once.

The general `generate` of transformers copies the growing cache of all layers at each token, in
float32, and carries rows that have ended along to the end of the longest. Here the cache is laid
out once, in the fastest number type, and rows that have ended leave the batch. Of 128 chains of up
to 224 tokens it takes a fraction of the time (train/LOG.md); a test compares the two.
"""

import copy

import torch
from torch import nn
from torch.nn import functional
from transformers import GenerationConfig

from robust_r1.errors import InputError
from train.tiny.decoder import FAR, norm, place
from train.tiny.encoder import fast_dtype, linear, rotate

_COMPACT_EVERY = 8  # tokens between two looks for rows that have ended


class Sampler:
    """Complete prompts about pictures by sampling, or greedily.

    Args:
        model: the whole model; it stays the owner of the weights.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model, self.dtype = model, fast_dtype()

    def replace_generate(self) -> None:
        """Let the model's own `generate` be this one."""
        self.model.generate = self

    @torch.no_grad()
    def __call__(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        generation_config: GenerationConfig,
        **inputs: torch.Tensor,
    ) -> torch.Tensor:
        """Return prompts and completions, int64, batch x (prompt + completion).

        A row that ended early is filled up with padding.

        Args:
            input_ids: int64, batch x length, padded on the left.
            attention_mask: int64, batch x length, 0 where a token is padding.
            generation_config: `max_new_tokens`, `do_sample`, `temperature`, `eos_token_id` and
                `pad_token_id` are followed.
            inputs: `pixel_values`, `image_grid_thw`, `mm_token_type_ids` as the processor makes
                them.

        Raises:
            InputError: top_k, top_p or a repetition penalty is set; none of them is known here.
        """
        settings = generation_config
        _check(settings)
        ends = torch.as_tensor(settings.eos_token_id, device=input_ids.device).flatten()
        embeddings, positions = place(self.model, input_ids, attention_mask, inputs)
        cache = _Cache(self.model, attention_mask, settings.max_new_tokens, self.dtype)
        # A copy, so that weights are converted once and not at each token.
        language = copy.deepcopy(self.model.model.language_model).to(self.dtype)
        head = self.model.lm_head.weight.to(self.dtype)
        rows = torch.arange(len(input_ids), device=input_ids.device)  # those that have not ended
        ended = torch.zeros_like(rows, dtype=torch.bool)
        next_place = positions.amax((0, 2)) + 1
        said = torch.full(
            (len(rows), settings.max_new_tokens), settings.pad_token_id, device=input_ids.device
        )
        hidden = self._forward(language, embeddings.to(self.dtype), positions, cache)
        for step in range(settings.max_new_tokens):
            logits = functional.linear(hidden[:, -1], head).float()
            chosen = _choose(logits, settings)
            said[rows[~ended], step] = chosen[~ended]
            ended |= torch.isin(chosen, ends)
            if ended.all() or step == settings.max_new_tokens - 1:
                break
            if step % _COMPACT_EVERY == 0 and ended.any():
                alive = ~ended
                rows, next_place, chosen = rows[alive], next_place[alive], chosen[alive]
                cache.keep(alive)
                ended = ended[alive]
            embeddings = language.embed_tokens(chosen)[:, None].to(self.dtype)
            places = next_place[None, :, None].expand(3, -1, -1)
            hidden = self._forward(language, embeddings, places, cache)
            next_place = next_place + 1
        return torch.cat([input_ids, said[:, : step + 1]], 1)

    def _forward(
        self, language: nn.Module, hidden: torch.Tensor, positions: torch.Tensor, cache: "_Cache"
    ) -> torch.Tensor:
        # The model's own, not the copy's: its frequencies need float32.
        angles = self.model.model.language_model.rotary_emb(hidden, positions)
        rotation = tuple(part[:, None] for part in angles)
        mask = cache.extend(hidden.shape[1])
        for number, layer in enumerate(language.layers):
            inner = norm(layer.input_layernorm, hidden)
            hidden = hidden + cache.attend(number, layer.self_attn, inner, rotation, mask)
            inner = norm(layer.post_attention_layernorm, hidden)
            gate = functional.silu(linear(layer.mlp.gate_proj, inner))
            hidden = hidden + linear(layer.mlp.down_proj, gate * linear(layer.mlp.up_proj, inner))
        return norm(language.norm, hidden)


class _Cache:
    """Keep keys and values of all layers, laid out for the longest completion from the start."""

    def __init__(self, model: nn.Module, seen: torch.Tensor, more: int, dtype: torch.dtype) -> None:
        language = model.model.language_model
        attention = language.layers[0].self_attn
        batch, length = seen.shape
        heads = attention.k_proj.out_features // attention.head_dim
        shape = (len(language.layers), batch, heads, length + more, attention.head_dim)
        self._keys = torch.zeros(shape, dtype=dtype, device=seen.device)
        self._values = torch.zeros_like(self._keys)
        self._mask = torch.zeros((batch, 1, 1, length + more), dtype=dtype, device=seen.device)
        self._mask[:, 0, 0, :length] = torch.where(seen > 0, 0.0, FAR)
        self._begin = self._end = 0

    def extend(self, count: int) -> torch.Tensor:
        """Make room for `count` tokens and return the mask of what they may attend to."""
        self._begin, self._end = self._end, self._end + count
        mask = self._mask[..., : self._end]
        if count == 1:
            return mask
        causal = torch.full((count, self._end), FAR, dtype=mask.dtype, device=mask.device)
        return (mask + causal.triu(1 + self._begin)).clamp(min=FAR)

    def attend(
        self,
        number: int,
        layer: nn.Module,
        inputs: torch.Tensor,
        rotation: tuple[torch.Tensor, ...],
        mask: torch.Tensor,
    ) -> torch.Tensor:
        """Attend from new tokens to all so far; their keys and values are kept."""
        batch, length, _ = inputs.shape
        parts = [linear(part, inputs) for part in (layer.q_proj, layer.k_proj, layer.v_proj)]
        query, key, value = (
            part.view(batch, length, -1, layer.head_dim).transpose(1, 2) for part in parts
        )
        query, key = rotate(query, *rotation), rotate(key, *rotation)
        self._keys[number, :, :, self._begin : self._end] = key
        self._values[number, :, :, self._begin : self._end] = value
        keys, values = (part[number, :, :, : self._end] for part in (self._keys, self._values))
        groups = layer.num_key_value_groups
        # The query heads of one key head side by side, as if they were more tokens of it.
        query = query.reshape(batch, -1, groups * length, layer.head_dim)
        weights = query @ keys.transpose(-1, -2) * layer.scaling
        weights = weights.view(batch, -1, groups, length, self._end) + mask[:, :, None]
        weights = weights.softmax(-1).view(batch, -1, groups * length, self._end)
        mixed = (weights @ values).reshape(batch, -1, length, layer.head_dim)
        return linear(layer.o_proj, mixed.transpose(1, 2).reshape(batch, length, -1))

    def keep(self, rows: torch.Tensor) -> None:
        """Forget all rows but those that a mask, bool, batch, marks."""
        end = self._end
        for part in (self._keys, self._values):
            count = int(rows.sum())
            part[:, :count, :, :end] = part[:, rows, :, :end]
        self._keys, self._values = self._keys[:, :count], self._values[:, :count]
        self._mask = self._mask[rows]


def _choose(logits: torch.Tensor, settings: GenerationConfig) -> torch.Tensor:
    if not settings.do_sample:
        return logits.argmax(-1)
    return torch.multinomial((logits / settings.temperature).softmax(-1), 1)[:, 0]


def _check(settings: GenerationConfig) -> None:
    asked = {
        "top_k": settings.top_k if settings.do_sample else 0,
        "top_p": (settings.top_p or 1.0) < 1,
        "repetition_penalty": (settings.repetition_penalty or 1.0) != 1,
    }
    if named := [name for name, value in asked.items() if value]:
        raise InputError(f"the fast sampler knows no {', '.join(named)}; keep their defaults")
