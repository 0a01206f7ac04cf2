"""--eyes: what is printed, what is kept, what is refused."""

import json

import pytest

from robust_r1 import images
from robust_r1.cli import main
from tests.support.scripted_engine import CHAIN, ScriptedEngine


@pytest.fixture
def models(monkeypatch):
    """Put scripted models in the place of loaded ones, and return those by name."""
    found = {
        "eyes": ScriptedEngine("eyes", texts={"": CHAIN}),
        "other": ScriptedEngine("other", texts={"": "It is a cat."}),
    }
    for module in ("engine", "commands.ask", "commands.sweep"):
        monkeypatch.setattr(
            f"robust_r1.{module}.load_engine", lambda name, *rest, **more: found[name]
        )
    return found


@pytest.fixture
def photo(picture, tmp_path):
    images.save(picture, tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


def test_ask_says_who_perceived_and_who_answered(models, photo, capsys):
    words = ["ask", photo, "What?", "--model", "other", "--eyes", "eyes"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "Perceived by eyes, answered by other. other wrote no sections" in out
    assert "perceived: lens blur 0.35, scan lines 0.20" in out and "It is a cat." in out
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["eyes"]) == ("other", "eyes")
    assert told["findings"][0]["name"] == "lens blur" and "no sections" in told["remark"]


def test_a_saved_answer_is_asked_again_with_its_eyes_unless_others_are_named(
    models, photo, tmp_path, capsys
):
    saved = tmp_path / "answer.json"
    saved.write_text(json.dumps({"question": "What?", "model": "other", "eyes": "eyes"}))
    for more, eyes in (([], "eyes"), (["--eyes", ""], None)):
        assert main(["ask", photo, "--replay", str(saved), "--json", *more]) == 0
        assert json.loads(capsys.readouterr().out)["eyes"] == eyes


def test_evaluate_and_sweep_take_them_too(models, photo, tmp_path, capsys):
    flags = ["--model", "other", "--eyes", "eyes", "--json"]
    run = ["evaluate", "minibench", "--limit", "1", "-o", str(tmp_path / "run")]
    assert main([*run, *flags]) == 0
    assert json.loads(capsys.readouterr().out)["terms"]["eyes"] == "eyes"
    assert main(["report", str(tmp_path / "run")]) == 0
    assert "other, eyes eyes" in (told := capsys.readouterr().out)
    assert "perceived by eyes, answered by other" in told
    levels = ["--vary", "darkness", "--levels", "2"]
    assert main(["sweep", photo, "What?", *levels, *flags]) == 0
    assert json.loads(capsys.readouterr().out)["eyes"] == "eyes"


@pytest.mark.parametrize(
    ("eyes", "words"),
    [("tiny-base", "tiny-base was not trained to name damage"), ("tiny-xx", "did you mean")],
)
def test_eyes_that_cannot_be_are_refused_before_the_other_model_is_loaded(
    eyes, words, photo, capsys
):
    # The model that answers is no model at all: it is not looked for.
    assert main(["ask", photo, "What?", "--model", "no/such", "--eyes", eyes]) == 2
    assert words in capsys.readouterr().err
