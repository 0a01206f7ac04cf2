"""How long samples are, in tokens: what memory and hours follow from."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# The paper's data: 10,000 samples in 17.3 MB of the authors' files, which is 225 words a chain, and
# COCO's pictures.
PAPER_SAMPLES = 10_000
PAPER_PICTURE = (480, 640)
PAPER_PROMPT = 190  # tokens: the turn, the instruction, a question with four options
# Of chains, at twentieths of the samples, in tokens. Length follows the total intensity: of one to
# four kinds, uniform from 0 to 1 each, with 1.4 tokens a word, and 40 for tags and findings.
PAPER_CHAINS = tuple(round(40 + 1.4 * (65 + 128 * total)) for total in (
    *(0.10, 0.20, 0.30, 0.42, 0.53, 0.65, 0.76, 0.87, 0.99, 1.10),
    *(1.22, 1.34, 1.46, 1.58, 1.72, 1.86, 2.02, 2.22, 2.50, 3.30),
))  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """Tell the tokens of samples, sample by sample.

    Attributes:
        prompts: of each the question as it is asked, turns and instruction included, no picture.
        pictures: of each the picture.
        chains: of each the chain, to the end of its turn.
    """

    prompts: Sequence[int]
    pictures: Sequence[int]
    chains: Sequence[int]

    @property
    def longest_prompt(self) -> int:
        """Return the tokens of the longest prompt with its picture."""
        return max(text + seen for text, seen in zip(self.prompts, self.pictures, strict=True))

    @property
    def longest(self) -> int:
        """Return the tokens of the longest sample."""
        parts = zip(self.prompts, self.pictures, self.chains, strict=True)
        return max(map(sum, parts))

    @property
    def prompt(self) -> float:
        """Return the mean of a prompt with its picture."""
        return (sum(self.prompts) + sum(self.pictures)) / len(self.prompts)

    @property
    def picture(self) -> float:
        """Return the mean of a picture."""
        return sum(self.pictures) / len(self.pictures)

    @property
    def chain(self) -> float:
        """Return the mean of a chain."""
        return sum(self.chains) / len(self.chains)

    def longest_of(self, count: int, most: int) -> int:
        """Return how long the longest of so many chains is to be expected, `most` at most.

        It is the value that a share of 1 / (count + 1) of them exceeds.
        """
        place = math.ceil(len(self.chains) * count / (count + 1)) - 1
        return min(sorted(self.chains)[max(place, 0)], most)


def paper_sizes(picture: int) -> Sizes:
    """Return the sizes of the paper's data, a sample for each twentieth of it.

    Args:
        picture: tokens of a picture of PAPER_PICTURE.
    """
    count = len(PAPER_CHAINS)
    return Sizes((PAPER_PROMPT,) * count, (picture,) * count, PAPER_CHAINS)
