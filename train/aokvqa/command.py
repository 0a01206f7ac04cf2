"""The flags of A-OKVQA's data sets, and what they begin."""

import argparse
import contextlib
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from robust_r1.engine.endpoint import Endpoint, choose_model, is_endpoint, parse_endpoint
from robust_r1.engine.loops import run_to_end
from robust_r1.engine.transfer import look_up
from robust_r1.errors import DataError, InputError
from train.aokvqa.annotators import Rules
from train.aokvqa.asking import Asker
from train.aokvqa.builder import Builder, Plan, begin, finish, mend
from train.aokvqa.language_model import LanguageModel
from train.aokvqa.prompt_files import FOLDER, read_prompts
from train.aokvqa.questions import SPLITS, check_pictures, choose
from train.aokvqa.report import report_of, words_of
from train.common.journal import Journal, alone_in

ANNOTATORS = ("rules", "llm")
REPLIES = "replies.jsonl"
# Sent with every question: no chance in the reply, and room for the longest chain.
_BODY = {"temperature": 0, "max_tokens": 2000}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags to the command line of `train.make_data`."""
    group = parser.add_argument_group("A-OKVQA")
    group.add_argument("--aokvqa", type=Path, help="folder of aokvqa_v1p0_{train,val}.json")
    group.add_argument("--coco", type=Path, help="folder of COCO's train2017 and val2017")
    group.add_argument("--annotator", choices=ANNOTATORS, default="rules", help="writes the chains")
    group.add_argument("--samples", type=int, help="samples for training (10,000)")
    group.add_argument("--validation", type=int, help="samples for validation (1,000)")
    group.add_argument("--clean-share", type=float, default=0.0, help="share without damage (0)")
    group = parser.add_argument_group("a language model as annotator")
    group.add_argument("--endpoint", help="address and model, as http://host:8000/v1#name")
    group.add_argument("--at-once", type=int, default=8, help="samples on their way at a time (8)")
    group.add_argument("--prompts", type=Path, default=FOLDER, help="folder with prompts of yours")
    group.add_argument("--request", default="{}", help="JSON for every request; null leaves out")
    group.add_argument("--prices", help="of a million tokens sent and come, as 2.5,10")
    group.add_argument("--replies", type=Path, help="file that keeps replies (in the data set)")


def is_asked_for(options: argparse.Namespace) -> bool:
    """Tell whether a command line asks for A-OKVQA, by any flag that nothing else has."""
    told = (options.aokvqa, options.coco, options.samples, options.validation, options.endpoint)
    return options.annotator != "rules" or any(value is not None for value in told)


def run(options: argparse.Namespace) -> str:
    """Build the data set that the flags ask for; return what is to be told of it.

    Raises:
        InputError: flags that do not fit, or a folder that holds another set or another process.
        DataError: a file that is missing, broken, or cannot be written.
        ModelError: the endpoint fails or is no use; the same command goes on.
    """
    plan = _plan(options)
    if options.annotator == "rules":
        with alone_in(plan.folder):
            return _built(plan, Rules())
    return run_to_end(_ask_and_build(plan, options))


async def _ask_and_build(plan: Plan, options: argparse.Namespace) -> str:
    endpoint, prices = _endpoint(options.endpoint), _prices(options.prices)
    prompts, body = read_prompts(options.prompts), _body(options.request)
    kept = options.replies or plan.folder / REPLIES
    with contextlib.ExitStack() as stack:
        for folder in dict.fromkeys((plan.folder.absolute(), kept.absolute().parent)):
            stack.enter_context(alone_in(folder))
        replies = stack.enter_context(Journal(kept, "key"))
        async with Asker(endpoint, replies, body) as asker:
            model = LanguageModel(endpoint.model, asker, prompts, options.at_once, body)
            return await _built_by(plan, model, replies, prices)


def _built(plan: Plan, annotator: Rules) -> str:
    return run_to_end(_built_by(plan, annotator, None, None))


async def _built_by(
    plan: Plan,
    annotator: Rules | LanguageModel,
    replies: Journal | None,
    prices: tuple[float, float] | None,
) -> str:
    settings = plan.settings(annotator)
    if begin(plan.folder, settings):
        return _words(plan, await mend(plan))
    with Builder(plan, annotator, show if sys.stderr.isatty() else None) as builder:
        await builder.build()
        told: dict[str, Any] = {"settings": settings}
        if replies is not None:
            told["replies"] = report_of(replies, prices)
        return _words(plan, finish(plan, builder, told))


def _words(plan: Plan, manifest: Mapping[str, Any]) -> str:
    counts = " and ".join(f"{count} for {split}" for split, count in manifest["samples"].items())
    told = f"{plan.folder}: {counts} samples, {manifest['rejected']} rejected"
    short = [
        one.split for one in plan.questions if manifest["samples"].get(one.split) != one.wanted
    ]
    if short:
        told += f"; there are no more questions for {' and '.join(short)}"
    return told + (f"; {words_of(manifest['replies'])}" if "replies" in manifest else "")


def _plan(options: argparse.Namespace) -> Plan:
    if options.scenes or options.photos is not None:
        raise InputError(
            "scenes and photographs have chains by rules, in a data set of their own; leave out "
            "--scenes and --photos, or the flags of A-OKVQA"
        )
    if options.aokvqa is None or options.coco is None:
        raise InputError("A-OKVQA needs both --aokvqa and --coco; give the two folders")
    if options.annotator == "rules" and options.endpoint is not None:
        raise InputError("--endpoint asks a language model; give --annotator llm with it")
    if not 0 <= options.clean_share <= 1:
        raise InputError(f"--clean-share is {options.clean_share:g}; give a share from 0 to 1")
    wanted = {"train": options.samples, "validation": options.validation}
    chosen = [
        choose(options.aokvqa, split, wanted[split], options.seed)
        for split in SPLITS
        if wanted[split] != 0
    ]
    if not chosen:
        raise InputError("no samples were asked for; give --samples or --validation")
    names = [item.question_id for questions in chosen for item in questions.items]
    if len(set(names)) < len(names):
        raise DataError(f"{options.aokvqa}: a question is in both splits; take it out of one")
    nested = options.coco / "images"
    pictures = nested if nested.is_dir() else options.coco
    for questions in chosen:
        check_pictures(questions, pictures)
    return Plan(
        questions=tuple(chosen),
        pictures=pictures,
        seed=options.seed,
        clean_share=options.clean_share,
        max_pixels=options.max_pixels,
        folder=options.output,
        jobs=options.jobs,
    )


def _endpoint(name: str | None) -> Endpoint:
    if not name or not is_endpoint(name):
        raise InputError("--annotator llm needs --endpoint; give one as http://host:8000/v1#name")
    endpoint = parse_endpoint(name)
    return endpoint if endpoint.model else choose_model(*look_up(endpoint))


def _body(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f"--request is no JSON ({error}); write an object") from error
    if not isinstance(given, dict):
        raise InputError('--request is no JSON object; write one, as {"temperature": 0.3}')
    if wrong := {"model", "messages", "stream", "n"} & given.keys():
        raise InputError(f"--request may not set {', '.join(sorted(wrong))}; leave that out")
    return {key: value for key, value in (_BODY | given).items() if value is not None}


def _prices(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        sent, come = map(float, text.split(","))
    except ValueError:
        sent = come = math.nan
    if not (0 <= sent < math.inf and 0 <= come < math.inf):
        raise InputError(f"--prices is {text!r}; give two numbers, as 2.5,10")
    return sent, come


def show(what: str, done: int, total: int) -> None:
    """Show on a terminal how far a part of the work is."""
    end = "\n" if done == total else ""
    print(f"\r{what}: {done} of {total}", end=end, file=sys.stderr, flush=True)
