"""Claims about the optimizer and its rate."""

import pytest
import torch

from train.tiny.optim import MuonAdamW, cosine, orthogonalize


@pytest.mark.parametrize("shape", [(64, 64), (32, 96), (96, 32)])
def test_orthogonalize_keeps_directions_and_evens_out_strengths(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    strengths = torch.diagonal(u.T @ orthogonalize(matrix) @ v.T)
    assert strengths.min() > 0.3 and strengths.max() < 1.3
    assert strengths.median() > 0.6


def test_the_optimizer_solves_a_linear_problem():
    torch.manual_seed(0)
    layer = torch.nn.Linear(16, 8)
    inputs, wanted = torch.randn(256, 16), torch.randn(16, 8)
    optimizer = MuonAdamW(layer.named_parameters(), rate=0.1)
    losses = []
    for step in range(200):
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * cosine(step, 200, 0.1)
        loss = (layer(inputs) - inputs @ wanted).pow(2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_the_rate_rises_then_falls_to_its_floor():
    rates = [cosine(step, 100, 0.1) for step in range(100)]
    assert rates.index(max(rates)) in (9, 10) and max(rates) == pytest.approx(1, abs=0.01)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.03, abs=0.01)
