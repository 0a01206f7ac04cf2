"""Find what the page opens with, anew: run it where the bundled models or their runs have changed.

    .venv/bin/python tests/support/find_openings.py

It sweeps scenes with the newest bundled model (minutes), reads the runs of MiniBench, and writes
`assets/runs/openings.json`.
"""

import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from robust_r1.analysis.openings import (  # noqa: E402
    FLIPPING_RULE,
    OPENINGS,
    TYPICAL_RULE,
    find_flipping,
    mean_rewards,
    most_typical,
)
from robust_r1.ask.case import Case  # noqa: E402
from robust_r1.ask.examples import scenes  # noqa: E402
from robust_r1.ask.links import encode  # noqa: E402
from robust_r1.ask.picture import Picture  # noqa: E402
from robust_r1.engine import catalog, load_engine  # noqa: E402
from robust_r1.engine.checkpoint import fingerprint  # noqa: E402
from robust_r1.evaluation import benchmark, load_run  # noqa: E402
from robust_r1.paths import BUNDLED_RUNS  # noqa: E402

BENCHMARK, LEVELS = "minibench", ("clean", "low", "mid", "high")
SWEEP_LEVELS, SWEEP_SEED = 6, 1  # as the Sweep tab opens
COMMAND = ".venv/bin/python tests/support/find_openings.py"


def candidates() -> list[Case]:
    """Return the questions of the page's scenes, undamaged, in the page's order."""
    return [
        Case(Picture(example=example.id), question=one.text, choices=one.choices, truth=one.answer)
        for example in scenes()
        for one in example.questions
    ]


def folders() -> dict[str, Path]:
    """Return the folders of the bundled models' runs by model, in the order of training."""
    names = [info.name for info in catalog.bundled()]
    return {name: BUNDLED_RUNS / f"{name}-{BENCHMARK}" for name in names}


def weights() -> dict[str, str]:
    """Return the fingerprints of the bundled models' weights."""
    return {info.name: fingerprint(info.source) for info in catalog.bundled()}


def training_levels() -> dict[str, dict[str, object]]:
    """Return by level the typical case, its id, and the means by model."""
    runs = {name: load_run(folder).rows for name, folder in folders().items()}
    items = {item.id: item.case for item in benchmark(BENCHMARK)}
    found: dict[str, dict[str, object]] = {}
    for level in LEVELS:
        id = most_typical(list(runs.values()), level)
        means = {name: mean_rewards(rows, level) for name, rows in runs.items()}
        found[level] = {"id": id, "case": encode(items[id]), "means": means}
    return found


def main() -> None:
    """Find all and write it."""
    case, kinds = find_flipping(
        load_engine(catalog.newest_bundled().source), candidates(), SWEEP_LEVELS, SWEEP_SEED
    )
    found = {
        "weights": weights(),
        "sweep": {"rule": FLIPPING_RULE, "case": encode(case), "kinds": list(kinds)},
        "training": {
            "rule": TYPICAL_RULE, "benchmark": BENCHMARK, "levels": training_levels(),
        },
    }
    OPENINGS.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
