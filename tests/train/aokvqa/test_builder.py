"""Claims about A-OKVQA as training data, with chains by rules and by a model behind real HTTP."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from robust_r1.chain import findings_of, parse
from robust_r1.images import load
from robust_r1.records import read_records
from tests.support.annotator_server import GOOD, STEPS, serve_annotator
from tests.support.aokvqa_miniature import TRAIN, VALIDATION, write_miniature
from tests.support.sharing import made_once
from train import make_data
from train.aokvqa import asking, language_model
from train.aokvqa.annotators import Rules
from train.common.checks import faults_of
from train.common.journal import alone_in

LONG = "<REASONING>" + "a word " * 400 + "<REASONING_END>"


@pytest.fixture(scope="session")
def miniature(tmp_path_factory):
    """Write the questions and pictures once; give the flags that name them."""
    folder = made_once(tmp_path_factory, "aokvqa", lambda folder: write_miniature(folder / "of"))
    return ["--aokvqa", f"{folder}/of/aokvqa", "--coco", f"{folder}/of/coco", "--jobs", "1"]


@pytest.fixture(scope="session")
def ruled(miniature, tmp_path_factory):
    """Build all of it by rules."""
    return made_once(tmp_path_factory, "ruled", lambda folder: build(miniature, folder))


@pytest.fixture(scope="session")
def asked(miniature, tmp_path_factory):
    """Build all of it by a server without faults."""

    def make(folder):
        with serve_annotator() as server:
            build([*miniature, *by(server)], folder)
        counts = [[step, len(pictures)] for step, _, pictures in server.asked]
        (folder / "asked.json").write_text(json.dumps(counts))

    return made_once(tmp_path_factory, "asked", make)


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Wait for hundredths of a second where a network asks for seconds."""
    monkeypatch.setattr(asking, "PAUSES", (0.01, 0.02, 0.02, 0.02, 0.02))
    monkeypatch.setenv("ROBUST_R1_ENDPOINT_TIMEOUT", "0.5")


def build(flags, folder, status=0):
    assert make_data.main([*flags, "-o", str(folder)]) == status


def by(server):
    return ["--annotator", "llm", "--endpoint", server.address]


def samples(folder):
    return [record for name in ("train", "validation") for record in records(folder, name)]


def records(folder, split="train"):
    return read_records(folder / f"{split}.jsonl")


def rejects(folder):
    return [json.loads(line) for line in (folder / "rejects.jsonl").read_text().splitlines()]


def same(one, other):
    """Tell whether two folders hold the same samples and pictures, to the byte."""
    assert [(path.name, path.read_bytes()) for path in contents(one)] == [
        (path.name, path.read_bytes()) for path in contents(other)
    ]


def contents(folder):
    return sorted([*folder.glob("images/*"), *folder.glob("[tv]*.jsonl")])


def one_line(capsys):
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1, error
    return error


@contextmanager
def small_files(most):
    """Let no file grow beyond some bytes, as a full disk would not."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


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
        ("filtered", "influence", "the model would not write the influence: its filter"),
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
        slow["on"], first = False, len(server.asked)
        build(flags, tmp_path)
        assert len(server.asked) - first == 42 - 9  # what was answered is not asked again
    same(tmp_path, asked)


def test_a_question_that_stalls_alone_holds_nobody_up(miniature, asked, tmp_path, capsys):
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
        deadline = time.monotonic() + 60
        while len(server.asked) < 15:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.005)
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


def test_an_unreadable_picture_is_left_out_with_its_reason(tmp_path):
    questions, pictures = write_miniature(tmp_path / "of")
    path = pictures / "train2017" / "000000000105.jpg"
    path.write_bytes(path.read_bytes()[:2000])
    flags = ["--aokvqa", str(questions), "--coco", str(pictures), "--jobs", "1"]
    build([*flags, "--samples", "4", "--validation", "0"], tmp_path / "out")
    assert len(records(tmp_path / "out")) == 4
    (reject,) = rejects(tmp_path / "out")
    assert reject["question_id"] == "train-5" and "000000000105.jpg is damaged" in str(reject)
    build([*flags, "--validation", "0"], tmp_path / "all")
    assert len(records(tmp_path / "all")) == 9


@pytest.mark.parametrize("most", [20_000, 3_000], ids=["pictures", "chains"])
def test_a_full_disk_is_told_of_and_the_same_command_goes_on(
    most, miniature, ruled, tmp_path, capsys
):
    if most == 3_000:  # the pictures are there already
        with small_files(500):
            build(miniature, tmp_path, status=2)
        capsys.readouterr()
        for path in ruled.glob("images/*"):
            (tmp_path / "images" / path.name).write_bytes(path.read_bytes())
    with small_files(most):
        build(miniature, tmp_path, status=2)
    assert "could not be written: " in one_line(capsys)
    build(miniature, tmp_path)
    same(tmp_path, ruled)


def test_two_builders_in_one_folder_are_one_too_many(miniature, tmp_path, capsys):
    for flags in (miniature, ["--scenes", "1"]):
        with alone_in(tmp_path):
            build(flags, tmp_path, status=2)
        assert "another process writes into" in one_line(capsys)


def test_another_set_in_the_folder_is_refused_and_told_apart(miniature, ruled, capsys):
    build([*miniature, "--seed", "1"], ruled, status=2)
    told = one_line(capsys)
    assert "holds another data set (other seed)" in told


def spoil_json(text, change):
    """Change the second question of a file of A-OKVQA."""
    entries = json.loads(text)
    change(entries[1])
    return json.dumps(entries)


TWICE = partial(spoil_json, change=lambda one: one.update(question_id="train-0"))
NAMED = partial(spoil_json, change=lambda one: one.update(question_id="../up"))
OTHER_KEYS = partial(spoil_json, change=lambda one: one.update(answers=["a"]))
HIDDEN = partial(spoil_json, change=lambda one: one.pop("correct_choice_idx"))


@pytest.mark.parametrize(
    ("spoil", "flags", "words"),
    [
        (None, ["--samples", "11"], "has 10 questions; give --samples that many at most"),
        (None, ["--samples", "-1"], "--samples is -1"),
        (None, ["--samples", "0", "--validation", "0"], "no samples were asked for"),
        (None, ["--scenes", "3"], "leave out --scenes"),
        (None, ["--endpoint", "http://127.0.0.1:9/v1#m"], "give --annotator llm with it"),
        (None, ["--clean-share", "2"], "--clean-share is 2"),
        (None, ["--annotator", "llm"], "needs --endpoint"),
        (None, ["--prices", "cheap"], "--prices is 'cheap'"),
        (None, ["--request", "[1]"], "--request is no JSON object"),
        (None, ["--request", '{"model": "x"}'], "--request may not set model"),
        (None, ["--prompts", "nowhere"], "there is no folder nowhere"),
        (lambda text: text[:300], [], "the JSON is broken"),
        (lambda text: '{"data": []}', [], "this is no JSON list"),
        (OTHER_KEYS, [], "unknown answers"),
        (HIDDEN, [], "correct_choice_idx is None"),
        (TWICE, [], "the question 'train-0' is there twice"),
        (NAMED, [], "'../up' can be no file's name"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_bad_input_is_one_line_and_exit_2(spoil, flags, words, miniature, tmp_path, capsys):
    folder = tmp_path / "aokvqa"
    folder.mkdir()
    for split in ("train", "val"):
        name = f"aokvqa_v1p0_{split}.json"
        with open(f"{miniature[1]}/{name}") as file:
            text = file.read()
        (folder / name).write_text(spoil(text) if spoil and split == "train" else text)
    # Flags of the model count where it is asked.
    if flags and flags[0] in ("--prices", "--request", "--prompts"):
        flags = [*flags, "--annotator", "llm", "--endpoint", "http://127.0.0.1:9/v1#m"]
    build([*miniature, "--aokvqa", str(folder), *flags], tmp_path / "out", status=2)
    assert words in one_line(capsys) and not (tmp_path / "out" / "images").exists()


def test_a_set_of_another_version_and_missing_pictures_are_named(miniature, tmp_path, capsys):
    (tmp_path / "aokvqa_v2p0_train.json").write_text("[]")
    build([*miniature, "--aokvqa", str(tmp_path)], tmp_path / "out", status=2)
    told = one_line(capsys)
    assert "has no aokvqa_v1p0_train.json (it holds aokvqa_v2p0_train.json, of another" in told
    build([*miniature, "--coco", str(tmp_path)], tmp_path / "out", status=2)
    told = one_line(capsys)
    assert "10 of 10 pictures are not in" in told and "unpack COCO's train2017.zip there" in told
    build(["--coco", str(tmp_path)], tmp_path / "out", status=2)
    assert "needs both --aokvqa and --coco" in one_line(capsys)
