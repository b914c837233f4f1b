"""Ten thousand renewals of a certificate beside a connection that stays."""

import asyncio
import gc
import os
import ssl
from pathlib import Path

import pytest

from farline.config import Border, Deployment, TlsServerProfile
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip import Transport
from farline.testing.core import NotingCore

pytestmark = [pytest.mark.interop, pytest.mark.timeout(300)]
IP = "127.0.0.1"
INTERFACE = {"name": "out", "network": "n", "ip": IP, "tls_port": 5061, "tls_profile": "S"}


def deployment():
    return Deployment(
        tls_server_profiles=(TlsServerProfile(name="S", certificate="here.pem", key="here.key"),),
        border=Border.model_validate({"signaling_interfaces": [INTERFACE]}),
    )


async def dial(driver):
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    return await asyncio.open_connection(IP, driver.ports("out")[Transport.TLS], ssl=blind)


def held():
    """Descriptors of this process, and bytes of it that are in memory."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return len(list(Path("/proc/self/fd").iterdir())), pages * os.sysconf("SC_PAGESIZE")


async def test_ten_thousand_renewals_leak_nothing(tmp_path):
    make_certificates(tmp_path, {"here": [IP]})
    keeper = TlsKeeper(deployment(), tmp_path, lambda _event: None)
    listener = Listener("out", IP, tls_port=0, tls=keeper.server("S"))
    driver = SipDriver(NotingCore(), [listener])
    await driver.start()
    reader, writer = await dial(driver)
    writer.write(b"\r\n\r\n")  # else it would be closed for its silence
    assert await reader.readexactly(2) == b"\r\n"

    async def renew(times):
        for number in range(times):
            assert keeper.reload()["S"].startswith("in use")
            if number % 500 == 0:
                _, passing = await dial(driver)
                passing.close()
                await passing.wait_closed()
        await asyncio.sleep(0)
        return held()

    files, memory = await renew(1000)
    files_after, memory_after = await renew(9000)
    assert files_after <= files + 2
    assert memory_after - memory < 4 << 20
    writer.write(b"\r\n\r\n")
    assert await reader.readexactly(2) == b"\r\n"
    writer.close()
    await driver.stop()
