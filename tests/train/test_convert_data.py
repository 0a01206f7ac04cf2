"""Claims about formats: what is written is read back, by us and by those it is written for."""

import json
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from datasets import load_dataset

from robust_r1.chain import render
from robust_r1.images import load, save
from robust_r1.records import Record, authors_lines, read_records, read_sharegpt, write_records
from robust_r1.scenes import make_item
from train import check_data, convert_data
from train.common.data_files import data_files, read_samples
from train.common.rows import read_data


@pytest.fixture(scope="module")
def source(data_file, tmp_path_factory):
    """Copy the eight scenes, two of them as validation, one with all that A-OKVQA tells."""
    folder = tmp_path_factory.mktemp("source")
    shutil.copytree(data_file.parent / "images", folder / "images")
    first, second, *rest = read_records(data_file)
    told = {"question_id": "q1", "clean": "train2017/1.jpg", "rationales": ("so", "thus")}
    first = replace(first, **told, annotator="rules")
    write_records(folder / "train.jsonl", [first, *rest[1:]])
    write_records(
        folder / "validation.jsonl", [replace(one, split="validation") for one in (second, rest[0])]
    )
    return folder


def convert(*words, status=0):
    assert convert_data.main([*map(str, words)]) == status


def both(folder):
    """Return all samples of a folder as (record without its picture's name, pixels)."""
    return [
        (replace(sample.record, image=""), load(sample.picture).tobytes())
        for sample in read_samples(folder)
    ]


def bare(records):
    """Return what conversations keep of records."""
    return [
        (
            Record(
                "",
                r.question,
                r.choices,
                r.answer,
                r.chain,
                split=r.split,
                question_id=r.question_id,
            ),
            p,
        )
        for r, p in records
    ]


@pytest.mark.parametrize("to", convert_data.FORMATS)
def test_what_is_written_in_a_format_reads_back_to_the_same_samples(to, source, tmp_path):
    convert(source, "--to", to, "--name", "mine", "-o", tmp_path / to)
    plain = to in ("sharegpt", "messages")
    found = (
        [
            sample
            for split in ("train", "validation")
            for sample in both(tmp_path / to / f"mine_{split}.json")
        ]
        if plain
        else both(tmp_path / to)
    )
    wanted = both(source)
    whole = to in ("project", "huggingface")
    assert len(found) == 8 and found == (wanted if whole else bare(wanted))
    back = tmp_path / "back"
    files = (
        [tmp_path / to / f"mine_{s}.json" for s in ("train", "validation")]
        if plain
        else [tmp_path / to]
    )
    convert(*files, "--to", "project", "-o", back)
    assert both(back) == found


def test_llama_factory_finds_files_columns_and_pictures(source, tmp_path):
    for to, turns, texts in (
        ("sharegpt", "conversations", "value"),
        ("messages", "messages", "content"),
    ):
        folder = tmp_path / to
        convert(source, "--to", to, "--name", "mine", "-o", folder)
        info = json.loads((folder / "dataset_info.json").read_text())
        assert info.keys() == {"mine_train", "mine_validation"}
        for entry in info.values():
            (columns, tags) = (entry["columns"], entry["tags"])
            assert (entry["formatting"], columns["messages"]) == ("sharegpt", turns)
            for value in json.loads((folder / entry["file_name"]).read_text()):
                said = [turn[tags["role_tag"]] for turn in value[columns["messages"]]]
                assert said == [tags["user_tag"], tags["assistant_tag"]]
                marks = sum(turn[texts].count("<image>") for turn in value[turns])
                assert marks == len(value[columns["images"]]) == 1
                assert all((folder / name).is_file() for name in value[columns["images"]])


def test_the_hub_and_datasets_read_the_folder_and_its_card(source, tmp_path):
    convert(source, "--to", "huggingface", "--license", "cc-by-4.0", "-o", tmp_path / "hub")
    data = load_dataset(str(tmp_path / "hub"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in data.items()} == {"train": 6, "validation": 2}
    row, record = data["train"][0], read_records(source / "train.jsonl")[0]
    assert row["image"].size == load(record.picture(source)).shape[1::-1]
    assert (row["chain"], row["choices"]) == (record.chain, list(record.choices))
    assert json.loads(row["plan"]) == json.loads(record.plan.to_json())
    _, head, text = (tmp_path / "hub" / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(head)
    assert (told["license"], told["size_categories"]) == ("cc-by-4.0", ["n<1K"])
    (config,) = told["configs"]
    assert [part["split"] for part in config["data_files"]] == ["train", "validation"]
    assert "| train | 6 | not told, rules |" in text


def hub_of_the_authors(folder, spoiled=0):
    """Write what lies on the Hub: two files with ids, and the pictures of each in a folder."""
    for split, numbers in (("train", range(5)), ("test", range(5, 7))):
        (folder / f"{split}_images").mkdir(parents=True)
        lines = []
        for number in numbers:
            item = make_item("train", number)
            shutil.copy(_picture(folder, number), folder / f"{split}_images" / f"{number}.png")
            chain = render(item.chain)
            said = chain.replace("<REASONING_END>", "") if number < spoiled else chain
            asked = {"from": "human", "value": f"<image>{item.question.prompt}"}
            turns = [asked, {"from": "gpt", "value": said}]
            lines.append({"id": number, "image": f"{number}.png", "conversations": turns})
        (folder / f"{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))


def _picture(folder, number):
    path = folder.parent / "one.png"
    save(make_item("train", number).image(), path)
    return path


def test_the_authors_data_is_read_as_it_lies_on_the_hub(tmp_path, capsys):
    hub_of_the_authors(tmp_path / "hub")
    found = list(read_samples(tmp_path / "hub"))
    assert [sample.record.split for sample in found] == ["train"] * 5 + ["test"] * 2
    assert [sample.record.question_id for sample in found] == list("0123456")
    (tmp_path / "pictures").mkdir()
    for path in (tmp_path / "hub").glob("*_images/*"):
        path.rename(tmp_path / "pictures" / path.name)
    convert(tmp_path / "hub", "--to", "project", "-o", tmp_path / "out", status=2)
    told = capsys.readouterr().err
    assert "train.jsonl:1: there is no picture" in told and told.count("\n") == 1
    words = [tmp_path / "hub" / "train.jsonl", tmp_path / "hub" / "test.jsonl"]
    flags = ["--pictures", tmp_path / "pictures", "--to", "project", "-o", tmp_path / "out"]
    convert(*words, *flags)
    assert "5 for train and 2 for test samples, 0 left out" in capsys.readouterr().out
    assert both(tmp_path / "out") == [
        (replace(one.record, image=""), load(tmp_path / "pictures" / one.record.image).tobytes())
        for one in found
    ]
    assert len(read_data(tmp_path / "out" / "train.jsonl")) == 5


def test_chains_that_do_not_parse_are_refused_or_left_out_and_counted(tmp_path, capsys):
    hub_of_the_authors(tmp_path / "hub", spoiled=2)
    convert(tmp_path / "hub", "--to", "project", "-o", tmp_path / "out", status=2)
    told = capsys.readouterr().err
    assert "train.jsonl:1: the chain has a unclosed section" in told and "--leave-out" in told
    convert(tmp_path / "hub", "--to", "project", "--leave-out", "-o", tmp_path / "out")
    told = capsys.readouterr().out
    assert "3 for train and 2 for test samples, 2 left out" in told
    assert told.count("left out: ") == 2 and "train.jsonl:2: " in told
    with pytest.raises(Exception, match="train.jsonl:1: the chain has a"):
        read_data(tmp_path / "hub" / "train.jsonl")


def test_pictures_of_one_name_from_two_folders_stay_two(tmp_path):
    for name in ("one", "two"):
        hub_of_the_authors(tmp_path / name / "hub")
    other = load(tmp_path / "two" / "hub" / "train_images" / "1.png")
    shutil.copy(
        tmp_path / "two" / "hub" / "train_images" / "1.png",
        tmp_path / "two" / "hub" / "train_images" / "0.png",
    )
    files = [tmp_path / name / "hub" / "train.jsonl" for name in ("one", "two")]
    convert(*files, "--to", "sharegpt", "--name", "mine", "-o", tmp_path / "out")
    images = [talk.images[0] for talk in read_sharegpt(tmp_path / "out" / "mine_train.json")]
    assert len(set(images)) == 10
    assert (load(tmp_path / "out" / images[5]) == other).all()


def test_a_format_beside_its_source_takes_no_picture_away(source, tmp_path):
    shutil.copytree(source, tmp_path / "data")
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*.png")}
    convert(tmp_path / "data", "--to", "sharegpt", "-o", tmp_path / "data")
    assert before == {path: path.read_bytes() for path in (tmp_path / "data").rglob("*.png")}


@pytest.mark.parametrize("to", ["project", "huggingface"])
def test_a_full_disk_leaves_no_file_that_looks_whole(to, source, tmp_path, capsys):
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))
    try:
        convert(source, "--to", to, "-o", tmp_path / "out", status=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert "could not be written: " in capsys.readouterr().err
    assert not [*(tmp_path / "out").rglob("*.parquet"), *(tmp_path / "out").rglob("*.jsonl")]
    convert(source, "--to", to, "-o", tmp_path / "out")
    assert len(both(tmp_path / "out")) == 8


def test_the_commands_of_the_hub_that_the_readme_names_have_the_flags_it_gives(root):
    text = (root / "train" / "README.md").read_text("utf-8")
    lines = re.findall(r"^hf .*$", text, re.M)
    assert {line.split()[1] for line in lines} == {"upload", "download"}
    for line in lines:
        command = shutil.which("hf", path=Path(sys.executable).parent)
        done = subprocess.run([command, line.split()[1], "--help"], capture_output=True, text=True)
        for flag in re.findall(r" (--[a-z-]+)", line):
            assert re.search(rf"{flag}\b", done.stdout), (line, flag)


@pytest.mark.parametrize("to", ["project", "huggingface"])
def test_another_set_in_the_folder_is_refused(to, source, tmp_path, capsys):
    convert(source, "--to", to, "-o", tmp_path)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    convert(source, "--to", to, "-o", tmp_path, status=2)
    assert "give another folder with -o" in capsys.readouterr().err
    assert kept == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_training_reads_sharegpt_and_names_what_it_cannot_read(source, tmp_path):
    convert(source, "--to", "messages", "--name", "mine", "-o", tmp_path / "talk")
    records = read_data(tmp_path / "talk" / "mine_train.json")
    assert len(records) == 6 and records[0].picture(tmp_path / "talk").is_file()
    convert(source, "--to", "huggingface", "-o", tmp_path / "hub")
    (file, _) = data_files(tmp_path / "hub")
    with pytest.raises(Exception, match="turn it into ours by train.convert_data"):
        read_data(file)
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(Exception, match="could not be read: .*; download it again"):
        list(read_samples(tmp_path / "hub"))


def test_the_authors_format_has_their_folders_and_ids(source, tmp_path):
    convert(source, "--to", "authors", "-o", tmp_path)
    samples = [sample for _, sample in authors_lines(tmp_path / "train.jsonl")]
    assert samples[0].id == "q1" and len(samples) == 6
    for sample in samples:
        assert (tmp_path / "train_images" / sample.images[0]).is_file()


def test_a_sound_set_passes_and_each_fault_is_named(source, tmp_path, capsys):
    records = read_records(source / "validation.jsonl")
    shutil.copytree(source / "images", tmp_path / "images")
    write_records(tmp_path / "train.jsonl", records)
    assert check_data.main([str(tmp_path)]) == 0
    assert "2 for validation samples without a fault" in capsys.readouterr().out
    no_damage = render(replace(make_item("train", 0).chain, findings=()))
    write_records(tmp_path / "train.jsonl", [records[0], replace(records[1], chain=no_damage)])
    assert check_data.main([str(tmp_path)]) == 2
    told = capsys.readouterr()
    assert "the findings are none, the plan's are" in told.out and "1 of 2 samples" in told.err
    assert check_data.main(["nowhere"]) == 2
    assert capsys.readouterr().err.startswith("error: there is no nowhere")
