"""Claims about tokens and text: decoding as it comes, and the image-only processor."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tokenizers import AddedToken, Tokenizer, models
from transformers import AutoProcessor, PreTrainedTokenizerFast

from robust_r1.chain import TAGS
from robust_r1.engine.decoding import TextDecoder, TokenBytes
from robust_r1.engine.processing import (
    CHAT_TEMPLATE,
    IMAGE_TOKEN,
    VISION_TOKENS,
    ImageTextProcessor,
    build_processor,
    load_processor,
    register_processor,
)
from tests.support.tiny_checkpoint import make_tokenizer

TOKENIZER = make_tokenizer()
TOKENS = TokenBytes(TOKENIZER)
ids = st.lists(st.integers(0, len(TOKENIZER) - 1), max_size=60)


def decode(indices, cuts=()) -> tuple[str, list[str]]:
    decoder, pieces, start = TextDecoder(TOKENS), [], 0
    for end in (*sorted(cuts), len(indices)):
        pieces.append(decoder.feed(indices[start:end]))
        start = max(start, end)
    pieces.append(decoder.close())
    return "".join(pieces), pieces


# -- Decoding


@given(ids)
def test_pieces_make_the_tokenizers_own_text_without_control_tokens(indices):
    # The test tokenizer's tags are ordinary tokens, so this drops the control tokens alone.
    expected = TOKENIZER.decode(indices, skip_special_tokens=True)
    assert decode(indices, range(len(indices)))[0] == expected


@given(st.text(max_size=40), st.sets(st.integers(0, 100)))
def test_text_comes_back_however_it_is_cut_and_never_in_half_characters(text, cuts):
    indices = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    if "\ufffd" in text or any(token in text for token in VISION_TOKENS):
        return
    whole, pieces = decode(indices, [cut for cut in cuts if cut < len(indices)])
    assert whole == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_section_tags_are_text_also_where_a_checkpoint_made_them_special():
    special = make_tokenizer()
    special.add_tokens([AddedToken(TAGS[0], special=True)], special_tokens=True)
    decoder = TextDecoder(TokenBytes(special))
    assert decoder.feed([special.convert_tokens_to_ids(TAGS[0])]) == TAGS[0]


def test_an_id_without_a_token_is_no_text():
    assert TextDecoder(TOKENS).feed([len(TOKENIZER) + 5]) == ""


def test_a_stray_byte_at_the_end_is_one_replacement_character():
    first_byte = TOKENIZER("é", add_special_tokens=False)["input_ids"][:1]
    assert decode(first_byte)[0] == "\ufffd"


# -- The processor


@pytest.fixture(scope="module")
def folder(tiny_checkpoint):
    return tiny_checkpoint


def noise(height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(height * width)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


def prompt(processor, text: str) -> str:
    content = [{"type": "image"}, {"type": "text", "text": text}]
    return processor.apply_chat_template(
        [{"role": "user", "content": content}], add_generation_prompt=True
    )


def test_saved_and_loaded_it_gives_the_same_inputs(folder, tmp_path):
    built = build_processor(make_tokenizer())
    built.save_pretrained(tmp_path)
    for processor in (load_processor(tmp_path), load_processor(folder)):
        again, first = (
            each(images=[noise(96, 160)], text=[prompt(each, "a?")], return_tensors="np")
            for each in (processor, built)
        )
        assert set(again) == set(first)
        assert all(np.array_equal(again[name], first[name]) for name in first)


def test_auto_processor_reads_it_once_it_is_registered(folder):
    register_processor()
    register_processor()
    assert isinstance(AutoProcessor.from_pretrained(folder), ImageTextProcessor)


@pytest.mark.parametrize(("patch", "merge"), [(16, 2), (8, 4), (8, 2)])
def test_a_picture_becomes_one_token_for_each_merged_square(patch, merge):
    processor = build_processor(make_tokenizer(), patch_size=patch, merge_size=merge)
    side = patch * merge
    inputs = processor(images=[noise(96, 160)], text=[prompt(processor, "a?")])
    image = processor.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN)
    assert inputs["input_ids"][0].count(image) == (96 // side) * (160 // side)


def test_a_batch_is_padded_on_the_left(folder):
    processor = load_processor(folder)
    texts = [prompt(processor, text) for text in ("a?", "Something longer?")]
    pictures = [noise(64, 64), noise(192, 192)]
    batch = processor(images=pictures, text=texts, padding=True, return_tensors="pt")
    assert batch["attention_mask"][0, 0] == 0 and batch["attention_mask"][:, -1].all()
    assert batch["image_grid_thw"].tolist() == [[1, 4, 4], [1, 12, 12]]


def test_the_template_writes_whole_conversations():
    processor = build_processor(make_tokenizer(), chat_template=CHAT_TEMPLATE)
    turns = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "a?"}]},
        {"role": "assistant", "content": "b"},
    ]
    assert processor.apply_chat_template(turns) == (
        "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>a?<|im_end|>\n"
        "<|im_start|>assistant\nb<|im_end|>\n"
    )


def test_a_tokenizer_without_vision_tokens_is_refused():
    bare = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE({"a": 0}, [])))
    with pytest.raises(ValueError, match="vision_start"):
        build_processor(bare)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12))
def test_a_fitted_picture_is_not_resized_again(rows, columns):
    processor = build_processor(make_tokenizer(), max_pixels=1024)
    inputs = processor(
        images=[noise(32 * rows, 32 * columns)], text=[prompt(processor, "a")], do_resize=False
    )
    assert np.asarray(inputs["image_grid_thw"]).tolist() == [[1, 2 * rows, 2 * columns]]
