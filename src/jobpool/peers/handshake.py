"""The handshake: two servers prove to each other that they know the cluster's secret. Pure.

Hello → Challenge → Proof → Admitted. A proof is over both nonces, both ids and the side it is for, so none serves twice
or for another. Only ids are said before it is over: a stranger learns that there is a server, and nothing of it.
"""

import hashlib
import hmac

from jobpool.model.errors import InvalidArgument, Unauthenticated
from jobpool.model.server import ServerRecord
from jobpool.peers.words import Challenge, Hello, Proof

NONCE = 32
"""Bytes of a nonce."""
LONGEST_ID = 128

_DIALED = b"jobpool peers: I am the one you dialed"
_DIALER = b"jobpool peers: I am the one who dialed"


def greet(me: str, nonce: bytes) -> Hello:
    """The dialer's first word."""
    return Hello(_only(me), nonce)


def challenge(hello: Hello, *, me: str, nonce: bytes, secret: bytes) -> Challenge:
    """The answer of the server that was dialed. Raises InvalidArgument for a greeting that is none."""
    _check("hello", hello.server.id, hello.nonce)
    if hello.server.id == me:
        raise InvalidArgument("hello", "the id is that of the server that was dialed")
    proof = _proof(_DIALED, hello.nonce, nonce, dialer=hello.server.id, dialed=me, secret=secret)
    return Challenge(_only(me), nonce, proof)


def prove(hello: Hello, challenge: Challenge, *, to: str, secret: bytes) -> Proof:
    """The dialer's proof, once the other has given its own.

    Raises Unauthenticated when it has not, or is another server than `to`; InvalidArgument for what is no challenge.
    """
    _check("challenge", challenge.server.id, challenge.nonce)
    if challenge.server.id != to:
        raise Unauthenticated(f"wanted server {to} there, found {challenge.server.id}")
    nonces = hello.nonce, challenge.nonce
    wanted = _proof(_DIALED, *nonces, dialer=hello.server.id, dialed=to, secret=secret)
    if not hmac.compare_digest(wanted, challenge.proof):
        raise Unauthenticated("the server that was dialed does not know the secret of this cluster")
    return Proof(_proof(_DIALER, *nonces, dialer=hello.server.id, dialed=to, secret=secret))


def admit(hello: Hello, challenge: Challenge, proof: Proof, *, secret: bytes) -> str:
    """The id of the dialer, who has proved it. Raises Unauthenticated when it has not."""
    dialer, dialed = hello.server.id, challenge.server.id
    wanted = _proof(_DIALER, hello.nonce, challenge.nonce, dialer=dialer, dialed=dialed, secret=secret)
    if not hmac.compare_digest(wanted, proof.proof):
        raise Unauthenticated("the server that dialed does not know the secret of this cluster")
    return dialer


def _only(server_id: str) -> ServerRecord:
    return ServerRecord(server_id, "", "", "", 0)


def _check(word: str, server_id: str, nonce: bytes) -> None:
    if not 0 < len(server_id) <= LONGEST_ID:
        raise InvalidArgument(word, f"wanted an id of 1 to {LONGEST_ID} characters, found {len(server_id)}")
    if len(nonce) != NONCE:
        raise InvalidArgument(word, f"wanted a nonce of {NONCE} bytes, found {len(nonce)}")


def _proof(side: bytes, *nonces: bytes, dialer: str, dialed: str, secret: bytes) -> bytes:
    parts = (side, *nonces, dialer.encode(), dialed.encode())
    told = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return hmac.new(secret, told, hashlib.sha256).digest()
