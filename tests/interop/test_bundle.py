"""Audio and video of aiortc on one port (BUNDLE), and of a plain phone on a pair each."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.timeout(240)
