"""Claims about a new model: its tokenizer, its first weights, what of it is trained."""

import numpy as np
import pytest
import torch

from robust_r1.chain import TAGS, render
from robust_r1.scenes import make_item
from tests.support.training import SMOKE
from train.common.config import load_config
from train.tiny.config import TrainingConfig
from train.tiny.decoder import attend, norm
from train.tiny.encoder import rotate
from train.tiny.model import make_model
from train.tiny.patches import basis
from train.tiny.stages import freeze_vision


def test_the_patch_basis_is_never_empty_and_its_block_filters_are_orthogonal():
    filters = basis(16, 192, seed=0).reshape(192, -1)
    assert (np.linalg.norm(filters, axis=1) > 0.05).all()
    block = filters[40:172]
    gram = block @ block.T
    off = gram - np.diag(np.diag(gram))
    assert np.abs(off).max() < 1e-5 * np.diag(gram).max()


def test_tags_are_one_token_each_and_survive_decoding(tokenizer):
    for tag in TAGS:
        assert len(tokenizer(tag, add_special_tokens=False)["input_ids"]) == 1
    text = render(make_item("train", 3).chain)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_intensities_are_read_digit_by_digit(tokenizer):
    pieces = tokenizer.tokenize("lens blur(0.31)")
    assert [piece for piece in pieces if any(sign.isdigit() for sign in piece)] == ["0", "3", "1"]


@pytest.fixture(scope="module")
def text_side(bundled_tokenizer):
    """Make the text side of the bundled models' size, as training begins with it."""
    config = load_config("cpu", TrainingConfig).model
    return make_model(config, bundled_tokenizer, seed=3).model.language_model


def test_first_heads_look_back_by_one_to_four_tokens(text_side):
    weights = attention_of(text_side, torch.randn(1, 40, 256), layer=0)
    for head, distance in enumerate((1, 2, 3, 4)):
        back = weights[0, head].diagonal(-distance)
        assert back.min() > 0.4 and back.mean() > 0.6


def test_what_was_said_before_is_recalled_apart_from_the_word_itself(text_side):
    ids = torch.randint(40, 900, (1, 30))
    said = text_side.embed_tokens(ids)
    assert (said[..., 128:] == 0).all()
    first = text_side.layers[0]
    places = text_side.rotary_emb(said, torch.arange(30).expand(3, 1, -1))
    rotation = tuple(part[0] for part in places)
    written = attend(first.self_attn, norm(first.input_layernorm, said), rotation, later(30))
    assert (written[..., :128] == 0).all()
    blocks = written[0, 4:, 128:].view(26, 4, 32)
    # As large as what the word itself says, about; and of each head alone.
    share = blocks.std() / said[..., :128].std()
    assert 0.3 < share < 1.0
    again = text_side.embed_tokens(torch.cat([ids[:, :-1], ids[:, :1]], 1))
    changed = attend(first.self_attn, norm(first.input_layernorm, again), rotation, later(30))
    assert torch.allclose(changed[0, :-1], written[0, :-1], atol=1e-5)


@pytest.mark.parametrize("head, columns", [(0, slice(0, 128)), (2, slice(128, 192))])
def test_heads_of_later_layers_find_the_same_word_or_the_same_two_before_it(
    text_side, head, columns
):
    """By what each reads alone: the other columns differ at random, as other words around do."""
    asked = torch.randn(1, 40, 256)
    asked[:, 20:, columns] = asked[:, :20, columns]
    weights = attention_of(text_side, asked, layer=1)
    found = weights[0, head, 20:, :20].argmax(-1)
    assert (found == torch.arange(20)).float().mean() > 0.9


def later(length):
    """Return the causal mask, length x length."""
    return torch.full((length, length), -torch.inf).triu(1)


def attention_of(language, hidden, layer):
    """Return softmax weights, batch x heads x length x length, of one layer on given inputs."""
    attention, length = language.layers[layer].self_attn, hidden.shape[1]
    places = torch.arange(length).expand(3, 1, -1)
    rotation = [part[0] for part in language.rotary_emb(hidden, places)]
    query, key = (
        rotate(part(hidden).view(1, length, -1, attention.head_dim).transpose(1, 2), *rotation)
        for part in (attention.q_proj, attention.k_proj)
    )
    key = key.repeat_interleave(attention.num_key_value_groups, 1)
    scores = query @ key.transpose(-1, -2) * attention.scaling
    return (scores + later(length)).softmax(-1).detach()


def test_the_text_side_can_tell_neighboring_picture_tokens_apart(tokenizer):
    """Two tokens side by side, and two above one another, are turned by far more than nothing."""
    model = make_model(load_config("cpu", TrainingConfig).model, tokenizer, 0)
    rotary = model.model.language_model.rotary_emb
    places = torch.tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]]).T[:, None]  # (t, h, w) of 3 tokens
    cosine_part, sine_part = rotary(torch.zeros(1), places)
    angles = torch.atan2(sine_part, cosine_part)[0]
    for other in (1, 2):
        assert (angles[other] - angles[0]).abs().max() > 0.5


def test_freezing_leaves_only_text_parameters_to_train(tokenizer):
    model = make_model(SMOKE.model, tokenizer, 0)
    freeze_vision(model)
    names = [name for name, value in model.named_parameters() if value.requires_grad]
    assert names and not [name for name in names if "visual" in name]
