"""Whether a page has come to rest: what it asked of the server is answered, and is shown.

A script acts and reads faster than any person. Where it does so while an event of the page is on
its way, the event's answer lands on top of what the script did, and a test fails by chance.
"""

from functools import wraps

import pytest
from playwright.sync_api import Locator, Page

# Follows Gradio's events from the page: each is joined by a POST, its end is a message in one
# stream. Jobs that a Stop can end are no unrest: people act while they run.
WATCH = """
(() => {
  const CALM = 6;  // frames: an update is on the page, an event on its way some frames later
  const ask = window.fetch, ended = new Set(), waiting = new Set(), working = new Set();
  let asking = 0, calm = 0, counts = false;
  const frame = () => Promise.race([
    new Promise(requestAnimationFrame),
    new Promise((done) => setTimeout(done, 200)),  // where nothing is painted
  ]);
  const stir = async () => {
    calm = 0;
    if (counts) return;
    for (counts = true; calm < CALM; calm++) await frame();
    counts = false;
  };
  const end = (id) => {
    ended.add(id);
    waiting.delete(id);
    working.delete(id);
    stir();
  };
  const isJob = (event) =>
    (window.gradio_config?.dependencies ?? []).some((one) => one.cancels.includes(event));
  const listen = async (stream) => {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\\n");
      rest = lines.pop();
      for (const line of lines) {
        if (!line.startsWith("data:")) continue;
        const message = JSON.parse(line.slice(5));
        if (message.msg === "process_completed") end(message.event_id);
      }
    }
  };
  window.fetch = async (...request) => {
    const url = String(request[0]?.url ?? request[0]), body = request[1]?.body;
    if (url.includes("/heartbeat")) return ask(...request);
    const held = !url.includes("/queue/data");
    asking += held;
    try {
      const answer = await ask(...request);
      if (!held && answer.ok) {
        const [one, other] = answer.body.tee();
        listen(one).catch(() => {});  // the page has closed the stream
        return new Response(other, answer);
      }
      if (url.includes("/cancel") && body) end(JSON.parse(body).event_id);
      if (url.includes("/queue/join") && answer.ok) {
        const {event_id: id} = await answer.clone().json();
        if (!ended.has(id)) (isJob(JSON.parse(body).fn_index) ? working : waiting).add(id);
      }
      return answer;
    } finally {
      asking -= held;
      stir();
    }
  };
  for (const one of ["pointerdown", "touchend", "click", "keydown", "input", "change", "drop",
    "paste", "popstate", "resize"]) {
    window.addEventListener(one, stir, {capture: true, passive: true});
  }
  window.atRest = (idle) => !asking && !counts && !waiting.size && !(idle && working.size)
    && [...document.images].every((one) => one.complete || one.loading === "lazy");
})();
"""
AT_REST = "(idle) => !window.atRest || window.atRest(idle)"
ACTS = ("click", "dblclick", "tap", "hover", "focus", "fill", "press", "press_sequentially",
        "check", "uncheck", "set_checked", "select_option", "set_input_files", "drag_to")
READS = ("input_value", "inner_text", "text_content", "all_inner_texts", "all_text_contents",
         "count", "get_attribute", "bounding_box", "evaluate", "evaluate_all", "is_visible",
         "is_checked", "is_disabled", "is_enabled", "screenshot")


def come_to_rest(page: Page, idle: bool = False) -> None:
    """Wait until the server has answered what the page asked, and the page shows it.

    `idle`: jobs that a Stop can end are at their end, too.
    """
    page.wait_for_function(AT_REST, arg=idle, polling=20)


def act_at_rest(patch: pytest.MonkeyPatch) -> None:
    """Let everything that is done to an element, or read of it, wait until the page is at rest.

    So does who reaches for `page.keyboard` or `page.mouse`; who keeps it in hand does not.
    """
    for name in ACTS + READS:
        patch.setattr(Locator, name, _at_rest(getattr(Locator, name)))
    for name in ("keyboard", "mouse"):
        patch.setattr(Page, name, property(_in_hand(getattr(Page, name))))


def _at_rest(method):
    @wraps(method)
    def act(locator: Locator, *arguments, **options):
        come_to_rest(locator.page)
        return method(locator, *arguments, **options)

    return act


def _in_hand(device: property):
    def take(page: Page):
        come_to_rest(page)
        return device.fget(page)

    return take
