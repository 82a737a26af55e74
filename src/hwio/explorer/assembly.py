"""Put the page together: template, style, modules and data in one file that needs no network.

The modules of ``page/`` are ES modules, so that any editor understands them. Here they stand in one
script, in order, without ``import`` and ``export``: their names are unique across all of them.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from functools import cache
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

# in the order in which they stand in the page; each imports only from those before it
MODULES = (
    "words", "lists", "numbers", "geometry", "sums", "backward", "state", "dom", "grid", "format",
    "planes", "weights", "strips", "arithmetic", "player", "figure", "share", "slide", "matrix",
    "gradient", "transposed", "code", "quiz", "controls", "check", "main",
    "frame",  # in live notebooks only
)  # fmt: skip
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)
# what a script is made of: strings, templates (with templates inside), comments, words, blanks, signs
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.|\$(?!\{)|\$\{(?:[^{}`]|`[^`]*`|\{[^{}]*\})*\})*`)
    |(?P<comment>//[^\n]*)|(?P<pattern>(?<=\()/[^/\n]+/[gm]*)|(?P<line>\s*\n\s*)|(?P<blank>[ \t]+)
    |(?P<other>[\w$]+|.)""",
    re.VERBOSE,
)
_TIGHT = "=<>+*?:,;(){}[]|&!-%"  # signs that need no blank beside them
_OPEN, _CLOSE = "{([,;=>&|?:+", ")]}.,?:&|"  # nor a line break after, or before
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_ATTRIBUTE = re.compile(r' style="[^"]*"')
TITLE = "hwio explorer"


@cache
def read_page(name: str) -> str:
    """Read one file of ``page/``."""
    return files("hwio.explorer").joinpath("page", name).read_text(encoding="utf-8")


@cache
def script(live: bool = False) -> str:
    """Join the modules into one script; that of a live page speaks with the notebook around it.

    Examples
    --------
    >>> "import " in script() or "export " in script()
    False
    """
    text = "\n".join(
        _IMPORT.sub("", read_page(f"{name}.js")) for name in MODULES[: None if live else -1]
    )
    return (
        f'"use strict";(() => {{{squeeze(re.sub("^export ", "", text, flags=re.MULTILINE))}}})();'
    )


def squeeze(text: str) -> str:
    r"""Leave out comments, blanks and line breaks that mean nothing.

    Examples
    --------
    >>> squeeze('const a = "b = c";  // why\n  f(a);\n')
    'const a="b = c";f(a);'
    """
    parts: list[str] = []
    blank = ""
    for found in _TOKEN.finditer(text):
        token, kind = found[0], found.lastgroup
        if kind == "comment":
            continue
        if kind in ("line", "blank"):
            blank = "\n" if kind == "line" or blank == "\n" else " "
            continue
        before = parts[-1][-1:] if parts else "\n"
        if (blank == "\n" and not (before in f"{_OPEN}\n" or token in _CLOSE)) or (
            blank == " " and not (before in _TIGHT or token in _TIGHT)
        ):
            parts.append(blank)
        blank = ""
        parts.append(token)
    return "".join(parts)


def assemble(facts: dict[str, Any], picture: str, live: bool = False) -> str:
    """Return the whole page.

    Parameters
    ----------
    facts : dict
        What the script is told.
    picture : str
        The SVG that stands where scripts are off.
    live : bool
        Whether a live notebook is around the page.
    """
    title = facts.get("title")
    style = re.sub(r"\s*([{};:,]|\n)\s*", r"\1", read_page("style.css")).replace(";}", "}")
    picture = _ATTRIBUTE.sub(
        "", picture
    )  # a policy allows style elements by checksum, attributes not
    slots = {
        "TITLE": escape(f"{title} · {TITLE}" if title else TITLE),
        "STYLE": style,
        "PICTURE": picture,
        "FACTS": script_safe(facts),
        "SCRIPT": script(live),
    }
    slots["POLICY"] = _policy(script(live), [style, *_STYLE.findall(picture)])
    # one pass, so that nothing a user named is ever read as a slot
    return re.sub(r"@@(\w+)@@", lambda slot: slots[slot[1]], read_page("template.html"))


def script_safe(value: Any) -> str:
    r"""Write JSON that can stand in a script element, whatever its strings say.

    Examples
    --------
    >>> script_safe({"title": "</script><b>"})
    '{"title":"\\u003c/script\\u003e\\u003cb\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _policy(code: str, styles: list[str]) -> str:
    """Allow this script, these styles and pictures made in the page, and nothing else."""
    allowed = " ".join(_hash(style) for style in styles)
    return (
        f"default-src 'none'; script-src {_hash(code)}; style-src {allowed}; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    """Name an inline part by its checksum, as a content security policy does."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
