"""What is set of the sixteen sliders: a row that lists it, and the marks that styles read.

A press on a name in the row goes to its slider, one on the cross sets it to 0. Sliders that are not
at 0 are marked `data-set`, stages that have had one or were opened by hand `data-open`: a phone
folds the others.
"""

from robust_r1.degradations import SPECS, Degradation, DegradationPlan
from robust_r1.markup import escape

_SCRIPT = """() => {
  const RANGE = '.rr-slider input[type=range]';
  const handle = (id) => document.querySelector(`#${CSS.escape(id)} input[type=range]`);
  const show = (stage, open) => {
    stage.toggleAttribute('data-open', open);
    stage.querySelector('.rr-fold')?.setAttribute('aria-expanded', String(open));
  };
  const mark = (range) => {
    const slider = range.closest('.rr-slider'), set = Number(range.value) > 0;
    // In the presenter view a slider that is drawn to 0 must not vanish under the hand.
    if (!set && document.body.dataset.view && range === document.activeElement) return;
    slider.toggleAttribute('data-set', set);
    if (set) show(slider.closest('.rr-stage'), true);
  };
  const markAll = () => document.querySelectorAll(RANGE).forEach(mark);
  // Gradio draws how far a slider is by its style, whoever moved it.
  new MutationObserver((changes) => {
    for (const {target} of changes) if (target.matches(RANGE)) mark(target);
  }).observe(document.body, {subtree: true, attributeFilter: ['style']});
  new MutationObserver(markAll).observe(document.body, {attributeFilter: ['data-view']});
  markAll();
  document.addEventListener('click', (event) => {
    const fold = event.target.closest?.('.rr-fold');
    if (fold) return show(fold.closest('.rr-stage'), fold.ariaExpanded !== 'true');
    const chip = event.target.closest?.('.rr-changed [data-slider]');
    if (!chip || !event.target.closest('button')) return;
    const range = handle(chip.dataset.slider);
    if (event.target.closest('.rr-cross')) {
      range.value = 0;
      for (const name of ['input', 'change']) {
        range.dispatchEvent(new Event(name, {bubbles: true}));
      }
    } else range.focus();
  });
}"""


def changed_row(plan: DegradationPlan, kind: str) -> str:
    """List what a plan does, in one line; `kind` begins the ids of its sliders' elements."""
    set_to = plan.intensities
    chips = "".join(_chip(spec, set_to[spec.id], kind) for spec in SPECS if set_to.get(spec.id))
    words = "Changed" if chips else "Nothing is changed yet: move a slider, or take a preset."
    return f'<div class="rr-changed" role="group" aria-label="Changed"><b>{words}</b>{chips}</div>'


def changed_script() -> str:
    """Return the script that follows the sliders and the row, for the load of the page."""
    return _SCRIPT


def _chip(spec: Degradation, intensity: float, kind: str) -> str:
    label = escape(spec.label)
    return (
        f'<span class="rr-stage-{spec.stage}" data-slider="{kind}-{spec.id}">'
        f'<button type="button">{label} {intensity:.2f}</button>'
        f'<button type="button" class="rr-cross" aria-label="Set {label} to 0">'
        '<span aria-hidden="true">\N{MULTIPLICATION SIGN}</span></button></span>'
    )
