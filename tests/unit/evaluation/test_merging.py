"""Claims about shards: merged, they are the run of one command, and nothing else is merged."""

import json
import shutil

import pytest

from robust_r1.cli import main
from robust_r1.errors import InputError
from robust_r1.evaluation import benchmark, evaluate
from robust_r1.evaluation.judgements import (
    FILE,
    TRUTH,
    JudgedBy,
    Judgement,
    head_line,
    read_judgements,
    reply_line,
)
from robust_r1.evaluation.merging import merge_runs
from robust_r1.evaluation.published import PublishedItems, Selection
from robust_r1.records import open_benchmark
from tests.support.published_tables import write_mmstar
from tests.unit.evaluation.test_ranks import Counter, head, lines

SHARDS = 3
TERMS = {"prompt": "ours", "levels": ["clean", "100"]}


class Fixed(Counter):
    """Answer by the question alone: a shard cuts its batches from other items."""

    def generate(self, requests, settings, batch_size):
        return [super(Fixed, self).generate([one], settings, 1)[0] for one in requests]


def answer(table, folder, shard=(1, 1), levels=("clean", "100"), limit=None):
    engine = Fixed()
    chosen = Selection(levels=levels, shard=shard, limit=limit)
    terms = TERMS if shard == (1, 1) else {**TERMS, "shard": f"{shard[0]}/{shard[1]}"}
    items = PublishedItems(open_benchmark(table), engine.info, chosen)
    return evaluate(engine, "MMStar", items, folder, terms=terms)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a whole run and its shards; rows 5 and 21 of the table are unusable."""
    folder = tmp_path_factory.mktemp("shards")
    table = write_mmstar(folder / "MMStar.tsv", rows=41, broken=(5, 21))
    answer(table, folder / "whole")
    for place in range(1, SHARDS + 1):
        answer(table, folder / f"{place}", (place, SHARDS))
    return folder


@pytest.fixture
def shards(folder, tmp_path):
    """Return copies of the shards' folders."""
    return [shutil.copytree(folder / f"{n}", tmp_path / f"{n}") for n in range(1, SHARDS + 1)]


def change(run, **values):
    """Change what a run's head says; of None, leave it out."""
    told = {**head(run), **values}
    kept = {key: value for key, value in told.items() if value is not None}
    (run / "run.json").write_text(json.dumps(kept), "utf-8")


def test_merged_shards_are_the_run_of_one_command(folder, tmp_path, capsys):
    runs = [str(folder / name) for name in ("3", "1", "2", "1")]  # any order, one of them twice
    assert main(["merge", *runs, "-o", str(tmp_path / "all")]) == 0
    assert "MMStar, counter, 78 cases\nrows that could not be used: 2" in capsys.readouterr().out
    assert lines(tmp_path / "all") == lines(folder / "whole")
    assert head(tmp_path / "all") == head(folder / "whole")
    assert len(head(tmp_path / "all")["unusable"]) == 2


def test_shards_of_a_benchmark_made_here_are_merged_in_its_order(tmp_path):
    items = [item for item in benchmark("minibench") if item.level != "high"][:60]
    sources = list(dict.fromkeys(item.source for item in items))
    evaluate(Fixed(), "minibench", items, tmp_path / "whole", terms={"prompt": "ours"})
    for place in (1, 2):
        own = [item for item in items if item.source in sources[place - 1 :: 2]]
        terms = {"prompt": "ours", "shard": f"{place}/2"}
        evaluate(Fixed(), "minibench", own, tmp_path / str(place), terms=terms)
    merge_runs([tmp_path / "1", tmp_path / "2"], tmp_path / "all")
    assert lines(tmp_path / "all") == lines(tmp_path / "whole")
    assert head(tmp_path / "all") == head(tmp_path / "whole")


def test_a_missing_shard_is_named(shards, tmp_path):
    with pytest.raises(InputError, match="the shards 2/3 are missing; run them"):
        merge_runs([shards[0], shards[2]], tmp_path / "all")
    with pytest.raises(InputError, match="the shards 1/3, 2/3 are missing"):
        merge_runs([shards[2]], tmp_path / "all")
    assert not (tmp_path / "all").exists()


def test_what_a_judge_said_of_the_shards_goes_along_and_two_judges_do_not_mix(shards, tmp_path):
    by = JudgedBy("one", "http://near/v1", "1")
    for shard in shards:
        one = Judgement("1-clean", TRUTH, "vqa", "What?", ("a cat",), f"a cat of {shard.name}")
        (shard / FILE).write_text(head_line(by) + reply_line(one, by, "2"), encoding="utf-8")
    merged = merge_runs(shards, tmp_path / "out")
    assert merged.judge == by
    found = read_judgements(tmp_path / "out")
    assert found and len(found.replies) == len(shards)
    told = (shards[0] / FILE).read_text("utf-8").replace('"one"', '"other"')
    (shards[0] / FILE).write_text(told, "utf-8")
    with pytest.raises(InputError, match="was judged by .* move .* away"):
        merge_runs(shards, tmp_path / "two")
    assert not (tmp_path / "two").exists()


def test_other_settings_are_refused_and_named(shards, tmp_path):
    settings = {**head(shards[1])["settings"], "temperature": 0.5}
    change(shards[1], settings=settings, model="another")
    with pytest.raises(InputError) as refused:
        merge_runs(shards, tmp_path / "all")
    assert "model 'counter', not 'another'" in str(refused.value)
    assert "temperature 0.0, not 0.5" in str(refused.value)


def test_an_unfinished_shard_is_refused(folder, shards, tmp_path):
    change(shards[1], cases=None)
    with pytest.raises(InputError, match="shard 2/3 in .* start its command again"):
        merge_runs(shards, tmp_path / "all")
    short = tmp_path / "short"
    answer(folder / "MMStar.tsv", short, (3, 3), limit=30)
    with pytest.raises(InputError, match="shard 3/3 .* has 10 of 13 sources"):
        merge_runs([folder / "1", folder / "2", short], tmp_path / "all")


def test_whole_runs_and_a_folder_that_holds_one_are_refused(folder, tmp_path, capsys):
    with pytest.raises(InputError, match="is a whole run, not the run of a shard"):
        merge_runs([folder / "whole"], tmp_path)
    runs = [folder / f"{place}" for place in range(1, SHARDS + 1)]
    with pytest.raises(InputError, match="holds a run already"):
        merge_runs(runs, folder / "whole")
    assert main(["merge", str(tmp_path / "none"), "-o", str(tmp_path / "all")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
