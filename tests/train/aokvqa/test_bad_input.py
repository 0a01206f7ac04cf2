"""Claims about what a builder of A-OKVQA's chains cannot use: one clear line, and nothing lost."""

import json
from functools import partial

import pytest

from tests.support.aokvqa_miniature import write_miniature
from tests.support.aokvqa_sets import build, one_line, records, rejects, same, small_files
from train.common.journal import alone_in


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
