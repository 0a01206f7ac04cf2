"""Value every token that could stand where a chain decides.

A group of samples says little about one digit: each chain tells of the digit it drew, and all else
that it earned is noise to that digit. But what the rewards would have been with another digit,
another name or another option in its place is known without asking the policy. So the expectation
over these tokens is taken exactly (all-action policy gradient: Sutton et al. 2001, Allen et al.
2017), in the states that sampled chains came to.

It matters for greedy decoding. Next-token loss teaches how likely each intensity is, and the
likeliest digit of a broad belief is a poor guess: the reward is highest at the belief's median.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from robust_r1.chain import close_tag, open_tag, parse
from robust_r1.degradations import SPECS
from robust_r1.errors import InputError
from robust_r1.metrics import VISIBLE
from train.tiny.config import DecisionWeights

_WRONG = -1.0  # a false name, a miss, and any token that has no business where it stands
_NONE = "none"
_PREFIX = "decision_"  # of what a batch holds
_CANDIDATES = len(SPECS) + 1  # most tokens that are valued at one place: every name and `none`
# What each section is drawn from: it can be judged where that was said as in the true chain.
_PREMISES = {"CONCLUSION": "REASONING", "ANSWER": "CONCLUSION"}


@dataclass(frozen=True)
class Decision:
    """Name one place of a completion, and what the tokens that could stand there would earn.

    Attributes:
        place: index of the token in the completion.
        values: reward by token id; each token that is not named earns -1.
        weight: what the reward that it belongs to counts.
    """

    place: int
    values: dict[int, float]
    weight: float = 1.0


class Decisions:
    """Find the decisions of completions.

    Findings are decided name by name and digit by digit, and are worth what the degradation reward
    gives or takes for them (paper Eq. 6): a true name 1, a false one -1, the end of the list -1
    where a name is missing and else 0, `none` 1 on an undamaged picture and else -1, a digit 1 less
    its intensity's error. What lies below `VISIBLE` counts neither way. A conclusion is judged
    where the scene was listed truly, an answer where the conclusion is the true one: as far as it
    goes like the true chain, the next true token earns the accuracy reward's 1 and any other -1.

    Args:
        tokenizer: of the policy. Tags and the digits of an intensity must be tokens of their own,
            as they are in bundled models.
        weights: what each kind of decision counts.

    Raises:
        InputError: the tokenizer splits or merges what must be a token of its own.
    """

    def __init__(self, tokenizer: Any, weights: DecisionWeights) -> None:
        self._tokenizer, self._weights = tokenizer, weights
        names = [spec.chain_name for spec in SPECS]
        tags, one = self._ids(open_tag("TYPE") + close_tag("TYPE")), self._ids("(0.10)")
        digits = [self._ids(f"(0.{digit}{digit})")[3:-1] for digit in range(10)]
        if (
            len(tags) != 2
            or len(one) != 6
            or any(len(set(pair)) != 1 or len(pair) != 2 for pair in digits)
        ):
            raise InputError(
                "grpo.decisions weighs single tokens; this tokenizer splits tags or merges digits, "
                "so set all of them to 0"
            )
        self._open = tags[0]
        self._begin, self._stop = one[:3], one[-1]
        self._digits = {pair[0]: digit for digit, pair in enumerate(digits)}
        # A name behind a comma has other tokens than the same name behind a tag.
        before = self._ids(f"{names[0]}(0.10),")
        self._more = before[-1]
        self._first = {name: self._ids(name) for name in (*names, _NONE)}
        self._later = {
            name: self._ids(f"{names[0]}(0.10), {name}")[len(before) :] for name in names
        }

    def __call__(self, said: list[int], solution: str) -> list[Decision]:
        """Return the decisions of one completion, as far as it is well written.

        Args:
            said: token ids of the completion.
            solution: the true chain as text.
        """
        found = []
        if self._weights.names or self._weights.intensities:
            truth = {each.name: each.intensity for each in parse(solution).chain.findings}
            found += self._findings(said, truth)
        if self._weights.answers:
            true = self._ids(solution)
            for section, premise in _PREMISES.items():
                found += self._conclusions(said, true, section, premise)
        return found

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _findings(self, said: list[int], left: dict[str, float]) -> list[Decision]:
        weight = self._weights.names
        undamaged = not _visible(left)
        found: list[Decision] = []
        if not said or said[0] != self._open:
            return found
        place, names = 1, self._first
        while True:
            # --- A name, or none
            worth = self._worth(left, undamaged)
            name, end = self._read_name(said, place, names, worth, found)
            # --- Its intensity
            digits = end + len(self._begin)
            tokens = said[digits : digits + 2]
            intensity = [self._digits[token] for token in tokens if token in self._digits]
            known = len(intensity) == len(tokens)
            if name is None or said[end:digits] != self._begin or not known:
                return found
            if (true := left.pop(name, 0.0)) >= VISIBLE:
                found += self._intensity(digits, intensity, true)
            if len(intensity) < 2:
                return found
            # --- Another one, or the end
            place = digits + 2
            going_on, ending = (1.0, _WRONG) if _visible(left) else (_WRONG, 0.0)
            found.append(Decision(place, {self._more: going_on, self._stop: ending}, weight))
            if place >= len(said) or said[place] != self._more:
                return found
            place, names = place + 1, self._later

    def _worth(self, left: dict[str, float], undamaged: bool) -> dict[str, float]:
        wrong = -self._weights.false_alarm if undamaged else _WRONG
        worth = dict.fromkeys(self._first, wrong)
        worth |= {name: float(intensity >= VISIBLE) for name, intensity in left.items()}
        return worth | {_NONE: 1.0 if undamaged else _WRONG}

    def _read_name(
        self,
        said: list[int],
        place: int,
        names: dict[str, list[int]],
        worth: dict[str, float],
        found: list[Decision],
    ) -> tuple[str | None, int]:
        """Return the name that stands at a place and where it ends; note what was decided."""
        left = names
        for spelled in range(max(map(len, names.values()))):
            values: dict[int, float] = {}
            for name, ids in left.items():
                values[ids[spelled]] = max(worth[name], values.get(ids[spelled], -torch.inf))
            if len(values) > 1:
                found.append(Decision(place + spelled, values, self._weights.names))
            token = said[place + spelled] if place + spelled < len(said) else None
            left = {name: ids for name, ids in left.items() if ids[spelled] == token}
            for name, ids in left.items():
                if len(ids) == spelled + 1:
                    return name, place + spelled + 1
        return None, place

    def _intensity(self, place: int, said: list[int], true: float) -> list[Decision]:
        def decision(place: int, of: Callable[[int], float]) -> Decision:
            values = {token: 1 - abs(of(digit) - true) for token, digit in self._digits.items()}
            return Decision(place, values, self._weights.intensities)

        # What the second digit will add is not known at the first: half of what it can.
        found = [decision(place, lambda digit: digit / 10 + 0.045)]
        if said:  # A chain may break off anywhere.
            found.append(decision(place + 1, lambda digit: said[0] / 10 + digit / 100))
        return found

    def _conclusions(
        self, said: list[int], true: list[int], section: str, premise: str
    ) -> list[Decision]:
        known, told = self._section(true, premise), self._section(said, premise)
        wanted, got = self._section(true, section), self._section(said, section)
        if known is None or told is None or wanted is None or got is None:
            return []
        if said[slice(*told)] != true[slice(*known)]:
            return []
        found = []
        for place, token in enumerate(true[slice(*wanted)], got[0]):
            found.append(Decision(place, {token: 1.0}, self._weights.answers))
            if place >= len(said) or said[place] != token:
                break
        return found

    def _section(self, ids: list[int], section: str) -> tuple[int, int] | None:
        """Return where a section's first token and the one behind its closing tag stand."""
        begin, end = (self._ids(tag(section))[0] for tag in (open_tag, close_tag))
        if begin not in ids:
            return None
        first = ids.index(begin) + 1
        return first, ids.index(end, first) + 1 if end in ids[first:] else len(ids)


def _visible(findings: dict[str, float]) -> bool:
    return any(intensity >= VISIBLE for intensity in findings.values())


def as_tensors(rows: Sequence[Sequence[Decision]]) -> dict[str, torch.Tensor]:
    """Lay out the decisions of a batch's completions side by side.

    Returns:
        `decision_places` (int64, batch x decisions), `decision_weights` (float32, the same shape,
        0 where there is none), `decision_tokens` (int64, batch x decisions x candidates) and
        `decision_values` (float32, the same shape): what a token earns beyond the -1 of one that
        is not named, 0 for padding.
    """
    most = max(map(len, rows), default=0)
    places = torch.zeros((len(rows), most), dtype=torch.int64)
    weights = torch.zeros((len(rows), most))
    tokens = torch.zeros((len(rows), most, _CANDIDATES), dtype=torch.int64)
    values = torch.zeros((len(rows), most, _CANDIDATES))
    for row, decisions in enumerate(rows):
        for column, decision in enumerate(decisions):
            count = len(decision.values)
            places[row, column], weights[row, column] = decision.place, decision.weight
            tokens[row, column, :count] = torch.tensor(list(decision.values))
            values[row, column, :count] = torch.tensor(list(decision.values.values())) - _WRONG
    return {
        f"{_PREFIX}places": places,
        f"{_PREFIX}weights": weights,
        f"{_PREFIX}tokens": tokens,
        f"{_PREFIX}values": values,
    }


def decisions_of(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the arguments of `expected_values` that a batch holds, if it holds any."""
    return {
        name.removeprefix(_PREFIX): part for name, part in batch.items() if name.startswith(_PREFIX)
    }


def expected_values(
    logits: torch.Tensor,
    places: torch.Tensor,
    weights: torch.Tensor,
    tokens: torch.Tensor,
    values: torch.Tensor,
) -> torch.Tensor:
    """Return what the policy's own odds make each completion's decisions earn, added up.

    Args:
        logits: float32, batch x completion x vocabulary, each scoring the token of its place.
        places: see `as_tensors`, as are `weights`, `tokens` and `values`.

    Returns:
        float32, batch.
    """
    rows = torch.arange(len(logits), device=logits.device)[:, None]
    # A chain that was cut off may have its next decision right behind its last token.
    inside = places < logits.shape[1]
    odds = logits[rows, places * inside].log_softmax(-1).exp()
    earned = (odds.gather(-1, tokens) * values).sum(-1) + _WRONG
    return (earned * weights * inside).sum(-1)
