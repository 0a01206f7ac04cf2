"""Claims about PhotoBench 2: its photographs, views, saved copies, plans, scores and intervals."""

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robust_r1 import images
from robust_r1.chain import Finding
from robust_r1.cli import main
from robust_r1.degradations import SPECS, STAGES, degrade, find
from robust_r1.engine import GenerationSettings
from robust_r1.evaluation import (
    STRENGTHS,
    Run,
    benchmark,
    differences,
    evaluate,
    false_alarms_by_degradation,
    headline,
    load_run,
    recall_by_band,
    recall_by_degradation,
)
from robust_r1.evaluation.photobench2 import (
    FOLDER,
    PHOTOGRAPHS,
    SAVED_JPEG,
    VIEWS,
    false_alarms,
    photograph,
    view_of,
    views,
)
from robust_r1.evaluation.runs import row_of
from robust_r1.metrics import bootstrap_interval
from robust_r1.report.page import html_report
from robust_r1.report.summary import summarize, to_values
from tests.support.paths import ROOT

RUNS = ROOT / "assets" / "runs"
ITEMS = benchmark("photobench2")
BY_NAME = {view.source: view for view in views()}
# What views, plans and pixels were when the first figures were measured.
DRAWN = "413caa87dedd737c"
PLANNED = "524ef3dba92cdeb5"
PIXELS = "320ef080b076a80b"


def digest(lines) -> str:
    return hashlib.sha256("\n".join(map(str, lines)).encode()).hexdigest()[:16]


def test_the_photographs_are_small_lossless_and_the_ones_that_their_list_names():
    records = [json.loads(line) for line in (FOLDER / "photographs.jsonl").open(encoding="utf-8")]
    files = sorted(file.name for file in FOLDER.glob("*.webp"))
    assert [record["file"] for record in records] == files and len(files) == len(PHOTOGRAPHS) == 24
    assert sum((FOLDER / name).stat().st_size for name in files) <= 7_000_000
    for record in records:
        picture = images.load(FOLDER / record["file"])
        assert max(picture.shape) <= 512
        assert record["size"] == [picture.shape[1], picture.shape[0]]
        assert record["sha256"] == images.digest(picture)
        # The lossless variant of WebP says so in the name of its chunk.
        assert (FOLDER / record["file"]).read_bytes()[12:16] == b"VP8L"
        assert record["licence"] and record["origin"]


def test_each_photograph_has_the_whole_and_three_details_in_its_own_aspect():
    assert Counter(view.photograph for view in views()) == dict.fromkeys(PHOTOGRAPHS, len(VIEWS))
    for view in views():
        height, width = photograph(view.photograph).shape[:2]
        top, left, high, wide = view.box(height, width)
        assert top >= 0 and left >= 0 and top + high <= height and left + wide <= width
        if VIEWS[view.number] == "whole":
            assert (high, wide) == (height, width)
        else:
            assert 0.345 < high / height < 0.755
            assert high / height == pytest.approx(wide / width, abs=1 / height)


def test_half_of_the_wholes_and_half_of_the_details_are_saved_once_with_either_codec():
    kinds = Counter((VIEWS[view.number] == "whole", view.codec) for view in views())
    assert kinds == {
        (True, ""): 12, (True, "jpeg"): 6, (True, "webp"): 6,
        (False, ""): 36, (False, "jpeg"): 18, (False, "webp"): 18,
    }  # fmt: skip
    qualities = {view.quality for view in views() if view.codec}
    assert min(qualities) == 85 and max(qualities) == 95 and len(qualities) > 8


@pytest.mark.parametrize("codec", ["", "jpeg", "webp"])
def test_a_saved_view_differs_from_an_unsaved_one_by_the_codec_alone(codec):
    view = next(view for view in views() if view.codec == codec)
    whole = photograph(view.photograph)
    top, left, height, width = view.box(*whole.shape[:2])
    cut = whole[top : top + height, left : left + width]
    picture = view.picture()
    if not codec:
        assert np.array_equal(picture, cut)
        return
    assert not np.array_equal(picture, cut)
    assert np.array_equal(picture, images.recode(cut, codec, view.quality))
    error = np.sqrt(np.mean((picture.astype(float) - cut) ** 2))
    assert 0.3 < error < 6  # as little as nobody sees


def test_saving_keeps_the_size_and_halves_the_resolution_of_color_alone():
    lines = np.zeros((64, 64, 3), np.uint8)
    lines[:, ::2] = (200, 60, 60)
    lines[:, 1::2] = (60, 60, 200)
    gray = np.repeat((np.arange(64) % 2 * 200).astype(np.uint8)[None, :, None], 64, 0).repeat(3, 2)
    for codec in ("jpeg", "webp"):
        colored, plain = (images.recode(picture, codec, 95) for picture in (lines, gray))
        assert colored.shape == lines.shape
        chroma = (picture[..., 0].astype(int) - picture[..., 2] for picture in (colored, lines))
        left, was = (np.abs(np.diff(values, axis=1)).mean() for values in chroma)
        assert left < was / 4  # the two colors of neighbors have run together
        assert np.abs(plain.astype(int) - gray).mean() < 3


def test_every_view_has_one_plan_at_four_levels_drawn_as_photobenchs_are():
    assert len(ITEMS) == 384 and len({item.id for item in ITEMS}) == 384
    assert {(item.task, item.case.truth) for item in ITEMS} == {("perception", "")}
    sources: dict[str, list] = {}
    for item in ITEMS:
        sources.setdefault(item.source, []).append(item)
    assert sorted(sources) == sorted(BY_NAME)
    drawn = Counter()
    for cases in sources.values():
        assert [item.level for item in cases] == list(STRENGTHS)
        clean, *damaged = (item.case.plan for item in cases)
        assert not clean and len({tuple(plan.intensities) for plan in damaged}) == 1
        assert len({tuple(step.seed for step in plan.steps) for plan in damaged}) == 1
        for item in cases:
            assert set(item.case.plan.intensities.values()) <= {STRENGTHS[item.level]}
        ids = list(damaged[0].intensities)
        assert 1 <= len(ids) <= 3 and len({find(id).stage for id in ids}) == len(ids)
        drawn.update(ids)
    assert set(drawn) == {spec.id for spec in SPECS} and len(STAGES) == 4


def test_views_plans_and_pixels_are_those_of_the_first_figures():
    boxes = [view.box(*photograph(view.photograph).shape[:2]) for view in views()]
    shown = zip(views(), boxes, strict=True)
    assert digest(f"{view.source} {box} {view.quality}" for view, box in shown) == DRAWN
    planned = (f"{item.id} {item.case.seed} {item.case.plan.to_json()}" for item in ITEMS)
    assert digest(planned) == PLANNED
    assert digest(images.digest(view.picture()) for view in views()) == PIXELS


def test_a_source_names_its_view_and_no_other_text_does():
    assert all(view_of(view.source) == view for view in views())
    others = (
        "kodak-00-whole", "kodak-25-whole", "kodak-02-whole", "kodak-01-whole-saved-jpeg",
        "kodak-02-whole-saved-jpeg", "kodak-1-whole", "kodak-01-detail-4", "kodak-01-whole-clean",
        "photo-000-astronaut", "",
    )  # fmt: skip
    assert [other for other in others if view_of(other)] == []


@pytest.mark.parametrize(
    ("source", "name", "intensity", "counts"),
    [
        ("kodak-01-whole", "lens blur", 0.1, True),
        ("kodak-01-whole", "lens blur", 0.09, False),
        ("kodak-01-whole", "jpeg compression", 0.1, True),
        ("kodak-02-whole-saved-webp", "jpeg compression", 0.19, False),
        ("kodak-02-whole-saved-webp", "jpeg compression", 0.2, True),
        ("kodak-02-whole-saved-webp", "lens blur", 0.1, True),
        ("kodak-02-whole-saved-webp", "gremlins", 0.5, True),
    ],
)
def test_a_false_alarm_is_a_finding_that_can_be_seen_and_that_the_copy_does_not_explain(
    source, name, intensity, counts
):
    found = false_alarms(BY_NAME[source], [Finding(name, intensity)])
    assert found == ((name,) if counts else ())


def test_what_may_be_named_of_a_saved_view_covers_the_loss_of_the_lowest_quality():
    for number in PHOTOGRAPHS[::4]:
        whole = photograph(number).astype(float)
        saved = images.recode(photograph(number), "jpeg", 85)
        named = degrade(photograph(number), "jpeg_compression", SAVED_JPEG, seed=0)
        loss, most = (np.sqrt(np.mean((made - whole) ** 2)) for made in (saved, named))
        assert 0.6 * most < loss < most

_DESCRIBED = {
    "name": "speaker", "source": "/nowhere", "max_pixels": 2400, "bundled": False,
    "defaults": GenerationSettings(max_new_tokens=320),
}  # fmt: skip


class Speaker:
    """Say of each item what a function makes of it, fitted to a budget of its own."""

    precision = "exact"

    def __init__(self, say, budget=60 * 40, items=ITEMS):
        self.info = type("Info", (), _DESCRIBED)
        self.say, self.budget, self.shapes = say, budget, set()
        self.queue = list(items)

    def fit(self, image):
        return images.fit(image, self.budget, 0, 4)

    def generate(self, requests, settings, batch_size):
        answers = []
        for request in requests:
            self.shapes.add(request.images[0].shape)
            answers.append(answer_of(self.say(self.queue.pop(0)), settings))
        return tuple(answers)


def answer_of(findings, settings=None):
    from robust_r1.chain import Chain, parse, render
    from robust_r1.engine import Answer

    text = render(Chain(tuple(findings), "It shows.", "Seen.", "So it is.", "unknown"))
    return Answer(text, parse(text), 20, 0.1, None, "stop", "speaker", settings)


def rows_of(say):
    return tuple(row_of(item, answer_of(say(item))) for item in ITEMS)


def run_of(say):
    return Run(Path("nowhere"), "photobench2", "speaker", "exact", None, rows_of(say))


def test_views_are_fitted_by_the_engine_alone_whatever_its_budget(tmp_path):
    cases = [item for item in ITEMS if item.level in ("clean", "low")][:32]
    for budget in (60 * 40, 192 * 192, 1_000_000):
        speaker = Speaker(lambda item: item.case.applied, budget, cases)
        expected = {speaker.fit(item.case.picture.load()).shape for item in cases}
        evaluate(speaker, "photobench2", cases, tmp_path / str(budget))
        assert speaker.shapes == expected and len(expected) > 1
    assert {view.picture().shape for view in views()} > {(341, 512, 3), (512, 341, 3)}


def test_a_perfect_model_gets_perfect_figures_and_a_gossip_gets_each_alarm_where_it_raised_it():
    perfect = headline(rows_of(lambda item: item.case.applied))
    assert list(perfect) == [
        "well formed", "type precision", "type recall", "type F1", "intensity MAE",
        "intensity bias", "type F1, low", "type F1, mid", "type F1, high", "false alarm on clean",
        "false alarm on clean, not saved", "false alarm on clean, saved once", "tokens",
        "length and damage, Spearman",
    ]  # fmt: skip
    assert {perfect[f"type F1, {level}"].value for level in ("low", "mid", "high")} == {1}
    assert perfect["false alarm on clean"].value == 0

    def gossip(item):
        return item.case.applied or (Finding("jpeg compression", 0.15),)

    rows = rows_of(gossip)
    figures, alarms = headline(rows), false_alarms_by_degradation(rows)
    assert figures["false alarm on clean"].value == 0.5
    assert figures["false alarm on clean, not saved"].value == 1
    assert figures["false alarm on clean, saved once"].value == 0
    assert {figure.n for figure in alarms["lens_blur"].values()} == {48}
    said = {(id, saved) for id, by in alarms.items() for saved, one in by.items() if one.value}
    assert said == {("jpeg_compression", "not saved")}


def test_figures_of_other_benchmarks_have_no_views():
    rows = load_run(RUNS / "tiny-rl-photobench").rows
    assert false_alarms_by_degradation(rows) == {}
    assert not [name for name in headline(rows) if "saved" in name or name.startswith("type F1,")]


def alike(item):
    """Say the same of all cases of a photograph: all right on odd ones, nothing on even ones."""
    return item.case.applied if view_of(item.source).photograph % 2 else ()


def test_intervals_resample_photographs():
    rows = rows_of(alike)
    photographs = [view_of(row.source).photograph for row in rows]
    assert [row.cluster for row in rows] == [f"kodak-{number:02d}" for number in photographs]
    # Of 24 coins, half of them heads, the share of heads has the error of 24 and not of 384.
    error = np.sqrt(0.25 / 24)
    for figure in (headline(rows)["type recall"], recall_by_band(rows)["", (0.6, 1.0)]):
        assert figure.value == pytest.approx(0.5, abs=0.1)
        assert figure.high - figure.low == pytest.approx(2 * 1.96 * error, rel=0.2)
    hits = [
        (number % 2, number)
        for row, number in zip(rows, photographs, strict=True)
        if row.plan.intensities.get("graffiti", 0) > 0.4
    ]
    recall = recall_by_degradation(rows, 0.45)["graffiti"]
    assert len(hits) == recall.n and len({number for _, number in hits}) < recall.n
    assert (recall.low, recall.high) == bootstrap_interval(
        [hit for hit, _ in hits], groups=[number for _, number in hits]
    )


def test_figures_of_perception_have_the_interval_that_drawing_photographs_gives():
    rows = [row for row in load_run(RUNS / "tiny-rl-photobench2").rows if row.plan]
    names = sorted({row.cluster for row in rows})
    drawn = np.random.default_rng(0).integers(len(names), size=(1000, len(names)))
    sums = np.zeros((len(names), 3))
    for row in rows:
        matching = row.matching
        counts = len(matching.matched), len(matching.false_alarms), len(matching.misses)
        sums[names.index(row.cluster)] += counts
    matched, alarms, misses = sums[drawn].sum(1).T
    low, high = np.quantile(2 * matched / (2 * matched + alarms + misses), [0.025, 0.975])
    figure = headline(rows)["type F1"]
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=1e-12)


def test_views_of_one_photograph_alone_give_no_interval():
    rows = [row for row in rows_of(alike) if row.cluster == "kodak-01"]
    figures = headline(rows)
    del figures["length and damage, Spearman"]  # all answers are of one length
    assert all(figure.value is not None for figure in figures.values())
    assert {(figure.low, figure.high) for figure in figures.values()} == {(None, None)}
    run = replace(run_of(alike), rows=tuple(rows))
    assert {(gap.value, gap.low) for gap in differences(run, run).values()} == {(0, None)}


def test_old_photobench_runs_resample_their_seven_photographs():
    rows = load_run(RUNS / "tiny-rl-photobench").rows
    assert len({row.cluster for row in rows}) == 7
    clean = [row for row in rows if not row.plan]
    names = sorted({row.cluster for row in clean})
    said = [np.mean([bool(row.found) for row in clean if row.cluster == name]) for name in names]
    drawn = np.random.default_rng(0).integers(7, size=(2000, 7))
    low, high = np.quantile(np.array(said)[drawn].mean(1), [0.025, 0.975])  # twelve crops of each
    figure = headline(rows)["false alarm on clean"]
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=1e-12)


def test_the_levels_of_one_scene_are_drawn_together():
    rows = load_run(RUNS / "tiny-rl-minibench").rows
    sources = sorted({row.source for row in rows})
    assert {row.cluster for row in rows} == set(sources) and len(rows) == 4 * len(sources)
    tokens = {name: [row.tokens for row in rows if row.source == name] for name in sources}
    drawn = np.random.default_rng(0).integers(len(sources), size=(2000, len(sources)))
    means = np.array([np.mean(tokens[name]) for name in dict.fromkeys(row.source for row in rows)])
    low, high = np.quantile(means[drawn].mean(1), [0.025, 0.975])
    figure = headline(rows)["tokens"]
    assert (figure.low, figure.high) == pytest.approx((low, high), abs=1e-9)


def test_differences_of_runs_on_photographs_resample_photographs():
    one, two = run_of(lambda item: item.case.applied), run_of(alike)
    gossip = run_of(lambda item: (Finding("lens blur", 0.5),))
    gain = differences(one, two)["type F1"]
    # Half the photographs are missed whole: F1 is 2r / (1 + r) of their recall r, about 2/3.
    assert gain.value == pytest.approx(1 / 3, abs=0.07) and gain.high - gain.low > 0.3
    alarms = differences(gossip, one)["false alarm on clean"]
    assert (alarms.value, alarms.low, alarms.high, alarms.n) == (1, 1, 1, 96)


def test_the_report_tells_false_alarms_by_degradation_for_views_saved_and_not(capsys):
    folders = [str(RUNS / f"{model}-photobench2") for model in ("tiny-base", "tiny-rl")]
    assert main(["report", *folders]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "| photobench2 | tiny-base | tiny-rl | n |" in lines
    assert "| photobench2, said of clean views | tiny-base | tiny-rl | n |" in lines
    assert [line for line in lines if line.startswith("| watermark_damage, saved once | 0.000 (")]
    assert main(["report", folders[1], "--json"]) == 0
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    rows = load_run(RUNS / "tiny-rl-photobench2").rows
    alarms = false_alarms_by_degradation(rows)
    assert set(run["false_alarms"]) == {spec.id for spec in SPECS}
    for id, by_saving in run["false_alarms"].items():
        assert {s: one["value"] for s, one in by_saving.items()} == {
            saved: figure.value for saved, figure in alarms[id].items()
        }


def test_the_page_of_a_report_has_the_table_and_its_values_where_there_are_views():
    from robust_r1.analysis.entries import gather

    for name, told in (("photobench2", True), ("photobench", False)):
        run = load_run(RUNS / f"tiny-rl-{name}")
        entries = gather(run.benchmark, run.model, run.rows)[:40]
        assert ("Clean views said to have" in html_report(entries, {}, "t")) is told
        assert bool(to_values(summarize(entries))["false_alarms"]) is told


def test_a_view_can_be_drawn_again_for_an_answer_about_it():
    from robust_r1.analysis.entries import gather
    from robust_r1.report.pictures import picture_of

    run = load_run(RUNS / "tiny-rl-photobench2")
    entry = gather(run.benchmark, run.model, run.rows)[5]
    item = next(item for item in ITEMS if item.id == entry.row.id)
    assert np.array_equal(picture_of(entry), item.case.plan.apply(item.case.picture.load()))


def test_its_readme_shows_the_tables_that_report_prints(capsys):
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    models = ("tiny-base", "tiny-sft", "tiny-rl")
    for name in ("photobench2", "photobench"):
        assert main(["report", *(str(RUNS / f"{model}-{name}") for model in models)]) == 0
        for line in capsys.readouterr().out.splitlines():
            assert line in readme, line
