"""Claims about what a model said of a prompt while it was trained: found, ranked and judged."""

import pytest

from robust_r1.analysis.rollouts import TRAINED, course_of, prompts_of, rollouts_at
from robust_r1.records.training_run import read_training_run
from tests.support.paths import ROOT
from tests.support.training_runs import BAD, GOOD, group, reinforced, said, write_training


def read(tmp_path, samples, settings=None):
    return read_training_run(write_training(tmp_path, [], samples, settings))


def test_a_fixed_prompt_is_followed_from_before_training_to_the_end(tmp_path):
    run = read_training_run(reinforced(tmp_path / "run"))
    first, second = prompts_of(run)
    assert (first.name, first.split, first.fixed) == ("first.png-1a", "train", True)
    assert first.steps == second.steps == (0, 10, 20, 30, 40)
    assert course_of(run, first) == pytest.approx((0.5, 1.0, 1.5, 2.0, 2.5))
    found = rollouts_at(run, first, 4)
    assert (found.step, found.question, found.choices) == (40, "How many?", ("two", "three"))
    assert [one.said.advantage for one in found.group] == [2.5, -2.5]
    assert found.teaches and found.greedy and found.greedy.answer == "two"
    best, worst = found.group
    assert (len(best.matching.matched), best.matching.false_alarms) == (2, ())
    assert (len(worst.matching.misses), len(worst.matching.false_alarms)) == (2, 1)


def test_what_each_step_learned_from_is_one_menu_line_and_what_came_twice_another(tmp_path):
    rows = [
        row
        for number, name in enumerate(["a", "b", "a", "c"])
        for row in group(number, name, [0.0, 1.0], kind="trained")
    ]
    run = read(tmp_path, rows)
    every, again = prompts_of(run)
    assert (every.name, every.steps) == (TRAINED, (0, 1, 2, 3))
    assert (again.name, again.steps) == ("a", (0, 2))
    assert [rollouts_at(run, every, place).asked.sample for place in range(4)] == list("abac")


def test_a_fixed_prompt_that_is_learned_from_too_keeps_its_groups_apart(tmp_path):
    rows = group(0, "a", [1.0, 3.0]) + group(0, "a", [5.0, 9.0], kind="trained")
    run = read(tmp_path, rows)
    fixed, every = prompts_of(run)
    for prompt, rewards in ((fixed, [3.0, 1.0]), (every, [9.0, 5.0])):
        assert [one.said.reward for one in rollouts_at(run, prompt, 0).group] == rewards
        assert course_of(run, prompt) == (sum(rewards) / 2,)


def test_places_beyond_the_ends_are_the_ends(tmp_path):
    run = read_training_run(reinforced(tmp_path / "run"))
    prompt = prompts_of(run)[0]
    assert rollouts_at(run, prompt, -3).step == 0
    assert rollouts_at(run, prompt, 99).step == 40


def test_advantages_that_were_not_written_down_are_those_of_training(tmp_path):
    old = [
        said(0, GOOD if reward > 0 else BAD, degradation_reward=reward, length_reward=0.5)
        for reward in (1.0, -1.0, 0.0, 0.0)
    ]
    run = read(tmp_path, old, {"grpo.rewards": {"degradation": 2.0, "length": 0.0}})
    group = rollouts_at(run, prompts_of(run)[0], 0).group
    assert [one.said.reward for one in group] == [2.0, 0.0, 0.0, -2.0]
    spread = (8 / 3) ** 0.5  # of the sums, as of a sample
    assert [one.said.advantage for one in group] == pytest.approx(
        [2 / spread, 0, 0, -2 / spread], abs=1e-3
    )


def test_a_group_whose_rewards_are_all_alike_teaches_nothing(tmp_path):
    run = read(tmp_path, group(0, "a", [1.0, 1.0], kind="trained"))
    assert not rollouts_at(run, prompts_of(run)[0], 0).teaches


def test_a_completion_that_earned_nothing_is_judged_by_the_same_rewards(tmp_path):
    run = read(tmp_path, [said(4, GOOD), said(8, BAD), said(8, "no chain", solution="")])
    prompt, bare = prompts_of(run)
    good, bad = (rollouts_at(run, prompt, place).greedy for place in (0, 1))
    assert good.said.rewards["format"] == good.said.rewards["accuracy"] == 1.0
    assert good.said.rewards["degradation"] == pytest.approx(2 - 0.05 - 0.10)
    assert bad.said.rewards["accuracy"] == 0.0 and bad.said.rewards["degradation"] == -3
    assert rollouts_at(run, bare, 0).greedy.said.rewards == {}
    assert course_of(run, bare) == (None,)


@pytest.mark.parametrize("name", ["training", "adapter"])
def test_rollouts_of_an_earlier_version_are_shown(name):
    run = read_training_run(ROOT / "tests" / "unit" / "legacy" / name)
    (prompt,) = prompts_of(run)
    assert (prompt.name, prompt.steps) == (TRAINED, (0, 2))
    found = rollouts_at(run, prompt, 1)
    assert len(found.group) == 2 and found.rewards == (
        "degradation", "length", "format", "accuracy"
    )  # fmt: skip
