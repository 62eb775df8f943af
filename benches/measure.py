"""Runs a command as a whole process and reads the operating system's own account of it."""

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What one process cost: seconds of wall time and of CPU (user + system), and its peak memory in MB."""

    wall: float
    cpu: float
    peak_mb: float


def run(command, cwd=None, env=None):
    """Runs `command` to its end. Exits with its output when it fails."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = output.decode(errors="replace")[-4000:]
        sys.exit(f"{' '.join(map(str, command))} ended with {process.returncode}:\n{tail}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs, field):
    return statistics.median(getattr(cost, field) for cost in costs)
