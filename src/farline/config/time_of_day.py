"""Domain Policies > Time of Day Rules: windows of the week."""

from __future__ import annotations

import re
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from farline.config.base import Form, Name

_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class TimeOfDay(Form):
    """A window of time that comes again every week, in the machine's time zone."""

    form: ClassVar[str] = "Domain Policies > Time of Day Rules"
    name: Name = Field("default", title="Rule Name")
    days: tuple[Day, ...] = Field(DAYS, title="Days", min_length=1)
    start: str = Field("00:00", title="Start Time")
    end: str = Field("24:00", title="End Time")
    """24:00 is midnight; an end before the start lies on the next day."""

    @model_validator(mode="after")
    def _times(self) -> TimeOfDay:
        for text in (self.start, self.end):
            if text != "24:00" and not _TIME.fullmatch(text):
                raise ValueError(f"{text!r}: write a time as 08:30")
        if self.start in (self.end, "24:00"):
            raise ValueError("the window is empty; for the whole day leave both away")
        return self

    @property
    def always(self) -> bool:
        """Whether the window never closes."""
        return len(set(self.days)) == len(DAYS) and (self.start, self.end) == ("00:00", "24:00")

    def holds(self, weekday: int, minute: int) -> bool:
        """Whether the window is open. weekday: 0 is Monday; minute: of the day."""
        start, end = _minute(self.start), _minute(self.end)
        if start < end:
            return DAYS[weekday] in self.days and start <= minute < end
        if minute >= start:
            return DAYS[weekday] in self.days
        return minute < end and DAYS[(weekday - 1) % 7] in self.days


def _minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])
