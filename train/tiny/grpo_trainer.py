"""TRL's trainer of reinforcement with the fast forward passes, decisions and true chains beside."""

from collections.abc import Iterator
from typing import Any

import torch
from trl import GRPOTrainer

from train.common.groups import GroupLog, TellsGroups
from train.tiny.decisions import Decisions, as_tensors, decisions_of, expected_values
from train.tiny.decoder import completion_logits, log_probabilities


class SceneGRPOTrainer(TellsGroups, GRPOTrainer):
    """Score completions by the forward pass made for training; all else is TRL's.

    To TRL's loss are added the expected value of each decision (`train.tiny.decisions`) and, where
    it is asked for, the loss on true chains.

    Args:
        decisions: finds the decisions of a completion; None adds nothing.
        mix: loss and token accuracy on true chains, one pair for each forward pass; empty for none.
        mix_weight: what that loss counts.
        groups: writes down what is learned from.
        options: of TRL's trainer.
    """

    def __init__(
        self,
        *,
        decisions: Decisions | None,
        mix: Iterator[tuple[torch.Tensor, float]],
        mix_weight: float,
        groups: GroupLog,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.group_log = groups
        self._decisions, self._mix, self._mix_weight = decisions, mix, mix_weight
        # Of the batch whose loss is being taken: its decisions, then what they should earn.
        self._asked: dict[str, torch.Tensor] = {}
        self._expected: torch.Tensor | None = None

    def _generate_and_score_completions(self, inputs):
        """Return TRL's batch with the decisions of each completion beside it."""
        batch = super()._generate_and_score_completions(inputs)
        if self._decisions is None:
            return batch
        rows = [
            self._decisions(ids[mask > 0].tolist(), row["solution"])
            for ids, mask, row in zip(
                batch["completion_ids"], batch["completion_mask"], inputs, strict=True
            )
        ]
        tensors = as_tensors(rows)
        return batch | {name: part.to(self.accelerator.device) for name, part in tensors.items()}

    def _compute_loss(self, model, inputs):
        """Return TRL's loss, less what the batch's decisions should earn, plus that of the mix."""
        self._asked = decisions_of(inputs)
        loss = super()._compute_loss(model, inputs)
        passes = self.current_gradient_accumulation_steps if self.model.training else 1
        mode = "train" if self.model.training else "eval"
        if self.model.training and (learn := next(self._mix, None)):
            learned, accuracy = learn
            self._metrics[mode]["mix_loss"].append(learned.item())
            self._metrics[mode]["mix_token_accuracy"].append(accuracy)
            loss = loss + self._mix_weight * learned / passes
        if not self._asked:
            return loss
        # As TRL weighs a reward: by the length of its completion, and over the accumulated passes.
        lengths = inputs["completion_mask"].sum(-1).clamp(min=1)
        gained = (self._expected / lengths).mean()
        self._asked, self._expected = {}, None
        self._metrics[mode]["decisions"].append(gained.item())
        return loss - gained / passes

    def _get_per_token_logps_and_entropies(
        self, model, input_ids, attention_mask, logits_to_keep, batch_size=None, **options
    ):
        """Return log probabilities, entropies and no auxiliary loss, as TRL asks for them."""
        model = self.accelerator.unwrap_model(model)
        grids, patches = options["image_grid_thw"], options["pixel_values"]
        counts = grids.prod(-1).tolist()
        parts = []
        for first in range(0, len(input_ids), batch_size or len(input_ids)):
            rows = slice(first, first + (batch_size or len(input_ids)))
            begin, end = sum(counts[:first]), sum(counts[: rows.stop])
            inputs = {
                "pixel_values": patches[begin:end],
                "image_grid_thw": grids[rows],
                "mm_token_type_ids": options["mm_token_type_ids"][rows],
            }
            logits = completion_logits(
                model, input_ids[rows], attention_mask[rows], logits_to_keep, inputs
            )
            parts.append(
                log_probabilities(logits, input_ids[rows, -logits_to_keep:], self.temperature)
            )
        if self._asked:
            # The loss asks for its whole batch at once, so these are the logits of all of it.
            self._expected = expected_values(logits, **self._asked)
        logs, entropies = (torch.cat(part) for part in zip(*parts, strict=True))
        return logs, entropies, None
