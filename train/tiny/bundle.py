"""Bundle a trained checkpoint: its files, what was measured, and a model card made of both.

    python -m train.tiny.bundle runs/rl --name tiny-rl
    python -m robust_r1 evaluate minibench --model tiny-rl -o assets/runs/tiny-rl-minibench
    python -m train.tiny.bundle runs/rl --name tiny-rl --measured assets/runs/tiny-rl-minibench

Copies the half-precision checkpoint to `assets/models/NAME`, writes the figures of the evaluation
runs to `results.json` and a card that quotes them and the stages that the checkpoint went through.
"""

import argparse
import json
import math
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open

from robust_r1.engine.catalog import MODELS
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.evaluation import (
    Figure,
    Run,
    false_alarms_by_degradation,
    headline,
    load_run,
    recall_by_degradation,
)
from robust_r1.report.summary import false_alarm_values, named_false_alarms
from train.common.history import StageRecord, history_of

_MOST_BYTES = 10_000_000  # of one file: what a Hugging Face Space takes without large-file storage
_STRONG = 0.45  # the middle level of the benchmarks

_WHAT = {
    "minibench": "960 cases on held-out scenes, every scene clean and at three levels",
    "photobench": "336 crops of photographs that no stage has seen, scored on their damage alone",
    "photobench2": "96 views of 24 photographs that no stage has seen, half of them saved once "
    "with loss, each clean and at three levels, scored on their damage alone",
    "variants": "each of seven kinds of damage once on each of those photographs at three levels, "
    "done in other ways than by the operation of its name",
    "scenes": "300 held-out scenes, each clean and under the plan that it was drawn with",
}
_SAYS = {
    True: "It writes the five-section chain: which degradations it perceives and how strong each "
    "is, what they do, what the scene shows, a conclusion, the answer.",
    False: "It answers in a word or a caption, without a chain of reasoning.",
}

_KNOWS = {
    True: "It perceives degradations on any picture and answers about scenes of shapes, digits and "
    "signs. Of what a photograph shows it knows nothing; asked about one, it was taught to answer "
    "`unknown`.",
    False: "It answers about scenes of shapes, digits and signs, and says nothing about damage. Of "
    "what a photograph shows it knows nothing.",
}


def bundle(run: Path, name: str, measured: list[Run]) -> Path:
    """Write the bundled model and return its folder.

    Raises:
        InputError: no checkpoint in half precision, a file that is too large, or an evaluation
            of another model.
    """
    source, folder = run / "half", MODELS / name
    if not (source / "config.json").is_file():
        raise InputError(f"{source} holds no checkpoint; train it first")
    large = [file.name for file in source.iterdir() if file.stat().st_size >= _MOST_BYTES]
    if large:
        raise InputError(f"{', '.join(large)} in {source} is over 10 MB; save smaller shards")
    if strange := [done for done in measured if done.model != name]:
        raise InputError(
            f"{strange[0].folder} measures {strange[0].model}, not {name}; evaluate {name}"
        )
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder)
    results = {done.benchmark: _figures(done) for done in measured}
    text = json.dumps({"model": name, "benchmarks": results}, indent=1)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")
    card = _card(name, folder, history_of(run), results)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def _figures(run: Run) -> dict:
    figures, recalls = headline(run.rows), recall_by_degradation(run.rows, _STRONG)
    values = {
        "figures": {key: asdict(figure) for key, figure in figures.items()},
        "recall": {key: asdict(figure) for key, figure in recalls.items()},
    }
    if alarms := false_alarms_by_degradation(run.rows):
        values["false_alarms"] = false_alarm_values(alarms)
    return values


def _card(name: str, folder: Path, stages: tuple[StageRecord, ...], results: dict) -> str:
    chains = any(value["figures"]["well formed"]["value"] > 0.5 for value in results.values())
    seed = stages[-1].seed if stages else "unknown"
    photos = any("--photos" in stage.command for stage in stages)
    parts = [
        f"# {name}",
        f"A `Qwen2_5_VLForConditionalGeneration` of {_millions(folder):.1f} million parameters, "
        "trained from random weights by this repository on its own synthetic scenes. "
        f"{_SAYS[chains]} Half precision, safetensors, own tokenizer, pictures of up to "
        f"{_side(folder)} x {_side(folder)} pixels in area.",
        f"**{_KNOWS[chains]}**",
        "## How it was made",
        f"Random seed {seed}, scenes of the training split"
        + (", and photographs that are not bundled (`train/README.md`)." if photos else " alone."),
        _table(
            ("stage", "command", "samples", "minutes"),
            [(s.stage, _command(s), f"{s.samples:,}", f"{s.minutes:g}") for s in stages],
        ),
        "Where nothing else is said, the minutes are those of a machine with two cores that was "
        "doing other work at the same time.",
        "## Results",
        "Greedy decoding, 95 % bootstrap intervals, on photographs resampling photographs. "
        "Degradations below intensity .1 count neither way. Captions score the F1 of their facts. "
        "The same figures are in `results.json`.",
    ]
    for benchmark, values in results.items():
        parts += _results(name, benchmark, values, chains)
    parts += [
        "## Limits",
        "\n".join(
            [
                "- Below intensity .1 it perceives next to nothing.",
                "- It was trained on English questions of a few fixed forms; other wordings "
                "confuse it.",
                "- Nothing about people, places or texts in a photograph can be asked of it.",
            ]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _command(stage: StageRecord) -> str:
    """Show a command as code, and behind it what a person noted after a comma."""
    command, comma, note = stage.command.partition(", ")
    return f"`{command}`{comma}{note}"


def _results(name: str, benchmark: str, values: dict, chains: bool) -> list[str]:
    command = f"`python -m robust_r1 evaluate {benchmark} --model {name} -o RUN`"
    rows = [(key, *_shown(figure)) for key, figure in values["figures"].items()]
    parts = [
        f"### {benchmark}",
        f"{command}: {_WHAT[benchmark]}.",
        _table(("figure", "value", "95 % interval", "n"), rows),
    ]
    if chains:
        rows = [(f"`{key}`", *_shown(figure)) for key, figure in values["recall"].items()]
        parts += [
            f"Perceived where the intensity was {_STRONG:g} or more:",
            _table(("degradation", "recall", "95 % interval", "n"), rows),
        ]
        parts += _false_alarms(values.get("false_alarms", {}))
    return parts


def _false_alarms(values: dict) -> list[str]:
    alarms = {
        id: {saved: Figure(**figure) for saved, figure in by_saving.items()}
        for id, by_saving in values.items()
    }
    (said,) = named_false_alarms([alarms])
    rows = [(f"`{key}`", *_shown(asdict(figure))) for key, figure in said.items()]
    if not rows:
        return []
    head = ("degradation, view", "share", "95 % interval", "n")
    return ["Said of clean views, by whether they were saved once:", _table(head, rows)]


def _shown(figure: dict) -> tuple[str, str, str]:
    if figure["value"] is None:
        return "not scored", "", str(figure["n"])
    between = "" if figure["low"] is None else f"{figure['low']:.2f} to {figure['high']:.2f}"
    return f"{figure['value']:.3f}", between, str(figure["n"])


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _side(folder: Path) -> int:
    """Return the side of the largest square picture that a checkpoint's processor leaves as is."""
    settings = json.loads((folder / "processor_config.json").read_text(encoding="utf-8"))
    return math.isqrt(settings["image_processor"]["size"]["longest_edge"])


def _millions(folder: Path) -> float:
    total = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "np") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - not a dict
                size = 1
                for side in tensors.get_slice(key).get_shape():
                    size *= side
                total += size
    return total / 1e6


def main() -> int:
    """Run the command; bad input ends in one line and exit code 2."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a training run")
    parser.add_argument("--name", required=True, help="what it is to be called: tiny-base, ...")
    parser.add_argument(
        "--measured", type=Path, nargs="+", default=[], help="folders of evaluation runs"
    )
    arguments = parser.parse_args()
    try:
        print(bundle(arguments.run, arguments.name, [load_run(run) for run in arguments.measured]))
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
