"""How a run was asked, in words, below its figures."""

from robust_r1.engine.types import credit
from robust_r1.evaluation import Run

_SHOWN = 5  # unusable rows that are named; run.json has all
_LONGEST = 120  # characters of a prompt of somebody's own
_DAMAGED = {
    "native": "damaged at full size, before the model shrinks it",
    "fitted": "damaged at the size that the model sees",
    "as published": "as it was published, damage and all",
}


def terms_lines(run: Run) -> list[str]:
    """Return sentences about a run: its prompt, where the damage was done, who judged it, what was
    left out, what was not answered.

    Nothing for a run of before these were kept.
    """
    lines = []
    if run.terms:
        lines.append(f"{run.model}: {'; '.join(_parts(run))}.")
    if run.judge is not None:
        lines.append(f"{run.model}: {judged_words(run)}.")
    if count := sum(bool(row.remark) for row in run.rows):
        lines.append(
            f"{run.model}: {count} of {len(run.rows)} answers were not as they were asked for "
            "(their remarks say why)."
        )
    if count := len(run.unusable):
        what = "1 row" if count == 1 else f"{count} rows"
        named = "; ".join(run.unusable[:_SHOWN])
        more = f"; and {count - _SHOWN} more, in run.json" if count > _SHOWN else ""
        lines.append(f"{run.model}: {what} could not be used ({named}{more}).")
    if count := sum(row.finish == "cut" for row in run.rows):
        what = "1 question" if count == 1 else f"{count} questions"
        lines.append(
            f"{run.model}: {what} got no whole answer (a content filter, a refusal, no word); what "
            "had come is all that is scored."
        )
    return lines


def _parts(run: Run) -> list[str]:
    terms = run.terms
    prompt = " ".join(str(terms.get("prompt", "ours")).split())
    prompt = prompt if len(prompt) <= _LONGEST else prompt[:_LONGEST] + "..."
    parts = [f"prompt: {prompt}"]
    if at := terms.get("degrade_at"):
        parts.append(f"each picture {_DAMAGED.get(at, at)}")
    if run.eyes:
        parts.append(f"{credit(run.eyes, run.model)}, so the figures about damage are {run.eyes}'s")
    parts += [f"{name} {terms[name]}" for name in ("shard", "file") if name in terms]
    return parts


def judged_words(run: Run) -> str:
    """Return who judged a run's open answers and captions, how many, and how many are not judged.

    "115 of 118 VQA and CAP answers judged by name at address (prompts 1a2b3c4d), 3 not judged"
    """
    asked = [row.judged for row in run.rows if row.judged is not None]
    missing = asked.count(False)
    told = f", {missing} not judged" if missing else ""
    return f"{asked.count(True)} of {len(asked)} VQA and CAP answers judged by {run.judge}{told}"
