"""The one place where text from people and models becomes HTML, on the page and in reports.

`gr.HTML` writes its value with innerHTML, Gradio renders the text of a toast as HTML, and Plotly
reads a few tags in labels. So every word that a model, a user or a file brought goes through
`escape`, and only through `escape`. Components get the result as plain `value`, never as a
template: a template would be run by Handlebars and then evaluated as JavaScript.
"""

import html

# Braces, dollar signs and backquotes mean nothing in HTML; as entities they also mean nothing to a
# template engine, should a value ever reach one.
_TEMPLATE_SIGNS = str.maketrans(
    {"$": "&#36;", "{": "&#123;", "}": "&#125;", "`": "&#96;", "\\": "&#92;", "@": "&#64;"}
)
# Direction overrides can turn a sentence around; control characters show as boxes.
_INVISIBLE = {
    code: None
    for code in (*range(0x00, 0x09), *range(0x0B, 0x20), 0x7F, *range(0x202A, 0x202F),
                 *range(0x2066, 0x206A))
}


def escape(text: object, limit: int | None = None) -> str:
    """Return text that shows as itself in HTML content and in quoted attributes.

    With `limit`, a longer text is cut to that many characters and ends with an ellipsis.
    """
    shown = str(text).translate(_INVISIBLE)
    if limit is not None and len(shown) > limit:
        shown = shown[: limit - 1] + "\u2026"
    # Plotly's labels know numbers of characters, but no &quot;.
    escaped = html.escape(shown, quote=True).replace("&quot;", "&#34;")
    return escaped.translate(_TEMPLATE_SIGNS)
