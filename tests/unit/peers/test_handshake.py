"""The handshake: who knows the secret is admitted, nothing that was overheard helps anybody else."""

import pytest
from msgspec.structs import replace

from jobpool.model.errors import InvalidArgument, Unauthenticated
from jobpool.model.server import ServerRecord
from jobpool.peers.handshake import admit, challenge, greet, prove
from jobpool.peers.words import Hello, Proof

SECRET = b"the secret"
NONCES = [bytes([number]) * 32 for number in range(4)]
HELLO = greet("a", NONCES[0])
CHALLENGE = challenge(HELLO, me="b", nonce=NONCES[1], secret=SECRET)
PROOF = prove(HELLO, CHALLENGE, to="b", secret=SECRET)


def test_both_prove_themselves() -> None:
    assert admit(HELLO, CHALLENGE, PROOF, secret=SECRET) == "a"


def test_only_ids_are_said() -> None:
    assert HELLO.server == ServerRecord("a", "", "", "", 0)
    assert CHALLENGE.server == ServerRecord("b", "", "", "", 0)


def test_the_dialed_server_must_know_the_secret() -> None:
    impostor = challenge(HELLO, me="b", nonce=NONCES[1], secret=b"another")
    with pytest.raises(Unauthenticated, match="that was dialed does not know the secret"):
        prove(HELLO, impostor, to="b", secret=SECRET)


def test_the_dialer_must_know_the_secret() -> None:
    for proof in (b"", b"\x00" * 32, PROOF.proof[:-1], PROOF.proof + b"\x00", CHALLENGE.proof):
        with pytest.raises(Unauthenticated, match="that dialed does not know the secret"):
            admit(HELLO, CHALLENGE, Proof(proof), secret=SECRET)


def test_a_proof_serves_for_one_handshake_and_one_pair_only() -> None:
    later = challenge(HELLO, me="b", nonce=NONCES[2], secret=SECRET)
    elsewhere = challenge(HELLO, me="c", nonce=NONCES[1], secret=SECRET)
    for other in (later, elsewhere):
        with pytest.raises(Unauthenticated):
            admit(HELLO, other, PROOF, secret=SECRET)
    with pytest.raises(Unauthenticated):
        admit(greet("x", NONCES[0]), CHALLENGE, PROOF, secret=SECRET)
    with pytest.raises(Unauthenticated):
        prove(greet("a", NONCES[3]), CHALLENGE, to="b", secret=SECRET)


def test_the_parts_of_a_proof_cannot_be_shifted() -> None:
    """Server `ab` that dials `c` proves nothing for `a` that dials `bc`."""
    one = prove(
        greet("ab", NONCES[0]),
        challenge(greet("ab", NONCES[0]), me="c", nonce=NONCES[1], secret=SECRET),
        to="c",
        secret=SECRET,
    )
    hello = greet("a", NONCES[0])
    with pytest.raises(Unauthenticated):
        admit(hello, challenge(hello, me="bc", nonce=NONCES[1], secret=SECRET), one, secret=SECRET)


def test_another_server_than_the_one_that_was_dialed() -> None:
    with pytest.raises(Unauthenticated, match="wanted server c there, found b"):
        prove(HELLO, CHALLENGE, to="c", secret=SECRET)


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        (greet("b", NONCES[0]), "the id is that of the server that was dialed"),
        (greet("", NONCES[0]), "wanted an id of 1 to 128 characters, found 0"),
        (greet("x" * 129, NONCES[0]), "wanted an id of 1 to 128 characters, found 129"),
        (greet("a", b"short"), "wanted a nonce of 32 bytes, found 5"),
        (greet("a", bytes(33)), "wanted a nonce of 32 bytes, found 33"),
    ],
)
def test_greetings_that_are_none(hello: Hello, said: str) -> None:
    with pytest.raises(InvalidArgument, match=f"hello: {said}"):
        challenge(hello, me="b", nonce=NONCES[1], secret=SECRET)


def test_a_challenge_that_is_none() -> None:
    with pytest.raises(InvalidArgument, match="challenge: wanted a nonce of 32 bytes, found 0"):
        prove(HELLO, replace(CHALLENGE, nonce=b""), to="b", secret=SECRET)
