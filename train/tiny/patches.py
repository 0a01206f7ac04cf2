"""First weights of the patch embedding: a whitened cosine basis instead of random numbers.

Most of what tells JPEG, blur, noise and flattening apart lies in small high-frequency
coefficients, which random filters bury under brightness. Cosine filters on JPEG's own 8 x 8 grid,
each scaled to unit spread on undamaged scenes, put them on a par from the first step.
"""

import numpy as np
import torch
from torch import nn

_LUMA = np.array([0.299, 0.587, 0.114])
_CHROMA = (np.array([0.5, -0.419, -0.081]), np.array([-0.169, -0.331, 0.5]))
# Coefficients (row, column) of an 8 x 8 block: all slow ones, then a sample of the fast ones.
_SLOW = tuple((u, v) for u in range(5) for v in range(5) if u + v <= 4)
_FAST = (
    (5, 0), (0, 5), (6, 0), (0, 6), (7, 0), (0, 7), (3, 3), (4, 4), (5, 5), (6, 6), (7, 7),
    (2, 5), (5, 2), (7, 3), (3, 7), (6, 2), (2, 6), (4, 6),
)  # fmt: skip


def cosine(size: int, u: int, v: int) -> np.ndarray:
    """Return the orthonormal two-dimensional DCT-II function (u, v) on size x size pixels."""
    grid = (np.arange(size) + 0.5) * np.pi / size
    rows, columns = np.cos(u * grid), np.cos(v * grid)
    wave = rows[:, None] * columns[None]
    return wave / np.linalg.norm(wave)


def basis(patch: int, count: int, seed: int) -> np.ndarray:
    """Return `count` filters, float32, count x 3 x patch x patch.

    In this order, as far as `count` reaches: color differences over the whole patch, brightness
    over each 8 x 8 block, jumps along and between the block borders, random ones.
    """
    filters = [
        axis[:, None, None] * cosine(patch, u, v)
        for u in range(6) for v in range(6) if u + v <= 5
        for axis in _CHROMA
    ][:40]  # fmt: skip
    for u, v in (*_SLOW, *_FAST):
        for top in range(0, patch - 7, 8):
            for left in range(0, patch - 7, 8):
                plane = np.zeros((patch, patch))
                plane[top : top + 8, left : left + 8] = cosine(8, u, v)
                filters.append(_LUMA[:, None, None] * plane)
    for edge in (8, 4, 12):
        for start in range(0, patch, 4 if edge == 8 else 8):
            plane = np.zeros((patch, patch))
            if edge < patch:
                plane[start : start + 4, edge - 1], plane[start : start + 4, edge] = -0.35, 0.35
            filters += [_LUMA[:, None, None] * plane, _LUMA[:, None, None] * plane.T]
    rng = np.random.default_rng(seed)
    while len(filters) < count:
        filters.append(rng.normal(0, 1 / patch, (3, patch, patch)))
    return np.stack(filters[:count]).astype(np.float32)


@torch.no_grad()
def initialize(projection: nn.Conv3d, patches: torch.Tensor, seed: int) -> None:
    """Set a patch embedding to the basis, each filter scaled to unit spread on `patches`.

    Args:
        projection: weight of shape (width, 3, frames, patch, patch).
        patches: flattened clean patches as the image processor makes them, N x (3 * frames *
            patch * patch).
    """
    width, _, frames, patch, _ = projection.weight.shape
    filters = torch.from_numpy(basis(patch, width, seed))
    weight = filters[:, :, None].repeat(1, 1, frames, 1, 1) / frames
    spread = (patches @ weight.reshape(width, -1).T).std(0).clamp(min=1e-3)
    projection.weight.copy_(weight / spread[:, None, None, None, None])
