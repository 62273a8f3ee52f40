"""The request of a `rest` run: exactly what the original engine's callees expect, and headers that make it safe."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit, urlunsplit

from msgspec import Struct

from jobpool.agent.task import Task, scheduled_text
from jobpool.model.parameters import BODILESS, RestParameters, filled

_CALLBACKS = {
    "skip": ("skipped", "same job is running, skipped"),
    "fail": ("failed", "no slot left in scheduler engine"),
}


class Request(Struct, frozen=True):
    """`private` are names of headers that are for this address alone, as the body is when it is `secret`."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None
    private: tuple[str, ...]
    secret: bool


def prepare(task: Task, parameters: RestParameters) -> Request:
    """The call for a task: its own body when synchronous, the ids when asynchronous, a message for a callback.

    A body that is a template is the task's own in either case.
    """
    bodiless = parameters.method in BODILESS
    url, body = parameters.url, parameters.body
    if parameters.template and body is not None and not task.desired_status:
        body = filled(body, _values(task), parameters.content_type)
    elif task.desired_status or not task.synchronous:
        url = _with_query(url, _ids(task)) if bodiless else url
        body = message(task)
    return Request(
        parameters.method.upper(),
        url,
        _headers(task, parameters, bodiless=bodiless),
        None if bodiless or body is None else body.encode(),
        (*parameters.headers, *_callback(task)),
        bool(task.callback_token) and body is not None and task.callback_token in body,
    )


def message(task: Task) -> str:
    """What an asynchronous callee is sent. Spacing as the original has it: some callees compare texts."""
    text = f'{{"planId": {_quoted(task.plan_id)}, "jobId":{_quoted(task.job_id)}'
    if task.desired_status:
        status, words = _CALLBACKS[task.desired_status]
        text += f', "status": {_quoted(status)}, "message":{_quoted(words)}'
    return text + "}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _ids(task: Task) -> dict[str, str]:
    """For methods without a body, so that the callee can report the end."""
    ids = {"planId": task.plan_id, "jobId": task.job_id}
    return ids | {"status": _CALLBACKS[task.desired_status][0]} if task.desired_status else ids


def _values(task: Task) -> dict[str, str | int]:
    return {
        "job_id": task.job_id,
        "plan_id": task.plan_id,
        "namespace": task.namespace,
        "attempt": task.attempt,
        "fence": task.fence,
        "scheduled_time": scheduled_text(task),
        "callback_url": task.callback_url,
        "token": task.callback_token,
    }


def _with_query(url: str, more: Mapping[str, str]) -> str:
    parts = urlsplit(url)
    query = "&".join(part for part in (parts.query, urlencode(more)) if part)
    return urlunsplit(parts._replace(query=query))


def _headers(task: Task, parameters: RestParameters, *, bodiless: bool) -> dict[str, str]:
    kind = parameters.content_type
    own = {"Accept": kind} if bodiless else {"Content-Type": kind}
    if not bodiless and "json" in kind:
        own["Accept"] = "application/json"
    return {
        **own,
        **parameters.headers,
        **_callback(task),
        "Idempotency-Key": task.job_id,
        "X-Jobpool-Fence": str(task.fence),
        "X-Jobpool-Job": task.job_id,
        "X-Jobpool-Plan": task.plan_id,
        "X-Jobpool-Attempt": str(task.attempt),
        "X-Jobpool-Scheduled-Time": scheduled_text(task),
    }


def _callback(task: Task) -> dict[str, str]:
    if not task.callback_token:
        return {}
    return {"X-Jobpool-Callback": task.callback_url, "X-Jobpool-Token": task.callback_token}
