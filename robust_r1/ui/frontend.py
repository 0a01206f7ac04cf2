"""What Gradio's frontend does for nothing, left out.

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


def head_scripts() -> str:
    """Return what stands in the page's head to spare Gradio's frontend work."""
    return f"<script>{_LIGHTER}</script>"
