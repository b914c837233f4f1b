"""What can be wrong with a request, besides its description."""

from __future__ import annotations


class SessionError(ValueError):
    """A request that does not fit the session; the caller's mistake (SIP status 500)."""
