"""What a host in a URL means: an address or a name, this machine only, or every address of it."""

from ipaddress import ip_address

from jobpool.kit.pure.settings import split_url


def host_of(url: str) -> str:
    """The host of `http(s)://host:port`, without brackets; empty when it is no such URL."""
    parts = split_url(url)
    return (parts.hostname or "") if parts is not None else ""


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether it leads nowhere but to the machine that asks."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def is_wildcard(host: str) -> bool:
    """Whether it is every address of a machine, on which one can listen but not call."""
    return is_address(host) and ip_address(host).is_unspecified
