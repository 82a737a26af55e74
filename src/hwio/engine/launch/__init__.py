"""The Python side of each kernel: sizes, packing, one call into compiled code."""
