"""What is settled before the engine is used: may this etcd be trusted, is the prefix ours, how much does it take."""

from collections.abc import Mapping

from jobpool.kit.effects.logging import get_logger
from jobpool.model.errors import StoreFailed
from jobpool.store.engines import rules
from jobpool.store.engines.etcd.client import EtcdClient
from jobpool.store.engines.etcd.errors import Denied, TooManyOps, Unreachable
from jobpool.store.engines.etcd.keys import Keyspace
from jobpool.store.engines.etcd.messages import EXTRA_OPS, none_in, put, read
from jobpool.store.engines.etcd.versions import judge_version
from jobpool.store.port import Limits
from jobpool.wire.etcd_pb2 import RangeRequest, StatusResponse, TxnRequest


async def check_members(client: EtcdClient) -> None:
    """Raises Unreachable when no endpoint answers, StoreFailed when one runs a version that loses data or they are not
    one cluster.
    """
    statuses = await client.statuses()
    answers = {endpoint: status for endpoint, status in statuses.items() if isinstance(status, StatusResponse)}
    failures = [status for status in statuses.values() if isinstance(status, StoreFailed)]
    silent = [failure.reason for failure in failures if isinstance(failure, Unreachable)]
    if len(silent) == len(statuses):
        raise Unreachable(f"no etcd endpoint answers: {'; '.join(silent)}")
    for failure in failures:
        # From 3.5.28 on some versions deny it to all but root; none that is refused here ever did.
        if not isinstance(failure, Unreachable | Denied):
            raise failure
    if len({status.header.cluster_id for status in answers.values()}) > 1:
        raise StoreFailed(f"wanted endpoints of one etcd cluster, found several: {', '.join(answers)}")
    refuse_bad_versions(answers)
    log = get_logger("etcd")
    for reason in silent:
        log.warning("an etcd endpoint does not answer", event_name="etcd_silent", error=reason)
    for endpoint, status in answers.items():
        for alarm in status.errors:
            log.warning("etcd raises an alarm", event_name="etcd_alarm", endpoint=endpoint, alarm=alarm)


def refuse_bad_versions(answers: Mapping[str, StatusResponse]) -> None:
    """Raises StoreFailed for the first that is refused; warns of those that are not advised."""
    for endpoint, status in answers.items():
        verdict = judge_version(status.version)
        if verdict.refusal:
            raise StoreFailed(f"at {endpoint}: {verdict.refusal}")
        if verdict.warning:
            get_logger("etcd").warning(verdict.warning, event_name="etcd_version", endpoint=endpoint)


async def ensure_fence(client: EtcdClient, keys: Keyspace) -> None:
    """Put the first fence under a prefix that holds nothing. Raises StoreFailed when there are keys without a fence."""
    found = await client.range(RangeRequest(key=keys.fence))
    if found.kvs:
        return
    first = put(keys.fence, rules.encode_fence(rules.INITIAL_FENCE))
    request = TxnRequest(compare=[none_in(keys.first, keys.last)], success=[first], failure=[read(keys.fence)])
    answer = await client.read(request)  # sent twice, the second finds the first's key and changes nothing
    if not answer.succeeded and not answer.responses[0].response_range.kvs:
        raise StoreFailed(
            f"there are keys under {keys.first.decode()} but no fence: they are not jobpool's, or damaged"
        )


async def probe_limits(client: EtcdClient, keys: Keyspace) -> Limits:
    """What a transaction may hold here, asked with reads only; etcd's default of 128 operations leaves 126."""
    wanted = Limits()
    if await _takes(client, keys, wanted.max_ops + EXTRA_OPS):
        return wanted
    low, high = 1, wanted.max_ops + EXTRA_OPS
    while high - low > 1:
        middle = (low + high) // 2
        if await _takes(client, keys, middle):
            low = middle
        else:
            high = middle
    if low <= EXTRA_OPS:
        raise StoreFailed(f"etcd takes only {low} operations in a transaction; start it with --max-txn-ops 128 or more")
    return Limits(low - EXTRA_OPS, wanted.max_bytes)


async def _takes(client: EtcdClient, keys: Keyspace, ops: int) -> bool:
    request = TxnRequest(compare=[none_in(keys.fence, b"")], success=[read(keys.fence)] * ops)
    try:
        await client.read(request)
    except TooManyOps:
        return False
    return True
