"""The border: a session border controller as a core without I/O (the guide's SBCE)."""

from farline.border.core import BorderCore, Reconfigured
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.plan import Candidate, Plan
from farline.border.registrations.bindings import BindingLimits
from farline.border.shield.bans import Banned, Lifted
from farline.border.shield.limits import Limits
from farline.border.survival.restoring import Dropped, Restored

__all__ = [
    "Banned",
    "BindingLimits",
    "BorderCore",
    "Candidate",
    "Dropped",
    "Exchange",
    "Lifted",
    "Limits",
    "Plan",
    "Reconfigured",
    "Refusal",
    "Restored",
    "Side",
    "Verdict",
]
