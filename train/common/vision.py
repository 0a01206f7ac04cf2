"""The frozen vision side in training: without gradients, and once for each picture.

A trainer that computes activations twice has every embedding ask for gradients, that of patches
too, so that the backward pass would run through the whole vision tower although nothing in it
learns. And each member of a group of completions brings the same picture along, to the sampling,
the reference and the policy alike.
"""

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from train.common.launch import is_spread

_PROBED = 64  # numbers of a picture that two are compared by, before all of them are
# What a model's `get_image_features` calls the layout of pixels: Qwens their rows and columns of
# patches, SmolVLM which pixels are padding.
_LAYOUTS = ("image_grid_thw", "pixel_attention_mask")


class _Picture:
    """Hold what a vision tower is given of one picture."""

    def __init__(self, pixels: torch.Tensor, layout: torch.Tensor | None) -> None:
        self.pixels, self.layout = pixels, layout
        flat = pixels.flatten()
        self._probe = flat[:: max(1, len(flat) // _PROBED)].tolist()

    def equals(self, other: "_Picture") -> bool:
        """Tell whether a vision tower would see the same."""
        if self._probe != other._probe or self.pixels.shape != other.pixels.shape:
            return False
        if self.layout is not None and other.layout is not None:
            return torch.equal(self.layout, other.layout) and torch.equal(self.pixels, other.pixels)
        return torch.equal(self.pixels, other.pixels)

    def copied(self) -> "_Picture":
        """Return one that does not hold on to the batch that it is a part of."""
        return _Picture(self.pixels.clone(), None if self.layout is None else self.layout.clone())


# What the text side reads of a picture: its tokens, and those for further layers (Qwen3-VL).
_Seen = tuple[torch.Tensor, tuple[torch.Tensor, ...]]


class FrozenVision:
    """Look at pictures in the place of a model's `get_image_features`.

    Args:
        look: the model's own method.
        kept: how many pictures are remembered from one call to the next. None of them where the
            weights lie spread over several devices, which must all look or wait for ever.
    """

    def __init__(self, look: Callable[..., Any], kept: int) -> None:
        self._look, self._kept = look, kept
        # By which `generate` finds out what to bring.
        self.__signature__ = inspect.signature(look)
        self._memory: list[tuple[_Picture, _Seen]] = []
        self._kind: type | None = None  # of what the method returns

    @torch.no_grad()
    def __call__(
        self, pixel_values: torch.Tensor, layout: torch.Tensor | None = None, **options: Any
    ) -> Any:
        """Return what the model's own method does; equal pictures are looked at once."""
        layout = next((options.pop(name) for name in _LAYOUTS if name in options), layout)
        pictures = _apart(pixel_values, layout)
        if pictures is None:
            given = () if layout is None else (layout,)
            return self._look(pixel_values, *given, **options)
        known = list(self._memory)
        new: list[_Picture] = []
        for picture in pictures:
            if not any(picture.equals(one) for one in (*new, *(old for old, _ in known))):
                new.append(picture)
        if new:
            output = self._look(*_together(new), **options)
            self._kind = type(output)
            known += zip(new, _parts(output), strict=True)
        seen = [next(what for one, what in known if picture.equals(one)) for picture in pictures]
        if self._kept:
            self._memory += [(one.copied(), what) for one, what in known[len(self._memory) :]]
            del self._memory[: -self._kept]
        return self._whole(seen)

    def _whole(self, seen: Sequence[_Seen]) -> Any:
        assert self._kind is not None
        output = self._kind(pooler_output=tuple(tokens for tokens, _ in seen))
        if seen[0][1]:
            further = zip(*(more for _, more in seen), strict=True)
            output.deepstack_features = list(further)
        return output


def freeze_vision(model: PreTrainedModel, kept: int) -> None:
    """Let a model look at pictures without gradients, and at each one once.

    Args:
        model: whose vision side does not learn; one without such a side is left alone.
        kept: see `FrozenVision`.
    """
    if (part := _looking(model)) is not None:
        part.get_image_features = FrozenVision(part.get_image_features, kept)


def share_vision(model: PreTrainedModel, other: PreTrainedModel) -> None:
    """Let another model see what the first one has seen, as their vision sides are the same.

    Args:
        model: of `freeze_vision`.
        other: with the same frozen vision side, which it goes on with where weights lie spread:
            the first one's are only there while it computes itself.
    """
    part, there = _looking(model), _looking(other)
    if part is None or there is None:
        return
    if is_spread():
        freeze_vision(other, 0)
    else:
        there.get_image_features = part.get_image_features


def pictures_kept(most: int) -> int:
    """Return how many pictures can be remembered: `most`, or 0 where weights lie spread."""
    return 0 if is_spread() else most


def _looking(model: PreTrainedModel) -> Any:
    """Return the part of a model that looks at pictures; None where there is none."""
    for part in model.modules():
        # The outer class has a method of that name too, which calls the inner one's.
        if hasattr(part, "get_image_features") and part.get_output_embeddings() is None:
            return part
    return None


def _apart(pixels: torch.Tensor, layout: torch.Tensor | None) -> list[_Picture] | None:
    """Return the pictures of a batch one by one; None where it is not known how they lie in it."""
    if pixels.dim() == 2 and layout is not None and layout.shape[-1] == 3:
        parts = pixels.split(layout.prod(-1).tolist())
        return [_Picture(part, one[None]) for part, one in zip(parts, layout, strict=True)]
    if pixels.dim() == 5:  # samples, pictures or tiles of each, then the picture itself
        masks = [None] * len(pixels) if layout is None else list(layout.split(1))
        return [_Picture(one, mask) for one, mask in zip(pixels.split(1), masks, strict=True)]
    return None


def _together(pictures: Sequence[_Picture]) -> list[torch.Tensor]:
    """Return pictures as one batch: what `_apart` takes."""
    batch = [torch.cat([one.pixels for one in pictures])]
    layouts = [one.layout for one in pictures if one.layout is not None]
    return [*batch, torch.cat(layouts)] if layouts else batch


def _parts(output: Any) -> list[_Seen]:
    """Return what was seen, picture by picture."""
    further = getattr(output, "deepstack_features", None) or []
    return [
        (tokens, tuple(layer[number] for layer in further))
        for number, tokens in enumerate(output.pooler_output)
    ]
