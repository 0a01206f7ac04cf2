"""page: serve the page until it is interrupted.

Every flag can also be an environment variable of the same name with the prefix ROBUST_R1_, as in
ROBUST_R1_MODEL=tiny-rl,tiny-sft; a flag wins.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec

from robust_r1.ask.kept_pictures import MOST, MOST_BYTES, KeptPictures
from robust_r1.commands.page_access import (
    Access,
    add_access_arguments,
    read_access,
    why_not_served,
)
from robust_r1.engine import PRECISIONS
from robust_r1.errors import InputError, RobustR1Error
from robust_r1.paths import OWN_RUNS

HOST, PORT = "127.0.0.1", 7860
KEPT_FOLDER = "shared-pictures"  # beside the runs and the notebook
_MOST_DAYS = 3650
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


def main(argv: Sequence[str] | None = None) -> int:
    """Serve the page as app.py does: a command of its own."""
    return run(parse_arguments(sys.argv[1:] if argv is None else argv, os.environ))


def parse_arguments(argv: Sequence[str], environ: Mapping[str, str]) -> argparse.Namespace:
    """Read flags and environment variables; a wrong one ends the program in one line."""
    parser = argparse.ArgumentParser(prog="app.py", description="Serve the Robust-R1 page.")
    _add_arguments(parser, environ)
    args = parser.parse_args(argv)
    try:
        return _complete(args, environ)
    except InputError as error:
        parser.error(str(error))


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser(
        "page",
        help="serve the page",
        description="Serve the page. Every flag can also be an environment variable, as in "
        "ROBUST_R1_MODEL=tiny-rl,tiny-sft.",
        allow_abbrev=False,
    )
    _add_arguments(parser, os.environ)
    parser.set_defaults(run=lambda args: run(_complete(args, os.environ)))


def run(args: argparse.Namespace) -> int:
    """Load the models, build the page and serve it until it is interrupted."""
    # Gradio reads these later on: nothing is to be reported to anybody, and its own statistics of
    # the queue, a table over all past events, are not to be made anew after every event.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_ANALYTICS_CACHE_FREQUENCY"] = "1000"
    if args.mcp and find_spec("mcp") is None:
        print('error: --mcp needs a package that is not installed: pip install "gradio[mcp]"',
              file=sys.stderr)
        return 2
    _check_packages(args.model)
    gpu = _lent_gpu(os.environ)
    from robust_r1.ui import (
        Visitors,
        build_ui,
        launch_arguments,
        open_models,
        open_on_zero_gpu,
        start_loading,
    )

    try:
        if gpu is not None:
            engines = open_on_zero_gpu(args.model, gpu, args.max_pixels)
        else:
            engines = open_models(args.model, args.quantize, args.max_pixels)
    except RobustR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    access: Access = args.access
    visitors = Visitors(access.public, access.one_notebook)
    page = build_ui(engines, _kept_pictures(args.keep_shared), visitors)
    options = launch_arguments(
        args.host, args.port, args.share, args.mcp, access.root_path, access.accounts
    )
    try:
        _, local, public = page.launch(**options, prevent_thread_lock=True)
        print(f"The page is on {_told(public or local, access)}", flush=True)
        start_loading(engines)
        page.block_thread()
    except OSError as error:
        why = why_not_served(args.host, args.port, error)
        print(f"error: the page cannot be served on {args.host}:{args.port}: {why}",
              file=sys.stderr)
        return 2
    finally:
        for engine in engines:
            engine.close()
    return 0


def _add_arguments(parser: argparse.ArgumentParser, environ: Mapping[str, str]) -> None:
    parser.add_argument(
        "--model", action="append", metavar="M",
        help="a catalog name, a local folder, a hub id or an endpoint; repeat it for a menu "
        "(default: auto, with the bundled models beside it)",
    )
    # A Space says where it wants to be served, in Gradio's own variable.
    host = environ.get("ROBUST_R1_HOST") or environ.get("GRADIO_SERVER_NAME")
    if not host and environ.get("SPACE_ID"):
        host = "0.0.0.0"
    parser.add_argument("--host", default=host or HOST,
                        help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=environ.get("ROBUST_R1_PORT") or PORT,
                        help="port to listen on (default: %(default)s)")
    parser.add_argument("--share", action="store_true",
                        help="make a public link through Gradio's tunnel")
    add_access_arguments(parser, environ)
    parser.add_argument("--keep-shared", type=float, metavar="DAYS",
                        default=environ.get("ROBUST_R1_KEEP_SHARED") or 0,
                        help="let visitors keep their own pictures here for so many days, so that "
                        f"links to them open anywhere; at most {MOST} pictures or "
                        f"{MOST_BYTES // 1_000_000} MB (default: 0, nothing is kept)")
    parser.add_argument("--mcp", action="store_true",
                        help="offer the API as MCP tools too (needs gradio[mcp])")
    parser.add_argument("--quantize", choices=PRECISIONS,
                        default=environ.get("ROBUST_R1_QUANTIZE") or None,
                        help="precision of the weights (default: what suits the machine)")
    parser.add_argument("--max-pixels", type=int, metavar="N",
                        default=environ.get("ROBUST_R1_MAX_PIXELS") or None,
                        help="smaller budget for pictures than the model's own, in pixels")


def _complete(args: argparse.Namespace, environ: Mapping[str, str]) -> argparse.Namespace:
    """Fill in what only the environment says; raises InputError for a variable that is wrong."""
    if not 0 <= args.keep_shared <= _MOST_DAYS:
        raise InputError(
            f"--keep-shared is {args.keep_shared:g} days; give 0 to {_MOST_DAYS:,}, and 0 to keep "
            "nothing"
        )
    # argparse checks the choices of flags, but not those of defaults.
    if args.quantize not in (None, *PRECISIONS):
        known = ", ".join(PRECISIONS)
        raise InputError(f"ROBUST_R1_QUANTIZE is {args.quantize!r}; set it to {known}")
    for name in ("share", "mcp", "one_notebook"):
        variable = f"ROBUST_R1_{name.upper()}"
        value = environ.get(variable, "").lower()
        if value not in _TRUE + _FALSE:
            raise InputError(f"{variable} is {value!r}; set it to 1 or 0")
        setattr(args, name, getattr(args, name) or value in _TRUE)
    args.access = read_access(args, environ)
    named = environ.get("ROBUST_R1_MODEL", "")
    args.model = args.model or [name.strip() for name in named.split(",") if name.strip()]
    return args


def _told(address: str, access: Access) -> str:
    """Return the page's address for people; behind a proxy the page works at the proxy's alone."""
    prefix = access.root_path
    return f"{address}, for a proxy that shows it as {prefix}/" if prefix else address


def _kept_pictures(days: float) -> KeptPictures | None:
    """Return where pictures are kept for links; None where nothing is, as by default."""
    return KeptPictures(OWN_RUNS / KEPT_FOLDER, days) if days else None


def _check_packages(models: Sequence[str]) -> None:
    """Raise ModuleNotFoundError before the page is served, not from a thread behind it."""
    # A page whose models are all served elsewhere does without torch.
    remote = bool(models) and all("://" in name for name in models)
    for name in ("gradio", "plotly", "segno", *(() if remote else ("torch", "transformers"))):
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def _lent_gpu(environ: Mapping[str, str]) -> Callable | None:
    """Return the decorator of functions that a ZeroGPU Space lends a GPU to; elsewhere None.

    Its package changes torch, so it is imported first.
    """
    if not environ.get("SPACES_ZERO_GPU"):
        return None
    import spaces

    return spaces.GPU
