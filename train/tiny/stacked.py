"""The optimizer's steps with few launches, for a GPU that would wait for most of them."""

import torch

from train.tiny.optim import MuonAdamW


class StackedMuon(MuonAdamW):
    """Take the same steps as `MuonAdamW` with far fewer launches: matrices of a shape together."""

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step."""
        for group in self.param_groups:
            with_gradient = [weight for weight in group["params"] if weight.grad is not None]
            if group["muon"]:
                for shape in dict.fromkeys(weight.shape for weight in with_gradient):
                    self._together([w for w in with_gradient if w.shape == shape], group)
            elif with_gradient:
                self._adam_together(with_gradient, group)

    def _together(self, weights: list[torch.Tensor], group: dict) -> None:
        for weight in weights:
            self.state[weight].setdefault("average", torch.zeros_like(weight))
        averages = [self.state[weight]["average"] for weight in weights]
        gradients = [weight.grad for weight in weights]
        torch._foreach_lerp_(averages, gradients, 1 - group["momentum"])
        wide = torch.stack(torch._foreach_lerp(gradients, averages, group["momentum"])).bfloat16()
        tall = wide.shape[1] > wide.shape[2]
        wide = wide.mT if tall else wide
        wide = wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
        for _ in range(5):
            gram = wide @ wide.mT
            wide = 3.4445 * wide + (-4.7750 * gram + 2.0315 * gram @ gram) @ wide
        updates = (wide.mT if tall else wide).float().unbind(0)
        scale = 0.2 * max(weights[0].shape) ** 0.5
        torch._foreach_mul_(weights, 1 - group["lr"] * group["decay"])
        torch._foreach_add_(weights, list(updates), alpha=-group["lr"] * scale)

    def _adam_together(self, weights: list[torch.Tensor], group: dict) -> None:
        for weight in weights:
            state = self.state[weight]
            state.setdefault("average", torch.zeros_like(weight))
            state.setdefault("square", torch.zeros_like(weight))
            state["step"] = state.get("step", 0) + 1
        step = self.state[weights[0]]["step"]
        averages = [self.state[weight]["average"] for weight in weights]
        squares = [self.state[weight]["square"] for weight in weights]
        gradients = [weight.grad for weight in weights]
        torch._foreach_lerp_(averages, gradients, 0.1)
        torch._foreach_mul_(squares, 0.98)
        torch._foreach_addcmul_(squares, gradients, gradients, value=0.02)
        spread = torch._foreach_div(squares, 1 - 0.98**step)
        torch._foreach_sqrt_(spread)
        torch._foreach_add_(spread, 1e-8)
        torch._foreach_addcdiv_(weights, averages, spread, value=-group["lr"] / (1 - 0.9**step))
