"""OpenCV: filter2D, one filter for all channels of a picture."""

from __future__ import annotations

import cv2

from bench.case import Case, Contender, LeftOut


def filter2d(case: Case) -> Contender:
    """Filter one picture with zeros around it."""
    if not case.layer.one_filter or case.cell.n > 1 or case.ndim != 2:
        message = "OpenCV filters pictures, every channel with the same filter"
        raise LeftOut(message)
    cv2.setNumThreads(case.threads)
    x, w = case.x[0], case.w[:, :, 0, 0].copy()
    shape = case.x.shape
    return Contender(
        lambda: cv2.filter2D(x, -1, w, borderType=cv2.BORDER_CONSTANT),
        lambda y: y.reshape(shape),
    )
