"""ask: put a question about a picture to a model and watch the chain arrive."""

import argparse
import json
import re
import sys
import time
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from robust_r1.ask.case import Case
from robust_r1.ask.json_values import score_fields, section_fields
from robust_r1.ask.picture import Picture, fitted
from robust_r1.ask.pipeline import Outcome, ask, finished
from robust_r1.ask.prompts import read_prompt
from robust_r1.ask.saved import read_case
from robust_r1.chain import SECTIONS, Finding
from robust_r1.commands.eyes import add_eyes, open_eyes
from robust_r1.commands.settings import add_settings, given_settings
from robust_r1.degradations import PRESETS, DegradationPlan
from robust_r1.engine import PRECISIONS, Answer, Engine, GenerationSettings, load_engine
from robust_r1.engine.eyes import with_eyes
from robust_r1.engine.types import credit
from robust_r1.errors import InputError, ModelError
from robust_r1.images import describe, load
from robust_r1.metrics import Scorecard
from robust_r1.thoughts import CLOSE, OPEN, thought_in

_EPILOG = """\
examples:
  ask photo.jpg "What is the man holding?" --choices "kite;ball;cup"
  ask photo.jpg "What is this?" --set lens_blur=0.4 --set gaussian_noise=0.25 --seed 7
  ask before.jpg --also after.jpg "What has changed?" --model http://localhost:8000/v1
  ask --replay answer.json --model tiny-sft --json

The picture is fitted to what the model sees and then degraded, so that the model sees the damage as
it was asked for. Further pictures are shown after it, as they are."""

_TAG = re.compile(f"<({'|'.join(SECTIONS)})(_END)?>|{OPEN}|{CLOSE}")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_TAG = len("<CONCLUSION_END>")
_THOUGHT_OVER = "\n\n(the thought ends here)\n"


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "ask",
        help="ask a model about a picture",
        description="Ask a model about a picture, whole or damaged, and see its chain arrive.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("image", nargs="?", type=Path, metavar="IMAGE", help="a picture file")
    parser.add_argument("question", nargs="?", metavar="QUESTION", help="the question")
    parser.add_argument(
        "--also",
        action="append",
        type=Path,
        metavar="FILE",
        help="a further picture for models that take several; repeat for more",
    )
    parser.add_argument("--choices", metavar="A;B;C", help="the options, separated by semicolons")
    parser.add_argument("--truth", metavar="TEXT", help="the true answer, to score the model's: of "
                        "choices the text of one, or its number from 0")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--set",
        action="append",
        metavar="NAME=INTENSITY",
        help="a degradation and its intensity from 0 to 1; repeat for several",
    )
    way.add_argument("--preset", metavar="NAME", help=f"one of: {', '.join(PRESETS)}")
    parser.add_argument("--seed", type=int, help="of the damage and of drawn tokens (default: 0)")
    parser.add_argument("--model", metavar="M", help="a catalog name, folder, hub id or endpoint")
    parser.add_argument("--quantize", choices=PRECISIONS, help="precision (default: the machine's)")
    add_eyes(parser)
    parser.add_argument(
        "--prompt",
        metavar="P",
        help="ours; direct: the bare question with lettered options; a file; or a text with "
        "{question} where the question goes",
    )
    add_settings(parser)
    parser.add_argument("--replay", type=Path, metavar="FILE", help="ask what a saved answer asked")
    parser.add_argument(
        "--alone", action="store_true", help="leave out a saved answer's earlier turns"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run, late="question")


def run(args: argparse.Namespace) -> int:
    """Ask, print the chain as it comes, then what it is worth."""
    case = _case(args)
    start = time.perf_counter()
    eyes = open_eyes(case.eyes)
    answering = load_engine(case.model or "auto", args.quantize, max_pixels=args.max_pixels)
    engine = with_eyes(answering, eyes)
    seconds = time.perf_counter() - start
    try:
        settings = given_settings(args, case.settings or engine.info.defaults)
        case = replace(case, settings=settings)
        if not args.json:
            _introduce(engine, case)
        outcome = _ask(engine, case, show=not args.json)
        further = tuple(fitted(one, engine) for one in case.further)
    finally:
        engine.close()
    answer, score = finished(outcome)
    if args.json:
        result = _result(args, outcome, engine, further, seconds)
        print(json.dumps(result, indent=2, ensure_ascii=False))
    else:
        _summarize(answer, outcome.applied, score)
    if answer.fault:  # what had come is printed; the status says that it is not all
        raise ModelError(answer.fault)
    return 0


def _case(args: argparse.Namespace) -> Case:
    """Put together what is asked: the saved case, if any, and the flags, which win."""
    case = Case() if args.replay is None else read_case(args.replay)
    changes: dict[str, Any] = {"also_clean": False}
    if args.question is not None:
        changes["question"] = args.question
    if args.choices is not None:
        options = [option.strip() for option in args.choices.split(";")]
        changes["choices"] = tuple(option for option in options if option)
    if args.set or args.preset is not None:
        changes["plan"] = _plan(args)
    if args.truth is not None:
        changes["truth"] = args.truth
    if args.prompt is not None:
        prompt = read_prompt(args.prompt)
        changes |= {"template": prompt.template, "lettered": prompt.lettered}
    if args.model is not None:
        changes["model"] = args.model
    if args.eyes is not None:
        changes["eyes"] = args.eyes
    if args.alone:
        changes["earlier"] = ()
    if args.seed is not None:
        changes["seed"] = args.seed
    case = replace(case, **changes)
    given_settings(args, case.settings or GenerationSettings())  # out of range: said before loading
    case = replace(case, picture=_picture(args, case), further=_further(args, case))
    if not case.question.strip():
        raise InputError("There is no question; write one after the picture.")
    return case


def _picture(args: argparse.Namespace, case: Case) -> Picture:
    picture = case.picture if args.image is None else Picture(draw=partial(load, args.image))
    if picture is None:
        raise InputError("There is no picture; give a file, or --replay with one that holds it.")
    return _loaded(picture)


def _loaded(picture: Picture) -> Picture:
    """Read a picture at once, so that a broken one is said before the model is loaded."""
    pixels = picture.load()
    return replace(picture, draw=lambda: pixels)


def _further(args: argparse.Namespace, case: Case) -> tuple[Picture, ...]:
    """Read the further pictures: the given ones, else the saved ones."""
    further = tuple(Picture(draw=partial(load, path)) for path in args.also or ()) or case.further
    if missing := sum(one.missing for one in further):
        files = "one further picture" if missing == 1 else f"{missing} further pictures"
        raise InputError(f"{args.replay} names {files} without the pixels; give all with --also.")
    return tuple(_loaded(one) for one in further)


def _plan(args: argparse.Namespace) -> DegradationPlan:
    if args.set:
        return DegradationPlan.parse(",".join(args.set), seed=args.seed or 0)
    if args.preset not in PRESETS:
        raise InputError(f"no preset {args.preset!r}; there are: {', '.join(PRESETS)}.")
    plan = PRESETS[args.preset]
    return plan if args.seed is None else DegradationPlan.of(plan.intensities, seed=args.seed)


def _introduce(engine: Engine, case: Case) -> None:
    if engine.note:
        print(engine.note, file=sys.stderr)
    words = f"{engine.info.label} ({engine.precision}): {engine.info.about}"
    print(words, file=sys.stderr, flush=True)
    if count := len(case.earlier):
        turns = "one earlier turn" if count == 1 else f"{count} earlier turns"
        print(f"A follow-up to {turns} about the picture.", file=sys.stderr, flush=True)


def _ask(engine: Engine, case: Case, show: bool) -> Outcome:
    printer, printed, outcome = ChainPrinter(), 0, None
    for outcome in ask(engine, case):
        if show and outcome.reply is not None:
            print(printer.feed(outcome.reply.text[printed:]), end="", flush=True)
            printed = len(outcome.reply.text)
    if show:
        print(printer.close())
    assert outcome is not None  # an answer ends with its outcome or raises
    return outcome


class ChainPrinter:
    """Turn the text of a chain into headings and paragraphs while it arrives.

    Control characters are replaced: a model must not be able to steer the terminal.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._started = False

    def feed(self, text: str) -> str:
        """Take the next piece and return what can be printed; half a tag waits for its rest."""
        text = self._pending + text
        cut = text.rfind("<", max(0, len(text) - _LONGEST_TAG))
        waits = cut >= 0 and ">" not in text[cut:]
        self._pending = text[cut:] if waits else ""
        text = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text[:cut] if waits else text)
        start = 0
        shown = []
        for tag in _TAG.finditer(text):
            shown += [self._paragraph(text[start : tag.start()]), self._heading(tag)]
            start = tag.end()
        return "".join([*shown, self._paragraph(text[start:])])

    def close(self) -> str:
        """Return what was still waiting."""
        rest, self._pending = self._pending, ""
        return rest

    def _paragraph(self, text: str) -> str:
        self._started = self._started or bool(text)
        return text

    def _heading(self, tag: re.Match[str]) -> str:
        if tag[2]:
            return ""
        if tag[1] is None:
            return self._paragraph("THOUGHT\n" if tag[0] == OPEN else _THOUGHT_OVER)
        return self._paragraph(f"\n\n{tag[1]}\n" if self._started else f"{tag[1]}\n")


def _summarize(answer: Answer, applied: tuple[Finding, ...], score: Scorecard) -> None:
    print()
    if answer.sight:
        told = credit(answer.eyes, answer.model)
        print(". ".join(filter(None, (told[0].upper() + told[1:], answer.sight.remark))))
    print(f"applied:   {_list(applied)}")
    print(f"perceived: {_list(answer.parsed.chain.findings)}")
    for name, words in score.explain.items():
        print(f"{name + ':':<13}{words}")
    rate = answer.tokens / answer.seconds if answer.seconds else 0.0
    end = {
        **{"stop": "", "length": ", cut at the longest length", "stopped": ", stopped"},
        "cut": ", cut off on its way",
    }
    print(
        f"{answer.tokens} tokens in {answer.seconds:.2f} s ({rate:.0f} a second, first text after "
        f"{answer.first_text_seconds or 0:.2f} s){end[answer.finish]}"
    )


def _list(findings: tuple[Finding, ...]) -> str:
    return ", ".join(f"{finding.name} {finding.intensity:.2f}" for finding in findings) or "none"


def _result(
    args: argparse.Namespace,
    outcome: Outcome,
    engine: Engine,
    further: tuple[np.ndarray, ...],
    load_seconds: float,
) -> dict[str, Any]:
    case, (answer, score) = outcome.case, finished(outcome)
    assert outcome.reply is not None
    return {
        "model": answer.model,
        "precision": engine.precision,
        "eyes": answer.eyes or None,
        "remark": answer.sight.remark or None if answer.sight else None,
        "note": engine.note or None,
        "source": str(args.image) if args.image is not None else None,
        "further": [asdict(describe(one)) for one in further],
        "question": case.question,
        "choices": list(case.choices),
        "turns": [{"question": turn.question, "text": turn.answer} for turn in case.turns()],
        "answer": case.truth or None,
        "plan": json.loads(case.plan.to_json()),
        "seed": args.seed if args.seed is not None else answer.settings.seed,
        "settings": asdict(answer.settings),
        "template": case.template or None,
        "lettered": case.lettered,
        "text": answer.text,
        "thought": thought_in(answer.text) or None,
        "chain": section_fields(outcome.reply),
        "findings": [asdict(finding) for finding in outcome.findings],
        "applied": [asdict(finding) for finding in outcome.applied],
        "well_formed": answer.parsed.well_formed,
        "problems": [str(problem) for problem in answer.parsed.problems],
        "scores": {**score_fields(score), "explain": dict(score.explain)},
        "finish": answer.finish,
        "fault": answer.fault or None,
        "tokens": answer.tokens,
        "load_seconds": round(load_seconds, 3),
        "first_text_seconds": answer.first_text_seconds and round(answer.first_text_seconds, 3),
        "seconds": round(answer.seconds, 3),
    }
