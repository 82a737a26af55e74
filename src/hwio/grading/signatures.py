"""Which of the known functions a learner's is: by its name, by its parameters, or as it is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwio.errors import OptionError, nearest, show, word
from hwio.mistakes.cases import CASES, FUNCTIONS, Case

# small letters, nothing but letters -> the function
_NAMES = {name.replace("_", ""): name for name in FUNCTIONS if name != "conv"} | {
    "convforwardnaive": "conv_forward",
    "convbackwardnaive": "conv_backward",
    "poolingforward": "pool_forward",
    "poolingbackward": "pool_backward",
    "zeropadding": "zero_pad",
    "padzeros": "zero_pad",
}
_FEWEST = {"zero_pad": 2, "conv_single_step": 3, "conv_forward": 4, "conv_backward": 2,
           "pool_forward": 2, "pool_backward": 2}  # fmt: skip
_MOST = _FEWEST | {"pool_forward": 3, "pool_backward": 3}
# parameter of a plain function -> what it means
_MEANS = {
    "stride": "stride", "strides": "stride", "s": "stride", "step": "stride",
    "padding": "pad", "pad": "pad", "p": "pad",
    "dilation": "dilation", "dilations": "dilation", "rate": "dilation",
    "b": "b", "bias": "b",
}  # fmt: skip
_POSITIONAL = ("POSITIONAL_ONLY", "POSITIONAL_OR_KEYWORD")


@dataclass(frozen=True, slots=True)
class Signature:
    """A learner's function, as it will be called.

    Attributes
    ----------
    function : str
        Key of ``COURSE``.
    name : str
        Its own name.
    written : str
        With its own parameters.
    mode : bool
        Whether it takes the mode of pooling.
    keywords : dict of str to str
        Of a plain function: what is meant -> the name of its parameter.
    needed : tuple of str
        What is meant by parameters that have no default.
    words : bool
        Whether its padding is a word such as "same".
    """

    function: str
    name: str
    written: str
    mode: bool
    keywords: dict[str, str]
    needed: tuple[str, ...]
    words: bool

    def cases(self) -> list[Case]:
        """Return the cases that the function has the parameters for."""
        return [case for case in CASES[self.function] if self._takes(case)]

    def _takes(self, case: Case) -> bool:
        """Tell whether a case can be put to the function."""
        if self.function != "conv":
            return self.mode or case.layer.mode == "max"
        if "pad" in case.options and isinstance(case.options["pad"], str) != self.words:
            return False
        needed = set(case.options) | ({"b"} if case.layer.b is not None else set())
        return needed <= set(self.keywords)

    def call(self, case: Case, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and named arguments of one case."""
        if self.function != "conv":
            pooling = self.function.startswith("pool")
            return (args[:-1] if pooling and not self.mode else args), {}
        usual = {"stride": 1, "dilation": 1, "pad": "valid" if self.words else 0}
        usual["b"] = case.layer.bias  # type: ignore[assignment]
        given = {name: usual[name] for name in self.needed} | case.options
        if case.layer.b is not None:
            given["b"] = case.layer.b
        return args, {self.keywords[name]: value for name, value in given.items()}


def read_signature(loaded: dict[str, Any], like: str | None = None) -> Signature:
    """Tell which known function one is.

    Parameters
    ----------
    loaded : dict
        Name and parameters, as the sandbox tells them.
    like : str, optional
        The key of the function it should be.

    Raises
    ------
    OptionError
        If it can't be told.
    """
    if like is not None and like not in FUNCTIONS:
        rule = f"like={show(like)} is none of the functions that check knows"
        near = nearest(like, FUNCTIONS)
        fix = f"did you mean like={near!r}?" if near else "like='conv_forward'"
        raise OptionError(word(rule, [f"it knows {', '.join(FUNCTIONS)}"], fix))
    name, given = loaded["name"], loaded["parameters"]
    if given is None:  # a built-in, say: it tells nobody
        given = []
    written = f"{name}({', '.join(p['name'] for p in given)})"
    function = like or _told_by(name, given)
    if function is None:
        rule = f"{written} has the parameters of no function that check knows"
        facts = [f"it knows {text}" for text in FUNCTIONS.values()]
        raise OptionError(word(rule, facts, "like='conv_forward'"))
    positional = [p for p in given if p["kind"] in _POSITIONAL]
    mode = len(positional) >= 3 or any(p["name"] == "mode" for p in given)
    keywords = _keywords(given) if function == "conv" else {}
    required = {p["name"] for p in given if p["required"]}
    needed = tuple(meaning for meaning, own in keywords.items() if own in required)
    words = any(p["default"] for p in given if _meaning(p) == "pad")
    return Signature(function, name, written, mode, keywords, needed, words)


def _told_by(name: str, given: list[dict[str, Any]]) -> str | None:
    """Tell the function by its name, or by its parameters."""
    positional = [p for p in given if p["kind"] in _POSITIONAL]
    required = sum(p["required"] for p in positional)
    named = _NAMES.get("".join(filter(str.isalpha, name.lower())))
    if named and required <= _MOST[named] and len(positional) >= _FEWEST[named]:
        return named
    names = {p["name"].lower() for p in given}
    if "cache" in names:
        pooling = "mode" in names or any(n.startswith("da") for n in names)
        return "pool_backward" if pooling else "conv_backward"
    if names & {"hparameters", "hparams", "hyperparameters"}:
        if len(positional) == 2 or "mode" in names:
            return "pool_forward"
        return "conv_forward" if len(positional) >= 4 else None
    if "a_slice_prev" in names:
        return "conv_single_step"
    if len(positional) == 2 and positional[1]["name"].lower() in ("pad", "padding", "p"):
        return "zero_pad"
    return _plain(given, positional)


def _plain(given: list[dict[str, Any]], positional: list[dict[str, Any]]) -> str | None:
    """Tell whether x and w are enough, with what is known by name."""
    if len(positional) < 2:
        return None
    others = [p for p in given if p not in positional[:2] and p["required"]]
    others = [p for p in others if not p["kind"].startswith("VAR")]
    return "conv" if all(_meaning(p) for p in others) else None


def _meaning(parameter: dict[str, Any]) -> str | None:
    """Return what a parameter means."""
    return _MEANS.get(parameter["name"].lower())


def _keywords(given: list[dict[str, Any]]) -> dict[str, str]:
    """Return what is meant -> the name of the parameter."""
    found = {_meaning(p): p["name"] for p in given[2:] if p["kind"] != "POSITIONAL_ONLY"}
    return {meaning: name for meaning, name in found.items() if meaning}
