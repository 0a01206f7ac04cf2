"""The menus that several parts of the lesson have: of its cases, and of models."""

from collections.abc import Mapping, Sequence

import gradio as gr

from robust_r1.engine import Engine
from robust_r1.errors import InputError
from robust_r1.ui.learn.cases import case_titles
from robust_r1.ui.widgets.links import read_value
from robust_r1.ui.widgets.model_menu import menu_choices
from robust_r1.ui.widgets.picture_input import build_picker


def build_case_menu(elem_id: str, titles: Sequence[str] = ()) -> gr.Dropdown:
    """Lay out the menu of the cases, by their titles; by default of those with a true chain."""
    titles = list(titles) or case_titles()
    return gr.Dropdown(
        titles, value=titles[0], label="Damage", filterable=False, min_width=160, elem_id=elem_id
    )


def build_model_menu(
    engines: Sequence[Engine], chosen: Engine, label: str, min_width: int, elem_id: str
) -> gr.Dropdown:
    """Lay out a menu of models, which is not shown where there is only one."""
    return gr.Dropdown(
        menu_choices(tuple(engines)), value=chosen.info.name, label=label, filterable=False,
        min_width=min_width, visible=len(engines) > 1, elem_id=elem_id,
    )


def build_own(elem_id: str) -> gr.Image:
    """Lay out where a picture of one's own is brought."""
    return build_picker(
        label="Your picture", sources=["upload", "webcam", "clipboard"], format="png", height=116,
        buttons=[], elem_id=elem_id, elem_classes="rr-own", scale=0, min_width=180,
        placeholder="Drop or choose a picture",
    )


def writers(engines: tuple[Engine, ...]) -> tuple[Engine, ...]:
    """Return the models that write chains; all of them where none does."""
    return tuple(engine for engine in engines if engine.info.reasons) or engines


def read_case(link: Mapping[str, str], titles: Sequence[str] = ()) -> str:
    """Return the title of the case that a link names; the first where it names none."""
    known = list(titles) or case_titles()

    def read(title: str) -> str:
        if title not in known:
            raise InputError(f"no case {title[:40]!r}; choose {' or '.join(known)}")
        return title

    return read_value(link, "case", read, known[0])


def read_model(link: Mapping[str, str], menu: gr.Dropdown) -> str:
    """Return the model of a menu that a link names; the one to begin with where it names none."""
    names = [name for _, name in menu.choices]

    def read(name: str) -> str:
        if name not in names:
            raise InputError(
                f"the model {name[:40]!r} is not loaded here; choose {' or '.join(names)}"
            )
        return name

    return read_value(link, "model", read) or menu.value
