"""The optimizer of all stages: Muon for the matrices, AdamW for the rest, one learning rate.

Muon takes the momentum's nearest orthogonal matrix as the update (Jordan et al. 2024), here with
the scale that matches AdamW's update size (Liu et al. 2025, "Muon is Scalable for LLM Training").
On these small models it learned several times faster than AdamW. `torch.optim.Muon` iterates in
bfloat16 everywhere, which processors without that unit emulate some thirty times slower than
float32, and it takes matrices only; a trainer wants one optimizer for all parameters.
"""

from collections.abc import Iterable

import torch
from torch import nn

from train.tiny.encoder import fast_dtype

# Quintic Newton-Schulz coefficients of Jordan et al.: fast rather than exact, singular values end
# up in 0.7 to 1.2.
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
# The cost of a step grows with the cube of a matrix's short side: one of 768 x 768 took as long as
# all others of the encoder together, a tenth of the whole training.
MOST_ROWS = 512


class MuonAdamW(torch.optim.Optimizer):
    """Update matrices by Muon and everything else by AdamW.

    Args:
        named_parameters: (name, parameter) pairs; those without `requires_grad` are left out.
            Matrices whose name contains "embed" or "head", and those whose sides both exceed
            `MOST_ROWS`, count as everything else.
        rate: peak learning rate of the matrices.
        adam_rate: peak learning rate of the rest.
        decay: decoupled weight decay of the matrices.
    """

    def __init__(
        self,
        named_parameters: Iterable[tuple[str, nn.Parameter]],
        rate: float,
        adam_rate: float = 1e-3,
        decay: float = 0.01,
        momentum: float = 0.95,
    ) -> None:
        matrices: list[nn.Parameter] = []
        rest: list[nn.Parameter] = []
        for name, parameter in named_parameters:
            if not parameter.requires_grad:
                continue
            plain = parameter.ndim == 2 and "embed" not in name and "head" not in name
            small = min(parameter.shape) <= MOST_ROWS
            (matrices if plain and small else rest).append(parameter)
        groups = [
            {"params": matrices, "lr": rate, "muon": True, "decay": decay, "momentum": momentum},
            {"params": rest, "lr": adam_rate, "muon": False, "decay": 0.0, "momentum": 0.9},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": rate})

    @torch.no_grad()
    def step(self, closure=None):
        """Take one step; see `torch.optim.Optimizer.step`."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    (self._muon if group["muon"] else self._adam)(parameter, group)
        return loss

    def _muon(self, parameter: nn.Parameter, group: dict) -> None:
        state = self.state[parameter]
        if not state:
            state["average"] = torch.zeros_like(parameter)
        momentum, average = group["momentum"], state["average"]
        average.lerp_(parameter.grad, 1 - momentum)
        update = orthogonalize(parameter.grad.lerp(average, momentum))
        # 0.2 is the usual size of AdamW's updates (root mean square).
        scale = 0.2 * max(parameter.shape) ** 0.5
        parameter.mul_(1 - group["lr"] * group["decay"])
        parameter.add_(update, alpha=-group["lr"] * scale)

    def _adam(self, parameter: nn.Parameter, group: dict) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["average"] = torch.zeros_like(parameter)
            state["square"] = torch.zeros_like(parameter)
        state["step"] += 1
        first, second, step = 0.9, 0.98, state["step"]
        state["average"].lerp_(parameter.grad, 1 - first)
        state["square"].mul_(second).addcmul_(parameter.grad, parameter.grad, value=1 - second)
        spread = (state["square"] / (1 - second**step)).sqrt_().add_(1e-8)
        parameter.addcdiv_(state["average"], spread, value=-group["lr"] / (1 - first**step))


def orthogonalize(matrix: torch.Tensor) -> torch.Tensor:
    """Return a matrix with the same singular vectors and singular values near 1."""
    wide = matrix.to(fast_dtype())
    tall = wide.shape[0] > wide.shape[1]
    wide = wide.T if tall else wide
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(_ITERATIONS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), wide, beta=_A)
    return (wide.T if tall else wide).to(matrix.dtype)


def cosine(step: int, steps: int, warmup_share: float, floor: float = 0.03) -> float:
    """Return the share of the peak rate at a step: linear warm-up, then cosine to `floor`."""
    rise = max(1, round(steps * warmup_share))
    if step < rise:
        return (step + 1) / rise
    progress = min(1.0, (step - rise) / max(1, steps - rise))
    return floor + (1 - floor) * 0.5 * (1 + float(torch.cos(torch.tensor(progress * torch.pi))))
