from functools import partial
from pathlib import Path

import pytest

from farline.config import Registrations, load_deployment
from farline.testing import SeededIds
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import OFFICE, Phone
from farline.testing.policed import policed_border

ROOT = Path(__file__).parents[3]
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")


class GuideIds(SeededIds):
    """The first binding's subid is the guide's."""

    def number(self, bits=31):
        if not hasattr(self, "_first"):
            self._first = True
            return 191791003
        return super().number(bits)


def load(*changes):
    """The guide's border with parts of its text replaced."""
    text = (ROOT / "examples" / "guide.yaml").read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return load_deployment(text, SECRETS).border


@pytest.fixture(scope="session")
def load_border():
    return load


@pytest.fixture(scope="session")
def guide_border():
    return load()


@pytest.fixture(scope="session")
def policed(guide_border):
    """Makes the guide's border with policy rules, and its phone: `policed_border`."""
    return partial(policed_border, guide_border)


@pytest.fixture
def world(guide_border):
    return BorderWorld(guide_border, GuideIds())


@pytest.fixture(scope="session")
def vector():
    def read(name):
        (path,) = (ROOT / "vectors" / "guide").glob(f"{name}-*.sip")
        return path.read_bytes()

    return read


@pytest.fixture
def phone(world):
    found = Phone(world)
    found.register()
    return found


@pytest.fixture
def office_flow(world):
    """A connection that the office made to the border."""
    return world.accept("IPORWA1Sig", OFFICE, 4103)


@pytest.fixture(scope="session")
def with_profile(load_border):
    """A world whose server has an interworking profile with these fields (YAML, flow style)."""

    def make(fields, *changes):
        profile = f"  interworking_profiles:\n    - {{name: odd, {fields}}}\n\n"
        profile += "  # Global Policies > Routing"
        return BorderWorld(load_border(
            ("interworking_profile: avaya-ru", "interworking_profile: odd"),
            ("  # Global Policies > Routing", profile), *changes,
        ))  # fmt: skip

    return make


@pytest.fixture(scope="session")
def world_with(guide_border):
    """A border whose subscriber flows have these registration fields."""

    def make(**fields):
        options = Registrations(**fields)
        return BorderWorld(changed(guide_border, subscriber_flows={"registrations": options}))

    return make
