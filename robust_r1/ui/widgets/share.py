"""The dialogue that shares a link: where it works, what is not in it, and its QR code."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl

import gradio as gr
import segno
from gradio.components import Component

from robust_r1.ask.kept_pictures import MOST, MOST_BYTES, KeptPictures
from robust_r1.ask.links import picture_pairs, query_string
from robust_r1.ask.picture import Picture
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.markup import escape
from robust_r1.ui.widgets.address import Address, address_for_others, network_address, root_of
from robust_r1.ui.widgets.layout import QUIET, UNQUEUED, Updates, Values, html
from robust_r1.ui.widgets.toasts import with_toasts

# A code of 300 characters has 73 squares a side, about what a phone reads off a wall.
MOST_CHARACTERS = 300
PAGE, ANSWER = "Link to the page as it stands", "Link to this answer"
# What may be left out of a link, and the keys that hold it, whichever tab's.
_PARTS = (
    ("the choices and the known answer", ("choice", "answer")),
    ("the question", ("question", "ask")),
    ("the picture's name", ("name",)),
    ("the damage", ("plan", "other")),
    ("the filter", ("filter",)),
    ("the chain", ("chain",)),
)
_WHOLE, _KEEP = "whole", "keep"


@dataclass(frozen=True)
class Shared:
    """Say what a link is of.

    Attributes:
        query: the query string, with a leading question mark.
        picture: the picture in it.
        title: `PAGE` or `ANSWER`.
        note: what else is not in the link, as a sentence.
        left_out: keys of the query that are left out.
    """

    query: str
    picture: Picture | None = None
    title: str = PAGE
    note: str = ""
    left_out: frozenset[str] = frozenset()

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Return the keys and values of the link that is shown."""
        pairs = parse_qsl(self.query.removeprefix("?"))
        return [(key, value) for key, value in pairs if key not in self.left_out]


class Share:
    """Lay out and wire the dialogue, once for a page; tabs add their buttons with `add`.

    `kept` is where pictures are kept for links, if the operator does so.
    """

    def __init__(self, page: gr.Blocks, kept: KeptPictures | None) -> None:
        self.page, self.kept = page, kept
        self.shared = gr.State(None)
        self.view = html(elem_id="share")
        self.act = gr.Textbox(visible="hidden", elem_id="share-act", label="Change of the link")
        change = gr.Button("Change the link", visible="hidden", elem_id="share-change")
        change.click(
            with_toasts(self._change), [self.shared, self.act], {self.shared, self.view},
            js="(shared) => [shared, document.body.dataset.share]", **QUIET,
        )
        page.load(self._arrive, None, None, js=_SCRIPT, **QUIET)

    def add(
        self, button: gr.Button, describe: Callable[[Values], Shared], inputs: set[Component]
    ) -> None:
        """Open the dialogue where a button is pressed, with what `describe` returns."""

        def show(values: Values, request: gr.Request) -> Updates:
            shared = self._with_kept(describe(values))
            return {self.shared: shared, self.view: self._draw(shared, request)}

        button.click(show, inputs, {self.shared, self.view}, **UNQUEUED)

    def _arrive(self) -> None:
        if self.kept is not None:
            self.kept.tidy()

    def _change(self, shared: Shared | None, act: str, request: gr.Request) -> Updates:
        """Leave a part out of the link, put all back, or keep its picture."""
        if shared is None:
            raise InputError("There is no link yet: press Copy link first.")
        parts, fault = dict(_PARTS), ""
        if act == _KEEP and self.kept is not None and shared.picture is not None:
            try:
                kept = self.kept.keep(shared.picture)
                shared = _named(shared, replace(shared.picture, own=kept))
            except RobustR1Error as error:  # said in the dialogue, which lies above all toasts
                fault = str(error)
        elif act == _WHOLE:
            shared = replace(shared, left_out=frozenset())
        elif act in parts:
            shared = replace(shared, left_out=shared.left_out | set(parts[act]))
        return {self.shared: shared, self.view: self._draw(shared, request, fault)}

    def _with_kept(self, shared: Shared) -> Shared:
        """Say in a link where its picture has been kept from before."""
        picture = shared.picture
        if self.kept is None or picture is None or picture.own is None or picture.absent:
            return shared
        return _named(shared, replace(picture, own=self.kept.known(picture.own)))

    def _draw(self, shared: Shared, request: gr.Request, fault: str = "") -> str:
        page = self.page
        address = address_for_others(
            root_of(request, page.root_path), page.server_name, page.share_url, network_address
        )
        return dialogue(shared, address, self.kept, fault)


def build_link(
    share: Share, tab: str, describe: Callable[[Values], Shared], inputs: set[Component]
) -> None:
    """Lay out and wire a tab's button that shares what `describe` returns."""
    button = gr.Button("Copy link", size="sm", min_width=100, elem_id=f"{tab}-link")
    share.add(button, describe, inputs)


def tab_query(tab: str, values: Mapping[str, str]) -> str:
    """Return the query string that opens a tab with these values."""
    return query_string([("tab", tab), *values.items()])


def dialogue(
    shared: Shared, address: Address, kept: KeptPictures | None, fault: str = ""
) -> str:
    """Draw the dialogue of a link, with what went wrong; a script opens it."""
    url = _url(address, shared.pairs)
    short = len(url) <= MOST_CHARACTERS
    # Never twice the same text, of which Gradio would change nothing on the page.
    mark = secrets.token_hex(4)
    note = f"<p>{escape(shared.note)}</p>" if shared.note else ""
    wrong = f'<p class="rr-notice" role="alert">{escape(fault)}</p>' if fault else ""
    return (
        f'<dialog class="rr-share" aria-labelledby="share-title" data-fresh="{mark}">'
        f'<form method="dialog"><h3 id="share-title">{escape(shared.title)}</h3>'
        '<button class="rr-small">Close</button></form><div class="rr-share-body"><div>'
        f'<div class="rr-share-link"><input id="share-url" readonly aria-label="Link" '
        f'value="{escape(url)}"><button class="rr-small" data-share="copy">Copy</button></div>'
        '<p class="rr-share-said" id="share-said" role="status"></p>'
        f"{wrong}{_reach(address)}{_picture_words(shared.picture, kept)}{note}"
        f"{'' if short else _too_long(len(url))}{_offers(shared, address, short)}</div>"
        f"{_code(url) if short else ''}</div></dialog>"
    )


def _url(address: Address, pairs: list[tuple[str, str]]) -> str:
    return address.url + (query_string(pairs) if pairs else "")


def _reach(address: Address) -> str:
    if not address.here_only:
        return ""
    return (
        '<p class="rr-notice">This link works on this computer only: the page is served to nobody '
        "else. Start it with <code>--host 0.0.0.0</code> for everybody in the same network, or "
        "with <code>--share</code>.</p>"
    )


def _picture_words(picture: Picture | None, kept: KeptPictures | None) -> str:
    """Say what becomes of a picture of one's own, before anything is copied."""
    if picture is None or picture.own is None or picture.example:
        return ""
    own = escape(str(picture.own))
    until = kept.until(picture.own.kept) if kept else None
    if until is not None:
        return (
            f"<p><b>{own}</b> is kept here until {until:%d %B %Y, %H:%M} UTC, for whoever has the "
            "link: until then it opens anywhere, unless newer pictures take its place.</p>"
        )
    words = (
        '<p class="rr-notice">The picture is not in this link, only its name and size, '
        f"<b>{own}</b>. Whoever opens the link is asked to bring the same picture.</p>"
    )
    if kept is None or picture.absent:
        return words
    return (
        f'{words}<p><button class="rr-small" data-share="{_KEEP}">Keep the picture here for '
        f"{_days(kept.days)}</button></p><p>Then the link opens anywhere. Kept are its pixels "
        f"alone, for whoever has the link; of more than {MOST} pictures or "
        f"{MOST_BYTES // 1_000_000} MB the oldest go first.</p>"
    )


def _days(days: float) -> str:
    return "1 day" if days == 1 else f"{days:g} days"


def _code(url: str) -> str:
    """Draw the QR code: dark on white in both themes, with its quiet border."""
    code = segno.make_qr(url, error="m")
    drawn = code.svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    return f'<div class="rr-code" role="img" aria-label="QR code of this link">{drawn}</div>'


def _too_long(count: int) -> str:
    return (
        f'<p class="rr-notice">With {count} characters the link is too long for a code that can be '
        f"read off a projector: {MOST_CHARACTERS} are the most.</p>"
    )


def _offers(shared: Shared, address: Address, short: bool) -> str:
    """Offer what makes a long link shorter, each with what is left then."""
    offers = "" if short else "".join(_offer(shared, address, *part) for part in _PARTS)
    listed = f'<p>Make it shorter:</p><ul class="rr-offers">{offers}</ul>' if offers else ""
    if not shared.left_out:
        return listed
    gone = [words for words, keys in _PARTS if shared.left_out & set(keys)]
    return (
        f"{listed}<p>Left out: {escape(', '.join(gone))}. "
        f'<button class="rr-small" data-share="{_WHOLE}">Put it back</button></p>'
    )


def _offer(shared: Shared, address: Address, words: str, keys: tuple[str, ...]) -> str:
    rest = [(key, value) for key, value in shared.pairs if key not in keys]
    if rest == shared.pairs:
        return ""
    count = len(_url(address, rest))
    return (
        f'<li><button class="rr-small" data-share="{escape(words)}">Leave out {escape(words)}'
        f"</button> {count} characters</li>"
    )


def _named(shared: Shared, picture: Picture) -> Shared:
    """Return what is shared with another name for the same picture."""
    told = dict(picture_pairs(picture))
    pairs = [pair for pair in parse_qsl(shared.query.removeprefix("?")) if pair[0] != "kept"]
    at = next((at for at, (key, _) in enumerate(pairs) if key == "picture"), len(pairs))
    pairs.insert(at, ("kept", told.get("kept", "")))
    return replace(shared, query=query_string(pairs), picture=picture)


# Opens what Gradio has put on the page, copies, and hands the other presses to the server. A page
# that came by plain http has no `navigator.clipboard`: there the selected text is copied as by the
# keys. Its state stands on the body, whose attributes Gradio leaves alone.
_SCRIPT = """() => {
  let opener = null;
  const find = (what = '') => document.querySelector('#share dialog' + what);
  new MutationObserver(() => {
    const dialog = find('[data-fresh]');
    if (!dialog) return;
    dialog.removeAttribute('data-fresh');
    if (!dialog.open) dialog.showModal();
    dialog.addEventListener('close', () => opener?.focus(), {once: true});
    const field = dialog.querySelector('#share-url');
    field.focus();
    field.select();
    field.scrollLeft = 0;
  }).observe(document.getElementById('share'),
    {childList: true, subtree: true, attributeFilter: ['data-fresh']});
  const copy = async (field) => {
    field.focus();
    field.select();
    try { await navigator.clipboard.writeText(field.value); return true; }
    catch (error) { return document.execCommand('copy'); }
  };
  document.addEventListener('click', async (event) => {
    const dialog = find();
    if (dialog && event.target === dialog) dialog.close();
    const button = event.target.closest?.('button');
    if (button && !button.closest('#share') && /link$/.test(button.id)) opener = button;
    const act = button?.dataset.share;
    if (!act) return;
    if (act !== 'copy') {
      document.body.dataset.share = act;
      document.getElementById('share-change').click();
      return;
    }
    const copied = await copy(dialog.querySelector('#share-url'));
    dialog.querySelector('#share-said').textContent =
      copied ? 'Link copied.' : 'The link is selected: copy it with Ctrl+C.';
  });
}"""
