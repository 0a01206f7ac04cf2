"""The public endpoint /perceive: what is wrong with several pictures at once."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import gradio as gr

from robust_r1.analysis.perception import BOTH, SCALES, perceive_in_groups
from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.report.perceptions import perception_values
from robust_r1.ui.widgets.job import ANALYSIS, AT_ONCE, ActiveAnswers
from robust_r1.ui.widgets.model_menu import engine_of
from robust_r1.ui.widgets.toasts import with_toasts

# Of one call: 17 views each are a minute of a bundled model, which others wait for.
MAX_FILES = 64


class PerceiveEndpoint:
    """Add the endpoint to the current `gr.Blocks`; it has no visible part."""

    def __init__(self, engines: tuple[Engine, ...], active: ActiveAnswers) -> None:
        self.engines = {engine.info.name: engine for engine in engines}
        self.active = active
        with gr.Group(visible=False):
            pictures = gr.File(label="pictures", file_count="multiple")
            scale = gr.Textbox(BOTH, label=f"scale: {', '.join(SCALES)} or {BOTH}")
            names = ", ".join(self.engines)
            model = gr.Textbox(engines[0].info.name, label=f"model, one of {names}")
            result = gr.JSON(label="result")
            gr.Button().click(
                with_toasts(self.perceive), [pictures, scale, model], result,
                api_name="perceive", concurrency_id=ANALYSIS, concurrency_limit=AT_ONCE,
                api_description="Say what is wrong with pictures, seen whole and from near; "
                "streams as they are looked at.",
            )

    def perceive(
        self, request: gr.Request, pictures: list[str] | None, scale: str = BOTH, model: str = ""
    ) -> Iterator[dict]:
        """Yield what was found as it grows; a picture that cannot be read has a `problem`."""
        files = list(pictures or ())
        if not 0 < len(files) <= MAX_FILES:
            raise InputError(f"There are {len(files)} pictures; give 1 to {MAX_FILES} at a time.")
        engine, scale = engine_of(self.engines, model), scale or BOTH
        rows: list[dict] = []
        with (
            self.active.begin(request.session_hash if request else None) as stop,
            closing(perceive_in_groups(engine, files, scale, stop=stop)) as groups,
        ):
            for group in groups:
                # The path is the server's own.
                named = [replace(one, file=Path(one.file).name) for one in group]
                rows += [perception_values(one) for one in named]
                yield {"model": engine.info.name, "scale": scale, "pictures": rows}
