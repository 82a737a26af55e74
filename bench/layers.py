"""Layers of real networks: hwio against PyTorch, weights prepared on both sides.

    python bench/layers.py [resnet50 | mobilenetv2] [images] [float32 | float64]

Prints the ratio of each layer (above 1: hwio is faster), the larger of both errors against
float64, and the geometric mean. The peer is the better of conv2d on channels-last tensors and
oneDNN's packed form.
"""

from __future__ import annotations

import sys
from math import exp, log

import numpy as np
from pairs import seconds

import hwio

# height = width, in-channels, filters, kernel, stride; He et al. 2015, Sandler et al. 2018
RESNET50 = [
    (224, 3, 64, 7, 2), (56, 64, 64, 1, 1), (56, 64, 64, 3, 1), (56, 64, 256, 1, 1),
    (56, 256, 64, 1, 1), (56, 256, 128, 1, 1), (56, 128, 128, 3, 2), (28, 128, 512, 1, 1),
    (56, 256, 512, 1, 2), (28, 512, 128, 1, 1), (28, 128, 128, 3, 1), (28, 512, 256, 1, 1),
    (28, 256, 256, 3, 2), (14, 256, 1024, 1, 1), (28, 512, 1024, 1, 2), (14, 1024, 256, 1, 1),
    (14, 256, 256, 3, 1), (14, 1024, 512, 1, 1), (14, 512, 512, 3, 2), (7, 512, 2048, 1, 1),
    (14, 1024, 2048, 1, 2), (7, 2048, 512, 1, 1), (7, 512, 512, 3, 1),
]  # fmt: skip
MOBILENETV2 = [
    (112, 32, 0, 3, 1), (112, 96, 0, 3, 2), (56, 144, 0, 3, 1), (56, 144, 0, 3, 2),
    (28, 192, 0, 3, 1), (28, 192, 0, 3, 2), (14, 384, 0, 3, 1), (14, 576, 0, 3, 1),
    (14, 576, 0, 3, 2), (7, 960, 0, 3, 1),
]  # fmt: skip
NETWORKS = {"resnet50": RESNET50, "mobilenetv2": MOBILENETV2}


def layer(size: int, c: int, o: int, k: int, s: int, n: int, dtype: str) -> tuple[float, float]:
    """Return the ratio and the error of one layer; o = 0 is depthwise."""
    import torch
    from torch.utils import mkldnn

    rng = np.random.default_rng(size + c)
    x = rng.standard_normal((n, size, size, c)).astype(dtype)
    w = rng.standard_normal((k, k, c if o else 1, o or c)).astype(dtype)
    groups = 1 if o else c
    own = hwio.prepare(w, stride=s, padding=k // 2, groups=groups)
    theirs = torch.nn.Conv2d(c, o or c, k, s, k // 2, groups=groups, bias=False)
    theirs.weight.data = torch.from_numpy(hwio.to_layout(w, "HWIO->OIHW").copy())
    theirs = theirs.to(memory_format=torch.channels_last)
    tx = torch.from_numpy(x).permute(0, 3, 1, 2)
    calls = {"hwio": lambda: own(x), "torch": lambda: theirs(tx)}
    with torch.no_grad():
        if dtype == "float32":
            packed, mx = mkldnn.to_mkldnn(theirs), tx.to_mkldnn()
            calls["packed"] = lambda: packed(mx)
        wide = torch.conv2d(tx.double(), theirs.weight.double(), None, s, k // 2, 1, groups)
        exact = wide.permute(0, 2, 3, 1).numpy()
        error = np.linalg.norm(own(x) - exact) / np.linalg.norm(exact)
        found = seconds(calls)
    return min(found[name] for name in found if name != "hwio") / found["hwio"], float(error)


def main(network: str = "resnet50", images: str = "1", dtype: str = "float32") -> None:
    """Print one line per layer and the mean."""
    ratios = []
    for sizes in NETWORKS[network]:
        ratio, error = layer(*sizes, int(images), dtype)
        ratios.append(ratio)
        print("{:4d} {:5d} {:5d} {}x{} stride {}".format(*sizes[:4], sizes[3], sizes[4]), end="")
        print(f"  ratio {ratio:5.2f}   relative error {error:.1e}", flush=True)
    mean = exp(sum(map(log, ratios)) / len(ratios))
    print(
        f"{network}, {images} images, {dtype}: geometric mean {mean:.2f}, least {min(ratios):.2f}"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
