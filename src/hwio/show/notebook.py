"""What a notebook keeps of a result: text always, a page, and a picture for what shows no pages.

Jupyter, VS Code, marimo and nbconvert choose the richest form that they can show. A printed notebook
(LaTeX, PDF) takes the picture; a site that strips styles and scripts still has the page's tables.
"""

from __future__ import annotations


def bundle(text: str, html: str, svg: str = "") -> dict[str, str]:
    """Return the forms of a result by their kind; a picture only where there is one.

    Examples
    --------
    >>> sorted(bundle("y = 1", "<p>y = 1</p>"))
    ['text/html', 'text/plain']
    """
    forms = {"text/plain": text, "text/html": html, "image/svg+xml": svg}
    return {kind: form for kind, form in forms.items() if form}
