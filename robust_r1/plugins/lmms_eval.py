"""Robust-R1 in lmms-eval, without a change to it.

An entry point of the package registers the model, so that lmms-eval knows it by the name
`robust_r1` once both are installed:

    lmms-eval --model robust_r1 --model_args model=tiny-rl --tasks mmstar --batch_size 8

Tables of VLMEvalKit's, corrupted copies among them, become tasks of their own with

    python -m robust_r1.plugins.lmms_eval --tables MMStar_Robust_25.tsv --model robust_r1 \\
        --model_args model=tiny-rl --batch_size 8

where every other argument is lmms-eval's. `model_args` takes `model`, `prompt` (ours, direct, a
file), `quantize`, and `whole_chain=True`, which hands over the chain; else that is the answer.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any

import yaml
from lmms_eval.api.instance import Instance
from lmms_eval.api.model import lmms
from lmms_eval.models.registry_v2 import ModelManifest
from PIL import Image
from tqdm import tqdm

from robust_r1.chain import format_question
from robust_r1.errors import InputError
from robust_r1.plugins.answering import Answerer, Question, question_in, spaced
from robust_r1.records import PublishedItem, open_benchmark

NAME = "robust_r1"
_FUNCTIONS = "robust_tables"  # the module beside a task's file that lmms-eval takes functions from
_MANY = "lmms-eval asks many questions of one picture there; ask them one by one"
_LIKELIHOOD = (
    "robust_r1 writes answers and weighs none; take a task that generates, and for the odds of "
    "options `python -m robust_r1 evaluate --logprobs`"
)


def manifest() -> ModelManifest:
    """Return what lmms-eval's entry point registers."""
    return ModelManifest(NAME, chat_class_path=f"{__name__}.RobustR1")


class RobustR1(lmms):
    """Answer lmms-eval's questions with a model of Robust-R1's."""

    is_simple = False  # asked by messages

    def __init__(
        self,
        model: str = "auto",
        prompt: str = "ours",
        quantize: str | None = None,
        whole_chain: bool = False,
        batch_size: int | str = 8,
        max_batch_size: int | None = None,
        device: str | None = None,
    ) -> None:
        """Load the model; see `Answerer`.

        Args:
            whole_chain: whether the whole chain is handed over, the answer set apart in it.
            max_batch_size, device: lmms-eval's own; the model finds its device by itself.
        """
        super().__init__()
        self.whole_chain, self.batch_size = whole_chain, int(batch_size)
        self._answerer = Answerer(model, prompt, quantize)

    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Answer requests with the model's own settings: a chain is longer than tasks expect."""
        said: list[str] = []
        starts = range(0, len(requests), self.batch_size)
        for start in tqdm(starts, desc="Model Responding"):
            batch = requests[start : start + self.batch_size]
            handed = self._answerer.answer(list(map(self._question, batch)), self.batch_size)
            said += [spaced(h.chain, h.answer) if self.whole_chain else h.answer for h in handed]
        return said

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Refuse: engines give no likelihood of a text that they did not write."""
        raise InputError(_LIKELIHOOD)

    def generate_until_multi_round(self, requests: list[Instance]) -> list[str]:
        """Refuse: each question stands for itself."""
        raise InputError(_MANY)

    def _question(self, request: Instance) -> Question:
        _, to_messages, _, number, task, split = request.args
        return asked_in(to_messages(self.task_dict[task][split][number]))


def asked_in(messages: Sequence[Mapping[str, Any]]) -> Question:
    """Return the question of a conversation's messages, with the pictures in their order."""
    contents = [one for message in messages for one in message["content"]]
    text = "\n".join(one["text"] for one in contents if one["type"] == "text")
    return question_in(text, (one["url"] for one in contents if one["type"] == "image"))


def doc_to_text(doc: Mapping[str, Any]) -> str:
    """Return the question of a table's row with lettered options, for a task."""
    return format_question(doc["question"], doc["choices"], lettered=True)


def doc_to_visual(doc: Mapping[str, Any]) -> list[Image.Image]:
    """Return the pictures of a table's row, for a task."""
    pictures = _items(doc["table"])[doc["id"]].load_pictures()
    return [Image.fromarray(picture) for picture in pictures]


@cache
def _items(table: str) -> Mapping[str, PublishedItem]:
    return {item.id: item for item in open_benchmark(table).read()}


def write_task(table: Path, folder: Path) -> str:
    """Write a table as a task of lmms-eval's and return its name.

    Pictures stay in the table, which is read when they are asked for.
    """
    name, rows = table.stem, folder / f"{table.stem}.jsonl"
    with rows.open("w", encoding="utf-8") as file:
        for item in open_benchmark(table).read():
            file.write(json.dumps(_doc(item, table.resolve()), ensure_ascii=False) + "\n")
    task = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(rows)}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_target": "answer",
        "generation_kwargs": {"max_new_tokens": 1024, "temperature": 0, "do_sample": False},
        "metric_list": [
            {
                "metric": "exact_match",
                "aggregation": "mean",
                "higher_is_better": True,
                "ignore_case": True,
                "ignore_punctuation": True,
            }
        ],
    }
    text = yaml.safe_dump(task, sort_keys=False)
    for function in (doc_to_text, doc_to_visual):
        text += f"{function.__name__}: !function {_FUNCTIONS}.{function.__name__}\n"
    (folder / f"{name}.yaml").write_text(text, "utf-8")
    imported = f"from {__spec__.name} import doc_to_text, doc_to_visual\n"
    (folder / f"{_FUNCTIONS}.py").write_text(imported, "utf-8")
    return name


def _doc(item: PublishedItem, table: Path) -> dict[str, Any]:
    lettered = dict(zip(item.choices, ascii_uppercase, strict=False))
    return {
        "table": str(table),
        "id": item.id,
        "question": item.asked,
        "choices": list(item.choices),
        "answer": lettered.get(item.truth, item.truth),
        "category": item.category,
    }


def main() -> None:
    """Make tasks of the tables that are given, and hand over to lmms-eval."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--tables", nargs="+", type=Path, default=[])
    ours, theirs = parser.parse_known_args()

    from lmms_eval.__main__ import cli_evaluate

    with tempfile.TemporaryDirectory() as folder:
        names = [write_task(table, Path(folder)) for table in ours.tables]
        chosen = ["--include_path", folder, "--tasks", ",".join(names)] if names else []
        sys.argv = [sys.argv[0], *theirs, *chosen]
        cli_evaluate()


if __name__ == "__main__":
    main()
