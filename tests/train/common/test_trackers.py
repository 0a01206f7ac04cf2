"""Claims about trackers: one that is not there is named, and none reaches out unasked."""

import os

import pytest

from robust_r1.errors import InputError
from tests.support.training import small
from train.common.trackers import require_trackers, tracker_settings


@pytest.fixture
def unset(monkeypatch):
    """Give a function that takes variables out of the environment, until the test ends."""

    def take(*names):
        for name in names:
            monkeypatch.setenv(name, "")
            monkeypatch.delenv(name)

    take("WANDB_MODE", "WANDB_PROJECT", "WANDB_DIR", "WANDB_ERROR_REPORTING")
    return monkeypatch


def test_a_tracker_that_is_not_installed_is_named_with_its_package():
    require_trackers(["tensorboard"])
    with pytest.raises(InputError, match=r"names no_tracker, which .* \(pip install no_tracker\)"):
        require_trackers(["tensorboard", "no_tracker"])


@pytest.mark.parametrize(
    ("change", "trackers"),
    [
        ("report_to=wandb", ("wandb",)),
        ("report_to=[tensorboard, trackio, trackio]", ("tensorboard", "trackio")),
        ("report_to=none", ()),
        ("report_to=[]", ()),
    ],
)
def test_one_tracker_several_or_none_can_be_asked_for(change, trackers):
    assert small(change).trackers == trackers
    assert small().trackers == ("tensorboard",)


@pytest.mark.parametrize("change", ["report_to=tensorbord", "report_to=[none, wandb]"])
def test_what_is_no_tracker_is_refused(change):
    with pytest.raises(InputError, match="choose from tensorboard, trackio, wandb, or none"):
        small(change)


def test_weights_and_biases_keeps_to_the_folder_unless_somebody_says_otherwise(unset, tmp_path):
    settings = tracker_settings(["tensorboard"], tmp_path)
    assert settings["report_to"] == ["tensorboard"] and "WANDB_MODE" not in os.environ
    settings = tracker_settings(["wandb"], tmp_path)
    assert (settings["run_name"], os.environ["WANDB_MODE"]) == (tmp_path.name, "offline")
    assert os.environ["WANDB_DIR"] == str(tmp_path)
    assert os.environ["WANDB_ERROR_REPORTING"] == "false"


def test_who_asks_for_the_cloud_gets_it(unset, tmp_path):
    unset.setenv("WANDB_MODE", "online")
    tracker_settings(["wandb"], tmp_path)
    assert os.environ["WANDB_MODE"] == "online" and "WANDB_ERROR_REPORTING" not in os.environ
    assert tracker_settings([], tmp_path)["report_to"] == "none"
