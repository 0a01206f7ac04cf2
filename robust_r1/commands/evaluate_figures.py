"""The figures of a run, as evaluate prints them."""

import json
from dataclasses import asdict

from robust_r1.commands.judging import judge_values
from robust_r1.commands.tables import format_table
from robust_r1.degradations import LEVELS
from robust_r1.evaluation import (
    Run,
    false_alarms_by_degradation,
    headline,
    recall_by_degradation,
)
from robust_r1.report.summary import false_alarm_values, named_false_alarms
from robust_r1.report.terms import terms_lines


def print_run(done: Run, as_json: bool) -> None:
    """Print the headline figures of a run, how often each degradation is perceived, its terms."""
    figures, recalls = headline(done.rows), recall_by_degradation(done.rows, LEVELS["50"])
    alarms = false_alarms_by_degradation(done.rows)
    if as_json:
        values = {
            "benchmark": done.benchmark,
            "model": done.model,
            "precision": done.precision,
            "terms": dict(done.terms),
            "unusable": list(done.unusable),
            **judge_values(done),
            "figures": {name: asdict(figure) for name, figure in figures.items()},
            "recall": {name: asdict(figure) for name, figure in recalls.items()},
        }
        if alarms:
            values["false_alarms"] = false_alarm_values(alarms)
        print(json.dumps(values, indent=1))
        return
    print(f"{done.benchmark}, {done.model} ({done.precision}), {len(done.rows)} cases\n")
    print(format_table(("figure", "value"), [(name, str(fig)) for name, fig in figures.items()]))
    print("\nPerceived at intensity .45 and up:")
    print(format_table(("degradation", "recall"), [(n, str(fig)) for n, fig in recalls.items()]))
    if said := named_false_alarms([alarms])[0]:
        print("\nSaid of clean views:")
        print(format_table(("degradation", "share"), [(n, str(fig)) for n, fig in said.items()]))
    print("", *terms_lines(done), sep="\n")
