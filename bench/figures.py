"""Ratios out of the JSON: medians over rounds, then over processes; what breaks its bound is out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import exp, log
from statistics import median
from typing import Any

from bench.contenders import CONTENDERS, PEER
from bench.exact import Verdict
from bench.networks import CONV, NETWORKS

PEERS = tuple(name for name, entry in CONTENDERS.items() if entry.role == PEER)
TORCH = tuple(name for name in PEERS if name.startswith("torch"))
Records = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times as long as hwio the best rival takes; above 1 hwio is faster.

    Attributes
    ----------
    middle, least, most : float
        Over the processes.
    rival : str
        Who was best, in most of them.
    seconds : float
        Of hwio, one call.
    error : float
        Largest over processes: in units of bound T1 for "highest", relative 2-norm for "high".
    """

    middle: float
    least: float
    most: float
    rival: str
    seconds: float
    error: float


def by_key(data: dict[str, Any]) -> dict[str, Records]:
    """Group the records of each cell, in the order of the file."""
    found: dict[str, Records] = {}
    for record in data["cells"]:
        found.setdefault(record["key"], []).append(record)
    return found


def ratio(
    records: Records, own: str, rivals: Iterable[str] = PEERS, precision: str = "highest"
) -> Ratio | None:
    """Compare in each process; None where hwio or every rival is missing or breaks the bound."""
    seen: list[tuple[float, str]] = []
    times, errors = [], []
    for record in records:
        mine = counted(record, own, precision)
        others = {name: counted(record, name, precision) for name in rivals if name != own}
        held = {name: time for name, time in others.items() if time is not None}
        if mine is None or not held:
            continue
        best = min(held, key=lambda name: held[name])
        seen.append((held[best] / mine, best))
        times.append(mine)
        errors.append(record["found"][own]["units" if precision == "highest" else "norm"])
    if not seen:
        return None
    values = [value for value, _ in seen]
    rival = Counter(name for _, name in seen).most_common(1)[0][0]
    return Ratio(median(values), min(values), max(values), rival, median(times), max(errors))


def counted(record: dict[str, Any], name: str, precision: str) -> float | None:
    """Return a contender's median seconds if it was measured and keeps the bound."""
    found = record["found"].get(name)
    if found is None or not found.get("seconds"):
        return None
    verdict = Verdict(found["units"], found["norm"])
    return median(found["seconds"]) if verdict.counts(precision) else None


def broken(data: dict[str, Any]) -> list[str]:
    """List who breaks the bound of "highest", and where: their figures don't count there."""
    found: dict[str, list[str]] = {}
    for record in data["cells"]:
        for name, one in record["found"].items():
            precision = "high" if name == "hwio high" else "highest"
            if not Verdict(one["units"], one["norm"]).counts(precision):
                found.setdefault(name, []).append(record["key"])
    return [
        f"{name}: {len(set(keys))} cell{'s' * (len(set(keys)) > 1)}, such as {keys[0]}"
        for name, keys in found.items()
    ]


def mean(values: Iterable[float]) -> float:
    """Return the geometric mean."""
    logs = [log(value) for value in values]
    return exp(sum(logs) / len(logs))


def noise(data: dict[str, Any]) -> list[float]:
    """Return by how much hwio and the same hwio again differ, one ratio (at least 1) per record."""
    found = []
    for record in data["cells"]:
        pair = [record["found"].get(name, {}).get("seconds") for name in ("hwio", "hwio again")]
        if all(pair):
            a, b = (median(times) for times in pair)
            found.append(max(a, b) / min(a, b))
    return sorted(found)


def own_call(network: str) -> str:
    """Name the call that a network is judged by: tiny arrays by the whole public call."""
    return "hwio.conv" if network == "thread" else "hwio"


def own_calls(network: str) -> list[tuple[str, str]]:
    """List (contender, precision) that are summed up for a network."""
    own = [(own_call(network), "highest")]
    if network == "thread" or NETWORKS[network].task != CONV:
        return own
    return [*own, ("hwio high", "high")]
