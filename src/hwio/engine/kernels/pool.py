"""The compiled half of the thread pool: publish a job, take tasks, wait.

A job is one 64-bit word, (generation << 32) | tasks left; whoever swaps it for one less owns that
task. The word can only be swapped while it is the newest, and a job ends only when every task has
been counted as done, so no worker can meet a stale job. Whoever waits, for a job or for its end,
spins for some microseconds, then sleeps in a futex: on a busy machine the thread that is waited for
may need the very core that the waiting one would burn.
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
JOB, DONE, SIGNAL, SLEEPERS, BUSY, TASK, SYSTEM, WAITING = range(0, 1024, 128)
END_SPINS = 20_000  # about a millisecond of waiting for another thread's last task
LEFT = (1 << 32) - 1
WAIT, WAKE, ALL = 128, 129, 1 << 30  # futex operations, private to the process


@njit(error_model="numpy")
def futex(state, word, operation, value):
    """Sleep while a word holds the value, or wake its sleepers; a no-op where there is no futex."""
    number = load_int(state + SYSTEM + 8)
    if number > 0:
        system_call(load_int(state + SYSTEM), number, state + word, operation, value, 0)


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
            if atomic_load(state + WAITING) != 0:
                futex(state, DONE, WAKE, ALL)


@njit(error_model="numpy")
def wait_for_end(state, tasks):
    """Wait until every task has been counted as done."""
    for _ in range(END_SPINS):
        if atomic_load(state + DONE) >= tasks:
            return
        relax()
    atomic_store(state + WAITING, 1)
    while True:
        done = atomic_load(state + DONE)
        if done >= tasks:
            break
        futex(state, DONE, WAIT, done)
    atomic_store(state + WAITING, 0)


def work(state, thread, spins):
    """Take tasks until the pool is closed: the life of a worker."""
    while True:
        seen = atomic_load(state + SIGNAL)  # first: who closes the pool changes it afterwards
        if load_int(state + SYSTEM + 16) != 0:
            return
        take_tasks(state, thread)
        for _ in range(spins):
            if atomic_load(state + SIGNAL) != seen:
                break
            relax()
        if atomic_load(state + SIGNAL) == seen:
            atomic_add(state + SLEEPERS, 1)
            futex(state, SIGNAL, WAIT, seen)
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
        futex(state, SIGNAL, WAKE, ALL)
    take_tasks(state, 0)
    wait_for_end(state, tasks)
    atomic_store(state + BUSY, 0)


def close(state):
    """Send the workers home."""
    store_int(state + SYSTEM + 16, 1)
    atomic_add(state + SIGNAL, 1)
    futex(state, SIGNAL, WAKE, ALL)


def build():
    """Return the functions to compile and their numbers of arguments."""
    return {"pool_work": (work, 3), "pool_run": (run, 4), "pool_close": (close, 1)}
