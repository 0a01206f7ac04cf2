"""Measure a checkpoint on held-out scenes and print or store the figures.

python -m train.measure --model assets/models/tiny-sft --count 300 --json results.json
"""

import argparse
import json
import sys
from pathlib import Path

from robust_r1.engine import load_engine
from robust_r1.errors import RobustR1Error
from robust_r1.evaluation.scenes import SceneReport, measure_scenes


def main() -> int:
    """Run the measurement; 2 on bad input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="checkpoint folder or catalog name")
    parser.add_argument("--count", type=int, default=300, help="number of scenes")
    parser.add_argument("--split", default="test", help="validation while tuning a recipe")
    parser.add_argument("--quantize", help="4bit, 8bit, bf16 or fp32")
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    try:
        engine = load_engine(arguments.model, quantize=arguments.quantize)
        show = _show if sys.stderr.isatty() else None
        report = measure_scenes(engine, arguments.count, arguments.split, show)
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(table(report))
    if arguments.json:
        text = json.dumps(report.to_dict(), indent=1) + "\n"
        arguments.json.write_text(text, encoding="utf-8")
    return 0


def table(report: SceneReport) -> str:
    """Lay a report out as lines of text."""
    rows = {
        "type F1": report.type_f1,
        "precision": report.precision,
        "recall": report.recall,
        "intensity MAE": report.intensity_mae,
        "false alarm, clean": report.false_alarm,
        "answers, clean": report.clean,
        "answers, degraded": report.degraded,
        "well formed": report.well_formed,
        "tokens": report.tokens,
    }
    lines = [f"{name:<20}{figure}" for name, figure in rows.items()]
    lines.append("recall at intensity .5 and up:")
    for id, value in report.recall_by_degradation.items():
        lines.append(f"  {id:<24}{'-' if value is None else f'{value:.2f}'}")
    return "\n".join(lines)


def _show(done: int, total: int) -> None:
    print(f"\r{done} of {total} answers", end="\n" if done == total else "", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
