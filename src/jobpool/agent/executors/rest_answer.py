"""What an HTTP answer means for a `rest` run.

asynchronous, expected status      meaning
----------------------------------------------------------------------------------
no body, no JSON, no object        accepted
`code` that is no whole number     accepted
`code` 200                         accepted
any other `code`, or none          failed: rejected, with the text of `error`
"""

import json

from jobpool.agent.task import Outcome, Status
from jobpool.model.reasons import Reason

_ACCEPTED_CODE = 200


def judge(status: int, body: bytes, *, expected: bool, hands_over: bool, callback: bool, result: str) -> Outcome:
    """`hands_over`: asynchronous, the callee only says whether it takes the run. A `callback` is delivered, no more."""
    if not expected:
        return Outcome(Status.FAILED, Reason.HTTP_STATUS, f"the answer has status {status}", result=result)
    if callback or not hands_over:
        return Outcome(Status.COMPLETE, result=result)
    rejection = _rejection(body)
    if rejection is not None:
        return Outcome(Status.FAILED, Reason.REJECTED, rejection, result=result)
    return Outcome(Status.RUNNING, description="accepted by the callee", result=result, accepted=True)


def _rejection(body: bytes) -> str | None:
    """Why the callee will not do it; None when it will."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    code = _member(answer, "code")
    if code is not None and (not isinstance(code, int) or isinstance(code, bool)):
        return None
    if code == _ACCEPTED_CODE:
        return None
    error = _member(answer, "error")
    if isinstance(error, str) and error:
        return error
    return f"the callee answered code {code} without an error text" if code is not None else "the answer has no code"


def _member(answer: dict[str, object], name: str) -> object:
    """The original reads names in any case, the exact one first."""
    if name in answer:
        return answer[name]
    return next((value for key, value in answer.items() if key.lower() == name), None)
