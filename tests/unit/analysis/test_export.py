"""Claims about what a sweep is written as."""

import csv
import io
import json
from dataclasses import replace

import pytest

from robust_r1.analysis import Sweep, run_sweep, sweep_csv, sweep_json
from tests.support.light_meter import last
from tests.support.scripted_engine import ScriptedEngine


def test_the_table_has_a_line_for_each_degradation_at_each_step(light, bright):
    sweep = Sweep(("darkness", "watermark_damage"), 3, together=True)
    result = last(run_sweep(light, bright, sweep))
    rows = list(csv.DictReader(io.StringIO(sweep_csv(result))))
    assert [row["series"] for row in rows] == ["clean"] + ["together"] * 4
    assert [row["degradation"] for row in rows] == ["", *["darkness", "watermark_damage"] * 2]
    assert rows[2]["perceived"] == "" and float(rows[1]["perceived"]) > 0
    assert rows[-1]["flipped"] == "true" and rows[0]["right"] == "true"
    assert json.loads(sweep_json(result))["steps"][-1]["answer"] == rows[-1]["answer"]


@pytest.mark.parametrize("answer", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_an_answer_cannot_run_in_a_spreadsheet(bright, answer):
    engine = ScriptedEngine(texts={"": f"<ANSWER>{answer}<ANSWER_END>"})
    result = last(run_sweep(engine, bright, Sweep(("darkness",), 2)))
    rows = list(csv.DictReader(io.StringIO(sweep_csv(result))))
    assert rows[0]["answer"] == f"'{answer}"


def test_an_answer_by_number_is_written_as_the_options_text_and_then_the_number(bright):
    engine = ScriptedEngine(texts={"": "<ANSWER>1<ANSWER_END>"})
    case = replace(bright, choices=("one", "zero"), truth="zero")
    result = last(run_sweep(engine, case, Sweep(("darkness",), 2)))
    rows = list(csv.DictReader(io.StringIO(sweep_csv(result))))
    assert [row["answer"] for row in rows] == ["zero (1)"] * 2
    # For programs the answer stays as it was given.
    assert json.loads(sweep_json(result))["steps"][0]["answer"] == "1"
