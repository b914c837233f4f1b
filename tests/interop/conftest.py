"""One deployment on loopback for all tests here that need a whole one."""

from contextlib import closing

import pytest

from farline.lab.lab import Lab
from farline.testing.deployment import phones as make_phones
from farline.testing.deployment import prepare_site, running


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    site = prepare_site(tmp_path_factory.mktemp("site"))
    with closing(site), running(Lab(site.prepared, lambda _text: None)):
        yield site
    assert site.trouble() == []


@pytest.fixture
async def phones(site, tmp_path):
    async with make_phones(site, tmp_path) as made:
        yield made
