"""What a member that cannot run is told as."""

from jobpool.model.errors import StoreFailed


class MemberFailed(StoreFailed):
    """The etcd member cannot run, and starting it again would not help; the reason says what would."""


class MemberRemoved(MemberFailed):
    """The server does not belong to its cluster any more, as somebody wanted."""


class MemberLost(MemberFailed):
    """The cluster knows the member, and its data directory does not hold what it had."""
