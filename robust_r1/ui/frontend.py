"""What Gradio's frontend does for nothing, left out, and an event that it loses, kept.

Its work grows with events times components, of which this page has many. Nothing that is shown
rests on what is left out, and where a later Gradio is built otherwise the page is only slower.
"""

# Runs before Gradio lays out the page.
#
# 1. Each step after another one (`then`) is looked for in the whole page, as an event of a
#    component that there is not.
# 2. Each component goes through all events for its own, twice: here events are sorted once.
# 3. How far an event is would be written into all its inputs as well, from its end on for ever,
#    all of them anew at each message of any event. Inputs show it only while they are streamed,
#    as a microphone is; none is here.
_LIGHTER = """
{
  for (const event of window.gradio_config.dependencies ?? []) {  // none before a log-in
    event.targets = event.targets.filter(([component]) => component !== null);
  }
  const change = async (file, name, replace) => {
    const loaded = performance.getEntriesByType('resource').map((one) => one.name);
    const url = loaded.find((one) => new URL(one).pathname.match(`/assets/${file}-[^/]*\\\\.js$`));
    const parts = url ? Object.values(await import(url)) : [];
    const owner = parts.find((one) => one?.prototype?.[name])?.prototype;
    if (owner) owner[name] = replace(owner[name]);
  };
  const sort = (events) => {
    const sorted = new Map();
    for (const {targets} of events) {
      for (const [component, name] of new Map([...targets].reverse())) {
        if (!sorted.has(component)) sorted.set(component, []);
        sorted.get(component).push(name);
      }
    }
    return sorted;
  };
  const known = new WeakMap();
  change('core', 'find_attached_events', () => (component, events) => {
    if (!known.has(events)) known.set(events, sort(events));
    component.props.shared_props.attached_events = known.get(events).get(component.id) ?? [];
    return component;
  });
  change('statustracker', 'resolve_args', (resolve) => function (event) {
    const shown = this.fn_outputs[event.fn_index];
    return resolve.call(this, event).filter(({type, id}) => type !== 'input' || shown.includes(id));
  });
}
"""


# The server ends the stream of messages when no event of the visitor is left. An event that it
# takes before the browser has read of that end would wait for ever: the browser believes the stream
# to be open. Here the end is passed on where no event is under way, else the stream is taken up.
KEEP_STREAM = """
{
  const ask = window.fetch, waiting = new Set(), ended = new Set();
  const kind = /^data: *[{]"msg": *"(\\w+)"(?:, *"event_id": *"(\\w+)")?/;
  const end = (id) => { if (!waiting.delete(id)) ended.add(id); };
  const pass = async (answer, to) => {
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '', over = false;
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const messages = (rest + part.value).split('\\n\\n');
      rest = messages.pop();
      for (const message of messages) {
        const [, name, id] = message.match(kind) ?? [];
        if (name === 'process_completed') end(id);
        over = name === 'close_stream' && waiting.size > 0;
        if (!over) to.enqueue(message + '\\n\\n');
      }
    }
    return over;
  };
  const keep = (request, first) => new ReadableStream({
    async start(to) {
      try {
        for (let answer = first; await pass(answer, to);) {
          answer = await ask(...request);
          if (!answer.ok) throw new Error(answer.statusText);
        }
        to.close();
      } catch (error) {
        to.error(error);
      }
    },
  }).pipeThrough(new TextEncoderStream());
  window.fetch = async (...request) => {
    const answer = await ask(...request), url = String(request[0]?.url ?? request[0]);
    if (!answer.ok) return answer;
    if (url.includes('/queue/data')) return new Response(keep(request, answer), answer);
    if (url.includes('/queue/join')) {
      const {event_id: id} = await answer.clone().json();
      if (!ended.delete(id)) waiting.add(id);
    }
    if (url.includes('/cancel') && request[1]?.body) end(JSON.parse(request[1].body).event_id);
    return answer;
  };
}
"""


def head_scripts() -> str:
    """Return what stands in the page's head to mend Gradio's frontend."""
    return f"<script>{_LIGHTER}</script><script>{KEEP_STREAM}</script>"
