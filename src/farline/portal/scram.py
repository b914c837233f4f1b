"""SCRAM keys (RFC 5802 section 3): what the directory gives us instead of passwords.

Text form in the directory: `iterations:salt:stored key:server key`, the last three in base64.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Literal

from farline.config.saslprep import saslprep

HashName = Literal["sha1", "sha256"]
KEY_SIZES: dict[HashName, int] = {"sha1": 20, "sha256": 32}
ITERATIONS = 10_000
"""What the office derives with; also used for our own account and for decoys."""
MAX_ITERATIONS = 1_000_000
"""More would let a directory stall every login."""


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """Enough to check a password, not enough to log in with."""

    hash_name: HashName
    iterations: int
    salt: bytes
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @staticmethod
    def parse(hash_name: HashName, text: str) -> ScramKeys:
        """Read the directory's form. Raises ValueError."""
        parts = text.split(":")
        if len(parts) != 4 or not re.fullmatch("[0-9]{1,9}", parts[0]):
            raise ValueError("not iterations:salt:stored key:server key")
        try:
            salt, stored, server = (b64decode(part, validate=True) for part in parts[1:])
        except binascii.Error:
            raise ValueError("salt and keys must be base64") from None
        iterations, size = int(parts[0]), KEY_SIZES[hash_name]
        if not 1 <= iterations <= MAX_ITERATIONS or not salt:
            raise ValueError("iterations or salt out of range")
        if len(stored) != size or len(server) != size:
            raise ValueError(f"keys of {hash_name} have {size} bytes")
        return ScramKeys(hash_name, iterations, salt, stored, server)

    @staticmethod
    def derive(hash_name: HashName, password: str, salt: bytes, iterations: int) -> ScramKeys:
        """Keys of a password; takes milliseconds. Raises ValueError for a forbidden character."""
        secret = saslprep(password).encode()
        salted = hashlib.pbkdf2_hmac(hash_name, secret, salt, iterations)
        client = hmac.digest(salted, b"Client Key", hash_name)
        stored = hashlib.new(hash_name, client).digest()
        return ScramKeys(
            hash_name, iterations, salt, stored, hmac.digest(salted, b"Server Key", hash_name)
        )

    def matches(self, password: str) -> bool:
        """Whether this is the password; costs a derivation whatever the answer."""
        try:
            derived = ScramKeys.derive(self.hash_name, password, self.salt, self.iterations)
        except ValueError:
            ScramKeys.derive(self.hash_name, "", self.salt, self.iterations)  # as long as any
            return False
        return hmac.compare_digest(derived.stored_key, self.stored_key)

    def as_json(self) -> dict[str, str | int]:
        """What the instant messaging server is given."""
        return {
            "iterations": self.iterations,
            "salt": b64encode(self.salt).decode(),
            "stored_key": b64encode(self.stored_key).decode(),
            "server_key": b64encode(self.server_key).decode(),
        }

    def __str__(self) -> str:
        parts = (self.salt, self.stored_key, self.server_key)
        return ":".join([str(self.iterations), *(b64encode(part).decode() for part in parts)])


def decoy(hash_name: HashName, secret: bytes, name: str) -> ScramKeys:
    """Keys for a name that nobody has: the same at every call, and matched by no password.

    A login with an unknown name then runs exactly like one with a wrong password.
    """
    seed = hmac.digest(secret, f"{hash_name}:{name}".encode(), "sha512")
    size = KEY_SIZES[hash_name]
    salt = seed[:16]
    return ScramKeys(hash_name, ITERATIONS, salt, seed[16 : 16 + size], seed[-size:])
