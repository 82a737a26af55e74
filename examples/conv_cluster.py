"""Convolve an image that no worker can hold, on a cluster, while one of its workers is killed.

The image lies in a Zarr store, several times as large as the memory of all workers together. Of a
dask array hwio.conv makes a lazy one; writing that into another store computes it chunk by chunk, on
worker processes of dask.distributed. Half-way one of them is killed: the cluster starts another, and
what was lost is done again. In the end every number of y is compared, to the bit, with what hwio.conv
gives for plain NumPy arrays, a band of rows at a time.

    python -m pip install "hwio[dask,fast]"
    python examples/conv_cluster.py
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import dask.array as da
import numpy as np
import psutil
import zarr
from distributed import Client, LocalCluster, progress

import hwio

MIB = 1 << 20
CHUNK = 768  # pixels of a side
C, O = 4, 2  # channels and filters
OPTIONS = {"stride": 2, "padding": "same", "padding_mode": "reflect", "activation": "relu"}
LAYOUT = "HWC,HWIO"  # one image, without N
TIMES = 16  # how often a worker may hold what one chunk of y reads and is


def pixels(block_info: dict | None = None) -> np.ndarray:
    """Make one chunk of the image, of numbers of four bits: the store is small on disk."""
    place = block_info[None]
    rng = np.random.default_rng(place["chunk-location"])
    return rng.integers(-8, 8, place["chunk-shape"], np.int8) * np.float32(0.3)


class Watch(threading.Thread):
    """Measures the workers' memory while they work, and kills one of them at a given moment."""

    def __init__(self, store: Path, chunks: int, kill_at: float) -> None:
        super().__init__(daemon=True)
        self.store, self.chunks, self.kill_at = store, chunks, kill_at
        self.peaks = dict.fromkeys(self._pids(), 0)
        self.killed: int | None = None
        self.done = threading.Event()

    def _pids(self) -> list[int]:
        """Return the processes of the workers that are there now."""
        children = psutil.Process().children()  # the others are Python's own
        return [child.pid for child in children if "spawn_main" in " ".join(_command(child))]

    def _written(self) -> int:
        """Count the chunks of y in the store; its only other file says what it holds."""
        return sum(name != "zarr.json" for _, _, names in os.walk(self.store) for name in names)

    def run(self) -> None:
        """Look twenty times a second."""
        while not self.done.wait(0.05):
            for pid in self._pids():
                try:
                    held = psutil.Process(pid).memory_info().rss
                except psutil.Error:
                    continue
                self.peaks[pid] = max(self.peaks.get(pid, 0), held)
            if self.killed is None and self._written() >= self.kill_at * self.chunks:
                self.killed = self._pids()[0]
                os.kill(self.killed, signal.SIGKILL)


def _command(process: psutil.Process) -> list[str]:
    """Return what started a process; nothing if it has gone."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def warm(w: np.ndarray, b: np.ndarray) -> int:
    """Load the kernels in a worker; return the bytes that it holds before any work."""
    hwio.conv(np.ones((64, 64, C), np.float32), w, b, layout=LAYOUT, **OPTIONS)
    return psutil.Process().memory_info().rss


def convolve(folder: Path, w: np.ndarray, b: np.ndarray, args: argparse.Namespace) -> bool:
    """Write hwio.conv of one store into another on a cluster; return whether all went as it must."""
    limits = {"threads_per_worker": 1, "memory_limit": args.memory * MIB}
    quiet = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(n_workers=args.workers, **limits, **quiet) as cluster,
        Client(cluster) as client,
    ):
        x = da.from_zarr(str(folder / "x.zarr"))
        y = hwio.conv(x, w, b, layout=LAYOUT, **OPTIONS)
        base = max(client.run(warm, w, b).values())
        watch = Watch(folder / "y.zarr", y.npartitions, args.kill_at)
        watch.start()
        start = time.perf_counter()
        result = client.compute(y.to_zarr(str(folder / "y.zarr"), compute=False))
        progress(result, notebook=False)
        result.result()
        seconds = time.perf_counter() - start
        watch.done.set()
        watch.join()
    chunk = (CHUNK + 1) ** 2 * C * 4 + (CHUNK // 2) ** 2 * O * 4
    bound, peak = base + TIMES * chunk, max(watch.peaks.values())
    print(f"\ny  {y.shape} {y.dtype} in {y.npartitions} chunks, computed in {seconds:.0f} s")
    print(f"processes that worked: {len(watch.peaks)}, of which killed: {watch.killed is not None}")
    print(f"peak memory of a worker: {peak // MIB} MiB; bound: {base // MIB} MiB before any work "
          f"+ {TIMES} x {chunk // MIB} MiB = {bound // MIB} MiB")  # fmt: skip
    return watch.killed is not None and len(watch.peaks) > args.workers and peak <= bound


def count_differences(folder: Path, w: np.ndarray, b: np.ndarray) -> tuple[int, int]:
    """Return how many numbers of y differ from those of plain arrays, and how many there are."""
    x, y = (zarr.open_array(str(folder / name), mode="r") for name in ("x.zarr", "y.zarr"))
    (low, _), sides = hwio.plan(x.shape, w.shape, layout=LAYOUT, stride=2, padding="same").geometry.padding  # fmt: skip
    wrong, rows = 0, 2 * CHUNK
    for start in range(0, y.shape[0], rows):
        stop = min(start + rows, y.shape[0])
        first, last = 2 * start - low, 2 * (stop - 1) - low + len(w)
        band = x[max(first, 0) : min(last, x.shape[0])]
        above, below = max(-first, 0), max(last - x.shape[0], 0)
        band = np.pad(band, ((above, below), (0, 0), (0, 0)), "reflect")
        want = hwio.conv(band, w, b, layout=LAYOUT, **OPTIONS | {"padding": [(0, 0), sides]})
        wrong += int(np.count_nonzero(want != y[start:stop]))
    return wrong, y.size


def main() -> int:
    """Run all of it in a folder that is removed at the end."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=20 * CHUNK, help="pixels of the image's side")
    parser.add_argument("--workers", type=int, default=3, help="worker processes")
    parser.add_argument("--memory", type=int, default=320, help="MiB that each of them may use")
    parser.add_argument(
        "--kill-at", type=float, default=0.4, help="part of y that is there by then"
    )
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    w = rng.standard_normal((3, 3, C, O)).astype(np.float32)
    b = rng.standard_normal(O).astype(np.float32)
    with tempfile.TemporaryDirectory(prefix="hwio-") as name:
        folder, shape = Path(name), (args.side, args.side, C)
        chunks = da.core.normalize_chunks((CHUNK, CHUNK, C), shape)
        da.map_blocks(pixels, chunks=chunks, dtype=np.float32).to_zarr(str(folder / "x.zarr"))
        size, memory = 4 * args.side**2 * C / MIB, args.workers * args.memory
        print(f"x  {shape} float32: {size:.0f} MiB, {size / memory:.1f} times the memory of "
              f"{args.workers} workers, {args.memory} MiB each")  # fmt: skip
        good = convolve(folder, w, b, args)
        wrong, count = count_differences(folder, w, b)
        print(f"numbers that differ from those of plain arrays: {wrong} of {count}")
        stored = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        print(f"on disk: {stored / MIB:.0f} MiB, now removed")
    return 0 if good and not wrong else 1


if __name__ == "__main__":
    raise SystemExit(main())
