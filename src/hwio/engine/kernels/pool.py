"""The compiled half of the thread pool: publish a job, take tasks, wait.

A job is one 64-bit word, (generation << 32) | tasks left; whoever swaps it for one less owns that
task. The word can only be swapped while it is the newest, and a job ends only when every task has
been counted as done, so no worker can meet a stale job. Idle workers spin for some microseconds,
then sleep in a futex.
"""

from __future__ import annotations

from numba import njit

from hwio.engine.intrinsics import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_task,
    compare_and_swap,
    load_int,
    relax,
    store_int,
    system_call,
)

# byte offsets into the pool's state, far apart so that spinning on one disturbs no other
JOB, DONE, SIGNAL, SLEEPERS, BUSY, TASK, SYSTEM = 0, 128, 256, 384, 512, 640, 768
LEFT = (1 << 32) - 1
WAIT, WAKE, ALL = 128, 129, 1 << 30  # futex operations, private to the process


@njit(error_model="numpy")
def take_tasks(state, thread):
    """Run tasks of the newest job until none is left."""
    while True:
        word = atomic_load(state + JOB)
        left = word & LEFT
        if left == 0:
            return
        if compare_and_swap(state + JOB, word, word - 1):
            # the job can't end before this task does, so its description stands
            call_task(load_int(state + TASK), load_int(state + TASK + 8), left - 1, thread)
            atomic_add(state + DONE, 1)


@njit(error_model="numpy")
def futex(state, operation, value):
    """Sleep while SIGNAL holds the value, or wake sleepers; a no-op where there is no futex."""
    number = load_int(state + SYSTEM + 8)
    if number > 0:
        system_call(load_int(state + SYSTEM), number, state + SIGNAL, operation, value, 0)


def work(state, thread, spins):
    """Take tasks until the pool is closed: the life of a worker."""
    while load_int(state + SYSTEM + 16) == 0:
        seen = atomic_load(state + SIGNAL)
        take_tasks(state, thread)
        for _ in range(spins):
            if atomic_load(state + SIGNAL) != seen:
                break
            relax()
        if atomic_load(state + SIGNAL) == seen:
            atomic_add(state + SLEEPERS, 1)
            futex(state, WAIT, seen)
            atomic_add(state + SLEEPERS, -1)


def run(state, function, arguments, tasks):
    """Publish a job, help with it, return when it is done; alone if the pool is taken."""
    if tasks == 1 or state == 0 or compare_and_swap(state + BUSY, 0, 1) == 0:
        for task in range(tasks):
            call_task(function, arguments, task, 0)
        return
    store_int(state + TASK, function)
    store_int(state + TASK + 8, arguments)
    atomic_store(state + DONE, 0)
    generation = ((atomic_load(state + JOB) >> 32) + 1) & 0x7FFFFFFF
    atomic_store(state + JOB, (generation << 32) | tasks)
    atomic_add(state + SIGNAL, 1)
    if atomic_load(state + SLEEPERS) > 0:
        futex(state, WAKE, ALL)
    take_tasks(state, 0)
    while atomic_load(state + DONE) < tasks:
        relax()
    atomic_store(state + BUSY, 0)


def close(state):
    """Send the workers home."""
    store_int(state + SYSTEM + 16, 1)
    atomic_add(state + SIGNAL, 1)
    futex(state, WAKE, ALL)


def build():
    """Return the functions to compile and their numbers of arguments."""
    return {"pool_work": (work, 3), "pool_run": (run, 4), "pool_close": (close, 1)}
