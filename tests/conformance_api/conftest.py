"""Each test of this folder is run twice: once by gRPC, once by REST."""

from collections.abc import AsyncIterator

import pytest

from tests.conformance_api.harness import Api, serving


@pytest.fixture(params=["grpc", "rest"])
async def api(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    async with serving(request.param) as api:
        yield api


@pytest.fixture(params=["grpc", "rest"])
async def idle(request: pytest.FixtureRequest) -> AsyncIterator[Api]:
    """A server whose own evaluators take nothing."""
    async with serving(request.param, evaluators=0) as api:
        yield api
