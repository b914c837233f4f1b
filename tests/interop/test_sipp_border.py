"""SIPp outside, through the border, and as the desk phone that it calls; SIPp gives the verdict."""

import csv
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from farline.sip.transport import Address
from farline.testing.raw_phone import RawPhone

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="Debian package sip-tester is missing"),
]

SCENARIOS = Path(__file__).parent / "sipp"
MANY = 30


class Sipp:
    """Runs SIPp scenarios of a test."""

    def __init__(self, site, phones, directory):
        self.site, self.phones, self.directory = site, phones, directory
        self.number = 0

    async def start(self, scenario, user, local, remote, *, transport, calls, callee="0", port=0):
        self.number += 1
        name = f"{scenario}-{self.number}"
        argv = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", local, remote]
        argv += ["-t", "t1" if transport == "tcp" else "u1", "-m", str(calls), "-l", "1"]
        argv += ["-r", "100", "-au", user.extension, "-ap", user.password, "-nostdin"]
        for key, value in (("user", user.extension), ("callee", callee),
                           ("domain", self.site.domain)):  # fmt: skip
            argv += ["-key", key, value]
        argv += ["-trace_stat", "-stf", str(self.directory / f"{name}.csv"), "-trace_err"]
        argv += ["-error_file", str(self.directory / f"{name}.err"), "-timeout", "120s"]
        argv += ["-timeout_error", *(["-p", str(port)] if port else [])]
        child = await self.phones.children.start(name, argv, self.directory / f"{name}.log")
        return name, child

    async def passed(self, started, calls):
        name, child = started
        status = await child.process.wait()
        errors = self.directory / f"{name}.err"
        assert status == 0, errors.read_text()[-3000:] if errors.exists() else child.tail()
        statistics = (self.directory / f"{name}.csv").read_text()
        rows = list(csv.DictReader(statistics.splitlines(), delimiter=";"))
        assert int(rows[-1]["SuccessfulCall(C)"]) == calls
        assert int(rows[-1]["FailedCall(C)"]) == 0

    async def callee(self, scenario, calls):
        """A desk phone, registered at the office over UDP: its user, and what was started."""
        user, site = self.site.user(), self.site
        with closing(
            RawPhone(user.desk_ip, Address(site.office.ip, 5060), site.domain, user.extension)
        ) as phone:
            assert phone.port
            assert (await phone.register(user.password))[-1].startswith(b"SIP/2.0 200 ")
            port = phone.port
        remote = f"{site.office.ip}:5060"
        started = await self.start(
            scenario, user, user.desk_ip, remote, transport="udp", calls=calls, port=port
        )
        return user, started


@pytest.fixture
def sipp(site, phones, tmp_path):
    return Sipp(site, phones, tmp_path)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(
    ("caller", "callee", "calls"),
    [
        ("register", None, MANY),
        ("call", "callee", MANY),
        ("hold", "callee_held", 5),
        ("busy", "callee_busy", 5),
        ("cancel", "callee_cancelled", 5),
        ("unknown", None, 5),
    ],
)
async def test_through_the_border(sipp, site, caller, callee, calls, transport):
    other, started = await sipp.callee(callee, calls) if callee else (None, None)
    user = site.user()
    to = other.extension if other else "3999"
    out = await sipp.start(
        caller, user, user.outside_ip, f"{site.border_ip}:5060", transport=transport,
        calls=calls, callee=to,
    )  # fmt: skip
    await sipp.passed(out, calls)
    if started:
        await sipp.passed(started, calls)
    shown = await site.show()
    assert not [one for one in shown["sessions"] if one["aor"].startswith(f"{user.extension}@")]
