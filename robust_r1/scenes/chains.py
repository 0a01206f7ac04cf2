"""Reference chains, written by rule from what is known: scene, question and plan.

The length follows the total intensity, as in the paper's data (its Fig. 3): heavy damage asks for
what it does, what that costs, and what it puts at risk. The whole scene is listed at any strength:
a small model reads a list off the picture in order far better than it looks up the one object that
a question is about (captions .99, colors .62 right on 100 scenes), and then looks that up in its
own words.
"""

from robust_r1.chain import Chain, Finding, findings_of
from robust_r1.degradations import DegradationPlan
from robust_r1.scenes.questions import Question, describe
from robust_r1.scenes.scene import Scene
from robust_r1.scenes.vocabulary import COUNT_WORDS

# Chain name: (what it does, what that costs when it is strong, the evidence it puts at risk).
EFFECTS = {
    "lens blur": ("softens edges", "thin parts melt together", "shape"),
    "lens flare": ("adds bright light", "objects under it wash out", "color"),
    "motion blur": ("smears edges along one line", "outlines double", "shape"),
    "dirty lens": ("lays specks over the scene", "objects are partly covered", "shape"),
    "saturation": ("fades colors", "hues turn gray", "color"),
    "jpeg compression": ("leaves blocks", "fine detail is gone", "shape"),
    "block exchange": ("swaps blocks", "parts sit in wrong places", "place"),
    "mean shift": ("flattens texture", "small detail is gone", "shape"),
    "scan lines": ("put dark lines across", "rows are missing", "shape"),
    "dark illumination": ("dims the light", "dark objects vanish", "color"),
    "atmospheric turbulence": ("bends outlines", "straight edges wobble", "shape"),
    "gaussian noise": ("adds grain", "faint edges drown", "shape"),
    "color diffusion": ("lets colors bleed", "hues leave their objects", "color"),
    "sharpness change": ("exaggerates edges", "halos surround objects", "shape"),
    "graffiti": ("draws strokes on top", "strokes cover objects", "shape"),
    "watermark damage": ("wipes out patches", "patches hide objects", "shape"),
}
# Thresholds on one finding's intensity for the words below.
_WORDS = ((0.25, "slight"), (0.5, "clear"), (0.75, "strong"), (1.01, "severe"))
_STRONG = 0.5
# From this total intensity on the chain also says what is at risk and what survives, and lists the
# scene where nothing of it was asked. Typical plans total 0.1 to 2.5.
_WEIGH_RISK = 1.1
_TOPIC_NEEDS = {"color": "color", "noun": "shape", "place": "place", "count": "shape"}


def chain_for(scene: Scene, question: Question, plan: DegradationPlan) -> Chain:
    """Write the exact reference chain of a question about a scene under a plan.

    Returns:
        A chain whose findings are the plan's (two decimals) and whose text lengthens with the
        total intensity.
    """
    findings = findings_of(plan)
    total = sum(finding.intensity for finding in findings)
    return Chain(
        findings=findings,
        influence=influence_of(findings, _TOPIC_NEEDS.get(question.topic, "shape")),
        reasoning=_reasoning(scene, question, total),
        conclusion=question.claim,
        answer=question.answer,
    )


def influence_of(findings: tuple[Finding, ...], needs: str) -> str:
    """Write what findings do to the evidence that a question needs: "shape", "color" or "place"."""
    if not findings:
        return "Nothing is damaged."
    sentences = []
    for finding in findings:
        does, costs, _ = EFFECTS[finding.name]
        word = next(word for limit, word in _WORDS if finding.intensity < limit)
        cost = f", so {costs}" if finding.intensity >= _STRONG else ""
        sentences.append(f"{word.capitalize()} {finding.name} {does}{cost}.")
    if sum(finding.intensity for finding in findings) >= _WEIGH_RISK:
        sentences.append(_risk(findings, needs))
    return " ".join(sentences)


def _risk(findings: tuple[Finding, ...], needs: str) -> str:
    worst = max(findings, key=lambda finding: finding.intensity)
    if EFFECTS[worst.name][2] == needs:
        return f"The {needs} asked for is at risk."
    return f"The {needs} asked for can still be read."


def _reasoning(scene: Scene, question: Question, total: float) -> str:
    if question.topic == "outside":
        seen = "I know shapes, digits and signs only; this question is about something else."
        if total < _WEIGH_RISK:
            return seen
        return f"{seen} The picture shows {describe(scene.things)}."
    if not scene.things:
        return "There are no objects."
    focus = tuple(scene.things[index] for index in question.focus)
    sentences = [_inventory(scene)]
    if total >= _WEIGH_RISK and focus:
        names = " and ".join(dict.fromkeys(f"the {thing.phrase}" for thing in focus))
        sentences.append(f"Without the damage, {names} would be plain to see.")
    return " ".join(sentences)


def _inventory(scene: Scene) -> str:
    """List the whole scene behind its count, which counting questions need first."""
    count = len(scene.things)
    noun = "object" if count == 1 else "objects"
    return f"{COUNT_WORDS[count].capitalize()} {noun}: {describe(scene.things)}."
