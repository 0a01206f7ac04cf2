"""evaluate --judge, judge and rbench on a run: what they print, and how bad input ends."""

import json
import re

import pytest

from robust_r1.analysis.rbench import PARTS
from robust_r1.cli import main
from robust_r1.engine import completions
from tests.support.judge_server import KEY, Failure, serve_judge
from tests.support.paths import ROOT
from tests.support.rbench_release import ROWS, Teller, write_release

MINIBENCH = ROOT / "assets" / "runs" / "tiny-rl-minibench"


@pytest.fixture
def server():
    with serve_judge() as server:
        yield server


@pytest.fixture(autouse=True)
def teller(monkeypatch):
    """Let the model be one that says what is written down; the judge is a server."""
    model = Teller()
    monkeypatch.setattr("robust_r1.engine.load_engine", lambda *given, **more: model)
    monkeypatch.setattr(completions, "PAUSES", (0.0,) * len(completions.PAUSES))
    for name in ("URL", "KEY"):
        monkeypatch.delenv(f"ROBUST_R1_JUDGE_{name}", raising=False)
    return model


@pytest.fixture
def release(tmp_path):
    return write_release(tmp_path / "R-Bench")


def said(capsys, *words):
    """Run a command that must succeed, and return what it prints."""
    assert main([*map(str, words)]) == 0
    return capsys.readouterr()


def fails(capsys, *words):
    """Run a command that must end with 2, and return its one line on stderr."""
    assert main([*map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and err.count("\n") == 1
    return err


def figures(text):
    """Return the lines of rbench's table."""
    return [line for line in text.splitlines() if line.startswith(tuple(dict(PARTS)))]


def test_a_run_of_the_release_is_judged_and_gives_every_figure_that_tables_give(
    release, tmp_path, server, capsys
):
    run, told = tmp_path / "run", ("--judge", server.address)
    out = said(capsys, "evaluate", release, "-o", run, *told).out
    assert "8 of 8 VQA and CAP answers judged by wise-judge at http://127.0.0.1" in out
    assert re.search(r"answers, reference +0\.917 ", out)
    shown = said(capsys, "rbench", run, "--write", tmp_path / "tables")
    assert shown.err.startswith("Written: ") and shown.err.count("Result_") == 3
    names = [tmp_path / "tables" / f"Result_{name}.csv" for name in ("dis", "ref", "com")]
    tables = said(capsys, "rbench", *names).out
    assert figures(tables) == figures(shown.out) and len(figures(tables)) > 20
    assert re.search(r"overall +all tasks +0\.5000 \(.*\) +0\.4167 \(.*\) +6", tables)
    assert "R-Bench-Dis, accuracy over MCQ alone, as VLMEvalKit has it: 0.500" in shown.out
    assert "R-Bench-Ref, accuracy over MCQ alone, as VLMEvalKit has it: 1.000" in shown.out
    assert "judged by wise-judge" in shown.out and "MCQ is exact." in shown.out
    values = [json.loads(said(capsys, "rbench", *one, "--json").out) for one in ([run], names)]
    assert values[0]["figures"] == values[1]["figures"]
    assert (values[0]["not_judged"], values[0]["without_relative"]) == (0, 0)
    assert "is there already" in fails(capsys, "rbench", run, "--write", tmp_path / "tables")


def test_without_a_judge_the_figures_say_what_is_missing_and_judge_brings_it(
    release, tmp_path, server, capsys
):
    run = tmp_path / "run"
    said(capsys, "evaluate", release, "-o", run)
    before = said(capsys, "rbench", run).out
    assert "6 items about 5 pictures, 1 not judged, 4 without a relative score." in before
    assert "No judge has looked at this run" in before
    out = said(capsys, "judge", run, "--judge", server.address).out
    assert out.startswith("R-Bench, teller: 8 of 8 VQA and CAP answers judged by wise-judge at")
    assert re.search(r"^VQA +reference +1\.000 .*n = 3\) +0$", out, re.M)
    again = json.loads(said(capsys, "judge", run, "--judge", server.address, "--json").out)
    assert (again["judge"]["judged"], again["judge"]["not_judged"]) == (8, 0)
    assert "6 items about 5 pictures.\n" in said(capsys, "rbench", run).out


def test_what_is_not_judged_is_counted_wherever_figures_are_shown(
    release, tmp_path, server, capsys
):
    run = tmp_path / "run"
    server.always = Failure(text="A fine answer.")
    out, err = said(capsys, "evaluate", release, "-o", run, "--judge", server.address)
    assert err == "9 replies of the judge without a score, as in 'A fine answer.'\n"
    assert "1 of 8 VQA and CAP answers judged by" in out and ", 7 not judged." in out
    assert re.search(r"^not judged +0\.875 .*n = 8\)$", out, re.M)
    assert ", 7 not judged." in said(capsys, "report", run).out
    shown = said(capsys, "rbench", run).out
    assert "3 not judged, 4 without a relative score." in shown
    values = json.loads(said(capsys, "judge", run, "--judge", server.address, "--json").out)
    assert values["judge"]["not_judged"] == 7
    assert sum(one["not_judged"] for one in values["figures"]) == 7


def test_a_judge_that_dies_half_way_costs_a_sentence_and_the_same_command_goes_on(
    release, tmp_path, server, capsys, teller
):
    run = tmp_path / "run"
    words = ("evaluate", release, "-o", run, "--judge", server.address, "--judge-at-once", "1")
    server.failures = [None] * 3 + [Failure(403)]
    assert "wants an API key" in (err := fails(capsys, *words))
    assert "3 of 9 replies of the judge are kept in" in err and "goes on from there." in err
    asked, judged = teller.asked, len(server.asked)
    assert "8 of 8 VQA and CAP answers judged" in said(capsys, *words).out
    assert teller.asked == asked == 2 * len(ROWS) and len(server.asked) == judged + 6


def test_a_question_that_gets_no_reply_is_told_and_left_for_the_next_time(
    release, tmp_path, server, capsys
):
    run = tmp_path / "run"
    said(capsys, "evaluate", release, "-o", run)
    server.failures = [Failure(422)]
    words = ("judge", run, "--judge", server.address, "--judge-at-once", "1")
    out, err = said(capsys, *words)
    assert "1 question to the judge got no reply: The endpoint http://127.0.0.1" in err
    assert ", 1 not judged" in out
    assert "not judged\n" not in said(capsys, *words).out.splitlines()[0]


@pytest.mark.parametrize("command", ["evaluate", "judge"])
def test_a_judge_that_is_not_there_or_not_meant_is_said_before_anything_is_asked(
    release, tmp_path, server, capsys, teller, command
):
    run = tmp_path / "run"
    said(capsys, "evaluate", release, "-o", run)
    asked = teller.asked
    words = (command, *((release, "-o", tmp_path / "new") if command == "evaluate" else (run,)))
    base = server.address.partition("#")[0]
    assert "'wise' is not served at" in fails(capsys, *words, "--judge", f"{base}#wise")
    assert "--judge 'wise' is no address; give" in fails(capsys, *words, "--judge", "wise")
    assert "--judge-at-once is 0; give 1 to" in fails(
        capsys, *words, "--judge", server.address, "--judge-at-once", "0"
    )
    server.locked = True
    assert "wants an API key" in fails(capsys, *words, "--judge", server.address)
    server.shutdown()  # else its thread still holds the socket for a moment
    server.server_close()
    assert "could not be reached" in fails(capsys, *words, "--judge", server.address)
    assert teller.asked == asked and not (tmp_path / "new").exists()


def test_another_judge_is_refused_before_the_model_is_asked(
    release, tmp_path, server, capsys, teller
):
    run = tmp_path / "run"
    said(capsys, "evaluate", release, "-o", run, "--limit", "4", "--judge", server.address)
    asked = teller.asked
    base = server.address.partition("#")[0]
    file = run / "judgements.jsonl"
    file.write_text(file.read_text("utf-8").replace('"wise-judge"', '"another"'), "utf-8")
    err = fails(capsys, "evaluate", release, "-o", run, "--judge", server.address)
    assert "was judged by another at" in err and f"not by wise-judge at {base}" in err
    assert teller.asked == asked


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["judge", str(MINIBENCH), "--judge", "{0}"], "nothing to be judged: a judge is asked"),
        (["judge", "{1}", "--judge", "{0}"], "is no evaluation run"),
        (["judge", "{1}"], "the following arguments are required: --judge"),
        (["evaluate", "minibench", "-o", "x", "--judge", "{0}"], "minibench is scored exactly"),
        (["evaluate", "{2}", "-o", "x", "--pictures", "{1}/R-Bench/ref"], "the undamaged pictures"),
    ],
)
def test_wrong_input_ends_with_one_sentence(release, tmp_path, server, capsys, words, fault):
    given = [word.format(server.address, tmp_path, release) for word in words]
    if "required" in fault:
        with pytest.raises(SystemExit, match="2"):
            main(given)
        assert fault in capsys.readouterr().err
    else:
        assert fault in fails(capsys, *given)


def test_a_benchmark_of_options_alone_says_that_no_judge_was_asked(tmp_path, server, capsys):
    release = write_release(tmp_path / "R-Bench", ROWS[:2])
    out, err = said(capsys, "evaluate", release, "-o", tmp_path / "run", "--judge", server.address)
    assert err == "No open answer and no caption: the judge was not asked.\n"
    assert "judged" not in out and not server.asked


def test_the_key_never_reaches_a_file_or_a_line(release, tmp_path, server, capsys, monkeypatch):
    monkeypatch.setenv("ROBUST_R1_JUDGE_KEY", KEY)
    server.locked = True
    out, err = said(capsys, "evaluate", release, "-o", tmp_path / "run", "--judge", server.address)
    kept = "".join(path.read_text("utf-8") for path in (tmp_path / "run").iterdir())
    assert KEY not in out + err + kept and "judged by wise-judge" in out
