"""How the page is served, and its style sheets."""

import gradio as gr
from gradio import networking

from robust_r1.ui.theme import launch_arguments
from tests.support.paths import ROOT


def test_page_is_served_without_anything_from_elsewhere():
    arguments = launch_arguments()
    assert arguments["allowed_paths"] == [str(ROOT / "assets")]
    assert arguments["max_file_size"] == "20mb" and arguments["run_history"] is False
    assert arguments["theme"]._stylesheets == []


def test_a_machine_too_busy_to_show_the_page_in_seconds_serves_it_all_the_same(monkeypatch):
    monkeypatch.setattr(networking, "url_ok", lambda url: False)
    with gr.Blocks(analytics_enabled=False) as page:
        pass
    _, address, _ = page.launch(**launch_arguments(), prevent_thread_lock=True)
    page.close(verbose=False)
    assert address.startswith("http://127.0.0.1:")


def test_every_style_sheet_is_loaded_and_asks_for_nothing_from_elsewhere():
    loaded = launch_arguments()["css_paths"]
    assert sorted(loaded) == sorted((ROOT / "robust_r1/ui").rglob("*.css"))
    assert len(loaded) == len(set(loaded)) and loaded[0].name == "base.css"
    for sheet in loaded:
        text = sheet.read_text(encoding="utf-8")
        assert text.count("{") == text.count("}") and "http" not in text and "url(" not in text
        assert "@import" not in text, f"{sheet.name}: the order of the files is theme.py's"
