"""What all tests share: properties are not judged by the clock (a busy machine is no defect)."""

from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

settings.register_profile("farline", deadline=None)
settings.load_profile("farline")

LONG = ("scenarios/test_docs.py",)
"""Files with the most to do, longest first, whose tests share nothing: each is handed out alone."""


class LongFirst(LoadFileScheduling):
    """Hands out tests by file, as `--dist loadfile` does, but the long ones first and one by one.

    Else the last file may keep one worker busy for minutes while the others have nothing to do.
    """

    def _split_scope(self, nodeid):
        return nodeid if _rank(nodeid) < len(LONG) else super()._split_scope(nodeid)


def _rank(nodeid):
    return next((at for at, name in enumerate(LONG) if name in nodeid), len(LONG))


def pytest_xdist_make_scheduler(config, log):
    if config.getoption("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests: the order is ours
    return LongFirst(config, log)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: _rank(item.nodeid))
