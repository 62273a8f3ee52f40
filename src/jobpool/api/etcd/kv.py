"""Keys and values, leases, locks and elections of clients."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from google.protobuf.message import Message

from jobpool.api.etcd.guard import Guard
from jobpool.api.etcd.methods import METHODS
from jobpool.api.etcd.passage import Caller, Passage, refused
from jobpool.api.etcd.site import Site
from jobpool.api.etcd.split import MAX_OPERATIONS, Shape, deletes_for, judged, merged, operations, ranges_for
from jobpool.model.errors import Code, FailedPrecondition
from jobpool.wire import etcd_pb2 as etcd

Handler: TypeAlias = Callable[..., Awaitable[bytes]]
"""`async (request, caller: Caller) -> the answer's bytes`. Raises JobpoolError."""


class Passing:
    """What all nouns do: send a request that was judged."""

    def __init__(self, passage: Passage) -> None:
        self._passage = passage

    async def passed(self, name: str, request: Message, caller: Caller, *, waits: bool = False) -> bytes:
        """Send the request as it was read, not as it came."""
        return await self._passage.call(METHODS[name].path, request.SerializeToString(), caller, waits=waits)


class Keys:
    """The service KV."""

    def __init__(self, passing: Passing, guard: Guard, site: Site) -> None:
        self._passing = passing
        self._guard = guard
        self._site = site

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "Range": self.range,
            "Put": self.put,
            "DeleteRange": self.delete_range,
            "Txn": self.txn,
            "Compact": self.compact,
        }

    async def range(self, request: etcd.RangeRequest, caller: Caller) -> bytes:
        ranges = ranges_for(request, self._guard)
        if len(ranges) == 1:
            return await self._passing.passed("Range", ranges[0], caller)
        whole = await self._both(etcd.RequestOp(request_range=request), caller)
        answer = whole.responses[0].response_range
        answer.header.CopyFrom(whole.header)
        return answer.SerializeToString()

    async def put(self, request: etcd.PutRequest, caller: Caller) -> bytes:
        self._guard.key(request.key)
        self._guard.lease(request.lease)
        return await self._passing.passed("Put", request, caller)

    async def delete_range(self, request: etcd.DeleteRangeRequest, caller: Caller) -> bytes:
        deletes = deletes_for(request, self._guard)
        if len(deletes) == 1:
            return await self._passing.passed("DeleteRange", deletes[0], caller)
        whole = await self._both(etcd.RequestOp(request_delete_range=request), caller)
        answer = whole.responses[0].response_delete_range
        answer.header.CopyFrom(whole.header)
        return answer.SerializeToString()

    async def txn(self, request: etcd.TxnRequest, caller: Caller) -> bytes:
        sent, shape = judged(request, self._guard)
        if operations(request) > MAX_OPERATIONS:
            raise refused(Code.INVALID_ARGUMENT, "etcdserver: too many operations in txn request")
        answer = await self._passing.passed("Txn", sent, caller)
        return answer if shape.plain else _whole(answer, shape).SerializeToString()

    async def compact(self, request: etcd.CompactionRequest, caller: Caller) -> bytes:
        """No farther than every server has read: one that is behind would have to load everything anew."""
        newest = await self._site.newest_compactable()
        if request.revision > newest:
            raise FailedPrecondition(
                f"etcdserver: a server of jobpool has read up to revision {newest} only, and compacting up to "
                f"{request.revision} would take from it what it needs: try again, or name an older revision"
            )
        return await self._passing.passed("Compact", request, caller)

    async def _both(self, operation: etcd.RequestOp, caller: Caller) -> etcd.TxnResponse:
        """One operation that has to be split, as a transaction."""
        sent, shape = judged(etcd.TxnRequest(success=[operation]), self._guard)
        return _whole(await self._passing.passed("Txn", sent, caller), shape)


def _whole(answer: bytes, shape: Shape) -> etcd.TxnResponse:
    return merged(etcd.TxnResponse.FromString(answer), shape)


class Leases:
    """The service Lease, but for its stream."""

    def __init__(self, passing: Passing, guard: Guard) -> None:
        self._passing = passing
        self._guard = guard

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "LeaseGrant": self.grant,
            "LeaseRevoke": self.revoke,
            "LeaseTimeToLive": self.time_to_live,
            "LeaseLeases": self.leases,
        }

    async def grant(self, request: etcd.LeaseGrantRequest, caller: Caller) -> bytes:
        self._guard.lease(request.ID)
        return await self._passing.passed("LeaseGrant", request, caller)

    async def revoke(self, request: etcd.LeaseRevokeRequest, caller: Caller) -> bytes:
        self._guard.lease(request.ID)
        return await self._passing.passed("LeaseRevoke", request, caller)

    async def time_to_live(self, request: etcd.LeaseTimeToLiveRequest, caller: Caller) -> bytes:
        self._guard.lease(request.ID)
        found = await self._passing.passed("LeaseTimeToLive", request, caller)
        answer = etcd.LeaseTimeToLiveResponse.FromString(found)
        shown = [key for key in answer.keys if key not in self._guard.reserved]
        if len(shown) == len(answer.keys):
            return found
        del answer.keys[:]
        answer.keys.extend(shown)
        return answer.SerializeToString()

    async def leases(self, request: etcd.LeaseLeasesRequest, caller: Caller) -> bytes:
        found = await self._passing.passed("LeaseLeases", request, caller)
        answer = etcd.LeaseLeasesResponse.FromString(found)
        shown = [lease for lease in answer.leases if lease.ID not in self._guard.own_leases()]
        if len(shown) == len(answer.leases):
            return found
        del answer.leases[:]
        answer.leases.extend(shown)
        return answer.SerializeToString()


class Locks:
    """The services Lock and Election, but for the stream. Their keys are the name, a slash and a lease."""

    def __init__(self, passing: Passing, guard: Guard) -> None:
        self._passing = passing
        self._guard = guard

    @property
    def handlers(self) -> Mapping[str, Handler]:
        return {
            "Lock": self.lock,
            "Unlock": self.unlock,
            "Campaign": self.campaign,
            "Proclaim": self.proclaim,
            "Leader": self.leader,
            "Resign": self.resign,
        }

    async def lock(self, request: etcd.LockRequest, caller: Caller) -> bytes:
        self._guard.name(request.name)
        self._guard.lease(request.lease)
        return await self._passing.passed("Lock", request, caller, waits=True)

    async def unlock(self, request: etcd.UnlockRequest, caller: Caller) -> bytes:
        self._guard.key(request.key)
        return await self._passing.passed("Unlock", request, caller)

    async def campaign(self, request: etcd.CampaignRequest, caller: Caller) -> bytes:
        self._guard.name(request.name)
        self._guard.lease(request.lease)
        return await self._passing.passed("Campaign", request, caller, waits=True)

    async def leader(self, request: etcd.LeaderRequest, caller: Caller) -> bytes:
        self._guard.name(request.name)
        return await self._passing.passed("Leader", request, caller)

    async def proclaim(self, request: etcd.ProclaimRequest, caller: Caller) -> bytes:
        self._check_leadership(request.leader)
        return await self._passing.passed("Proclaim", request, caller)

    async def resign(self, request: etcd.ResignRequest, caller: Caller) -> bytes:
        self._check_leadership(request.leader)
        return await self._passing.passed("Resign", request, caller)

    def _check_leadership(self, leader: etcd.LeaderKey) -> None:
        if leader.name:
            self._guard.name(leader.name)
        self._guard.key(leader.key)
        self._guard.lease(leader.lease)
