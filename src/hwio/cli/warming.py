"""``hwio warmup``: compile everything now, so that no later call has to."""

from __future__ import annotations

import argparse
from typing import Any

from hwio.cli.terminal import print_json
from hwio.engine import cache
from hwio.ops.memory import size
from hwio.show.printing import plural
from hwio.show.progress import Progress

INCOMPLETE = 1


def run_warmup(options: argparse.Namespace) -> int:
    """``hwio warmup``: 1 if a kernel failed, is missing or is damaged."""
    facts, text = _clear() if options.clear else _check() if options.check else _warm()
    facts["folder"] = str(cache.folder())
    if options.json:
        print_json(facts)
    else:
        print(text)
    return INCOMPLETE if any(facts.get(name) for name in ("failed", "missing", "damaged")) else 0


def _warm() -> tuple[dict[str, Any], str]:
    """Compile what is not there."""
    from hwio.engine.warming import count, kept_bytes, warm

    with Progress(count()) as bar:
        done = warm(bar.step)
    held = kept_bytes()
    facts = {
        "there": done.there,
        "compiled": done.compiled,
        "failed": done.failed,
        "seconds": round(done.seconds, 3),
        "bytes": held,
    }
    total = done.there + done.compiled + len(done.failed)
    lines = [f"{plural(total, 'kernel')} for this processor, {_processor()}"]
    lines.append(f"  {done.there} were there, {done.compiled} compiled")
    if done.compiled or done.failed:
        lines[-1] += f" in {done.seconds:.1f} s"
    lines += [f"  {name} failed: {why}" for name, why in done.failed.items()]
    lines.append(f"  {cache.folder()}   {size(held)}")
    return facts, "\n".join(lines)


def _processor() -> str:
    """Name the processor's width, as kernels do."""
    from hwio.engine.cpu import processor

    names = {"avx512": "AVX-512", "avx2": "AVX2", "generic": "vectors of 16 bytes"}
    return names[processor().level]


def _check() -> tuple[dict[str, Any], str]:
    """List what is there, checksums verified."""
    from hwio.engine.warming import look

    held = look()
    by_state = {state: [h for h in held if h.state == state] for state in STATES}
    facts: dict[str, Any] = {state: [h.name for h in found] for state, found in by_state.items()}
    facts["bytes"] = sum(h.size for h in held)
    listed = [h for h in held if h.state != "other"]
    wide = max((len(h.name) for h in listed), default=0)
    lines = [f"{h.state:7}  {h.name:{wide}}  {size(h.size) if h.size else '':>9}" for h in listed]
    lines.append(f"{cache.folder()}   {size(facts['bytes'])}")
    lines += [f"  {len(found)} {STATES[s]}" for s, found in by_state.items() if found]
    if by_state["missing"] or by_state["damaged"]:
        lines.append("  fix: hwio warmup")
    return facts, "\n".join(line.rstrip() for line in lines)


STATES = {
    "whole": "whole",
    "missing": "missing: compiled when first needed, or by hwio warmup",
    "damaged": "damaged: never used, compiled anew",
    "other": "of other versions or processors, whole",
}


def _clear() -> tuple[dict[str, Any], str]:
    """Remove what is there."""
    from hwio.engine.warming import clear

    files, held = clear()
    text = f"removed {plural(files, 'file')}, {size(held)}, from {cache.folder()}"
    return {"removed": files, "bytes": held}, text
