"""Claims about benchmarks, runs and their figures."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from robust_r1.chain import Chain, parse, render
from robust_r1.cli import main
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.errors import DataError, InputError
from robust_r1.evaluation import (
    BENCHMARKS,
    STRENGTHS,
    benchmark,
    differences,
    evaluate,
    headline,
    load_run,
)
from robust_r1.evaluation.figures import _spearman, perception
from robust_r1.scenes.captions import caption_score, facts_of
from tests.support.paths import ROOT

MINI = benchmark("minibench")
_DESCRIBED = {
    "name": "oracle", "source": "/nowhere", "max_pixels": 36864, "bundled": False,
    "defaults": GenerationSettings(max_new_tokens=320),
}  # fmt: skip


class Oracle:
    """Answer items perfectly, from the truth: a model cannot be made to know the test set.

    `stop_after` answers it fails, as a killed process would.
    """

    precision = "exact"

    def __init__(self, items, stop_after=None):
        self.info = type("Info", (), _DESCRIBED)
        self.queue = list(items)
        self.asked = 0
        self.stop_after = stop_after

    def fit(self, image):
        return image

    def generate(self, requests, settings, batch_size):
        answers = []
        for request in requests:
            if self.stop_after is not None and self.asked >= self.stop_after:
                raise KeyboardInterrupt
            item = next(one for one in self.queue if one.case.prompt == request.question)
            self.queue.remove(item)
            self.asked += 1
            text = render(_truth(item.case))
            answers.append(Answer(text, parse(text), 20, 0.1, None, "stop", "oracle", settings))
        return tuple(answers)


def _truth(case):
    return Chain(case.applied, "It shows.", "Seen.", "So it is.", case.truth)


def test_minibench_has_every_source_at_every_level_under_one_damage_and_seed():
    assert len(MINI) >= 900 and len({case.id for case in MINI}) == len(MINI)
    tasks = Counter((case.task, case.level) for case in MINI)
    assert len(tasks) == 12 and len(set(tasks.values())) == 1
    sources = {}
    for case in MINI:
        sources.setdefault(case.source, []).append(case)
    for cases in sources.values():
        assert [case.level for case in cases] == list(STRENGTHS)
        assert len({item.case.prompt for item in cases}) == 1
        drawn = [item.case.plan for item in cases if item.case.plan]
        assert len({tuple(plan.intensities) for plan in drawn}) == 1
        assert len({tuple(step.seed for step in plan.steps) for plan in drawn}) == 1
        for item in cases:
            assert set(item.case.plan.intensities.values()) <= {STRENGTHS[item.level]}


def test_benchmarks_are_the_same_on_every_call_and_use_test_scenes_and_unseen_photographs():
    for name in BENCHMARKS:
        first, again = benchmark(name), benchmark(name)
        assert [case.id for case in first] == [case.id for case in again]
        assert [str(item.case.plan) for item in first] == [str(item.case.plan) for item in again]
        for index in (0, len(first) // 2):
            drawn = (items[index].case.picture.load() for items in (first, again))
            assert np.array_equal(*drawn)
    photo = benchmark("photobench")
    assert len(photo) >= 300 and {case.task for case in photo} == {"perception"}
    assert all(item.case.picture.load().shape == (192, 192, 3) for item in photo[:8])


def test_an_unknown_benchmark_is_refused_with_the_known_names():
    with pytest.raises(InputError, match="minibench, photobench"):
        benchmark("mmstar")


def test_a_perfect_model_gets_perfect_figures(tmp_path):
    cases = MINI[:120] + MINI[640:700]
    run = evaluate(Oracle(cases), "minibench", cases, tmp_path / "run")
    figures = headline(run.rows)
    assert figures["type F1"].value == 1 and figures["intensity MAE"].value == 0
    assert figures["well formed"].value == 1 and figures["false alarm on clean"].value == 0
    assert all(figures[f"answers, {level}"].value == 1 for level in STRENGTHS)
    assert figures["answers, clean"].n == len(cases) / 4


def test_an_interrupted_run_goes_on_where_it_was_and_reads_back_equal(tmp_path):
    cases = MINI[:48]
    with pytest.raises(KeyboardInterrupt):
        evaluate(Oracle(cases, stop_after=20), "minibench", cases, tmp_path)
    kept = len((tmp_path / "cases.jsonl").read_text().splitlines())
    rest = Oracle(cases[kept:])
    run = evaluate(rest, "minibench", cases, tmp_path)
    assert 0 < kept < 48 and rest.asked == 48 - kept
    assert [row.id for row in run.rows] == [case.id for case in cases]
    assert load_run(tmp_path).rows == run.rows


def test_a_batch_with_a_line_cut_is_asked_again_as_it_was_and_a_broken_line_is_named(tmp_path):
    cases = MINI[:16]
    evaluate(Oracle(cases), "minibench", cases, tmp_path)
    path = tmp_path / "cases.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-30])
    again = Oracle(cases)
    evaluate(again, "minibench", cases, tmp_path)
    assert again.asked == 16 and path.read_text() == whole
    path.write_text(whole.replace('"task"', '"tusk"', 1))
    with pytest.raises(DataError, match="line 1"):
        load_run(tmp_path)


def test_a_folder_of_another_run_or_of_none_is_refused(tmp_path):
    cases = MINI[:4]
    evaluate(Oracle(cases), "minibench", cases, tmp_path)
    with pytest.raises(InputError, match="another folder"):
        evaluate(Oracle(cases), "scenes", cases, tmp_path)
    with pytest.raises(InputError, match="no run.json"):
        load_run(tmp_path / "missing")
    head = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**head, "format": 99}))
    with pytest.raises(InputError, match="format 99"):
        load_run(tmp_path)


def test_a_run_of_other_weights_under_the_same_name_is_refused(tmp_path):
    checkpoint, run, cases = tmp_path / "model", tmp_path / "run", MINI[:2]
    checkpoint.mkdir()

    def go_on(weights):
        (checkpoint / "model.safetensors").write_bytes(weights)
        engine = Oracle(cases)
        engine.info.source = str(checkpoint)
        return evaluate(engine, "minibench", cases, run)

    go_on(b"first")
    go_on(b"first")
    with pytest.raises(InputError, match="weights"):
        go_on(b"other")
    # A run from before the fingerprint was kept can still be completed.
    head = json.loads((run / "run.json").read_text())
    del head["weights"]
    (run / "run.json").write_text(json.dumps(head))
    assert len(go_on(b"other").rows) == 2


def test_captions_are_scored_by_their_facts_whatever_the_order_or_wording():
    truth = "a red circle at the top left, a blue digit 4 at the center"
    assert caption_score(truth, truth) == 1
    assert (
        caption_score("I see a blue digit 4 in the center and a Red circle at the top left", truth)
        == 1
    )
    assert caption_score("a red circle at the top left", truth) == pytest.approx(2 / 3)
    assert caption_score("a red circle at the top", truth) == 0
    assert caption_score(f"{truth}, {truth}", truth) == 1
    assert caption_score("no objects", "no objects") == 1
    assert caption_score("", "no objects") == 0


def test_every_reference_caption_states_exactly_the_facts_of_its_scene():
    for item in MINI:
        if item.task == "cap" and item.level == "clean":
            truth = item.case.truth
            assert len(facts_of(truth)) == truth.count(" at the ")


def correlation(first, second, counts=None) -> float:
    counts = np.ones(len(first), dtype=int) if counts is None else np.array(counts)
    return _spearman(counts[None], np.array(first), np.array(second))[0]


def test_spearman_is_one_for_any_rising_curve_and_shares_ranks():
    assert correlation([0, 1, 2, 3], [0, 1, 2, 3]) == 1
    assert correlation([0, 0, 1, 1], [1, 1, 0, 0]) == -1
    # Ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4, by hand.
    assert correlation([0, 1, 1, 2], [0, 2, 1, 3]) == pytest.approx(4.5 / np.sqrt(4.5 * 5))
    assert np.isnan(correlation([0, 0], [0, 1]))


def test_spearman_of_kinds_is_that_of_as_many_items():
    first, second, counts = [0, 1, 1, 2, 3], [2, 0, 1, 1, 0], [3, 0, 5, 2, 4]
    items = np.repeat(np.array([first, second]), counts, axis=1)
    assert correlation(first, second, counts) == pytest.approx(correlation(*items), abs=1e-12)


def test_figures_of_perception_have_the_interval_that_drawing_pictures_gives():
    rows = load_run(ROOT / "assets" / "runs" / "tiny-sft-minibench").rows[:200]
    names = list(dict.fromkeys(row.source for row in rows))
    drawn = np.random.default_rng(0).integers(len(names), size=(1000, len(names)))
    errors = {name: [] for name in names}
    for row in rows:
        errors[row.source] += [said - true for _, said, true in row.matching.matched]
    sums, sizes = (np.array(list(map(of, errors.values()))) for of in (sum, len))
    low, high = np.quantile(sums[drawn].sum(1) / sizes[drawn].sum(1), [0.025, 0.975])
    bias = perception(rows)["intensity bias"]
    assert (bias.low, bias.high) == pytest.approx((low, high), abs=1e-12)


def run_of(tmp_path, name, cases, answer):
    """Evaluate a model that says of each case what `answer` makes of its true chain."""

    class Model(Oracle):
        def generate(self, requests, settings, batch_size):
            done = super().generate(requests, settings, batch_size)
            texts = [render(answer(each.parsed.chain)) for each in done]
            return tuple(
                Answer(text, parse(text), each.tokens, 0.1, None, "stop", name, settings)
                for text, each in zip(texts, done, strict=True)
            )

    model = Model(cases)
    model.info = type("Info", (), {**_DESCRIBED, "name": name})
    return evaluate(model, "minibench", cases, tmp_path / name)


def test_differences_are_paired_and_signed(tmp_path):
    cases = [case for case in MINI if case.task == "vqa"][:60]
    right = run_of(tmp_path, "right", cases, lambda chain: chain)
    blind = run_of(tmp_path, "blind", cases, lambda chain: replace(chain, findings=()))
    none = differences(right, right)
    assert all(figure.value == figure.low == figure.high == 0 for figure in none.values())
    gain = differences(right, blind)
    assert gain["type F1"].value == 1 and gain["type F1"].low > 0.9
    assert gain["intensity MAE"].value is None  # the blind one has no match to measure
    assert gain["answers, high"].value == 0 and gain["tokens"].n == 60
    loss = differences(blind, right)
    assert loss["type F1"].value == -1


def test_report_shows_runs_side_by_side_and_refuses_to_mix_benchmarks(tmp_path, capsys):
    cases = MINI[:8]
    run_of(tmp_path, "one", cases, lambda chain: chain)
    run_of(tmp_path, "two", cases, lambda chain: replace(chain, answer="nothing at all"))
    assert main(["report", str(tmp_path / "one"), str(tmp_path / "two")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| minibench | one | two | n |"
    assert any(line.startswith("| answers, clean | 1.000 (1.00 to 1.00) | 0.000") for line in lines)
    against = ["report", str(tmp_path / "two"), "--against", str(tmp_path / "one"), "--json"]
    assert main(against) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["runs"][0]["figures"]["answers, clean"]["value"] == -1
    other = tmp_path / "other"
    evaluate(Oracle(MINI[:4]), "scenes", MINI[:4], other)
    assert main(["report", str(tmp_path / "one"), str(other)]) == 2
    assert "one benchmark at a time" in capsys.readouterr().err
