"""Jinja's ``modules.pytz`` where the package pytz is not installed: the calls that projects make, on zoneinfo."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo, available_timezones


class Timezone(ZoneInfo):
    """A zone with pytz's way of attaching itself to a naive datetime."""

    def localize(self, dt: datetime.datetime, is_dst: bool | None = False) -> datetime.datetime:
        """Attach the zone; ``is_dst`` chooses between the two readings of the repeated hour."""
        return dt.replace(tzinfo=self, fold=0 if is_dst else 1) if is_dst is not None else dt.replace(tzinfo=self)

    def normalize(self, dt: datetime.datetime) -> datetime.datetime:
        """Convert to this zone."""
        return dt.astimezone(self)

    @property
    def zone(self) -> str:
        """The zone's name."""
        return self.key


def timezone(name: str) -> Timezone:
    """Find a zone by its name."""
    return Timezone(name)


def __getattr__(name: str) -> object:
    if name in ("utc", "UTC"):
        return Timezone("UTC")
    if name == "all_timezones":
        return sorted(available_timezones())
    raise AttributeError(f"module 'pytz' has no attribute {name!r} here; install pytz for the whole of it")
