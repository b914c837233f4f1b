import ssl

import pytest

from farline.runtime.tls.lab_authority import make_certificates
from farline.testing.relayed import IP


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    base = tmp_path_factory.mktemp("tls")
    make_certificates(base, {"relay": [IP, "localhost"]})
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(base / "relay.pem", base / "relay.key")
    return server, ssl.create_default_context(cafile=str(base / "ca.pem"))
