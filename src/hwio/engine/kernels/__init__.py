"""Kernels: functions of addresses and sizes that Numba compiles; nothing here runs as Python."""
