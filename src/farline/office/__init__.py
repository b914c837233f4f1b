"""The office call server: registrar, switch, directory, System Monitor, call records.

`OfficeCore` is the SIP side in one object (see `farline.sip.effects`); the rest are pure functions
that `farline.runtime.office` serves.
"""

from farline.office.core import OfficeCore

__all__ = ["OfficeCore"]
