"""Data frames from query results, without pyarrow."""

from __future__ import annotations

import datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import pandas

    from headwater._core import Table

_DTYPES: dict[type | None, str] = {bool: "bool", int: "int64", float: "float64"}
_NULLABLE_DTYPES: dict[type | None, str] = {bool: "boolean", int: "Int64", float: "float64"}


def to_pandas(table: Table) -> pandas.DataFrame:
    """Copy a table into a frame. Decimals stay exact (``object``); integers and booleans may hold nulls."""
    import pandas

    columns = [_series(pandas, table.column(index)) for index in range(len(table.columns))]
    frame = pandas.DataFrame(dict(enumerate(columns)))
    # Set afterwards: names may repeat.
    frame.columns = pandas.Index(table.columns, dtype="object")
    return frame


def _series(pandas: Any, values: list[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    kind = kinds.pop() if len(kinds) == 1 else None
    if kind is datetime.datetime:
        return pandas.Series(pandas.to_datetime(values))
    missing = any(value is None for value in values)
    dtype = (_NULLABLE_DTYPES if missing else _DTYPES).get(kind, "object")
    if dtype == "int64" and any(not -(2**63) <= value < 2**63 for value in values):
        dtype = "uint64" if min(values) >= 0 else "object"
    return pandas.Series(values, dtype=dtype)
