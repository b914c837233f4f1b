"""A trunk that asks who the border is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import responses
from farline.sip.digest import ha1
from farline.sip.digest_server import DigestServer
from farline.testing.chance import SeededIds

if TYPE_CHECKING:
    from farline._core import Message
    from farline.sip.digest_server import Outcome
    from farline.testing.border_server import Server
    from farline.testing.trunk import TrunkSite

REALM = "trunk.example.net"
ALONE = ("      registration:                    # so that the provider's calls come here\n"
         "        enabled: true", "      registration:\n        enabled: false")  # fmt: skip
"""A change of the trunk's example: the border does not register."""


class Guard:
    """The provider's door: challenges, and says what credentials are worth."""

    def __init__(
        self,
        site: TrunkSite,
        *,
        algorithms: tuple[str, ...] = ("MD5",),
        qop: bool = True,
        realm: str = REALM,
    ) -> None:
        self.site = site
        self.digest = DigestServer(
            realm, b"0123456789abcdef", SeededIds(), algorithms=algorithms, qop=qop
        )

    def challenge(self, request: Message, status: int = 407, trunk: Server | None = None) -> None:
        """Ask who the sender is, and take the ACK if there is one."""
        trunk = trunk or self.site.trunk
        name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
        response = responses.make(request, status, to_tag="door")
        for value in self.digest.challenges(self.site.world.clock.now):
            response.add(name, value)
        trunk.send(response)
        if request.method == "INVITE" and trunk.take().method != "ACK":
            raise AssertionError("no ACK")

    def judge(self, request: Message, password: str = "geheim") -> Outcome:  # noqa: S107 - a test's
        """What the credentials of a request are worth."""
        lookup = {"office": lambda algorithm: ha1(algorithm, "office", self.digest.realm, password)}
        values = request.all("Proxy-Authorization") + request.all("Authorization")
        found = self.digest.check(
            request.method, values, lambda name, algorithm: lookup[name](algorithm),
            self.site.world.clock.now,
        )  # fmt: skip
        return found.outcome
