"""Read from a model how likely each option's label was where its answer begins."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from transformers import BatchFeature, PreTrainedModel, PreTrainedTokenizerBase

from robust_r1.engine.odds import Tokens, contexts_of, label_logprobs, label_tokens
from robust_r1.engine.sampling import generation_config
from robust_r1.engine.types import GenerationSettings

_ONE = GenerationSettings(max_new_tokens=1)


@dataclass(frozen=True)
class Slot:
    """Place the labels of an answer.

    Attributes:
        number: of the answer.
        start: what the model wrote before the answer begins.
        cut: tokens at the end of the prompt and `start` that are not the same with every label.
        labels: the tokens that each label takes in their place.
    """

    number: int
    start: str
    cut: int
    labels: tuple[Tokens, ...]


def slot_of(
    number: int, tokenizer: PreTrainedTokenizerBase, prompt: str, start: str, labels: Sequence[str]
) -> Slot:
    """Find the tokens of labels after a prompt and the start of an answer."""
    before, *told = tokenizer([prompt + start + label for label in ("", *labels)])["input_ids"]
    shared, tokens = label_tokens(told, before)
    return Slot(number, start, len(before) - shared, tuple(tokens))


def read_slots(
    model: PreTrainedModel,
    slots: Sequence[Slot],
    inputs: Callable[[Sequence[Slot]], BatchFeature],
    batch_size: int,
) -> dict[int, tuple[float, ...]]:
    """Return the logarithms of the labels' probabilities, by the numbers of the slots.

    Args:
        model: padding of its inputs is on the left.
        slots: where to read.
        inputs: makes the model's inputs of some slots, up to the starts of their answers.
        batch_size: rows at a time.
    """
    logprobs: dict[int, dict[Tokens, dict[int, float]]] = defaultdict(dict)
    for batch in _batches(slots, batch_size):
        made = _put_on(inputs([slot for slot, _ in batch]), batch)
        rows = _next_logprobs(model, made)
        for (slot, context), row in zip(batch, rows, strict=True):
            after = {label[len(context)] for label in slot.labels if _goes_on(label, context)}
            logprobs[slot.number][context] = {token: float(row[token]) for token in after}
    return {slot.number: label_logprobs(slot.labels, logprobs[slot.number]) for slot in slots}


def _batches(
    slots: Sequence[Slot], batch_size: int
) -> Iterator[list[tuple[Slot, Tokens]]]:
    """Yield what is read together: in a batch as much is cut off and put on in every row."""
    wanted = [(slot, context) for slot in slots for context in contexts_of(slot.labels)]
    wanted.sort(key=_shape)  # stable: answers stay in their order
    for _, alike in groupby(wanted, key=_shape):
        rows = list(alike)
        yield from (rows[at : at + batch_size] for at in range(0, len(rows), batch_size))


def _shape(row: tuple[Slot, Tokens]) -> tuple[int, int]:
    slot, context = row
    return slot.cut, len(context)


def _goes_on(label: Tokens, context: Tokens) -> bool:
    return len(label) > len(context) and label[: len(context)] == context


def _put_on(inputs: BatchFeature, batch: Sequence[tuple[Slot, Tokens]]) -> BatchFeature:
    """Put each row's context in the place of what is cut off its end."""
    shape, cut = inputs["input_ids"].shape, batch[0][0].cut
    contexts = torch.tensor([context for _, context in batch], dtype=torch.long)
    fills = {"input_ids": contexts, "attention_mask": torch.ones_like(contexts)}
    for name, value in inputs.items():
        if isinstance(value, torch.Tensor) and value.shape == shape:
            fill = fills.get(name, torch.zeros_like(contexts)).to(value.dtype)
            inputs[name] = torch.cat([value[:, : shape[1] - cut], fill], dim=1)
    return inputs


def _next_logprobs(model: PreTrainedModel, inputs: BatchFeature) -> torch.Tensor:
    """Return the logarithms of the next token's probabilities, (rows, vocabulary)."""
    config = generation_config(_ONE, model.generation_config)
    config.return_dict_in_generate = config.output_logits = True
    with torch.inference_mode():
        made = model.generate(**inputs.to(model.device), generation_config=config)
        return made.logits[0].float().log_softmax(-1).cpu()
