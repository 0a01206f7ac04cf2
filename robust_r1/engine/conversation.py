"""Write what a model is given: a question, and the turns about the same pictures before it."""

import re
from collections.abc import Sequence

from robust_r1.chain import build_prompt
from robust_r1.engine.types import ModelInfo, Request, Turn
from robust_r1.errors import InputError
from robust_r1.thoughts import without_thought

MAX_QUESTION = 4000  # characters; far above any benchmark's, far below a context
# Earlier turns that a model is given at most. A turn of the longest question (4000 characters of
# English, about 900 tokens), the instructions (130) and the page's longest answer (2048) is about
# 3,100 tokens; seven of them, four pictures (1,280 each) and the new turn stay below the 32,768
# tokens that Qwen2.5-VL was trained on (Bai et al. 2025, long-context stage). Ordinary turns take a
# tenth.
MAX_TURNS = 7
# What begins a control token of a vocabulary ("<|im_end|>", "<|image_pad|>", SmolVLM's "<image>").
_CONTROL = re.compile(
    r"<(?=\|\w+\|>|(?:image|end_of_utterance|fake_token_around_image|global-img|row_\d+_col_\d+)>)"
)


QUESTION = "{question}"
FINDINGS = "{findings}"  # what another model has found, in the prompt of one that answers after it
# Before a prompt of somebody's own that says nothing about them.
_FOUND = f"Damage was found in the picture, with intensities from 0 to 1: {FINDINGS}.\n"


def plain(text: str) -> str:
    """Return a text whose control tokens are plain: it ends no turn and stands for no picture."""
    return _CONTROL.sub("< ", text)


def own_template(info: ModelInfo) -> str:
    """Return the prompt that a model is asked with, with QUESTION where the question goes.

    Where another model looks before it, FINDINGS stands where its findings go.
    """
    if info.eyes is not None:
        return build_prompt(QUESTION, findings=FINDINGS)
    return build_prompt(QUESTION, answer_only=not info.reasons)


def with_findings(template: str, findings: str) -> str:
    """Put what another model has found into a prompt: where FINDINGS stands, or before it."""
    prompt = template if FINDINGS in template else _FOUND + template
    return prompt.replace(FINDINGS, findings)


def check_template(template: str) -> str:
    """Return a prompt of somebody's own; raises InputError where it is too long or lacks QUESTION.

    An empty one stands for the model's own.
    """
    if template and QUESTION not in template:
        raise InputError(f"The prompt lacks {QUESTION}; write it where the question goes.")
    if len(template) > MAX_QUESTION:
        raise InputError(
            f"The prompt has {len(template)} characters; at most {MAX_QUESTION} can be used."
        )
    return template


def write_prompt(info: ModelInfo, question: str, template: str = "") -> str:
    """Return the text of a question as a model is given it, by its own prompt or another.

    Raises InputError for an empty question, one longer than MAX_QUESTION, and an unfit template.
    """
    question = question.strip()
    if not question:
        raise InputError("The question is empty; write one.")
    if len(question) > MAX_QUESTION:
        raise InputError(
            f"The question has {len(question)} characters; at most {MAX_QUESTION} can be asked."
        )
    template = plain(check_template(template)) or own_template(info)
    return template.replace(QUESTION, plain(question))


def write_turns(info: ModelInfo, request: Request) -> list[dict]:
    """Return the messages of a conversation that ends with a question, for a chat template.

    The pictures stand in the first message alone, before its text. Earlier answers follow their
    questions verbatim, but for what was thought before them, which models are not given again, and
    for control tokens, which are made plain: a saved answer can hold anything.

    Raises InputError for an unfit question, a history that is longer than MAX_TURNS, any history
    for a model that answers one question at a time, no picture, and more than a model takes.
    """
    check_history(info, request.history)
    check_pictures(info, len(request.images))
    messages: list[dict] = []
    for turn in request.history:
        messages.append(_message("user", write_prompt(info, turn.question, request.template)))
        messages.append(_message("assistant", plain(without_thought(turn.answer))))
    messages.append(_message("user", write_prompt(info, request.question, request.template)))
    messages[0]["content"][:0] = [{"type": "image"} for _ in request.images]
    return messages


def check_pictures(info: ModelInfo, pictures: int) -> None:
    """Raise InputError for a question without a picture, or with more than a model takes."""
    if pictures < 1:
        raise InputError("The question has no picture; give one at least.")
    if pictures <= info.pictures:
        return
    further = "picture" if pictures == 2 else f"{pictures - 1} pictures"
    if info.pictures == 1:
        raise InputError(
            f"{info.label} looks at one picture at a time; leave the further {further} out, or "
            "choose a model that takes several."
        )
    raise InputError(
        f"The question has {pictures} pictures; {info.label} takes at most {info.pictures}, so "
        f"leave {pictures - info.pictures} out."
    )


def check_history(info: ModelInfo, history: Sequence[Turn]) -> None:
    """Raise InputError for earlier turns that a model cannot be given."""
    if history and not info.converses:
        raise InputError(
            f"{info.label} answers one question at a time; leave the earlier turns out, or choose "
            "a model that holds a conversation."
        )
    if len(history) > MAX_TURNS:
        raise InputError(
            f"There are {len(history)} earlier turns; give the last {MAX_TURNS} at most."
        )


def _message(role: str, text: str) -> dict:
    return {"role": role, "content": [{"type": "text", "text": text}]}
