"""An engine that measures light, for tests of analyses: what it perceives follows the damage."""

from tests.support.scripted_engine import ScriptedEngine


class LightMeter(ScriptedEngine):
    """Perceive darkness by measuring light; the answer flips where less than half is left.

    `leaning` is what it adds to each intensity: its bias.
    """

    def __init__(self, full: float, leaning: float = 0.0, **options):
        super().__init__(**options)
        self.full, self.leaning = full, leaning

    def _pieces(self, question):
        lost = 1 - float(self.asked[-1].mean()) / self.full
        said = min(max(lost + self.leaning, 0), 1)
        type_ = f"dark illumination({said:.2f})" if lost > 0.02 else "none"
        dark = "It is dark. " * round(10 * lost)
        answer = "no" if lost > 0.5 else "yes"
        yield (
            f"<TYPE>{type_}<TYPE_END><INFLUENCE>{dark}So.<INFLUENCE_END><REASONING>r<REASONING_END>"
            f"<CONCLUSION>c<CONCLUSION_END><ANSWER>{answer}<ANSWER_END>"
        )


def last(results):
    """Return the last of what a generator yields."""
    return list(results)[-1]
