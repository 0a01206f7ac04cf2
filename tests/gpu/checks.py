"""Measure on a GPU what the recipes and full-size answers cost, in at most ten minutes.

    python -m tests.gpu.checks
    python -m tests.gpu.checks --table

Random weights of Qwen2.5-VL-3B's exact shape stand in for the trained ones; nothing is fetched.
Each part has its own process and time limit, and its figures are written to train/gpu_checks.json
when it ends: started again, the command goes on with what is not there yet. `--table` prints them
as Markdown, for train/README.md. `--smoke` runs the same parts on a model a few layers narrow,
which takes seconds on a CPU and measures nothing.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from robust_r1.bench.full_size import WAYS
from tests.gpu.parts import FULL, SMOKE, Size, answering, make_base, run_tests, training
from tests.support.paths import ROOT

RESULTS = ROOT / "train" / "gpu_checks.json"
MINUTES = 10.0  # for everything
_LEAST = 20.0  # seconds that are worth beginning a part with
# What a part imports, once for all of them.
_SHARED = ("train.sft", "train.grpo", "bitsandbytes", "robust_r1.engine.local")

Figures = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """Name what is measured, by a function of size and folder, in so many seconds at most."""

    name: str
    limit: float
    measure: Callable[[Size, Path], Figures]
    on_cpu: bool = True


_BASE = Part("base", 90, make_base)
PARTS = (
    *(
        Part(f"answers {' '.join(way)}", 60 if way[2] == "dynamic" else 100,
             partial(answering, way=way))
        for way in WAYS if way[2] == "dynamic"
    ),
    *(
        Part(f"{stage} {'frozen' if frozen else 'open'} vision", 90,
             partial(training, stage=stage, frozen=frozen))
        for stage in ("sft", "grpo") for frozen in (True, False)
    ),
    Part("tests", 150, run_tests, on_cpu=False),
    # Last, because compiling may take all the time that is left.
    *(
        Part(f"answers {' '.join(way)}", 100, partial(answering, way=way))
        for way in WAYS if way[2] == "static"
    ),
)  # fmt: skip

Run = Callable[[Part, Size, Path, float], Figures]


def check(parts: Sequence[Part], size: Size, file: Path, run: Run, minutes: float) -> bool:
    """Run the parts that a file has no figures of, and write each one's there as it ends.

    Args:
        parts: in their order.
        size: of everything.
        file: of figures, made where it is not there.
        run: runs one part within so many seconds; gives its figures, or {"error": words}.
        minutes: for all of them.

    Returns:
        Whether the file has figures of all parts.

    Raises:
        SystemExit: the file has figures of another machine.
    """
    kept = _read(file)
    end = time.monotonic() + 60 * minutes
    wanted = [part for part in parts if "error" in kept["parts"].get(part.name, {"error": ""})]
    with tempfile.TemporaryDirectory(prefix="gpu-checks-") as scratch:
        for part in ([_BASE] if wanted else []) + wanted:
            left = end - time.monotonic()
            if left < min(_LEAST, part.limit):
                figures: Figures = {"error": "no time was left for it"}
            else:
                begun = time.monotonic()
                figures = run(part, size, Path(scratch), min(left, part.limit))
                figures["wall_seconds"] = round(time.monotonic() - begun, 1)
            kept["parts"][part.name] = figures
            file.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
            print(f"{part.name}: {figures.get('error', 'done')}", flush=True)
            if part is _BASE and "error" in figures:
                return False
    return not any("error" in kept["parts"].get(part.name, {"error": ""}) for part in parts)


def run_here(part: Part, size: Size, folder: Path, limit: float) -> Figures:
    """Run a part in this process, without a limit."""
    return _measured(part, size, folder)


def run_apart(
    part: Part, size: Size, folder: Path, limit: float, shared: Sequence[str] = _SHARED
) -> Figures:
    """Run a part in a process of its own, which ends with all that it has started at the limit."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(shared))
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(part, size, folder, theirs))
    process.start()
    theirs.close()
    try:
        if not ours.poll(limit):
            return {"error": f"it took longer than {limit:.0f} s"}
        return ours.recv()
    except EOFError:
        process.join()
        return {"error": f"its process ended with {process.exitcode}"}
    finally:
        if process.is_alive():
            # Its own group, by `_send`; before that it is alone.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid or 0, signal.SIGKILL)
            process.kill()
        process.join()


def _send(part: Part, size: Size, folder: Path, theirs: Any) -> None:
    os.setsid()
    theirs.send(_measured(part, size, folder))


def _measured(part: Part, size: Size, folder: Path) -> Figures:
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what trainers print is not what this prints
            return part.measure(size, folder)
    except Exception as error:  # a part that fails must not cost the others
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return {"error": lines[0][:300]}


def _machine() -> dict[str, str]:
    import torch
    import transformers

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {"gpu": gpu, "torch": torch.__version__, "transformers": transformers.__version__}


def _read(file: Path) -> dict[str, Any]:
    here = _machine()
    if not file.is_file():
        return {"machine": here, "parts": {}}
    kept = json.loads(file.read_text("utf-8"))
    if kept["machine"] != here:
        raise SystemExit(
            f"{file} has the figures of {' with '.join(kept['machine'].values())}; name another "
            "file by -o, or move it away."
        )
    return kept


def table(kept: dict[str, Any]) -> str:
    """Write figures as Markdown: what answers cost, what steps cost, what is not there and why."""
    gpu = kept["machine"]["gpu"]
    lines = [f"On one {gpu} with torch {kept['machine']['torch']}:", ""]
    lines += [
        "| precision, attention, cache | batch | first token s | tokens a second | peak GB |",
        "|---|---|---|---|---|",
    ]
    parts = kept["parts"]
    for cost in (one for figures in parts.values() for one in figures.get("costs", ())):
        lines.append(
            f"| {cost['precision']}, {cost['attention']}, {cost['cache']} | {cost['batch']} | "
            f"{cost['first_token_seconds']:.2f} | {cost['tokens_per_second']:.0f} | "
            f"{cost['peak_bytes'] / 1e9:.1f} |"
        )
    lines += ["", "| QLoRA | seconds of each step | peak GB |", "|---|---|---|"]
    for name, figures in parts.items():
        if steps := figures.get("step_seconds"):
            seconds = ", ".join(f"{one:.1f}" for one in steps)
            lines.append(f"| {name} | {seconds} | {figures['peak_bytes'] / 1e9:.1f} |")
    faults = [f"{name}: {one['error']}" for name, one in parts.items() if "error" in one]
    said = [f"{name}: {one['said']}" for name, one in parts.items() if "said" in one]
    return "\n".join([*lines, "", *faults, *said]).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; returns 0 where all have figures, 1 where not, 2 on bad use."""
    parser = argparse.ArgumentParser("python -m tests.gpu.checks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, metavar="FILE")
    parser.add_argument("--smoke", action="store_true", help="narrow model, any machine")
    parser.add_argument("--table", action="store_true", help="print the figures that FILE has")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for everything (10)")
    asked = parser.parse_args(arguments)
    if asked.smoke and asked.output == RESULTS:
        parser.error("--smoke measures nothing that is worth keeping; name a file by -o")
    if asked.table:
        if not asked.output.is_file():
            parser.error(f"there is no {asked.output}; measure first")
        print(table(json.loads(asked.output.read_text("utf-8"))), end="")
        return 0
    if not asked.smoke:
        if _machine()["gpu"] == "none":
            parser.error("there is no CUDA GPU; --smoke runs the parts without measuring")
        return 1 - check(PARTS, FULL, asked.output, run_apart, asked.minutes)
    parts = [part for part in PARTS if part.on_cpu]
    return 1 - check(parts, SMOKE, asked.output, run_here, asked.minutes)


if __name__ == "__main__":
    sys.exit(main())
