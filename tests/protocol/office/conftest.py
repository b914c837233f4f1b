"""The guide's office with Ruel behind the border and Dora at her desk, in virtual time."""

from functools import cache
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.office import OfficeCore
from farline.sip import Address
from farline.testing import ManualClock, SeededIds
from farline.testing.office import OfficeBench

EXAMPLE = Path(__file__).parents[3] / "examples" / "guide.yaml"
SECRETS = {"ruel": "ruel-pw", "dora": "dora-pw", "enhtcpaservice": "service-pw"}
WALL = 1_488_165_271.0  # Mon, 27 Feb 2017 03:14:31 GMT


@cache
def guides_office():
    return load_deployment(EXAMPLE.read_text(), SECRETS).office


@pytest.fixture
def make_bench():
    def make(change=lambda office: office, registrations=None, records=None, clock=None):
        office = change(guides_office())
        clock = clock or ManualClock()
        core = OfficeCore(
            office,
            ids=SeededIds(7),
            wall=lambda now: WALL + now - 1000,
            now=clock.now,
            registrations=registrations,
            records=records,
        )
        return OfficeBench(core, clock)

    return make


@pytest.fixture
def bench(make_bench):
    return make_bench()


@pytest.fixture
def ruel(bench):
    """Registered through the border, as in the guide."""
    phone = bench.phone("3001", Address("10.10.10.7", 43873), listens=Address("10.10.10.7", 5060))
    phone.contact = "sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=191791003"
    assert phone.register("ruel-pw").status == 200
    return phone


@pytest.fixture
def dora(bench):
    """Registered from a desk."""
    phone = bench.phone("3003", Address("10.10.10.30", 5060))
    assert phone.register("dora-pw").status == 200
    return phone
