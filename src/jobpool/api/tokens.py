"""What the callee of an asynchronous run is given, so that it and nobody else can say how the run ended.

A token is made of the cluster's secret whenever it is needed, and kept nowhere by a server. It is good for one attempt:
whoever was called before the newest attempt has no say any more.
"""

import hmac
from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import quote

from jobpool.api.service import Call
from jobpool.model.errors import PermissionDenied, Unauthenticated
from jobpool.model.run import Run
from jobpool.model.server import Cluster

HEADER = "x-jobpool-token"


def callback_url(server: str, job_id: str) -> str:
    """Where the end of a run is reported, at the server that is reached as `server`."""
    return f"{server.rstrip('/')}/v3/schedule/jobs/{quote(job_id, safe='')}/status"


def callback_token(cluster: Cluster | None, job_id: str, fence: int) -> str:
    """Empty as long as the cluster has no secret."""
    if cluster is None or not cluster.secret:
        return ""
    words = f"callback\0{job_id}\0{fence}".encode()
    return urlsafe_b64encode(hmac.digest(cluster.secret, words, sha256)).rstrip(b"=").decode()


def check_token(run: Run, cluster: Cluster | None, call: Call, *, required: bool) -> int | None:
    """The fence of the attempt that the caller was called for; None when it brings no token and needs none.

    Raises PermissionDenied for a token that is not the newest attempt's, Unauthenticated when there has to be one.
    """
    given = call.metadata.get(HEADER, "")
    if not given:
        if required:
            reason = "is missing: this cluster takes reports of callees only (require-callback-token)"
            raise Unauthenticated(reason, field=HEADER)
        return None
    attempt = run.attempt
    wanted = "" if attempt is None else callback_token(cluster, run.id, attempt.fence)
    if attempt is None or not wanted or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise PermissionDenied(f"is not the token of the newest attempt of job {run.id}", field=HEADER)
    return attempt.fence
