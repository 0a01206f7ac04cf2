"""Draw tokens so that the same seed gives the same text, and stop generation when told to.

`generate` draws from torch's global generator, which other threads share. Adding Gumbel noise to
the logits and taking the maximum draws from the same distribution (Gumbel 1954; the "Gumbel-max
trick"), and the noise can come from a generator that belongs to one request. So a text depends on
its own seed only: not on other requests, not on its place in a batch.
"""

from collections.abc import Callable, Sequence

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    StoppingCriteria,
    TopPLogitsWarper,
)

from robust_r1.engine.control import Ending
from robust_r1.engine.decoding import TextDecoder, TokenBytes
from robust_r1.engine.types import GenerationSettings


class SeededSampler(LogitsProcessor):
    """Add a request's own Gumbel noise to its logits; greedy search over the sum is a draw.

    Every row of a batch has a generator of its own, on the CPU, so that a seed means the same on
    every device.
    """

    def __init__(self, settings: GenerationSettings, rows: int):
        self._temperature = settings.temperature
        self._nucleus = TopPLogitsWarper(settings.top_p) if settings.top_p < 1 else None
        self._generators = [torch.Generator().manual_seed(settings.seed) for _ in range(rows)]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return noisy logits of shape (rows, vocabulary)."""
        scores = scores / self._temperature
        if self._nucleus is not None:
            scores = self._nucleus(input_ids, scores)
        noise = torch.stack(
            [torch.empty(scores.shape[1]).exponential_(generator=own) for own in self._generators]
        )
        # The negative logarithm of an exponential variable has the Gumbel distribution.
        return scores - noise.log().to(scores.device)


class StopWhen(StoppingCriteria):
    """End generation after the current token once a condition holds."""

    def __init__(self, condition: Callable[[], bool]):
        self._condition = condition

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, **options: object
    ) -> torch.Tensor:
        """Return a verdict for each row; it is the same for all."""
        verdict = self._condition()
        return torch.full((input_ids.shape[0],), verdict, device=input_ids.device)


class StopAt(StoppingCriteria):
    """End each row of a batch with the token that completes the text that it is asked until."""

    def __init__(self, tokens: TokenBytes, untils: Sequence[str]):
        """Take the bytes of all tokens, and a text a row; an empty one ends nothing."""
        self._rows = [(TextDecoder(tokens), Ending(until)) for until in untils]
        self._seen = 0
        # How many tokens were generated of each row when it ended.
        self.lengths: list[int | None] = [None for _ in untils]

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, **options: object
    ) -> torch.Tensor:
        """Return a verdict for each row."""
        self._seen += 1
        for row, index in enumerate(input_ids[:, -1].tolist()):
            decoder, ending = self._rows[row]
            ending.feed(decoder.feed([index]))
            if ending.reached and self.lengths[row] is None:
                self.lengths[row] = self._seen
        ended = [length is not None for length in self.lengths]
        return torch.tensor(ended, device=input_ids.device)


def processors_for(settings: GenerationSettings, rows: int) -> LogitsProcessorList:
    """Return what turns greedy search into the drawing that the settings ask for."""
    return LogitsProcessorList([SeededSampler(settings, rows)] if settings.temperature > 0 else [])


def generation_config(settings: GenerationSettings, own: GenerationConfig) -> GenerationConfig:
    """Return the configuration for one call.

    Only the end and padding tokens are the checkpoint's own: a checkpoint's habits (a repetition
    penalty, a temperature) would make the settings that are shown untrue.
    """
    return GenerationConfig(
        max_new_tokens=settings.max_new_tokens,
        do_sample=False,
        num_beams=1,
        eos_token_id=own.eos_token_id,
        pad_token_id=own.pad_token_id,
        bos_token_id=own.bos_token_id,
    )
