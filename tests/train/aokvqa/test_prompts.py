"""Claims about the prompts: ours are whole, others may replace them, a slip in one is named."""

import pytest

from robust_r1.chain import SECTIONS, close_tag, open_tag
from robust_r1.errors import InputError
from train.aokvqa.annotators import Lengths
from train.aokvqa.prompt_files import FIELDS, read_prompts

ASKED_FOR = {
    "influence": ["INFLUENCE"],
    "reasoning": ["REASONING"],
    "conclusion": ["CONCLUSION", "ANSWER"],
    "length": ["INFLUENCE", "REASONING", "CONCLUSION"],
}


@pytest.mark.parametrize("step", FIELDS)
def test_each_of_ours_tells_all_that_is_known_and_asks_for_its_sections(step):
    text = read_prompts().fill(step, **{name: f"[{name}]" for name in FIELDS[step]})
    assert all(f"[{name}]" in text for name in FIELDS[step]) and "$" not in text
    asked = text.rpartition("Reply with nothing but")[2]
    for section in SECTIONS:
        wanted = section in ASKED_FOR[step]
        assert (open_tag(section) in asked and close_tag(section) in asked) == wanted


def test_a_file_of_ones_own_replaces_ours_and_changes_the_digest(tmp_path):
    (tmp_path / "length.txt").write_text("To $words words, for 5$$: $draft")
    prompts = read_prompts(tmp_path)
    assert prompts.fill("length", words=9, draft="x", other=1) == "To 9 words, for 5$: x"
    assert prompts.texts["influence"] == read_prompts().texts["influence"]
    assert prompts.sha256 != read_prompts().sha256


@pytest.mark.parametrize("text", ["$findings $anwser", "costs 5$ or so", "$rationales"])
def test_a_word_that_the_step_does_not_have_is_named(text, tmp_path):
    (tmp_path / "influence.txt").write_text(text)
    with pytest.raises(
        InputError, match=r"influence.txt has (\$anwser|a \$|\$rationales).*may have"
    ):
        read_prompts(tmp_path)


def test_a_target_grows_with_the_damage_and_lies_in_its_band():
    bands = [Lengths(100, 100, 0.6, 1.4).band(total / 10) for total in range(41)]
    assert all(band.low <= band.target <= band.high for band in bands)
    targets = [band.target for band in bands]
    assert targets == sorted(set(targets)) and (targets[0], targets[-1]) == (100, 500)
