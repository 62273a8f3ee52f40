"""Which members do not answer, and why: what a member that waits for a majority says."""

import asyncio
import json
import socket
from pathlib import Path

from jobpool.api.listener import Listener, ListenerConfig
from jobpool.api.rest import Gateway
from jobpool.api.service import Service
from jobpool.api.tls import server_tls
from jobpool.etcd.config import PeerTls
from jobpool.etcd.others import Others, Silence
from tests.e2e.certificates import Authority

WITHIN = 30_000
CLEAR = PeerTls()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n[]\n")
    writer.close()


async def test_those_that_answer_somewhere_are_not_silent() -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        async with server:
            there = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
            urls = {"a": [there], "b": [nobody, there], "c": [nobody], "d": [nobody, "http://[::1"]}
            silent = await Others(urls, CLEAR).silent(within=WITHIN)
            assert silent.members == (
                f"c ({nobody}: connection refused)",
                f"d ({nobody}: connection refused; http://[::1: that is no URL with a port)",
            )
            assert str(silent).endswith(" (by initial-cluster)")


async def test_our_member_knows_better_than_the_configuration_who_the_others_are() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{bound.getsockname()[1]}"
        own: list[str] = []

        async def roll(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            members = [
                {"id": 1, "name": "a", "peerURLs": own},
                {"id": 44, "name": "", "peerURLs": [nobody]},
                {"id": 3, "name": "c", "peerURLs": own and [f"{own[0]}/"]},
            ]
            body = json.dumps(members).encode()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            writer.close()

        server = await asyncio.start_server(roll, "127.0.0.1", 0)
        async with server:
            own.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            others = Others({"gone": [nobody]}, CLEAR, own=own)
            silent = await others.silent(within=WITHIN)
    assert silent.known
    assert str(silent) == f"2c ({nobody}: connection refused)"


async def test_a_member_alone_has_no_others() -> None:
    assert await Others({}, CLEAR).silent(within=WITHIN) == Silence((), known=False)


async def test_who_refuses_our_certificate_is_silent_for_that_reason(tmp_path: Path) -> None:
    ours, others = Authority(tmp_path / "ours", "ours"), Authority(tmp_path / "others", "others")
    cert, key = ours.issue("there")
    stranger, strangers_key = others.issue("here")
    service = Service({})
    tls = server_tls(str(cert), str(key), trusted_ca_file=str(ours.pem), client_cert_auth=True)
    async with Listener(service, Gateway(service), ListenerConfig(urls=("https://127.0.0.1:0",)), tls=tls) as there:
        url = f"https://127.0.0.1:{there.addresses[0][1]}"
        shown = PeerTls(cert_file=str(stranger), key_file=str(strangers_key), trusted_ca_file=str(ours.pem))
        [refused] = (await Others({"b": [url]}, shown).silent(within=WITHIN)).members
        assert refused.startswith(f"b ({url}: it refuses our certificate: unknown ca; see ")
        trusting = PeerTls(cert_file=str(cert), key_file=str(key), trusted_ca_file=str(others.pem))
        [untrusted] = (await Others({"b": [url]}, trusting).silent(within=WITHIN)).members
        assert "its certificate is not trusted: certificate verify failed" in untrusted


async def test_certificates_of_ours_that_do_not_do_are_named(tmp_path: Path) -> None:
    broken = PeerTls(trusted_ca_file=str(tmp_path / "gone.pem"))
    [silent] = (await Others({"b": ["https://127.0.0.1:1"]}, broken).silent(within=WITHIN)).members
    assert silent.startswith("b (cannot be asked: peer-transport-security.trusted-ca-file: ")
