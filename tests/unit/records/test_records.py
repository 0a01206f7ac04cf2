"""Data formats: what is written is read back, and a broken record is named with its line."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from robust_r1.chain import Chain, Finding, format_question, render
from robust_r1.degradations import SPECS, DegradationPlan
from robust_r1.errors import DataError
from robust_r1.records import (
    LAYOUTS,
    AokvqaItem,
    Conversation,
    Record,
    Turn,
    conversation_of,
    read_aokvqa,
    read_authors,
    read_rbench_results,
    read_records,
    read_sharegpt,
    record_of,
    split_question,
    write_aokvqa,
    write_authors,
    write_records,
    write_sharegpt,
)

CHAIN = render(Chain((Finding("lens blur", 0.31),), "soft", "a kite flies", "a kite", "1"))
PLAN = DegradationPlan.parse("lens_blur=0.31", seed=3)
RECORD = Record(
    "a/1.png", "What flies?", ("bird", "kite"), "1", CHAIN, PLAN, 3, "train", "mcq", "noun"
)
SAMPLE = Conversation(("a.jpg",), (Turn("human", "<image>What flies?"), Turn("gpt", CHAIN)))

many = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
words = st.text(min_size=1, max_size=12).filter(str.strip)
# What a table in text form cannot tell apart: outer space, and a line end's kind.
cells = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)


@st.composite
def records(draw):
    choices = tuple(draw(st.lists(words, max_size=4)))
    answer = str(draw(st.integers(0, len(choices) - 1))) if choices else draw(st.text(max_size=5))
    ids = draw(st.lists(st.sampled_from([spec.id for spec in SPECS]), unique=True, max_size=3))
    plan = DegradationPlan.of({id: draw(st.floats(0, 1)) for id in ids}, draw(st.integers(0, 99)))
    kind = "mcq" if choices else draw(st.sampled_from(["", "vqa", "cap"]))
    chain = draw(st.sampled_from(["", CHAIN]))
    seed = draw(st.integers(0, 2**40))
    origin = draw(st.sampled_from([(), ("q1", "train2017/7.jpg", ("so", "thus"), "llm:m")]))
    return Record(
        draw(words), draw(words), choices, answer, chain, plan, seed, "x", kind, "", *origin
    )


@st.composite
def conversations(draw):
    images = tuple(draw(st.lists(words, min_size=1, max_size=3)))
    first = Turn("human", "<image>" * len(images) + draw(words).replace("<", ""))
    rest = [Turn("gpt", draw(words).replace("<", ""))]
    for _ in range(draw(st.integers(0, 2))):
        rest += [Turn("human", draw(words).replace("<", "")), Turn("gpt", "fine")]
    before = [Turn("system", "Be brief.")] if draw(st.booleans()) else []
    return Conversation(images, (*before, first, *rest), draw(st.sampled_from(["", "q1"])))


@many
@given(st.lists(records(), max_size=4))
def test_records_are_read_as_they_were_written(tmp_path, items):
    write_records(tmp_path / "a.jsonl", items)
    assert read_records(tmp_path / "a.jsonl") == items


@many
@given(st.lists(conversations(), max_size=4))
def test_conversations_survive_both_formats(tmp_path, items):
    write_authors(tmp_path / "a.jsonl", items)
    assert read_authors(tmp_path / "a.jsonl") == items
    for layout in LAYOUTS:
        assert read_sharegpt(write_sharegpt(tmp_path, layout, items, layout)) == items


@many
@given(st.lists(words, max_size=4), words)
def test_a_question_and_its_options_come_apart_again(choices, question):
    choices = [" ".join(choice.split()) for choice in choices]
    question = " ".join(question.split())
    assert split_question(format_question(question, choices)) == (question, tuple(choices))


def test_aokvqa_is_read_as_it_was_written_and_its_test_split_has_no_answers(tmp_path):
    train = AokvqaItem("train", 299207, "q1", "Who?", ("a", "b"), 1, ("b",) * 10, True, ("so",))
    test = AokvqaItem("test", 7, "q2", "Who?", ("a", "b"))
    write_aokvqa(tmp_path / "a.json", [train, test])
    assert read_aokvqa(tmp_path / "a.json") == [train, test]
    assert train.image == "train2017/000000299207.jpg"
    assert train.record().answer == "b" and test.record().answer == ""
    assert "correct_choice_idx" not in json.loads((tmp_path / "a.json").read_text())[1]


def test_a_record_becomes_a_conversation_and_comes_back():
    sample = conversation_of(RECORD)
    assert sample.turns[0].text == "<image>What flies?\n0. bird\n1. kite"
    back = record_of(sample, split="train")
    assert back == replace(RECORD, plan=DegradationPlan(), seed=0, kind="", topic="")


def test_the_records_layout_is_the_documented_one(tmp_path):
    write_records(tmp_path / "a.jsonl", [RECORD])
    (value,) = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert list(value) == [
        *("image", "question", "choices", "answer", "chain"),
        *("plan", "seed", "split", "kind", "topic"),
    ]
    assert value["plan"] == json.loads(PLAN.to_json()) and value["choices"] == ["bird", "kite"]
    write_records(tmp_path / "b.jsonl", [replace(RECORD, clean="7.jpg", rationales=("so",))])
    assert list(json.loads((tmp_path / "b.jsonl").read_text()))[10:] == ["clean", "rationales"]


def test_sharegpt_is_entered_beside_other_data_sets(tmp_path):
    (tmp_path / "dataset_info.json").write_text('{"other": {"file_name": "o.json"}}')
    write_sharegpt(tmp_path, "mine", [SAMPLE])
    info = json.loads((tmp_path / "dataset_info.json").read_text())
    assert info["other"] == {"file_name": "o.json"}
    assert info["mine"]["file_name"] == "mine.json" and info["mine"]["formatting"] == "sharegpt"


ASKED = {"role": "user", "content": "<image>What flies?"}
SAID = {"role": "assistant", "content": CHAIN}
BRIEF = {"role": "system", "content": "Be brief."}
SYSTEM = Turn("system", "Be brief.")


@pytest.mark.parametrize(
    ("value", "turns"),
    [
        ({"messages": [ASKED, SAID], "images": "a.jpg"}, SAMPLE.turns),
        (
            {"messages": [ASKED, SAID], "images": ["a.jpg"], "system": "Be brief."},
            (SYSTEM, *SAMPLE.turns),
        ),
        (
            {"messages": [BRIEF, ASKED, SAID], "images": "a.jpg"},
            (SYSTEM, *SAMPLE.turns),
        ),
        ({"messages": [ASKED, SAID], "images": ["a.jpg"], "tools": "", "more": 3}, SAMPLE.turns),
    ],
    ids=["a picture as string", "a system column", "a system turn", "further columns"],
)
@pytest.mark.parametrize("lines", [False, True], ids=["list", "lines"])
def test_sharegpt_is_read_in_every_shape_that_llama_factory_takes(tmp_path, value, turns, lines):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value) if lines else json.dumps([value]))
    assert read_sharegpt(path) == [Conversation(("a.jpg",), turns)]


def test_sharegpt_uses_the_names_that_its_info_tells(tmp_path):
    turns = [{"who": "me", "says": "<image>What flies?"}, {"who": "bot", "says": CHAIN}]
    (tmp_path / "a.json").write_text(json.dumps([{"talk": turns, "pictures": "a.jpg"}]))
    with pytest.raises(DataError, match="a.json:1: no conversations"):
        read_sharegpt(tmp_path / "a.json")
    tags = {"role_tag": "who", "content_tag": "says", "user_tag": "me", "assistant_tag": "bot"}
    columns = {"messages": "talk", "images": "pictures"}
    entry = {"file_name": "a.json", "formatting": "sharegpt", "columns": columns, "tags": tags}
    (tmp_path / "dataset_info.json").write_text(json.dumps({"mine": entry}))
    assert read_sharegpt(tmp_path / "a.json") == [SAMPLE]


def test_the_authors_lines_may_be_numbered_and_name_a_reward(tmp_path):
    line = {"id": 7, "accu_reward_method": "mcq", "image": "a.jpg"}
    spoken = [{"from": "human", "value": "<image>What flies?"}, {"from": "gpt", "value": CHAIN}]
    (tmp_path / "a.jsonl").write_text(json.dumps({**line, "conversations": spoken}))
    (sample,) = read_authors(tmp_path / "a.jsonl")
    assert (sample.id, record_of(sample).question_id) == ("7", "7")


def test_several_files_take_their_pictures_from_folders_of_their_own(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.jpg").write_bytes(b"")
        write_authors(tmp_path / f"{name}.jsonl", [SAMPLE])
    files = [tmp_path / "one.jsonl", tmp_path / "two.jsonl"]
    found = read_authors(files, [tmp_path / "one", tmp_path / "two"])
    assert [sample.images for sample in found] == [
        (str(tmp_path / "one" / "a.jpg"),),
        (str(tmp_path / "two" / "a.jpg"),),
    ]
    assert len(read_authors(files, tmp_path / "one")) == 2
    with pytest.raises(DataError, match="2 picture folders were given for 1 files"):
        read_authors(files[0], [tmp_path / "one", tmp_path / "two"])
    with pytest.raises(DataError, match="one.jsonl:1: no picture a.jpg"):
        read_authors(files[0], tmp_path / "empty")


GOOD = {"image": "a.png", "question": "Who?"}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({**GOOD, "aswer": "x"}, "unknown aswer"),
        ({"image": "a.png"}, "no question"),
        ({"image": "", "question": "Who?"}, "image is ''"),
        ({**GOOD, "choices": "ab"}, "choices is 'ab'"),
        ({**GOOD, "seed": -1}, "seed is -1"),
        ({**GOOD, "seed": True}, "seed is True"),
        ({**GOOD, "kind": "quiz"}, "unknown kind 'quiz'"),
        ({**GOOD, "kind": "mcq"}, "an mcq without choices"),
        ({**GOOD, "choices": ["a", "b"], "answer": "2"}, "none of the choices"),
        ({**GOOD, "chain": "<TYPE>none<TYPE_END>"}, "missing section"),
        ({**GOOD, "plan": {"steps": [{"id": "rain"}]}}, "id, intensity and seed"),
        ([GOOD], "this is ["),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_a_broken_record_is_named_by_file_and_line(tmp_path, value, fault):
    path = tmp_path / "bad.jsonl"
    path.write_text(f"{json.dumps(GOOD)}\n\n{json.dumps(value)}\n")
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert str(caught.value).startswith(f"{path}:3: ") and fault in str(caught.value)
    assert "; " in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (b'{"image": ', "the JSON is broken"),
        (b'{"image": "a", "image": "b"}', "a key is there twice"),
        (b'{"seed": NaN}', "NaN is no number"),
        (b"[" * 100_000, "the JSON is broken"),
        (b"\xff\xfe", "this is not UTF-8"),
    ],
    ids=["cut", "twice", "nan", "deep", "bytes"],
)
def test_a_line_that_is_not_json_is_named(tmp_path, data, fault):
    path = tmp_path / "bad.jsonl"
    path.write_bytes(json.dumps(GOOD).encode() + b"\r\n" + data)
    with pytest.raises(DataError, match=":2: ") as caught:
        read_records(path)
    assert fault in str(caught.value)


@pytest.mark.parametrize(
    ("turns", "images", "fault"),
    [
        ([("gpt", "hello")], [], "the turns are of gpt"),
        ([("human", "<image>a"), ("human", "b")], ["a.jpg"], "the turns are of human, human"),
        ([("human", "<image>a"), ("gpt", "b")], [], "1 <image> marks for 0 pictures"),
        ([("human", "a"), ("gpt", "b")], ["a.jpg"], "0 <image> marks for 1 pictures"),
        ([], [], "the turns are of nobody"),
    ],
    ids=["no question", "no reply", "no picture", "no mark", "nothing"],
)
def test_a_broken_conversation_is_named_by_file_and_line(tmp_path, turns, images, fault):
    good = {"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}
    spoken = [{"from": speaker, "value": text} for speaker, text in turns]
    bad = {"conversations": spoken, "images": images}
    path = tmp_path / "bad.json"
    path.write_text(f"[\n{json.dumps(good)},\n{json.dumps(bad)}\n]")
    with pytest.raises(DataError) as caught:
        read_sharegpt(path)
    assert str(caught.value).startswith(f"{path}:3: {fault}")


@pytest.mark.parametrize("text", ["{}", "[", "[{}", "[1,]", "[] x", "", "[1 2]"])
def test_a_file_that_is_no_json_list_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match="a.json:1: "):
        read_aokvqa(tmp_path / "a.json")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    for read in (read_records, read_authors, read_sharegpt, read_aokvqa, read_rbench_results):
        for path in (tmp_path / "nowhere", tmp_path):
            with pytest.raises(DataError, match="could not be read"):
                read(path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="could not be written: "):
        write_records(tmp_path / "file" / "a.jsonl", [RECORD])


def test_a_failed_write_leaves_the_file_that_was_there(tmp_path):
    path = tmp_path / "a.jsonl"
    write_records(path, [RECORD])
    before = path.read_bytes()
    with pytest.raises(DataError, match="cannot hold the character"):
        write_records(path, [RECORD, replace(RECORD, question="\ud800")])
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"correct_choice_idx": 2}, "correct_choice_idx is 2 of 2 choices"),
        ({"split": "dev"}, "unknown split 'dev'"),
        ({"difficult_direct_answer": "no"}, "difficult_direct_answer is no truth value"),
        ({"hint": "x"}, "unknown hint"),
    ],
    ids=["answer", "split", "flag", "key"],
)
def test_a_broken_question_of_aokvqa_is_named_by_its_line(tmp_path, change, fault):
    good = AokvqaItem("val", 7, "q", "Who?", ("a", "b"), 1)
    path = tmp_path / "a.json"
    write_aokvqa(path, [good, good])
    entries = json.loads(path.read_text())
    entries[1] |= change
    path.write_text("[\n" + ",\n".join(json.dumps(entry) for entry in entries) + "]")
    with pytest.raises(DataError) as caught:
        read_aokvqa(path)
    assert str(caught.value).startswith(f"{path}:3: ") and fault in str(caught.value)
