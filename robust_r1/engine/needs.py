"""What a model asks of a machine: packages, a download, a number type, the work of an answer.

Nothing here imports torch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from robust_r1.errors import ModelError


@dataclass(frozen=True)
class Needs:
    """Say what a model asks of a machine.

    Attributes:
        precision: what it is loaded in unless somebody says otherwise: "fp32", "bf16", or "4bit",
            which stands for bf16 on machines that compute slower in 4 bits.
        download: bytes to fetch; 0 where that is not known, and of a model that is here.
        packages: those beside the project's own that its pictures cannot be prepared without.
        linear: weights that each token of text passes, embeddings and head aside.
        head: weights of the head, which each new token passes besides.
        vision: weights that each patch of a picture passes.
        patch: side of a patch, in pixels.
        token: side of the square of pixels that becomes one token of text.
        layers: of the language side.
    """

    precision: str = "4bit"
    download: int = 0
    packages: tuple[str, ...] = ()
    linear: int = 0
    head: int = 0
    vision: int = 0
    patch: int = 14
    token: int = 28
    layers: int = 0


def lacking(packages: Sequence[str]) -> tuple[str, ...]:
    """Return those of some packages that cannot be imported here."""
    return tuple(name for name in packages if not _imports(name))


def refuse_without_packages(label: str, packages: Sequence[str]) -> None:
    """Raise ModelError where a model needs a package that is not here; one sentence."""
    if missing := lacking(packages):
        wanted = " and ".join(map(package_with_version, missing))
        raise ModelError(f"{label} cannot prepare pictures here: it needs {wanted}")


def package_with_version(package: str) -> str:
    """Name a package with the version that goes with this torch, and say how it is had.

    Each torch has a torchvision of its own: 0.28.0 that of 2.13.0.
    """
    try:
        torch = version("torch")
    except PackageNotFoundError:
        return f"{package}, and torch; install both, or choose another model."
    minor, patch = torch.partition("+")[0].split(".")[1:3]
    return (
        f"{package} 0.{int(minor) + 15}.{patch}, built for torch {torch}; install both from the "
        "same index of pytorch.org, or choose another model."
    )


def _imports(package: str) -> bool:
    if find_spec(package) is None:
        return False
    try:  # one that was built for another torch is there and cannot be imported
        import_module(package)
    except Exception:
        return False
    return True
