"""Claims about A-OKVQA as training data, with chains by rules and by a model behind real HTTP."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest

from robust_r1.chain import findings_of, parse
from robust_r1.images import load
from tests.support.annotator_server import GOOD, STEPS, serve_annotator
from tests.support.aokvqa_miniature import TRAIN, VALIDATION
from tests.support.aokvqa_sets import (
    build,
    by,
    contents,
    one_line,
    records,
    rejects,
    same,
    samples,
)
from tests.support.running import wait_for
from train.aokvqa import language_model
from train.aokvqa.annotators import Rules
from train.common.checks import faults_of
from train.common.rows import chain_rows, read_data

LONG = "<REASONING>" + "a word " * 400 + "<REASONING_END>"


@pytest.mark.parametrize("made", ["ruled", "asked"])
def test_every_question_becomes_a_chain_that_holds_what_is_known(made, miniature, request):
    folder = request.getfixturevalue(made)
    coco = miniature[3]
    rows = {f"train-{n}": row for n, row in enumerate(TRAIN)}
    rows |= {f"val-{n}": row for n, row in enumerate(VALIDATION)}
    assert {one.question_id for one in samples(folder)} == rows.keys()
    lengths = Rules().lengths if made == "ruled" else language_model.LENGTHS
    for record in samples(folder):
        _, question, choices, true, reasons = rows[record.question_id]
        assert (record.question, record.choices, record.rationales) == (question, choices, reasons)
        chain = parse(record.chain).chain
        assert chain.answer == record.answer == str(true)
        assert chain.findings == findings_of(record.plan)
        damaged = record.plan.apply(load(f"{coco}/{record.clean}"))
        assert np.array_equal(load(record.picture(folder)), damaged)
        assert faults_of(record, lengths.band(record.plan.total_intensity)) == ()
        assert record.annotator == ("rules" if made == "ruled" else "llm:writer")
    assert {one.split for one in records(folder)} == {"train"}
    assert {one.split for one in records(folder, "validation")} == {"validation"}


def test_training_reads_what_was_built(ruled):
    row = chain_rows(read_data(ruled / "train.jsonl"), ruled)[3]
    record = records(ruled)[3]
    assert row["completion"][0]["content"] == record.chain
    assert np.array_equal(np.asarray(row["images"][0]), load(record.picture(ruled)))


def test_two_processes_write_the_same_bytes_as_one(miniature, ruled, tmp_path):
    build([*miniature, "--jobs", "2"], tmp_path)
    same(tmp_path, ruled)


def test_a_model_sees_both_pictures_for_the_influence_and_none_for_the_conclusion(asked):
    counts = Counter(map(tuple, json.loads((asked / "asked.json").read_text())))
    assert counts == {("influence", 2): 14, ("reasoning", 1): 14, ("conclusion", 0): 14}
    (report,) = [json.loads((asked / "manifest.json").read_text())["replies"]]
    assert {step: report[step]["replies"] for step in ("influence", "all")} == {
        "influence": 14,
        "all": 42,
    }
    sides = {load(record.picture(asked)).shape[:2] for record in samples(asked)}
    said = " ".join(parse(record.chain).chain.influence for record in samples(asked))
    assert all(f"{width} by {height}" in said for height, width in sides)


def test_more_damage_makes_longer_chains(ruled, asked):
    for folder in (ruled, asked):
        totals = [record.plan.total_intensity for record in samples(folder)]
        words = [len(record.chain.split()) for record in samples(folder)]
        assert np.corrcoef(totals, words)[0, 1] > 0.8


def test_rate_limits_failures_and_broken_connections_change_nothing(miniature, asked, tmp_path):
    acts, tried = ["429", "500", "cut", "page"], Counter()

    def script(step, number):
        """Fail each question in another way first."""
        asked_for = str(server.asked[number][1]["messages"])
        tried[asked_for] += 1
        return GOOD if tried[asked_for] > 2 else acts[(len(tried) + tried[asked_for]) % 4]

    with serve_annotator(script) as server:
        build([*miniature, *by(server), "--at-once", "3", "--prices", "2,10"], tmp_path)
    same(tmp_path, asked)
    report = json.loads((tmp_path / "manifest.json").read_text())["replies"]["all"]
    assert report["replies"] == 42 and report["tries"] == len(server.asked) == 3 * 42
    assert min(server.acts[act] for act in acts) > 10
    cost = 2 * report["prompt_tokens"] + 10 * report["completion_tokens"]
    assert report["cost"] == pytest.approx(cost / 1e6, abs=1e-4)


@pytest.mark.parametrize(
    ("act", "step", "reason"),
    [
        ("prose", "influence", "influence: no <INFLUENCE>...<INFLUENCE_END> in the reply"),
        ("refuse", "reasoning", "reasoning: no <REASONING>...<REASONING_END> in the reply"),
        ("half", "conclusion", "conclusion: no <CONCLUSION>...<CONCLUSION_END> in the reply"),
        ("filtered", "influence", "the model would not write the influence: it took"),
        ("400", "reasoning", "refused the question (status 400) (no luck with this reasoning)"),
        ("<INFLUENCE>It is option {{}}.<INFLUENCE_END>", "influence", "names option"),
        (
            "<CONCLUSION>So.<CONCLUSION_END><ANSWER>3<ANSWER_END>",
            "conclusion",
            "conclusion: the conclusion answers '3', the truth is",
        ),
    ],
    ids=["prose", "refusal", "half", "filter", "status 400", "leak", "wrong answer"],
)
def test_what_cannot_be_used_is_kept_with_its_reason_and_the_next_question_stands_in(
    act, step, reason, miniature, asked, tmp_path
):
    unlucky = records(asked)[1]
    true = f"option {unlucky.answer}"

    def script(asked_for, number):
        body = server.asked[number][1]["messages"][0]["content"]
        text = body if isinstance(body, str) else body[-1]["text"]
        spoiled = asked_for == step and unlucky.question in text
        return act.replace("option {{}}", true) if spoiled else GOOD

    with serve_annotator(script) as server:
        build([*miniature, *by(server), "--samples", "5", "--validation", "0"], tmp_path)
    whole = [record.question_id for record in records(asked)]
    assert [one.question_id for one in records(tmp_path)] == [whole[0], *whole[2:6]]
    (reject,) = rejects(tmp_path)
    assert (reject["question_id"], reject["split"]) == (unlucky.question_id, "train")
    assert reason in reject["reasons"][0]
    assert len(list((tmp_path / "images").iterdir())) == 5
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert (manifest["samples"], manifest["rejected"]) == ({"train": 5}, 1)


def test_a_reply_that_cannot_be_used_is_asked_for_again_with_the_reason(miniature, tmp_path):
    def script(step, number):
        first = len(server.asked[number][1]["messages"]) == 1
        return "prose" if step == "influence" and first else GOOD

    with serve_annotator(script) as server:
        build([*miniature, *by(server), "--samples", "2", "--validation", "0"], tmp_path)
    assert rejects(tmp_path) == [] and server.steps["influence"] == 4
    again = [body["messages"] for _, body, _ in server.asked if len(body["messages"]) == 3]
    assert all("no <INFLUENCE>" in messages[2]["content"] for messages in again) and len(again) == 2


def test_a_chain_too_long_for_its_damage_is_shortened(miniature, tmp_path):
    with serve_annotator(lambda step, number: LONG if step == "reasoning" else GOOD) as server:
        build([*miniature, *by(server), "--samples", "3", "--validation", "0"], tmp_path)
    assert server.steps == dict.fromkeys(STEPS, 3) and rejects(tmp_path) == []
    for record in records(tmp_path):
        band = language_model.LENGTHS.band(record.plan.total_intensity)
        assert faults_of(record, band) == ()


def test_an_endpoint_that_stalls_is_told_of_and_the_same_command_ends_the_set(
    miniature, asked, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("ROBUST_R1_ENDPOINT_TIMEOUT", "0.2")
    slow = {"on": True}

    def script(step, number):
        return "stall" if slow["on"] and number >= 9 else GOOD

    with serve_annotator(script) as server:
        flags = [*miniature, *by(server), "--at-once", "4"]
        build(flags, tmp_path, status=2)
        told = one_line(capsys)
        assert "sent nothing for 0.2 s" in told and "The same command goes on." in told
        assert not (tmp_path / "manifest.json").exists()
        kept = (tmp_path / "replies.jsonl").read_bytes().count(b"\n")
        slow["on"], first = False, len(server.asked)
        monkeypatch.setenv("ROBUST_R1_ENDPOINT_TIMEOUT", "30")
        build(flags, tmp_path)
        assert kept > 0 and len(server.asked) - first == 42 - kept  # nothing is asked again
    same(tmp_path, asked)


def test_a_question_that_stalls_alone_holds_nobody_up(
    miniature, asked, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("ROBUST_R1_ENDPOINT_TIMEOUT", "1")
    unlucky, slow = records(asked)[1].question, {"on": True}

    def script(step, number):
        stalls = slow["on"] and unlucky in str(server.asked[number][1]["messages"])
        return "stall" if stalls else GOOD

    with serve_annotator(script) as server:
        build([*miniature, *by(server)], tmp_path, status=2)
        assert "samples that got no reply: 1; the same command asks again" in one_line(capsys)
        slow["on"] = False
        build([*miniature, *by(server)], tmp_path)
    same(tmp_path, asked)


@pytest.mark.parametrize(
    ("act", "words"),
    [("401", "wants an API key"), ("404", "knows no model 'writer'"), ("301", "sends callers")],
)
def test_an_endpoint_that_refuses_whatever_it_is_asked_ends_the_run_at_once(
    act, words, miniature, tmp_path, capsys
):
    with serve_annotator(lambda step, number: act) as server:
        build([*miniature, *by(server), "--at-once", "2"], tmp_path, status=2)
    assert words in one_line(capsys) and len(server.asked) <= 2 and rejects(tmp_path) == []


def test_an_annotator_that_is_no_use_is_stopped_before_it_costs_much(miniature, tmp_path, capsys):
    flags = [*miniature, "--samples", "10", "--validation", "4"]
    make_data_most = "train.aokvqa.builder.JUDGED_FROM"
    with pytest.MonkeyPatch.context() as patch, serve_annotator(lambda *_: "prose") as server:
        patch.setattr(make_data_most, 5)
        build([*flags, *by(server), "--at-once", "1"], tmp_path, status=2)
    told = one_line(capsys)
    assert "5 of the first 5 samples were rejected, 5 of them because: influence: no" in told
    assert len(server.asked) == 15 and len(rejects(tmp_path)) == 5


def test_a_server_that_refuses_all_that_it_is_asked_spoils_no_question(miniature, tmp_path, capsys):
    flags = [*miniature, "--at-once", "1", "--samples", "4", "--validation", "0"]
    with serve_annotator(lambda step, number: "400" if number < 3 else GOOD) as server:
        build([*flags, *by(server)], tmp_path, status=2)
        assert "refused the question (status 400)" in one_line(capsys)
        assert len(server.asked) == 3 and rejects(tmp_path) == []
        build([*flags, *by(server)], tmp_path)
    assert len(records(tmp_path)) == 4 and rejects(tmp_path) == []


def test_a_set_of_rejects_is_no_set(miniature, tmp_path, capsys):
    with serve_annotator(lambda *_: "filtered") as server:
        build([*miniature, *by(server)], tmp_path, status=2)
    assert "14 of the first 14 samples were rejected" in one_line(capsys)
    assert not (tmp_path / "manifest.json").exists()


def test_a_killed_run_goes_on_without_asking_again_what_was_answered(
    miniature, asked, tmp_path, root
):
    def script(step, number):
        time.sleep(0.03)
        return GOOD

    with serve_annotator(script) as server:
        flags = [*miniature, *by(server), "--at-once", "2"]
        words = [sys.executable, "-m", "train.make_data", *flags, "-o", str(tmp_path)]
        process = subprocess.Popen(words, cwd=root)
        wait_for(lambda: len(server.asked) >= 15, process)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        journal = tmp_path / "unfinished.jsonl"
        journal.write_bytes(journal.read_bytes() + b'{"half a line')
        build(flags, tmp_path)
        assert 42 <= len(server.asked) <= 42 + 2  # what was on its way at that moment
    same(tmp_path, asked)


def test_a_finished_set_is_left_alone_and_a_lost_picture_comes_back(
    miniature, ruled, tmp_path, capsys
):
    build(miniature, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in contents(tmp_path)}
    build(miniature, tmp_path)
    assert before == {path: path.stat().st_mtime_ns for path in contents(tmp_path)}
    next((tmp_path / "images").iterdir()).unlink()
    build(miniature, tmp_path)
    same(tmp_path, ruled)
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write("{}\n")
    build(miniature, tmp_path, status=2)
    assert "train.jsonl is not as it was written" in one_line(capsys)


def test_replies_that_were_kept_serve_another_set(miniature, asked, tmp_path):
    kept = ["--replies", str(asked / "replies.jsonl"), "--samples", "3", "--validation", "0"]
    before = (asked / "replies.jsonl").read_bytes()
    with serve_annotator() as server:
        build([*miniature, *by(server), *kept], tmp_path)
    assert server.asked == [] and (asked / "replies.jsonl").read_bytes() == before
    assert records(tmp_path) == records(asked)[:3]


def test_an_undamaged_share_says_so(miniature, tmp_path):
    build([*miniature, "--clean-share", "1", "--validation", "0"], tmp_path / "rules")
    with serve_annotator() as server:
        flags = [*miniature, *by(server), "--samples", "2", "--validation", "0"]
        build([*flags, "--clean-share", "1"], tmp_path / "asked")
    for record in [*records(tmp_path / "rules"), *records(tmp_path / "asked")]:
        chain = parse(record.chain).chain
        assert (chain.findings, chain.influence) == ((), "Nothing is damaged.")
    assert server.steps == {"reasoning": 2, "conclusion": 2}
