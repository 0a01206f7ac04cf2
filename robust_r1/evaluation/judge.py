"""Have a run's open answers and captions judged by a model behind an OpenAI-compatible endpoint."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

from robust_r1.engine.completions import Completion, ask_texts
from robust_r1.engine.endpoint import (
    Endpoint,
    choose_model,
    is_endpoint,
    named_models,
    parse_endpoint,
)
from robust_r1.engine.transfer import look_up
from robust_r1.errors import InputError, ModelError
from robust_r1.evaluation.benchmarks import BENCHMARKS
from robust_r1.evaluation.head import read_head
from robust_r1.evaluation.judge_prompts import VERSION, question_about
from robust_r1.evaluation.judgements import (
    FILE,
    JudgedBy,
    Judgement,
    head_line,
    is_judged,
    read_judgements,
    references_of,
    reply_line,
    wanted_of,
)
from robust_r1.evaluation.lock import held
from robust_r1.evaluation.runs import Run, load_run
from robust_r1.evaluation.stored_case import SAVED
from robust_r1.metrics import read_score

ADDRESS_VARIABLE = "ROBUST_R1_JUDGE_URL"
KEY_VARIABLE = "ROBUST_R1_JUDGE_KEY"


@dataclass(frozen=True)
class Judging:
    """Report what came of judging a run.

    Attributes:
        run: with all that its judge has said so far.
        asked: how many questions the judge was asked now.
        known: how many it had answered before.
        faults: (what went wrong, how often), of the questions that got no reply.
        unread: the replies that say no score.
    """

    run: Run
    asked: int
    known: int
    faults: tuple[tuple[str, int], ...] = ()
    unread: tuple[str, ...] = ()


def connect_judge(name: str, environ: Mapping[str, str] = os.environ) -> Endpoint:
    """Find the judge that a name means, and look whether it is there.

    Args:
        name: an address such as http://host:8000/v1#model, or the model's name alone where
            ROBUST_R1_JUDGE_URL has the address.
        environ: with the key in ROBUST_R1_JUDGE_KEY, or else in the variable that models use.

    Raises:
        InputError: an address that cannot be read, or a name that the server does not have.
        ModelError: the endpoint cannot be reached, or refuses the key.
    """
    address = name.strip()
    if not is_endpoint(address):
        base = environ.get(ADDRESS_VARIABLE, "").strip().partition("#")[0]
        if not (base and address):
            raise InputError(
                f"--judge {name!r} is no address; give one like http://localhost:8000/v1#name, or "
                f"set {ADDRESS_VARIABLE} to the address and give the name alone"
            )
        address = f"{base}#{address}"
    endpoint = parse_endpoint(address, environ)
    if key := environ.get(KEY_VARIABLE, "").strip():
        endpoint = replace(endpoint, key=key, key_variable=KEY_VARIABLE)
    endpoint, served = look_up(endpoint)
    endpoint = choose_model(endpoint, served)
    if served and endpoint.model not in served:
        _try_name(endpoint, served)
    return endpoint


def _try_name(endpoint: Endpoint, served: Sequence[str]) -> None:
    """Ask a model that is not listed: some servers have more names than they list."""
    try:
        ask_texts(endpoint, [question_about("vqa", "What is it?", ["a cat"], "A cat.")], _raise, 1)
    except ModelError as error:
        raise InputError(
            f"The judge {endpoint.model!r} is not served at {endpoint.base}; it serves "
            f"{named_models(served)}"
        ) from error


def _raise(completion: Completion) -> None:
    if completion.fault:
        raise completion.fault


def judge_run(
    folder: Path,
    judge: Endpoint,
    at_once: int,
    progress: Callable[[int, int, int | None], None] | None = None,
) -> Judging:
    """Ask a judge about every answer of a run that it has not judged yet, and return the run.

    Each reply is kept as it comes. What gets no reply is not judged, and is asked again when the
    run is judged again.

    Args:
        at_once: how many questions are on their way at the same time.
        progress: called with (replies that there are, how many of them by this call, all).

    Raises:
        InputError: nothing in the run takes a judge, another judge has judged it, or another
            process writes there.
        ModelError: the judge is gone, or gave no reply at all; what it has said is kept.
    """
    by = _named(judge)
    read_head(folder)  # what is no run is not locked
    with held(folder):
        check_judge(folder, judge)
        wanted = _wanted(load_run(folder), by)
        known = read_judgements(folder)
        missing = [key for key in wanted if known is None or key not in known.replies]
        faults = _ask(folder, judge, by, wanted, missing, at_once, progress)
        said = read_judgements(folder)
    counted = Counter(faults).most_common()
    if counted and len(faults) == len(wanted):
        raise ModelError(f"{counted[0][0]} No question to the judge got a reply; ask again.")
    replies = [said.replies[key] for key in wanted if said and key in said.replies]
    unread = tuple(reply for reply in replies if read_score(reply) is None)
    numbers = len(missing), len(wanted) - len(missing)
    return Judging(load_run(folder), *numbers, tuple(counted), unread)


def takes_judge(run: Run) -> bool:
    """Tell whether a run has answers that a judge can be asked about.

    What is made here is scored exactly, and of a saved answer somebody set the true one.
    """
    elsewhere = run.benchmark not in (*BENCHMARKS, SAVED)
    return elsewhere and any(is_judged(row) for row in run.rows)


def check_takes_judge(run: Run) -> None:
    """Raise InputError where a run has no answer that a judge can be asked about."""
    if not takes_judge(run):
        raise InputError(
            f"{run.folder} has nothing to be judged: a judge is asked about open answers (VQA) and "
            "captions of published benchmarks, and options are scored exactly"
        )


def check_judge(folder: Path, judge: Endpoint) -> None:
    """Raise InputError where another judge, or this one with other prompts, has judged a run."""
    now, known = _named(judge), read_judgements(folder)
    before = now if known is None else known.by
    if (before.model, before.prompts) != (now.model, now.prompts):
        raise InputError(
            f"{folder} was judged by {before}, not by {now}, and two judges make no figure; give "
            f"the same judge, or move {folder / FILE} away to have all of it judged anew"
        )


def _named(judge: Endpoint) -> JudgedBy:
    return JudgedBy(judge.model, judge.base, VERSION)


def _wanted(run: Run, by: JudgedBy) -> dict[str, Judgement]:
    """Return all that has to be judged of a run by its keys: the same words once."""
    check_takes_judge(run)
    references = references_of(run.rows)
    wanted: dict[str, Judgement] = {}
    for row in run.rows:
        for one in wanted_of(row, references.get(row.source)):
            wanted.setdefault(one.key(by), one)
    return wanted


def _ask(
    folder: Path,
    judge: Endpoint,
    by: JudgedBy,
    wanted: Mapping[str, Judgement],
    missing: Sequence[str],
    at_once: int,
    progress: Callable[[int, int, int | None], None] | None,
) -> list[str]:
    """Ask what is missing, keep each reply as it comes, and return what went wrong with others."""
    faults: list[str] = []
    kept = len(wanted) - len(missing)
    with _opened(folder) as file:

        def take(completion: Completion) -> None:
            nonlocal kept
            if completion.fault:
                faults.append(str(completion.fault))
                return
            one = wanted[missing[completion.question]]
            if not file.tell():  # a file without a reply would say that somebody has judged
                file.write(head_line(by))
            file.write(reply_line(one, by, completion.text))
            file.flush()
            kept += 1
            if progress:
                progress(kept, kept - (len(wanted) - len(missing)), len(wanted))

        try:
            ask_texts(judge, [wanted[key].prompt for key in missing], take, at_once)
        except ModelError as error:
            raise ModelError(
                f"{error} {kept} of {len(wanted)} replies of the judge are kept in "
                f"{folder / FILE}; the same command goes on from there."
            ) from error
    return faults


def _opened(folder: Path) -> IO[str]:
    """Open the file of the judgements for more lines; a line that was cut off goes."""
    path = folder / FILE
    whole = path.read_bytes() if path.exists() else b""
    kept = whole[: whole.rfind(b"\n") + 1]
    if len(kept) < len(whole):
        path.write_bytes(kept)
    return path.open("a", encoding="utf-8")
