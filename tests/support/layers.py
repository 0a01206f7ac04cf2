"""Which module may import which: the drawing of the project's folders, and a reader of imports."""

import ast
from collections.abc import Iterator
from pathlib import Path

# What each folder holds, in layers: a module imports from layers above its own and from its own
# folder, never from beside it or from below. Folders without a drawing are free inside.
LAYERS = (
    ("errors", "markup", "paths", "thoughts"),
    ("images", "installation"),
    ("degradations",),
    ("chain",),
    ("metrics",),
    ("scenes", "rewards", "records", "repair"),
    ("engine",),
    ("ask",),
    ("evaluation", "analysis", "store"),
    ("report",),
    ("bench",),
    ("ui",),
    ("commands",),
    ("app", "train", "plugins"),
)
DRAWINGS = {
    "": (("robust_r1",), ("app", "train")),
    "robust_r1": (("__init__",), *LAYERS[:-1], ("cli", "plugins"), ("__main__",)),
    "robust_r1.ui": (
        ("theme", "shortcuts", "visitors"),
        ("widgets",),
        ("explore", "compare", "sweep", "analyze", "learn"),
        ("api",),
        ("page",),
        ("__init__",),
    ),
    "train": (
        ("__init__",),
        ("common",),
        ("aokvqa",),
        ("sft", "grpo", "make_data", "convert_data", "check_data", "merge"),
        ("tiny",),
    ),
}
# Full-size training is read from one file and what all training shares.
ALONE = {"train.sft": "train.common", "train.grpo": "train.common"}
HOMES = {
    "torch": ("robust_r1.engine", "train"),
    "transformers": ("robust_r1.engine", "train"),
    "accelerate": ("robust_r1.engine", "train"),
    "bitsandbytes": ("robust_r1.engine", "train"),
    "peft": ("robust_r1.engine", "train"),
    "trl": ("train",),
    "gradio": ("robust_r1.ui", "app"),
    "vlmeval": ("robust_r1.plugins",),
    "lmms_eval": ("robust_r1.plugins",),
}
OURS = ("robust_r1", "train", "app", "tests")


def imports(source: str, package: str) -> Iterator[tuple[int, str]]:
    """Yield (line, dotted name) of every import of a source, also of those inside functions.

    `from a import b` gives a.b, which may be a module or a name of one.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            named = node.args[0] if node.args else None
            if isinstance(named, ast.Constant) and not str(named.value).startswith("."):
                yield node.lineno, str(named.value)


def within(module: str, folder: str) -> bool:
    """Tell whether a dotted name is a folder's or module's own or lies in it."""
    return f"{module}.".startswith(f"{folder}.")


def parting(module: str, target: str) -> tuple[str, str, str]:
    """Return the folder that holds both, and what each is in it: `__init__` for the folder."""
    mine, other = module.split("."), target.split(".")
    shared = 0
    while shared < min(len(mine), len(other)) and mine[shared] == other[shared]:
        shared += 1
    drawing = DRAWINGS.get(folder := ".".join(mine[:shared]), ())
    home, there = ("".join(parts[shared : shared + 1]) or "__init__" for parts in (mine, other))
    # A name that is no module is the folder's own: `from robust_r1.ui import build_ui`.
    is_module = any(there in layer for layer in drawing) or shared == 0
    return folder, home, there if is_module else "__init__"


def unseen(module: str) -> str | None:
    """Return the place of a module that no drawing has, or None."""
    parts = module.split(".")
    for depth in range(len(parts)):
        drawing = DRAWINGS.get(".".join(parts[:depth]), ((parts[depth],),))
        if not any(parts[depth] in layer for layer in drawing):
            return ".".join(parts[: depth + 1])
    return None


def offence(module: str, target: str) -> str | None:
    """Say why a module must not import a dotted name, or None where it may."""
    package = target.split(".")[0]
    if homes := HOMES.get(package):
        at_home = any(within(module, home) for home in homes)
        return None if at_home else f"{package} belongs to {' and '.join(homes)}"
    if package not in OURS:
        return None
    folder, home, there = parting(module, target)
    if drawing := DRAWINGS.get(folder):
        level = {name: level for level, layer in enumerate(drawing) for name in layer}
        if home != there and level.get(there, len(drawing)) >= level.get(home, -1):
            return f"{folder + '.' if folder else ''}{home} must not import {target}"
    if package == "train" and not within(target, ALONE.get(module, "train")):
        return f"{module} must not import {target}: it stands on {ALONE[module]} alone"
    return None


def offences(path: str, source: str) -> list[str]:
    """Name each import of a source that points the wrong way, as file:line."""
    module = ".".join(Path(path).with_suffix("").parts)
    if place := unseen(module):
        return [f"{path}:1: {place} stands in no layer"]
    found = imports(source, module.rpartition(".")[0])
    said = ((line, offence(module, target)) for line, target in found)
    return [f"{path}:{line}: {words}" for line, words in sorted(set(said), key=str) if words]
