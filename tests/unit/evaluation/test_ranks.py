"""Claims about one run by several processes: the same lines as one, whoever of them dies."""

import json
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from robust_r1.chain import parse
from robust_r1.cli import main
from robust_r1.engine import Answer, GenerationSettings
from robust_r1.errors import InputError, ModelError
from robust_r1.evaluation import evaluate, load_run
from robust_r1.evaluation.lock import held, is_held
from robust_r1.evaluation.published import PublishedItems, Selection
from robust_r1.evaluation.ranks import Company, Ranks, part_files, ranks_of
from robust_r1.records import open_benchmark
from tests.support.paths import ROOT
from tests.support.published_tables import write_mmstar
from tests.support.running import has_lines, wait_for

ROWS, LEVELS = 24, ("clean", "50", "100")
CASES = (ROWS - 1) * len(LEVELS)
_INFO = {
    "name": "counter", "source": "/nowhere", "label": "Counter", "pictures": 1, "bundled": False,
    "max_pixels": 36864, "defaults": GenerationSettings(max_new_tokens=8),
    "fit": staticmethod(lambda image: image),
}  # fmt: skip


class Counter:
    """Answer by what is in the whole batch, so that a batch cut elsewhere says something else."""

    precision = "exact"

    def __init__(self, fails_after=None):
        self.info, self.asked, self.fails_after = type("Info", (), _INFO), 0, fails_after

    def fit(self, image):
        return image

    def generate(self, requests, settings, batch_size):
        if self.fails_after is not None and self.asked >= self.fails_after:
            raise ModelError("Enough.")
        self.asked += len(requests)
        seen = int(np.sum([one.images[0].astype(int).sum() for one in requests]))
        texts = [
            f"<ANSWER>{(seen + place) % 4}<ANSWER_END> {seen}" for place in range(len(requests))
        ]
        return [Answer(t, parse(t), 3, 0.1, None, "stop", "counter", settings) for t in texts]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Return a table of rows, one of which has no picture that can be decoded."""
    return write_mmstar(tmp_path_factory.mktemp("data") / "MMStar.tsv", rows=ROWS, broken=(21,))


def items_of(table, engine):
    return PublishedItems(open_benchmark(table), engine.info, Selection(levels=LEVELS))


def run_ranks(table, folder, size, engines=None):
    """Run all ranks of a run in threads, and return what came of each: a run, or what it raised."""
    engines = engines or [Counter() for _ in range(size)]
    ended: dict[int, object] = {}

    def work(rank):
        try:
            ended[rank] = evaluate(
                engines[rank], "MMStar", items_of(table, engines[rank]), folder,
                ranks=Ranks(rank, size),
            )  # fmt: skip
        except ModelError as error:
            ended[rank] = error

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ended) == size
    return [ended[rank] for rank in range(size)]


def lines(folder):
    """Return the lines of a run without their seconds."""
    text = (folder / "cases.jsonl").read_text("utf-8")
    return [{**json.loads(line), "seconds": None} for line in text.splitlines()]


def head(folder):
    return json.loads((folder / "run.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def whole(table, tmp_path_factory):
    """Return the folder of an uninterrupted run in one process."""
    folder = tmp_path_factory.mktemp("whole")
    evaluate(Counter(), "MMStar", items_of(table, Counter()), folder)
    assert len(lines(folder)) == CASES
    return folder


@pytest.mark.parametrize("size", [2, 7])
def test_any_number_of_ranks_writes_the_run_of_one_process(table, whole, tmp_path, size):
    engines = [Counter() for _ in range(size)]
    runs = run_ranks(table, tmp_path, size, engines)
    assert lines(tmp_path) == lines(whole) and head(tmp_path) == head(whole)
    assert all(run.rows == runs[0].rows for run in runs) and len(runs[0].unusable) == 1
    assert sum(engine.asked for engine in engines) == CASES  # nothing is asked twice
    assert min(engine.asked for engine in engines[:5]) > 0
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("again", [1, 3])
def test_a_run_whose_rank_failed_is_readable_and_goes_on_with_any_number(
    table, whole, tmp_path, again
):
    engines = [Counter(), Counter(fails_after=16)]
    led, failed = run_ranks(table, tmp_path, 2, engines)
    assert str(failed) == "Enough."
    assert str(led).startswith("Rank 1 of 2 ended before its share was done; all answers are kept")
    left = load_run(tmp_path)
    assert part_files(tmp_path) and {row.id for row in left.rows} < {
        one["id"] for one in lines(whole)
    }
    more = [Counter() for _ in range(again)]
    run_ranks(table, tmp_path, again, more)
    assert lines(tmp_path) == lines(whole) and head(tmp_path) == head(whole)
    assert sum(engine.asked for engine in more) == CASES - len(left.rows)
    assert not part_files(tmp_path)


def test_a_rank_that_does_not_come_is_waited_for_a_bounded_time_only(tmp_path):
    company = Company(tmp_path, Ranks(0, 2), begin=0.2)
    with company.present(), pytest.raises(ModelError, match="Rank 1 of 2 is not there after 0.2 s"):
        company.wait_for_the_others()
    with pytest.raises(ModelError, match="Rank 0 of 2 is not there"):
        Company(tmp_path, Ranks(1, 2), begin=0.2).wait_for_main()


def test_a_rank_whose_main_process_is_gone_says_so(tmp_path):
    company = Company(tmp_path, Ranks(1, 2))
    with company.present():
        with Company(tmp_path, Ranks(0, 2)).present():
            company.wait_for_main()
        with pytest.raises(ModelError, match="Rank 0 of 2 ended before"):
            company.wait_for_the_end()


def test_two_runs_do_not_share_a_rank(tmp_path):
    with Company(tmp_path, Ranks(1, 2)).present():
        assert is_held(tmp_path / "parts", "1.lock")
        refused = pytest.raises(InputError, match="another process writes into")
        with refused, held(tmp_path / "parts", "1.lock", patience=0.05):
            pass
    assert not is_held(tmp_path / "parts", "1.lock")
    assert not is_held(tmp_path / "parts", "9.lock")


def test_what_a_launcher_says_is_read_and_nonsense_refused():
    assert ranks_of({}) == Ranks(0, 1)
    assert ranks_of({"RANK": "3", "WORLD_SIZE": "8"}) == Ranks(3, 8)
    batches = [[b for b in range(20) if Ranks(rank, 3).has(b)] for rank in range(3)]
    assert sorted(sum(batches, [])) == list(range(20))
    for told in ({"RANK": "8", "WORLD_SIZE": "8"}, {"RANK": "x"}, {"WORLD_SIZE": "0"}):
        with pytest.raises(InputError, match="start with accelerate launch"):
            ranks_of(told)


def _rank_process(launcher: subprocess.Popen, rank: int) -> int | None:
    import psutil

    for child in psutil.Process(launcher.pid).children(recursive=True):
        try:
            if child.environ().get("RANK") == str(rank):
                return child.pid
        except psutil.Error:
            continue
    return None


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_launched_rank_killed_in_the_middle_costs_nothing(tiny_checkpoint, tmp_path, capsys):
    """Two processes that `accelerate launch` starts, one of them killed; then one process."""
    table = write_mmstar(tmp_path / "MMStar.tsv", rows=ROWS)

    def command(name):
        words = ["evaluate", str(table), "--model", str(tiny_checkpoint), "--max-new-tokens", "16"]
        return [*words, "--levels", ",".join(LEVELS), "-o", str(tmp_path / name)]

    launch = [
        *(sys.executable, "-m", "accelerate.commands.launch"),
        *("--config_file", "train/accelerate/cpu.yaml", "--main_process_port", "0"),
        *("-m", "robust_r1", *command("cut")),
    ]
    part = tmp_path / "cut" / "parts" / "1.jsonl"
    launcher = subprocess.Popen(
        launch, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    wait_for(lambda: has_lines(part, 16), launcher)
    os.kill(_rank_process(launcher, 1), signal.SIGKILL)
    said = launcher.communicate(timeout=100)[1]
    assert launcher.returncode and "Rank 0 of 2" in said and "it goes on" in said
    assert 16 <= len(load_run(tmp_path / "cut").rows) < ROWS * len(LEVELS)
    for name in ("cut", "whole"):
        assert main(command(name)) == 0
        capsys.readouterr()
    assert lines(tmp_path / "cut") == lines(tmp_path / "whole")
    assert head(tmp_path / "cut") == head(tmp_path / "whole")
    assert sorted(os.listdir(tmp_path / "cut")) == ["cases.jsonl", "run.json", "run.lock"]
