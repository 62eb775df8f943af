"""The distribution."""

from __future__ import annotations

import importlib.metadata
import inspect
import subprocess
import sys

import headwater as hw


def test_nothing_is_required():
    required = [line for line in importlib.metadata.requires("headwater") or [] if "extra ==" not in line]
    assert required == []


def test_importing_loads_nothing_heavy():
    program = "import sys; import headwater; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"duckdb", "pandas", "polars", "pyarrow", "numpy", "asyncio"} & set(loaded)


def test_the_version_is_the_distributions():
    assert hw.__version__ == importlib.metadata.version("headwater")


def test_everything_public_is_documented():
    for name in hw.__all__:
        thing = getattr(hw, name)
        assert isinstance(thing, str) or inspect.getdoc(thing), name


def test_cancelled_is_a_keyboard_interrupt():
    assert issubclass(hw.Cancelled, KeyboardInterrupt)
    assert issubclass(hw.Cancelled, hw.HeadwaterError)
