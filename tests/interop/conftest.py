"""One deployment on loopback for all tests here that need a whole one."""

import asyncio
import threading
from contextlib import closing, contextmanager

import pytest

from farline.lab.lab import Lab
from farline.testing.deployment import phones as make_phones
from farline.testing.deployment import prepare_site


@contextmanager
def running(lab):
    """The lab in a loop and a thread of its own: tests have other loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lab")
    thread.start()

    def run(work):
        return asyncio.run_coroutine_threadsafe(work, loop).result(120)

    try:
        run(lab.__aenter__())
        try:
            yield
        finally:
            run(lab.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


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
