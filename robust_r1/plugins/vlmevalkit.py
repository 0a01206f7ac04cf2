"""Robust-R1 in VLMEvalKit (the package `ms-vlmeval`), without a change to it.

    python -m robust_r1.plugins.vlmevalkit --model tiny-rl --data MMStar_Robust_25 \\
        --judge exact_matching

This is `python -m vlmeval` where `--model` also takes what `robust_r1 models` lists, a folder, a
hub id or an address; every other argument is VLMEvalKit's own. Of ours there are `--prompt` (ours,
direct, a file, or a text with {question}), `--quantize`, and `--whole-chain`, which hands the whole
chain to the matcher; else that gets the answer, and the column `thinking` of VLMEvalKit's table the
chain. With `--config`, the class is called RobustR1.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import vlmeval.vlm
from vlmeval.dataset import DATASET_TYPE

from robust_r1.chain import format_question
from robust_r1.plugins.answering import Answerer, Question, question_in, question_of, spaced

_SPLIT = "SPLIT_THINK"  # makes VLMEvalKit ask a model to part its answer from its reasoning
_CHOICES = "choices"  # of a text, in a message: what `build_prompt` tells `generate_inner`


class RobustR1(vlmeval.vlm.BaseModel):
    """Answer VLMEvalKit's questions with a model of Robust-R1's."""

    INTERLEAVE = True

    def __init__(
        self,
        model: str = "auto",
        prompt: str = "ours",
        quantize: str | None = None,
        whole_chain: bool = False,
    ) -> None:
        """Load the model; see `Answerer`.

        Args:
            whole_chain: whether the whole chain is handed over, the answer set apart in it.
        """
        super().__init__()
        self.whole_chain = whole_chain
        self._answerer = Answerer(model, prompt, quantize)

    def use_custom_prompt(self, dataset: str) -> bool:
        """Tell whether the questions of a data set are asked in our words: those with options."""
        return DATASET_TYPE(dataset) == "MCQ"

    def build_prompt(self, line: Mapping[str, Any], dataset: str) -> list[dict[str, Any]]:
        """Return a row's pictures, and its question with what its options are."""
        question = question_of(line)
        text = format_question(question.text, question.choices, lettered=True)
        pictures = [{"type": "image", "value": path} for path in self.dump_image(line, dataset)]
        return [*pictures, {"type": "text", "value": text, _CHOICES: question}]

    def generate_inner(self, message: list[dict[str, Any]], dataset: str | None = None) -> str:
        """Answer a message: pictures and texts, in the order in which they are shown."""
        pictures = tuple(one["value"] for one in message if one["type"] == "image")
        texts = [one for one in message if one["type"] == "text"]
        known = next((one[_CHOICES] for one in texts if _CHOICES in one), None)
        asked = known or question_in("\n".join(one["value"] for one in texts))
        (handed,) = self._answerer.answer([Question(asked.text, asked.choices, pictures)])
        if self.whole_chain:
            return spaced(handed.chain, handed.answer)
        if os.environ.get(_SPLIT):
            return f"{handed.chain}\n{' '.join(handed.answer.split())}"
        return handed.answer

    def split_thinking(self, text: str) -> tuple[str, str]:
        """Part what `generate_inner` gave into the answer and the chain."""
        if self.whole_chain:
            return text, ""
        chain, _, answer = text.rpartition("\n")
        return answer, chain


def main() -> None:
    """Register the models that are asked for, and hand over to VLMEvalKit."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--prompt", default="ours")
    parser.add_argument("--quantize")
    parser.add_argument("--whole-chain", action="store_true")
    parser.add_argument("--model", nargs="+", default=[])
    ours, theirs = parser.parse_known_args()
    if not ours.whole_chain:
        os.environ.setdefault(_SPLIT, "True")

    from vlmeval import run
    from vlmeval.config import supported_VLM

    # Configurations name a class of this module's.
    vlmeval.vlm.RobustR1 = RobustR1
    settings = {"prompt": ours.prompt, "quantize": ours.quantize, "whole_chain": ours.whole_chain}
    names = []
    for model in ours.model:
        name = model if model in supported_VLM else Path(model).name
        if model not in supported_VLM:
            supported_VLM[name] = partial(RobustR1, model=model, **settings)
        names.append(name)
    sys.argv = [sys.argv[0], *theirs, *(["--model", *names] if names else [])]
    run.main()


if __name__ == "__main__":
    main()
