from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.testing import SeededIds
from farline.testing.border import BorderWorld

ROOT = Path(__file__).parents[3]


class GuideIds(SeededIds):
    """The first binding's subid is the guide's."""

    def number(self, bits=31):
        if not hasattr(self, "_first"):
            self._first = True
            return 191791003
        return super().number(bits)


@pytest.fixture(scope="session")
def guide_border():
    text = (ROOT / "examples" / "guide.yaml").read_text()
    secrets = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
    return load_deployment(text, secrets).border


@pytest.fixture
def world(guide_border):
    return BorderWorld(guide_border, GuideIds())


@pytest.fixture(scope="session")
def vector():
    def read(name):
        (path,) = (ROOT / "vectors" / "guide").glob(f"{name}-*.sip")
        return path.read_bytes()

    return read
