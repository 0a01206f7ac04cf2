"""Earlier questions about the same picture as HTML: one line each, the whole chain on a fold."""

from robust_r1.ask.case import Exchange
from robust_r1.ask.conversation import Conversation
from robust_r1.engine import MAX_TURNS
from robust_r1.markup import escape
from robust_r1.metrics import answer_words
from robust_r1.ui.widgets.chain import chain_cards

_LINE_LIMIT = 400
_TEXT_LIMIT = 12_000


def turns_list(conversation: Conversation, question: str) -> str:
    """Draw the earlier questions with their answers, and last the one that is asked now."""
    first = conversation.dropped + 1
    earlier = "".join(
        _turn(number, exchange) for number, exchange in enumerate(conversation.exchanges, first)
    )
    number = first + len(conversation.exchanges)
    now = f'<li class="rr-turn rr-now" aria-current="true">{_question(number, question)}</li>'
    return f'<ol class="rr-turns" aria-label="Questions about this picture">{earlier}{now}</ol>'


def state_note(conversation: Conversation) -> str:
    """Say what the model is given again, or what made this a new conversation."""
    if conversation.begun_by:
        return _note(f"New conversation: the {conversation.begun_by} changed.")
    if conversation.dropped:
        count = conversation.dropped
        were = "question was" if count == 1 else f"{count} questions were"
        return _note(f"The oldest {were} dropped: the model reads the last {MAX_TURNS}.")
    return _note("Ask on: the model reads what has been said about this picture.")


def change_note(changed: str, converses: bool) -> str:
    """Say what the next question will be, now that something has changed."""
    then = "starts a new conversation" if converses else "stands for itself"
    return _note(f"The {changed} changed: the next question {then}.")


def _note(words: str) -> str:
    return f'<p class="rr-talk-note" role="status">{escape(words)}</p>'


def _turn(number: int, exchange: Exchange) -> str:
    return (
        f'<li class="rr-turn"><details><summary>{_question(number, exchange.question)}'
        f"{_answer(exchange)}</summary>{_fold(exchange)}</details></li>"
    )


def _question(number: int, question: str) -> str:
    text = escape(question.strip())
    return f'<span class="rr-asked"><b>Q{number}</b> <span>{text}</span></span>'


def _answer(exchange: Exchange) -> str:
    chain = exchange.parsed.chain
    answer = answer_words(chain.answer.strip(), exchange.choices)
    conclusion = chain.conclusion.strip()
    said = f"<b>{escape(answer, _LINE_LIMIT)}</b> " if answer else ""
    if conclusion and conclusion != answer:
        said += escape(conclusion, _LINE_LIMIT)
    if exchange.finish in ("stopped", "cut"):
        word = "stopped" if exchange.finish == "stopped" else "cut off"
        said += f' <span class="rr-none">{word}</span>'
    return f'<span class="rr-said">{said or "<i>no answer</i>"}</span>'


def _fold(exchange: Exchange) -> str:
    """Draw the whole chain; of one that is not well formed also the text, so nothing is lost."""
    reply = exchange.reply
    if reply.parsed.well_formed:
        return chain_cards(reply)
    text = escape(reply.text.strip(), _TEXT_LIMIT)
    return f'{chain_cards(reply)}<p class="rr-said-raw">{text}</p>'
