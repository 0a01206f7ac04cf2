"""The look of the page, and the arguments that it is launched with."""

from collections.abc import Sequence
from pathlib import Path

import gradio as gr

from robust_r1.paths import ASSETS

_FOLDER = Path(__file__).with_name("styles")
# Loaded in this order: what several tabs share, one file a widget, one file a tab. Of two rules of
# the same weight the later one counts.
STYLES = tuple(
    _FOLDER / f"{name}.css"
    for name in (
        "base",
        *("picture", "picture_input", "plan_input", "question", "conversation", "chain", "badges",
          "charts", "scores", "job", "share", "changed",
          "first_look", "strip"),
        *("explore", "compare", "sweep", "analyze", "training", "learn", "presenter"),
    )
)  # fmt: skip
# Fonts of the visitor's own system; as plain strings, so that Gradio asks no server for them.
_SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "Liberation Sans",
         "sans-serif"]
_MONO = ["ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "monospace"]
MAX_UPLOAD = "20mb"
# Gradio's own names for colors and borders; those of the page's HTML are in styles/base.css.
_LOOK = {
    "body_background_fill": "#f4f5f7",
    "body_background_fill_dark": "#101318",
    "body_text_color": "#1a1f29",
    "body_text_color_dark": "#e7eaf0",
    "body_text_color_subdued": "#566072",
    "body_text_color_subdued_dark": "#a3adbd",
    "background_fill_primary": "#ffffff",
    "background_fill_primary_dark": "#181c23",
    "background_fill_secondary": "#f4f5f7",
    "background_fill_secondary_dark": "#13171d",
    "block_background_fill": "#ffffff",
    "block_background_fill_dark": "#181c23",
    "block_border_width": "0px",
    "block_border_width_dark": "0px",
    "block_shadow": "none",
    "block_shadow_dark": "none",
    "block_label_background_fill": "transparent",
    "block_label_background_fill_dark": "transparent",
    "block_label_border_width": "0px",
    "block_label_border_width_dark": "0px",
    "block_label_text_color": "#566072",
    "block_label_text_color_dark": "#a3adbd",
    "block_title_text_color": "#1a1f29",
    "block_title_text_color_dark": "#e7eaf0",
    "block_title_text_weight": "600",
    "block_title_text_size": "*text_sm",
    "border_color_primary": "#d9dde4",
    "border_color_primary_dark": "#2d333e",
    "border_color_accent": "#3f4fd0",
    "border_color_accent_dark": "#8f9cff",
    "color_accent": "#3f4fd0",
    "input_background_fill": "#ffffff",
    "input_background_fill_dark": "#13171d",
    "input_border_color": "#c3c9d4",
    "input_border_color_dark": "#3a4250",
    "button_primary_background_fill": "#3f4fd0",
    "button_primary_background_fill_dark": "#5665e0",
    "button_primary_background_fill_hover": "#3340b4",
    "button_primary_background_fill_hover_dark": "#4a58d2",
    "button_primary_text_color": "#ffffff",
    "button_primary_text_color_dark": "#ffffff",
    "button_secondary_background_fill": "#ffffff",
    "button_secondary_background_fill_dark": "#20252e",
    "button_secondary_background_fill_hover": "#eceef2",
    "button_secondary_background_fill_hover_dark": "#2a303b",
    "button_secondary_border_color": "#c3c9d4",
    "button_secondary_border_color_dark": "#3a4250",
    "button_border_width": "1px",
    "button_border_width_dark": "1px",
    "button_large_radius": "8px",
    "slider_color": "#3f4fd0",
    "slider_color_dark": "#8f9cff",
}


def build_theme() -> gr.themes.Base:
    """Build the theme: paper and ink, one accent, hairlines instead of shadows."""
    theme = gr.themes.Base(
        primary_hue=gr.themes.colors.indigo,
        neutral_hue=gr.themes.colors.slate,
        font=_SANS,
        font_mono=_MONO,
        radius_size=gr.themes.sizes.radius_md,
        spacing_size=gr.themes.sizes.spacing_sm,
        text_size=gr.themes.sizes.text_md,
    )
    return theme.set(**_LOOK)


def launch_arguments(
    host: str = "127.0.0.1",
    port: int | None = None,
    share: bool = False,
    mcp: bool = False,
    root_path: str = "",
    accounts: Sequence[tuple[str, str]] = (),
) -> dict:
    """Return every argument of `Blocks.launch`, for the app and for the tests alike.

    Only the assets folder is served besides Gradio's own cache. Errors of the program are shown
    to people in general words; the few that they can mend are raised as such by the page.
    """
    return {
        "server_name": host,
        "server_port": port,
        "share": share,
        # Said, since Gradio would else read a variable of its own.
        "mcp_server": mcp,
        "root_path": root_path,
        "auth": list(accounts) or None,
        "theme": build_theme(),
        "css_paths": list(STYLES),
        "allowed_paths": [str(ASSETS)],
        "max_file_size": MAX_UPLOAD,
        "show_error": False,
        # The browser would keep every visitor's runs, on a lecture hall's machine as well.
        "run_history": False,
        "footer_links": ["api"],
        "ssr_mode": False,
        "pwa": False,
        "enable_monitoring": False,
        "favicon_path": None,
        "quiet": True,
        # Gradio's last look at its own page gives that three seconds, and a busy machine may need
        # more. That the page can be reached is known before, from a call that may take its time.
        "_frontend": False,
    }
