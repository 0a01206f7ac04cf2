"""Claims about what a run tells of itself: rewards of checkpoints, MiniBench, prompts to follow."""

import shutil

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from robust_r1.rewards import degradation_reward
from tests.support.sharing import made_once
from tests.support.training import adapter_weights, rows_of, small
from train.common.rewards import advantages_of

pytestmark = pytest.mark.slow

WEIGHTS = (1.0, 1.0, 2.0, 1.0)
NAMES = ("degradation_reward", "length_reward", "format_reward", "accuracy_reward")
CHANGES = (
    *("lora.quantized=false", "grpo.rewards.format=2", "rewarded=2"),
    *("grpo.global_batch=2", "grpo.group=2", "grpo.batch=2", "grpo.save_every=1"),
    *("grpo.rate=0.05", "grpo.max_tokens=24", "minibench_every=2", "minibench_items=4"),
)


@pytest.fixture(scope="module")
def told(adapt, data_file, tmp_path_factory):
    """Return the folder of rewards learned from six samples, with two held out."""
    lines = data_file.read_text().splitlines()
    marked = [line.replace('"split": "train"', '"split": "validation"') for line in lines[:2]]
    folder = tmp_path_factory.mktemp("data")
    (folder / "records.jsonl").write_text("\n".join([*marked, *lines[2:]]) + "\n")
    shutil.copytree(data_file.parent / "images", folder / "images")
    return made_once(
        tmp_path_factory,
        "told",
        lambda run: adapt("grpo", run, config=small(*CHANGES), data=folder / "records.jsonl"),
    )


def rows_with(run, key):
    return {row["step"]: row for row in rows_of(run / "log.jsonl") if key in row}


def said(run, kind):
    rows = [row for row in rows_of(run / "samples.jsonl") if row["kind"] == kind]
    steps = sorted({row["step"] for row in rows})
    return {step: [row for row in rows if row["step"] == step] for step in steps}


def test_checkpoints_are_measured_by_what_greedy_completions_for_samples_held_out_earn(told):
    measured, greedy = rows_with(told, "eval_reward"), said(told, "greedy")
    assert sorted(measured) == [1, 2, 3] and sorted(greedy) == [0, 1, 2, 3]
    for step, row in measured.items():
        # Both look at the same two samples.
        earned = greedy[step]
        assert row["eval_samples"] == len(earned) == 2
        assert row["eval_reward"] == pytest.approx(sum(one["reward"] for one in earned) / 2)
        for name in NAMES:
            mean = sum(one[name] for one in earned) / 2
            assert row[f"eval_rewards/{name}/mean"] == pytest.approx(mean)
        found = [row.get(f"eval_findings/all/{name}") for name in ("precision", "recall")]
        assert any(figure is not None for figure in found)
    rewards = {step: row["eval_reward"] for step, row in measured.items()}
    best = max(rewards, key=rewards.get)  # the first of several
    kept = {folder.name for folder in told.glob("checkpoint-*")}
    assert kept == {f"checkpoint-{best}", "checkpoint-3"}
    assert (told / "best").is_dir() == (best != 3)
    for name, value in adapter_weights(told / "best").items() if best != 3 else ():
        assert (adapter_weights(told / f"checkpoint-{best}")[name] == value).all()


def test_one_prompt_is_followed_as_a_group_over_all_checkpoints(told):
    watched, trained = said(told, "watched"), said(told, "trained")
    assert sorted(watched) == [0, 1, 2, 3] and sorted(trained) == [0, 2]
    names = [[(row["sample"], row["member"]) for row in watched[step]] for step in sorted(watched)]
    assert names == 4 * [names[0]] and len(set(names[0])) == 4
    for row in (*watched[0], *trained[0]):
        assert row["picture"].endswith(row["sample"].partition(":")[0])
        assert row["question"] in row["prompt"]
        assert row["split"] == ("validation" if row["kind"] == "watched" else "train")
        parts = [row[name] for name in NAMES]
        (earned,) = degradation_reward([row["completion"]], [row["solution"]])
        assert parts[0] == pytest.approx(earned, abs=1e-6)
        weighed = sum(part * weight for part, weight in zip(parts, WEIGHTS, strict=True))
        assert row["reward"] == pytest.approx(weighed)
    for rows in (watched[0][:2], watched[0][2:], trained[0], trained[2]):
        assert [row["member"] for row in rows] == [0, 1]
        gained = advantages_of([row["reward"] for row in rows])
        assert [row["advantage"] for row in rows] == pytest.approx(gained, abs=1e-3)


def test_minibench_is_looked_at_on_the_way_and_all_figures_reach_the_tracker(told):
    looks, steps = rows_with(told, "minibench/items"), rows_with(told, "reward")
    assert sorted(looks) == [2, 3] and sorted(steps) == [1, 2, 3]
    assert {row["minibench/items"] for row in looks.values()} == {4}
    assert 0 <= looks[2]["minibench/answers_damaged"] <= 1
    # Two completions of a sample a step.
    true = [row["findings/all/true"] for row in steps.values() if "findings/all/true" in row]
    assert all(count % 2 == 0 for count in true) and any(true)
    events = EventAccumulator(str(next((told / "runs").iterdir())))
    events.Reload()
    kept = {tag: [one.value for one in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert kept["train/minibench/items"] == [4, 4]
    assert kept["train/findings/all/true"] == true
    rewards = [row["eval_reward"] for row in rows_with(told, "eval_reward").values()]
    assert kept["eval/reward"] == pytest.approx(rewards)
