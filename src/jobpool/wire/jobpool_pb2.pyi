import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PeerFrame(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ResponseHeader(_message.Message):
    __slots__ = ("cluster_id", "member_id", "revision", "raft_term")
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    RAFT_TERM_FIELD_NUMBER: _ClassVar[int]
    cluster_id: int
    member_id: int
    revision: int
    raft_term: int
    def __init__(self, cluster_id: _Optional[int] = ..., member_id: _Optional[int] = ..., revision: _Optional[int] = ..., raft_term: _Optional[int] = ...) -> None: ...

class PeriodicConfig(_message.Message):
    __slots__ = ("enabled", "spec", "time_zone", "start_time", "end_time", "prohibit_overlap")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PROHIBIT_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    spec: str
    time_zone: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    prohibit_overlap: bool
    def __init__(self, enabled: bool = ..., spec: _Optional[str] = ..., time_zone: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., prohibit_overlap: bool = ...) -> None: ...

class CatchUp(_message.Message):
    __slots__ = ("mode", "window", "max_runs", "rate_per_minute")
    MODE_FIELD_NUMBER: _ClassVar[int]
    WINDOW_FIELD_NUMBER: _ClassVar[int]
    MAX_RUNS_FIELD_NUMBER: _ClassVar[int]
    RATE_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    mode: str
    window: str
    max_runs: int
    rate_per_minute: int
    def __init__(self, mode: _Optional[str] = ..., window: _Optional[str] = ..., max_runs: _Optional[int] = ..., rate_per_minute: _Optional[int] = ...) -> None: ...

class Retry(_message.Message):
    __slots__ = ("attempts", "backoff", "max_backoff", "on")
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKOFF_FIELD_NUMBER: _ClassVar[int]
    ON_FIELD_NUMBER: _ClassVar[int]
    attempts: int
    backoff: str
    max_backoff: str
    on: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, attempts: _Optional[int] = ..., backoff: _Optional[str] = ..., max_backoff: _Optional[str] = ..., on: _Optional[_Iterable[str]] = ...) -> None: ...

class Dst(_message.Message):
    __slots__ = ("gap", "overlap")
    GAP_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    gap: str
    overlap: str
    def __init__(self, gap: _Optional[str] = ..., overlap: _Optional[str] = ...) -> None: ...

class Paused(_message.Message):
    __slots__ = ("by", "note", "until", "since")
    BY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    by: str
    note: str
    until: _timestamp_pb2.Timestamp
    since: _timestamp_pb2.Timestamp
    def __init__(self, by: _Optional[str] = ..., note: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Plan(_message.Message):
    __slots__ = ("id", "name", "type", "namespace", "priority", "stop", "synchronous", "status", "description", "parameters", "periodic", "launch_time", "create_time", "update_time", "executor", "overlap", "catch_up", "retry", "timeout", "delivery", "paused", "dst", "match", "labels", "strategy", "owner", "revision", "next_time", "last_job", "status_reason")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SYNCHRONOUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PERIODIC_FIELD_NUMBER: _ClassVar[int]
    LAUNCH_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    DST_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_JOB_FIELD_NUMBER: _ClassVar[int]
    STATUS_REASON_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: str
    namespace: str
    priority: int
    stop: bool
    synchronous: bool
    status: str
    description: str
    parameters: str
    periodic: PeriodicConfig
    launch_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    executor: str
    overlap: str
    catch_up: CatchUp
    retry: Retry
    timeout: str
    delivery: str
    paused: Paused
    dst: Dst
    match: str
    labels: _containers.ScalarMap[str, str]
    strategy: str
    owner: str
    revision: int
    next_time: _timestamp_pb2.Timestamp
    last_job: str
    status_reason: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., namespace: _Optional[str] = ..., priority: _Optional[int] = ..., stop: bool = ..., synchronous: bool = ..., status: _Optional[str] = ..., description: _Optional[str] = ..., parameters: _Optional[str] = ..., periodic: _Optional[_Union[PeriodicConfig, _Mapping]] = ..., launch_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., executor: _Optional[str] = ..., overlap: _Optional[str] = ..., catch_up: _Optional[_Union[CatchUp, _Mapping]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., timeout: _Optional[str] = ..., delivery: _Optional[str] = ..., paused: _Optional[_Union[Paused, _Mapping]] = ..., dst: _Optional[_Union[Dst, _Mapping]] = ..., match: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., strategy: _Optional[str] = ..., owner: _Optional[str] = ..., revision: _Optional[int] = ..., next_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_job: _Optional[str] = ..., status_reason: _Optional[str] = ...) -> None: ...

class NameSpace(_message.Message):
    __slots__ = ("name", "job_parallelism_limit", "when_full", "default_time_zone", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    JOB_PARALLELISM_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FULL_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    job_parallelism_limit: int
    when_full: str
    default_time_zone: str
    description: str
    def __init__(self, name: _Optional[str] = ..., job_parallelism_limit: _Optional[int] = ..., when_full: _Optional[str] = ..., default_time_zone: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ("id", "plan_id", "derived_plan_id", "name", "type", "namespace", "operatorId", "timeout", "status", "parameters", "info", "create_time", "update_time", "scheduled_time", "started_at", "finished_at", "attempt", "reason", "node_id", "exit_code", "result", "lateness_ms", "fence", "trigger", "executor", "plan_version", "created_by", "time_zone", "rerun_of")
    ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    DERIVED_PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    OPERATORID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_TIME_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    LATENESS_MS_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    PLAN_VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    RERUN_OF_FIELD_NUMBER: _ClassVar[int]
    id: str
    plan_id: str
    derived_plan_id: str
    name: str
    type: str
    namespace: str
    operatorId: str
    timeout: int
    status: str
    parameters: str
    info: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    scheduled_time: _timestamp_pb2.Timestamp
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    attempt: int
    reason: str
    node_id: str
    exit_code: int
    result: str
    lateness_ms: int
    fence: int
    trigger: str
    executor: str
    plan_version: int
    created_by: str
    time_zone: str
    rerun_of: str
    def __init__(self, id: _Optional[str] = ..., plan_id: _Optional[str] = ..., derived_plan_id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., namespace: _Optional[str] = ..., operatorId: _Optional[str] = ..., timeout: _Optional[int] = ..., status: _Optional[str] = ..., parameters: _Optional[str] = ..., info: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., scheduled_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., reason: _Optional[str] = ..., node_id: _Optional[str] = ..., exit_code: _Optional[int] = ..., result: _Optional[str] = ..., lateness_ms: _Optional[int] = ..., fence: _Optional[int] = ..., trigger: _Optional[str] = ..., executor: _Optional[str] = ..., plan_version: _Optional[int] = ..., created_by: _Optional[str] = ..., time_zone: _Optional[str] = ..., rerun_of: _Optional[str] = ...) -> None: ...

class Evaluation(_message.Message):
    __slots__ = ("id", "namespace", "priority", "type", "triggered_by", "plan_id", "job_id", "node_id", "status", "status_description", "next_eval", "previous_eval", "blocked_eval", "create_time", "update_time", "not_before")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TRIGGERED_BY_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NEXT_EVAL_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_EVAL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_EVAL_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    NOT_BEFORE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    priority: int
    type: str
    triggered_by: str
    plan_id: str
    job_id: str
    node_id: str
    status: str
    status_description: str
    next_eval: str
    previous_eval: str
    blocked_eval: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    not_before: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., priority: _Optional[int] = ..., type: _Optional[str] = ..., triggered_by: _Optional[str] = ..., plan_id: _Optional[str] = ..., job_id: _Optional[str] = ..., node_id: _Optional[str] = ..., status: _Optional[str] = ..., status_description: _Optional[str] = ..., next_eval: _Optional[str] = ..., previous_eval: _Optional[str] = ..., blocked_eval: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., not_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Allocation(_message.Message):
    __slots__ = ("id", "name", "namespace", "eval_id", "node_id", "client_description", "plan_id", "job_id", "client_status", "next_allocation", "desired_status", "desired_description", "create_time", "update_time", "fence", "started_at", "finished_at", "exit_code", "attempt")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    EVAL_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    CLIENT_STATUS_FIELD_NUMBER: _ClassVar[int]
    NEXT_ALLOCATION_FIELD_NUMBER: _ClassVar[int]
    DESIRED_STATUS_FIELD_NUMBER: _ClassVar[int]
    DESIRED_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    namespace: str
    eval_id: str
    node_id: str
    client_description: str
    plan_id: str
    job_id: str
    client_status: str
    next_allocation: str
    desired_status: str
    desired_description: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    fence: int
    started_at: _timestamp_pb2.Timestamp
    finished_at: _timestamp_pb2.Timestamp
    exit_code: int
    attempt: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., namespace: _Optional[str] = ..., eval_id: _Optional[str] = ..., node_id: _Optional[str] = ..., client_description: _Optional[str] = ..., plan_id: _Optional[str] = ..., job_id: _Optional[str] = ..., client_status: _Optional[str] = ..., next_allocation: _Optional[str] = ..., desired_status: _Optional[str] = ..., desired_description: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fence: _Optional[int] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., exit_code: _Optional[int] = ..., attempt: _Optional[int] = ...) -> None: ...

class SimpleAllocation(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("ID", "name", "status", "status_description", "status_update_at", "drain_status", "started_at", "updated_at", "node_class", "secret_id", "capacity", "running", "attributes", "eligibility", "version", "executors", "drain", "eligibility_description", "server", "resources", "heard_at")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_AT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_STATUS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    NODE_CLASS_FIELD_NUMBER: _ClassVar[int]
    SECRET_ID_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXECUTORS_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    ELIGIBILITY_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    HEARD_AT_FIELD_NUMBER: _ClassVar[int]
    ID: str
    name: str
    status: str
    status_description: str
    status_update_at: int
    drain_status: str
    started_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    node_class: str
    secret_id: str
    capacity: int
    running: int
    attributes: _containers.ScalarMap[str, str]
    eligibility: str
    version: str
    executors: _containers.RepeatedScalarFieldContainer[str]
    drain: Drain
    eligibility_description: str
    server: str
    resources: NodeResources
    heard_at: _timestamp_pb2.Timestamp
    def __init__(self, ID: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[str] = ..., status_description: _Optional[str] = ..., status_update_at: _Optional[int] = ..., drain_status: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., node_class: _Optional[str] = ..., secret_id: _Optional[str] = ..., capacity: _Optional[int] = ..., running: _Optional[int] = ..., attributes: _Optional[_Mapping[str, str]] = ..., eligibility: _Optional[str] = ..., version: _Optional[str] = ..., executors: _Optional[_Iterable[str]] = ..., drain: _Optional[_Union[Drain, _Mapping]] = ..., eligibility_description: _Optional[str] = ..., server: _Optional[str] = ..., resources: _Optional[_Union[NodeResources, _Mapping]] = ..., heard_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class NodeResources(_message.Message):
    __slots__ = ("millicpus", "millicpus_used", "memory", "memory_used", "disk", "disk_free", "told_at")
    MILLICPUS_FIELD_NUMBER: _ClassVar[int]
    MILLICPUS_USED_FIELD_NUMBER: _ClassVar[int]
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    MEMORY_USED_FIELD_NUMBER: _ClassVar[int]
    DISK_FIELD_NUMBER: _ClassVar[int]
    DISK_FREE_FIELD_NUMBER: _ClassVar[int]
    TOLD_AT_FIELD_NUMBER: _ClassVar[int]
    millicpus: int
    millicpus_used: int
    memory: int
    memory_used: int
    disk: int
    disk_free: int
    told_at: _timestamp_pb2.Timestamp
    def __init__(self, millicpus: _Optional[int] = ..., millicpus_used: _Optional[int] = ..., memory: _Optional[int] = ..., memory_used: _Optional[int] = ..., disk: _Optional[int] = ..., disk_free: _Optional[int] = ..., told_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Drain(_message.Message):
    __slots__ = ("since", "deadline", "runs")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    deadline: _timestamp_pb2.Timestamp
    runs: int
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., deadline: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., runs: _Optional[int] = ...) -> None: ...

class NodeWatchRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[_Iterable[str]] = ...) -> None: ...

class NodeSeen(_message.Message):
    __slots__ = ("id", "heard_at", "resources")
    ID_FIELD_NUMBER: _ClassVar[int]
    HEARD_AT_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    id: str
    heard_at: _timestamp_pb2.Timestamp
    resources: NodeResources
    def __init__(self, id: _Optional[str] = ..., heard_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., resources: _Optional[_Union[NodeResources, _Mapping]] = ...) -> None: ...

class NodeWatchResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[NodeSeen]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[NodeSeen, _Mapping]]] = ...) -> None: ...

class QueueDetail(_message.Message):
    __slots__ = ("total", "total_ready", "total_unacked", "total_blocked", "total_waiting", "total_failed", "total_delayed", "pause")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TOTAL_READY_FIELD_NUMBER: _ClassVar[int]
    TOTAL_UNACKED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_WAITING_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FAILED_FIELD_NUMBER: _ClassVar[int]
    TOTAL_DELAYED_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    total: int
    total_ready: int
    total_unacked: int
    total_blocked: int
    total_waiting: int
    total_failed: int
    total_delayed: int
    pause: Pause
    def __init__(self, total: _Optional[int] = ..., total_ready: _Optional[int] = ..., total_unacked: _Optional[int] = ..., total_blocked: _Optional[int] = ..., total_waiting: _Optional[int] = ..., total_failed: _Optional[int] = ..., total_delayed: _Optional[int] = ..., pause: _Optional[_Union[Pause, _Mapping]] = ...) -> None: ...

class Pause(_message.Message):
    __slots__ = ("since", "by", "note")
    SINCE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    since: _timestamp_pb2.Timestamp
    by: str
    note: str
    def __init__(self, since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class QueueJobStats(_message.Message):
    __slots__ = ("total", "pending", "running", "retry", "un_used", "running_jobs", "pending_jobs")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    UN_USED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_JOBS_FIELD_NUMBER: _ClassVar[int]
    PENDING_JOBS_FIELD_NUMBER: _ClassVar[int]
    total: int
    pending: int
    running: int
    retry: int
    un_used: int
    running_jobs: _containers.RepeatedScalarFieldContainer[str]
    pending_jobs: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, total: _Optional[int] = ..., pending: _Optional[int] = ..., running: _Optional[int] = ..., retry: _Optional[int] = ..., un_used: _Optional[int] = ..., running_jobs: _Optional[_Iterable[str]] = ..., pending_jobs: _Optional[_Iterable[str]] = ...) -> None: ...

class SchedulePlanAddRequest(_message.Message):
    __slots__ = ("id", "name", "type", "namespace", "priority", "stop", "synchronous", "status", "description", "parameters", "periodic", "executor", "overlap", "catch_up", "retry", "timeout", "delivery", "dst", "match", "labels", "strategy", "owner", "idempotency_key", "dry_run")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    SYNCHRONOUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    PERIODIC_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DST_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: str
    namespace: str
    priority: int
    stop: bool
    synchronous: bool
    status: str
    description: str
    parameters: str
    periodic: PeriodicConfig
    executor: str
    overlap: str
    catch_up: CatchUp
    retry: Retry
    timeout: str
    delivery: str
    dst: Dst
    match: str
    labels: _containers.ScalarMap[str, str]
    strategy: str
    owner: str
    idempotency_key: str
    dry_run: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., namespace: _Optional[str] = ..., priority: _Optional[int] = ..., stop: bool = ..., synchronous: bool = ..., status: _Optional[str] = ..., description: _Optional[str] = ..., parameters: _Optional[str] = ..., periodic: _Optional[_Union[PeriodicConfig, _Mapping]] = ..., executor: _Optional[str] = ..., overlap: _Optional[str] = ..., catch_up: _Optional[_Union[CatchUp, _Mapping]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., timeout: _Optional[str] = ..., delivery: _Optional[str] = ..., dst: _Optional[_Union[Dst, _Mapping]] = ..., match: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., strategy: _Optional[str] = ..., owner: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., dry_run: bool = ...) -> None: ...

class SchedulePlanAddResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Plan
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class SchedulePlanListRequest(_message.Message):
    __slots__ = ("name", "namespace", "status", "description", "pageNumber", "pageSize", "id", "synchronous", "limit", "labels", "owner", "text", "executor", "paused", "order")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SYNCHRONOUS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    name: str
    namespace: str
    status: str
    description: str
    pageNumber: int
    pageSize: int
    id: str
    synchronous: int
    limit: int
    labels: _containers.RepeatedScalarFieldContainer[str]
    owner: str
    text: str
    executor: str
    paused: bool
    order: str
    def __init__(self, name: _Optional[str] = ..., namespace: _Optional[str] = ..., status: _Optional[str] = ..., description: _Optional[str] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., id: _Optional[str] = ..., synchronous: _Optional[int] = ..., limit: _Optional[int] = ..., labels: _Optional[_Iterable[str]] = ..., owner: _Optional[str] = ..., text: _Optional[str] = ..., executor: _Optional[str] = ..., paused: bool = ..., order: _Optional[str] = ..., **kwargs: object) -> None: ...

class SchedulePlanListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Plan]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Plan, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class SchedulePlanDeleteRequest(_message.Message):
    __slots__ = ("id", "namespace", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    revision: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class SchedulePlanDeleteResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class SchedulePlanUpdateRequest(_message.Message):
    __slots__ = ("id", "name", "type", "namespace", "priority", "synchronous", "description", "parameters", "status", "periodic", "executor", "overlap", "catch_up", "retry", "timeout", "delivery", "dst", "match", "labels", "strategy", "owner", "revision", "clear", "dry_run")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SYNCHRONOUS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PERIODIC_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    DELIVERY_FIELD_NUMBER: _ClassVar[int]
    DST_FIELD_NUMBER: _ClassVar[int]
    MATCH_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    STRATEGY_FIELD_NUMBER: _ClassVar[int]
    OWNER_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CLEAR_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    type: str
    namespace: str
    priority: int
    synchronous: bool
    description: str
    parameters: str
    status: str
    periodic: PeriodicConfig
    executor: str
    overlap: str
    catch_up: CatchUp
    retry: Retry
    timeout: str
    delivery: str
    dst: Dst
    match: str
    labels: _containers.ScalarMap[str, str]
    strategy: str
    owner: str
    revision: int
    clear: _containers.RepeatedScalarFieldContainer[str]
    dry_run: bool
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., namespace: _Optional[str] = ..., priority: _Optional[int] = ..., synchronous: bool = ..., description: _Optional[str] = ..., parameters: _Optional[str] = ..., status: _Optional[str] = ..., periodic: _Optional[_Union[PeriodicConfig, _Mapping]] = ..., executor: _Optional[str] = ..., overlap: _Optional[str] = ..., catch_up: _Optional[_Union[CatchUp, _Mapping]] = ..., retry: _Optional[_Union[Retry, _Mapping]] = ..., timeout: _Optional[str] = ..., delivery: _Optional[str] = ..., dst: _Optional[_Union[Dst, _Mapping]] = ..., match: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., strategy: _Optional[str] = ..., owner: _Optional[str] = ..., revision: _Optional[int] = ..., clear: _Optional[_Iterable[str]] = ..., dry_run: bool = ...) -> None: ...

class SchedulePlanUpdateResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Plan
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class SchedulePlanDetailRequest(_message.Message):
    __slots__ = ("id", "namespace")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class SchedulePlanDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Plan
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Plan, _Mapping]] = ...) -> None: ...

class SchedulePlanOnlineRequest(_message.Message):
    __slots__ = ("id", "namespace", "description", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    description: str
    revision: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., description: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class SchedulePlanOfflineRequest(_message.Message):
    __slots__ = ("id", "namespace", "description", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    description: str
    revision: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., description: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class PlanRunRequest(_message.Message):
    __slots__ = ("id", "namespace", "parameters", "idempotency_key", "overlap", "created_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    parameters: str
    idempotency_key: str
    overlap: str
    created_by: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., parameters: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., overlap: _Optional[str] = ..., created_by: _Optional[str] = ...) -> None: ...

class PlanRunResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Job
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class PlanLedgerRequest(_message.Message):
    __slots__ = ("id", "namespace", "start_time", "end_time", "decisions", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    decisions: _containers.RepeatedScalarFieldContainer[str]
    limit: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., decisions: _Optional[_Iterable[str]] = ..., limit: _Optional[int] = ..., **kwargs: object) -> None: ...

class LedgerEntry(_message.Message):
    __slots__ = ("decision", "first", "last", "count", "job_id", "status", "reason", "lateness_ms", "trigger")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    LATENESS_MS_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    decision: str
    first: _timestamp_pb2.Timestamp
    last: _timestamp_pb2.Timestamp
    count: int
    job_id: str
    status: str
    reason: str
    lateness_ms: int
    trigger: str
    def __init__(self, decision: _Optional[str] = ..., first: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., count: _Optional[int] = ..., job_id: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., lateness_ms: _Optional[int] = ..., trigger: _Optional[str] = ...) -> None: ...

class PlanLedgerResponse(_message.Message):
    __slots__ = ("header", "data", "known_from", "time_zone")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FROM_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[LedgerEntry]
    known_from: _timestamp_pb2.Timestamp
    time_zone: str
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[LedgerEntry, _Mapping]]] = ..., known_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., time_zone: _Optional[str] = ..., **kwargs: object) -> None: ...

class PlanOutcomesRequest(_message.Message):
    __slots__ = ("namespace", "id")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    id: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., id: _Optional[_Iterable[str]] = ...) -> None: ...

class PlanOutcomesResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[PlanOutcomes]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[PlanOutcomes, _Mapping]]] = ...) -> None: ...

class PlanOutcomes(_message.Message):
    __slots__ = ("id", "namespace", "ends", "counted", "median_ms", "p95_ms", "live", "last", "succeeded")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ENDS_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_MS_FIELD_NUMBER: _ClassVar[int]
    P95_MS_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    SUCCEEDED_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    ends: _containers.RepeatedCompositeFieldContainer[RunOutcome]
    counted: int
    median_ms: int
    p95_ms: int
    live: int
    last: RunOutcome
    succeeded: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., ends: _Optional[_Iterable[_Union[RunOutcome, _Mapping]]] = ..., counted: _Optional[int] = ..., median_ms: _Optional[int] = ..., p95_ms: _Optional[int] = ..., live: _Optional[int] = ..., last: _Optional[_Union[RunOutcome, _Mapping]] = ..., succeeded: _Optional[int] = ...) -> None: ...

class RunOutcome(_message.Message):
    __slots__ = ("job_id", "status", "reason", "finished_at", "duration_ms")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    status: str
    reason: str
    finished_at: _timestamp_pb2.Timestamp
    duration_ms: int
    def __init__(self, job_id: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., finished_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_ms: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("code", "text", "blocks", "since", "until", "facts", "remedy", "remedy_text")
    class FactsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    CODE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    REMEDY_FIELD_NUMBER: _ClassVar[int]
    REMEDY_TEXT_FIELD_NUMBER: _ClassVar[int]
    code: str
    text: str
    blocks: bool
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    facts: _containers.ScalarMap[str, str]
    remedy: str
    remedy_text: str
    def __init__(self, code: _Optional[str] = ..., text: _Optional[str] = ..., blocks: bool = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., facts: _Optional[_Mapping[str, str]] = ..., remedy: _Optional[str] = ..., remedy_text: _Optional[str] = ...) -> None: ...

class PlanExplainRequest(_message.Message):
    __slots__ = ("id", "namespace")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class PlanExplainResponse(_message.Message):
    __slots__ = ("header", "verdict", "data", "next_time", "last_job", "time_zone")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_JOB_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    verdict: str
    data: _containers.RepeatedCompositeFieldContainer[Finding]
    next_time: _timestamp_pb2.Timestamp
    last_job: str
    time_zone: str
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., verdict: _Optional[str] = ..., data: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., next_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_job: _Optional[str] = ..., time_zone: _Optional[str] = ...) -> None: ...

class JobExplainRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class JobExplainResponse(_message.Message):
    __slots__ = ("header", "verdict", "data", "job")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    verdict: str
    data: _containers.RepeatedCompositeFieldContainer[Finding]
    job: Job
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., verdict: _Optional[str] = ..., data: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class JobRerunRequest(_message.Message):
    __slots__ = ("id", "parameters", "idempotency_key", "overlap", "created_by")
    ID_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    CREATED_BY_FIELD_NUMBER: _ClassVar[int]
    id: str
    parameters: str
    idempotency_key: str
    overlap: str
    created_by: str
    def __init__(self, id: _Optional[str] = ..., parameters: _Optional[str] = ..., idempotency_key: _Optional[str] = ..., overlap: _Optional[str] = ..., created_by: _Optional[str] = ...) -> None: ...

class PlanPauseRequest(_message.Message):
    __slots__ = ("id", "namespace", "by", "note", "until", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    by: str
    note: str
    until: _timestamp_pb2.Timestamp
    revision: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., by: _Optional[str] = ..., note: _Optional[str] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ...) -> None: ...

class PlanResumeRequest(_message.Message):
    __slots__ = ("id", "namespace", "catch_up", "revision")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    CATCH_UP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    catch_up: bool
    revision: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., catch_up: bool = ..., revision: _Optional[int] = ...) -> None: ...

class PlanPreviewRequest(_message.Message):
    __slots__ = ("id", "namespace", "n", "after", "plan")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    n: int
    after: _timestamp_pb2.Timestamp
    plan: SchedulePlanAddRequest
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., n: _Optional[int] = ..., after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., plan: _Optional[_Union[SchedulePlanAddRequest, _Mapping]] = ...) -> None: ...

class PreviewTick(_message.Message):
    __slots__ = ("time", "local", "time_zone", "dst")
    TIME_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DST_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    local: str
    time_zone: str
    dst: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., local: _Optional[str] = ..., time_zone: _Optional[str] = ..., dst: _Optional[str] = ...) -> None: ...

class PlanPreviewResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[PreviewTick]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[PreviewTick, _Mapping]]] = ...) -> None: ...

class UpcomingRequest(_message.Message):
    __slots__ = ("namespace", "hours", "minute", "limit")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    HOURS_FIELD_NUMBER: _ClassVar[int]
    MINUTE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    hours: int
    minute: _timestamp_pb2.Timestamp
    limit: int
    def __init__(self, namespace: _Optional[str] = ..., hours: _Optional[int] = ..., minute: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., **kwargs: object) -> None: ...

class UpcomingPlan(_message.Message):
    __slots__ = ("id", "namespace", "name", "starts", "first", "time_zone")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    name: str
    starts: int
    first: _timestamp_pb2.Timestamp
    time_zone: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., starts: _Optional[int] = ..., first: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class UpcomingMinute(_message.Message):
    __slots__ = ("time", "starts", "plans", "data", "complete")
    TIME_FIELD_NUMBER: _ClassVar[int]
    STARTS_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    starts: int
    plans: int
    data: _containers.RepeatedCompositeFieldContainer[UpcomingPlan]
    complete: bool
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., starts: _Optional[int] = ..., plans: _Optional[int] = ..., data: _Optional[_Iterable[_Union[UpcomingPlan, _Mapping]]] = ..., complete: bool = ...) -> None: ...

class UpcomingResponse(_message.Message):
    __slots__ = ("header", "counts", "complete", "counted", "plans", "median", "room", "herd_above", "herds", "minute")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    FROM_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    COUNTED_FIELD_NUMBER: _ClassVar[int]
    PLANS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_FIELD_NUMBER: _ClassVar[int]
    ROOM_FIELD_NUMBER: _ClassVar[int]
    HERD_ABOVE_FIELD_NUMBER: _ClassVar[int]
    HERDS_FIELD_NUMBER: _ClassVar[int]
    MINUTE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    counts: _containers.RepeatedScalarFieldContainer[int]
    complete: bool
    counted: int
    plans: int
    median: int
    room: int
    herd_above: int
    herds: _containers.RepeatedScalarFieldContainer[int]
    minute: UpcomingMinute
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., counts: _Optional[_Iterable[int]] = ..., complete: bool = ..., counted: _Optional[int] = ..., plans: _Optional[int] = ..., median: _Optional[int] = ..., room: _Optional[int] = ..., herd_above: _Optional[int] = ..., herds: _Optional[_Iterable[int]] = ..., minute: _Optional[_Union[UpcomingMinute, _Mapping]] = ..., **kwargs: object) -> None: ...

class ScheduleNameSpaceAddRequest(_message.Message):
    __slots__ = ("name", "job_parallelism_limit", "when_full", "default_time_zone", "description", "idempotency_key")
    NAME_FIELD_NUMBER: _ClassVar[int]
    JOB_PARALLELISM_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FULL_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    name: str
    job_parallelism_limit: int
    when_full: str
    default_time_zone: str
    description: str
    idempotency_key: str
    def __init__(self, name: _Optional[str] = ..., job_parallelism_limit: _Optional[int] = ..., when_full: _Optional[str] = ..., default_time_zone: _Optional[str] = ..., description: _Optional[str] = ..., idempotency_key: _Optional[str] = ...) -> None: ...

class ScheduleNameSpaceAddResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleNameSpaceListRequest(_message.Message):
    __slots__ = ("name", "pageNumber", "pageSize", "limit")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    pageNumber: int
    pageSize: int
    limit: int
    def __init__(self, name: _Optional[str] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., limit: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleNameSpaceListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[NameSpace]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[NameSpace, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleNameSpaceDeleteRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ScheduleNameSpaceDeleteResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleNameSpaceDetailRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ScheduleNameSpaceDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: NameSpace
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[NameSpace, _Mapping]] = ...) -> None: ...

class ScheduleNameSpaceUpdateRequest(_message.Message):
    __slots__ = ("name", "old_name", "job_parallelism_limit", "when_full", "default_time_zone", "description")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OLD_NAME_FIELD_NUMBER: _ClassVar[int]
    JOB_PARALLELISM_LIMIT_FIELD_NUMBER: _ClassVar[int]
    WHEN_FULL_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    name: str
    old_name: str
    job_parallelism_limit: int
    when_full: str
    default_time_zone: str
    description: str
    def __init__(self, name: _Optional[str] = ..., old_name: _Optional[str] = ..., job_parallelism_limit: _Optional[int] = ..., when_full: _Optional[str] = ..., default_time_zone: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class ScheduleNameSpaceUpdateResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleJobAddRequest(_message.Message):
    __slots__ = ("id", "plan_id", "derived_plan_id", "name", "type", "namespace", "operatorId", "timeout", "status", "parameters", "info", "create_time", "update_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    DERIVED_PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    OPERATORID_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    INFO_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    plan_id: str
    derived_plan_id: str
    name: str
    type: str
    namespace: str
    operatorId: str
    timeout: int
    status: str
    parameters: str
    info: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., plan_id: _Optional[str] = ..., derived_plan_id: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., namespace: _Optional[str] = ..., operatorId: _Optional[str] = ..., timeout: _Optional[int] = ..., status: _Optional[str] = ..., parameters: _Optional[str] = ..., info: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ScheduleJobAddResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Job
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ScheduleJobListRequest(_message.Message):
    __slots__ = ("name", "namespace", "status", "plan_id", "start_time", "end_time", "pageNumber", "pageSize", "id", "limit", "text", "node_id", "reason", "trigger")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    name: str
    namespace: str
    status: str
    plan_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    pageNumber: int
    pageSize: int
    id: str
    limit: int
    text: str
    node_id: str
    reason: str
    trigger: str
    def __init__(self, name: _Optional[str] = ..., namespace: _Optional[str] = ..., status: _Optional[str] = ..., plan_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., id: _Optional[str] = ..., limit: _Optional[int] = ..., text: _Optional[str] = ..., node_id: _Optional[str] = ..., reason: _Optional[str] = ..., trigger: _Optional[str] = ..., **kwargs: object) -> None: ...

class ScheduleJobListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Job]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleJobExistRequest(_message.Message):
    __slots__ = ("name", "namespace", "status", "plan_id", "start_time", "end_time", "pageNumber", "pageSize", "id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    namespace: str
    status: str
    plan_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    pageNumber: int
    pageSize: int
    id: str
    def __init__(self, name: _Optional[str] = ..., namespace: _Optional[str] = ..., status: _Optional[str] = ..., plan_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., id: _Optional[str] = ...) -> None: ...

class ScheduleJobExistResponse(_message.Message):
    __slots__ = ("header", "count")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    count: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., count: _Optional[int] = ...) -> None: ...

class ScheduleJobDeleteRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ScheduleJobDeleteResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleJobStatusUpdateRequest(_message.Message):
    __slots__ = ("id", "status", "description", "result")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    description: str
    result: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., description: _Optional[str] = ..., result: _Optional[str] = ...) -> None: ...

class ScheduleJobStatusUpdateResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Job
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class ScheduleJobDetailRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ScheduleJobDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Job
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class JobCancelRequest(_message.Message):
    __slots__ = ("id", "description")
    ID_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    description: str
    def __init__(self, id: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class JobCancelResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Job
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class JobLogsRequest(_message.Message):
    __slots__ = ("id", "offset", "limit", "attempt", "follow")
    ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    FOLLOW_FIELD_NUMBER: _ClassVar[int]
    id: str
    offset: int
    limit: int
    attempt: int
    follow: bool
    def __init__(self, id: _Optional[str] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ..., attempt: _Optional[int] = ..., follow: bool = ...) -> None: ...

class JobLogsResponse(_message.Message):
    __slots__ = ("header", "data", "next_offset", "size", "complete", "truncated", "attempt")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: bytes
    next_offset: int
    size: int
    complete: bool
    truncated: bool
    attempt: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[bytes] = ..., next_offset: _Optional[int] = ..., size: _Optional[int] = ..., complete: bool = ..., truncated: bool = ..., attempt: _Optional[int] = ...) -> None: ...

class ScheduleEvalAddRequest(_message.Message):
    __slots__ = ("id", "namespace", "priority", "type", "triggered_by", "plan_id", "job_id", "node_id", "status", "status_description", "previous_eval", "eval_token")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    TRIGGERED_BY_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_EVAL_FIELD_NUMBER: _ClassVar[int]
    EVAL_TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    priority: int
    type: str
    triggered_by: str
    plan_id: str
    job_id: str
    node_id: str
    status: str
    status_description: str
    previous_eval: str
    eval_token: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., priority: _Optional[int] = ..., type: _Optional[str] = ..., triggered_by: _Optional[str] = ..., plan_id: _Optional[str] = ..., job_id: _Optional[str] = ..., node_id: _Optional[str] = ..., status: _Optional[str] = ..., status_description: _Optional[str] = ..., previous_eval: _Optional[str] = ..., eval_token: _Optional[str] = ...) -> None: ...

class ScheduleEvalAddResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Evaluation
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Evaluation, _Mapping]] = ...) -> None: ...

class ScheduleEvalListRequest(_message.Message):
    __slots__ = ("id", "namespace", "status", "plan_id", "job_id", "start_time", "end_time", "pageNumber", "pageSize", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    status: str
    plan_id: str
    job_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    pageNumber: int
    pageSize: int
    limit: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., status: _Optional[str] = ..., plan_id: _Optional[str] = ..., job_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., limit: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleEvalListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Evaluation]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Evaluation, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleEvalDeleteRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ScheduleEvalDeleteResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleEvalStatusUpdateRequest(_message.Message):
    __slots__ = ("id", "status", "status_description", "next_eval", "blocked_eval", "queued_allocations", "eval_token")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    NEXT_EVAL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_EVAL_FIELD_NUMBER: _ClassVar[int]
    QUEUED_ALLOCATIONS_FIELD_NUMBER: _ClassVar[int]
    EVAL_TOKEN_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    status_description: str
    next_eval: str
    blocked_eval: str
    queued_allocations: str
    eval_token: str
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., status_description: _Optional[str] = ..., next_eval: _Optional[str] = ..., blocked_eval: _Optional[str] = ..., queued_allocations: _Optional[str] = ..., eval_token: _Optional[str] = ...) -> None: ...

class ScheduleEvalStatusUpdateResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Evaluation
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Evaluation, _Mapping]] = ...) -> None: ...

class ScheduleEvalDetailRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ScheduleEvalDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Evaluation
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Evaluation, _Mapping]] = ...) -> None: ...

class ScheduleEvalDequeueRequest(_message.Message):
    __slots__ = ("namespace", "timeout", "schedulers")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULERS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    timeout: int
    schedulers: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., timeout: _Optional[int] = ..., schedulers: _Optional[_Iterable[str]] = ...) -> None: ...

class ScheduleEvalDequeueResponse(_message.Message):
    __slots__ = ("header", "data", "token")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Evaluation
    token: str
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Evaluation, _Mapping]] = ..., token: _Optional[str] = ...) -> None: ...

class ScheduleEvalAckRequest(_message.Message):
    __slots__ = ("id", "job_id", "token", "namespace")
    ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    id: str
    job_id: str
    token: str
    namespace: str
    def __init__(self, id: _Optional[str] = ..., job_id: _Optional[str] = ..., token: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class ScheduleEvalAckResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleEvalNackRequest(_message.Message):
    __slots__ = ("id", "job_id", "token", "namespace")
    ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    id: str
    job_id: str
    token: str
    namespace: str
    def __init__(self, id: _Optional[str] = ..., job_id: _Optional[str] = ..., token: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...

class ScheduleEvalNackResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleAllocationAddRequest(_message.Message):
    __slots__ = ("plan_id", "allocation_stopped", "allocation_updated", "allocation_preempted", "evaluation_preemption")
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_STOPPED_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_UPDATED_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_PREEMPTED_FIELD_NUMBER: _ClassVar[int]
    EVALUATION_PREEMPTION_FIELD_NUMBER: _ClassVar[int]
    plan_id: str
    allocation_stopped: _containers.RepeatedCompositeFieldContainer[Allocation]
    allocation_updated: _containers.RepeatedCompositeFieldContainer[Allocation]
    allocation_preempted: _containers.RepeatedCompositeFieldContainer[Allocation]
    evaluation_preemption: _containers.RepeatedCompositeFieldContainer[Evaluation]
    def __init__(self, plan_id: _Optional[str] = ..., allocation_stopped: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ..., allocation_updated: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ..., allocation_preempted: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ..., evaluation_preemption: _Optional[_Iterable[_Union[Evaluation, _Mapping]]] = ...) -> None: ...

class ScheduleAllocationAddResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Allocation
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Allocation, _Mapping]] = ...) -> None: ...

class ScheduleAllocationListRequest(_message.Message):
    __slots__ = ("id", "namespace", "status", "plan_id", "job_id", "node_id", "eval_id", "ids", "pageNumber", "pageSize", "name", "start_time", "end_time", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    EVAL_ID_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    status: str
    plan_id: str
    job_id: str
    node_id: str
    eval_id: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    pageNumber: int
    pageSize: int
    name: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    limit: int
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., status: _Optional[str] = ..., plan_id: _Optional[str] = ..., job_id: _Optional[str] = ..., node_id: _Optional[str] = ..., eval_id: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., name: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., limit: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleAllocationListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Allocation]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleSimpleAllocationListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[SimpleAllocation]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[SimpleAllocation, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class ScheduleAllocationDeleteRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ScheduleAllocationDeleteResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class ScheduleAllocationStatusUpdateRequest(_message.Message):
    __slots__ = ("id", "status", "description", "ids")
    ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    id: str
    status: str
    description: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., status: _Optional[str] = ..., description: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ...) -> None: ...

class ScheduleAllocationStatusUpdateResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Allocation]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ...) -> None: ...

class ScheduleAllocationDetailRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class ScheduleAllocationDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Allocation
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Allocation, _Mapping]] = ...) -> None: ...

class PlanAllocationEnqueueRequest(_message.Message):
    __slots__ = ("eval_id", "eval_token", "priority", "all_at_once", "plan_id", "job_id", "allocations")
    EVAL_ID_FIELD_NUMBER: _ClassVar[int]
    EVAL_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    ALL_AT_ONCE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOCATIONS_FIELD_NUMBER: _ClassVar[int]
    eval_id: str
    eval_token: str
    priority: int
    all_at_once: bool
    plan_id: str
    job_id: str
    allocations: _containers.RepeatedCompositeFieldContainer[Allocation]
    def __init__(self, eval_id: _Optional[str] = ..., eval_token: _Optional[str] = ..., priority: _Optional[int] = ..., all_at_once: bool = ..., plan_id: _Optional[str] = ..., job_id: _Optional[str] = ..., allocations: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ...) -> None: ...

class PlanAllocationEnqueueResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Allocation]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Allocation, _Mapping]]] = ...) -> None: ...

class NodeAddRequest(_message.Message):
    __slots__ = ("ID", "name", "status", "status_description", "status_update_at", "drain_status", "started_at", "updated_at", "secret_id", "data_center")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_AT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_STATUS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    SECRET_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    ID: str
    name: str
    status: str
    status_description: str
    status_update_at: int
    drain_status: str
    started_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    secret_id: str
    data_center: str
    def __init__(self, ID: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[str] = ..., status_description: _Optional[str] = ..., status_update_at: _Optional[int] = ..., drain_status: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., secret_id: _Optional[str] = ..., data_center: _Optional[str] = ...) -> None: ...

class NodeAddResponse(_message.Message):
    __slots__ = ("header", "data", "heartbeat_ttl")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_TTL_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Node
    heartbeat_ttl: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Node, _Mapping]] = ..., heartbeat_ttl: _Optional[int] = ...) -> None: ...

class NodeListRequest(_message.Message):
    __slots__ = ("id", "name", "status", "pageNumber", "pageSize", "limit")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGENUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGESIZE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    status: str
    pageNumber: int
    pageSize: int
    limit: int
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[str] = ..., pageNumber: _Optional[int] = ..., pageSize: _Optional[int] = ..., limit: _Optional[int] = ..., **kwargs: object) -> None: ...

class NodeListResponse(_message.Message):
    __slots__ = ("header", "data", "totalElements", "totalPages")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    TOTALELEMENTS_FIELD_NUMBER: _ClassVar[int]
    TOTALPAGES_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Node]
    totalElements: int
    totalPages: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., totalElements: _Optional[int] = ..., totalPages: _Optional[int] = ..., **kwargs: object) -> None: ...

class NodeDeleteRequest(_message.Message):
    __slots__ = ("id", "force")
    ID_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    id: str
    force: bool
    def __init__(self, id: _Optional[str] = ..., force: bool = ...) -> None: ...

class NodeDeleteResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class NodeUpdateRequest(_message.Message):
    __slots__ = ("ID", "name", "status", "status_description", "status_update_at", "drain_status", "updated_at", "secret_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STATUS_DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_UPDATE_AT_FIELD_NUMBER: _ClassVar[int]
    DRAIN_STATUS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    SECRET_ID_FIELD_NUMBER: _ClassVar[int]
    ID: str
    name: str
    status: str
    status_description: str
    status_update_at: int
    drain_status: str
    updated_at: _timestamp_pb2.Timestamp
    secret_id: str
    def __init__(self, ID: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[str] = ..., status_description: _Optional[str] = ..., status_update_at: _Optional[int] = ..., drain_status: _Optional[str] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., secret_id: _Optional[str] = ...) -> None: ...

class NodeUpdateResponse(_message.Message):
    __slots__ = ("header", "heartbeat_ttl", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_TTL_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    heartbeat_ttl: int
    data: Node
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., heartbeat_ttl: _Optional[int] = ..., data: _Optional[_Union[Node, _Mapping]] = ...) -> None: ...

class NodeDetailRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class NodeDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Node
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Node, _Mapping]] = ...) -> None: ...

class NodeEligibilityRequest(_message.Message):
    __slots__ = ("id", "eligible", "description")
    ID_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    eligible: bool
    description: str
    def __init__(self, id: _Optional[str] = ..., eligible: bool = ..., description: _Optional[str] = ...) -> None: ...

class NodeEligibilityResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Node
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Node, _Mapping]] = ...) -> None: ...

class NodeDrainRequest(_message.Message):
    __slots__ = ("id", "enable", "deadline", "force", "eligible", "description")
    ID_FIELD_NUMBER: _ClassVar[int]
    ENABLE_FIELD_NUMBER: _ClassVar[int]
    DEADLINE_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ELIGIBLE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    id: str
    enable: bool
    deadline: str
    force: bool
    eligible: bool
    description: str
    def __init__(self, id: _Optional[str] = ..., enable: bool = ..., deadline: _Optional[str] = ..., force: bool = ..., eligible: bool = ..., description: _Optional[str] = ...) -> None: ...

class NodeDrainResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Node
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Node, _Mapping]] = ...) -> None: ...

class QueueDetailRequest(_message.Message):
    __slots__ = ("type",)
    TYPE_FIELD_NUMBER: _ClassVar[int]
    type: str
    def __init__(self, type: _Optional[str] = ...) -> None: ...

class QueueDetailResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: QueueDetail
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[QueueDetail, _Mapping]] = ...) -> None: ...

class QueueJobViewRequest(_message.Message):
    __slots__ = ("namespace",)
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    def __init__(self, namespace: _Optional[str] = ...) -> None: ...

class QueuePauseRequest(_message.Message):
    __slots__ = ("by", "note")
    BY_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    by: str
    note: str
    def __init__(self, by: _Optional[str] = ..., note: _Optional[str] = ...) -> None: ...

class QueuePauseResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Pause
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Pause, _Mapping]] = ...) -> None: ...

class QueueResumeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class QueueResumeResponse(_message.Message):
    __slots__ = ("header",)
    HEADER_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ...) -> None: ...

class QueueJobViewResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: QueueJobStats
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[QueueJobStats, _Mapping]] = ...) -> None: ...

class AgentMessage(_message.Message):
    __slots__ = ("hello", "inventory", "beat", "reports", "log", "drain")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    INVENTORY_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    DRAIN_FIELD_NUMBER: _ClassVar[int]
    hello: AgentHello
    inventory: AgentInventory
    beat: AgentBeat
    reports: AgentReports
    log: AgentLogChunk
    drain: AgentDrain
    def __init__(self, hello: _Optional[_Union[AgentHello, _Mapping]] = ..., inventory: _Optional[_Union[AgentInventory, _Mapping]] = ..., beat: _Optional[_Union[AgentBeat, _Mapping]] = ..., reports: _Optional[_Union[AgentReports, _Mapping]] = ..., log: _Optional[_Union[AgentLogChunk, _Mapping]] = ..., drain: _Optional[_Union[AgentDrain, _Mapping]] = ...) -> None: ...

class ServerMessage(_message.Message):
    __slots__ = ("welcome", "assignments", "stops", "reports_ack", "log", "drop", "beat")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    ASSIGNMENTS_FIELD_NUMBER: _ClassVar[int]
    STOPS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_ACK_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    BEAT_FIELD_NUMBER: _ClassVar[int]
    welcome: ServerWelcome
    assignments: ServerAssignments
    stops: ServerStops
    reports_ack: ServerReportsAck
    log: ServerLogRequest
    drop: ServerDrop
    beat: ServerBeat
    def __init__(self, welcome: _Optional[_Union[ServerWelcome, _Mapping]] = ..., assignments: _Optional[_Union[ServerAssignments, _Mapping]] = ..., stops: _Optional[_Union[ServerStops, _Mapping]] = ..., reports_ack: _Optional[_Union[ServerReportsAck, _Mapping]] = ..., log: _Optional[_Union[ServerLogRequest, _Mapping]] = ..., drop: _Optional[_Union[ServerDrop, _Mapping]] = ..., beat: _Optional[_Union[ServerBeat, _Mapping]] = ...) -> None: ...

class AgentHello(_message.Message):
    __slots__ = ("node_id", "secret", "name", "data_center", "capacity", "executors", "attributes", "version", "started_at", "cluster_id", "process", "peer", "resources")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_CENTER_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    EXECUTORS_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    PROCESS_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    node_id: str
    secret: str
    name: str
    data_center: str
    capacity: int
    executors: _containers.RepeatedScalarFieldContainer[str]
    attributes: _containers.ScalarMap[str, str]
    version: str
    started_at: _timestamp_pb2.Timestamp
    cluster_id: int
    process: str
    peer: str
    resources: NodeResources
    def __init__(self, node_id: _Optional[str] = ..., secret: _Optional[str] = ..., name: _Optional[str] = ..., data_center: _Optional[str] = ..., capacity: _Optional[int] = ..., executors: _Optional[_Iterable[str]] = ..., attributes: _Optional[_Mapping[str, str]] = ..., version: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., cluster_id: _Optional[int] = ..., process: _Optional[str] = ..., peer: _Optional[str] = ..., resources: _Optional[_Union[NodeResources, _Mapping]] = ...) -> None: ...

class ServerWelcome(_message.Message):
    __slots__ = ("heartbeat_ttl", "server", "server_beat", "cluster_id")
    HEARTBEAT_TTL_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    SERVER_BEAT_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_ID_FIELD_NUMBER: _ClassVar[int]
    heartbeat_ttl: int
    server: str
    server_beat: int
    cluster_id: int
    def __init__(self, heartbeat_ttl: _Optional[int] = ..., server: _Optional[str] = ..., server_beat: _Optional[int] = ..., cluster_id: _Optional[int] = ...) -> None: ...

class ServerBeat(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AgentInventory(_message.Message):
    __slots__ = ("held",)
    HELD_FIELD_NUMBER: _ClassVar[int]
    held: _containers.RepeatedCompositeFieldContainer[HeldAllocation]
    def __init__(self, held: _Optional[_Iterable[_Union[HeldAllocation, _Mapping]]] = ...) -> None: ...

class HeldAllocation(_message.Message):
    __slots__ = ("allocation_id", "fence")
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    allocation_id: str
    fence: int
    def __init__(self, allocation_id: _Optional[str] = ..., fence: _Optional[int] = ...) -> None: ...

class AgentBeat(_message.Message):
    __slots__ = ("running", "resources")
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    RESOURCES_FIELD_NUMBER: _ClassVar[int]
    running: int
    resources: NodeResources
    def __init__(self, running: _Optional[int] = ..., resources: _Optional[_Union[NodeResources, _Mapping]] = ...) -> None: ...

class ServerAssignments(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[Assignment]
    def __init__(self, items: _Optional[_Iterable[_Union[Assignment, _Mapping]]] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("allocation_id", "job_id", "plan_id", "namespace", "name", "fence", "attempt", "executor", "parameters", "synchronous", "timeout", "scheduled_time", "desired_status", "callback_url", "callback_token")
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    EXECUTOR_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    SYNCHRONOUS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_TIME_FIELD_NUMBER: _ClassVar[int]
    DESIRED_STATUS_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_URL_FIELD_NUMBER: _ClassVar[int]
    CALLBACK_TOKEN_FIELD_NUMBER: _ClassVar[int]
    allocation_id: str
    job_id: str
    plan_id: str
    namespace: str
    name: str
    fence: int
    attempt: int
    executor: str
    parameters: str
    synchronous: bool
    timeout: int
    scheduled_time: int
    desired_status: str
    callback_url: str
    callback_token: str
    def __init__(self, allocation_id: _Optional[str] = ..., job_id: _Optional[str] = ..., plan_id: _Optional[str] = ..., namespace: _Optional[str] = ..., name: _Optional[str] = ..., fence: _Optional[int] = ..., attempt: _Optional[int] = ..., executor: _Optional[str] = ..., parameters: _Optional[str] = ..., synchronous: bool = ..., timeout: _Optional[int] = ..., scheduled_time: _Optional[int] = ..., desired_status: _Optional[str] = ..., callback_url: _Optional[str] = ..., callback_token: _Optional[str] = ...) -> None: ...

class ServerStops(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[HeldAllocation]
    def __init__(self, items: _Optional[_Iterable[_Union[HeldAllocation, _Mapping]]] = ...) -> None: ...

class ServerDrop(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[HeldAllocation]
    def __init__(self, items: _Optional[_Iterable[_Union[HeldAllocation, _Mapping]]] = ...) -> None: ...

class AgentReports(_message.Message):
    __slots__ = ("sequence", "items")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    items: _containers.RepeatedCompositeFieldContainer[Report]
    def __init__(self, sequence: _Optional[int] = ..., items: _Optional[_Iterable[_Union[Report, _Mapping]]] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("allocation_id", "fence", "status", "reason", "description", "exit_code", "result", "started_at", "finished_at", "accepted")
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    EXIT_CODE_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    FINISHED_AT_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    allocation_id: str
    fence: int
    status: str
    reason: str
    description: str
    exit_code: int
    result: str
    started_at: int
    finished_at: int
    accepted: bool
    def __init__(self, allocation_id: _Optional[str] = ..., fence: _Optional[int] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., description: _Optional[str] = ..., exit_code: _Optional[int] = ..., result: _Optional[str] = ..., started_at: _Optional[int] = ..., finished_at: _Optional[int] = ..., accepted: bool = ...) -> None: ...

class ServerReportsAck(_message.Message):
    __slots__ = ("sequence",)
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    def __init__(self, sequence: _Optional[int] = ...) -> None: ...

class ServerLogRequest(_message.Message):
    __slots__ = ("request_id", "allocation_id", "offset", "limit", "wait_ms")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOCATION_ID_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    WAIT_MS_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    allocation_id: str
    offset: int
    limit: int
    wait_ms: int
    def __init__(self, request_id: _Optional[int] = ..., allocation_id: _Optional[str] = ..., offset: _Optional[int] = ..., limit: _Optional[int] = ..., wait_ms: _Optional[int] = ...) -> None: ...

class AgentLogChunk(_message.Message):
    __slots__ = ("request_id", "data", "next_offset", "size", "complete", "truncated", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NEXT_OFFSET_FIELD_NUMBER: _ClassVar[int]
    SIZE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: int
    data: bytes
    next_offset: int
    size: int
    complete: bool
    truncated: bool
    error: str
    def __init__(self, request_id: _Optional[int] = ..., data: _Optional[bytes] = ..., next_offset: _Optional[int] = ..., size: _Optional[int] = ..., complete: bool = ..., truncated: bool = ..., error: _Optional[str] = ...) -> None: ...

class AgentDrain(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SnapshotSaveRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ScheduleWatchRequest(_message.Message):
    __slots__ = ("kinds", "namespace", "plan_id", "id", "after", "snapshot", "changes_only", "brief")
    KINDS_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    CHANGES_ONLY_FIELD_NUMBER: _ClassVar[int]
    BRIEF_FIELD_NUMBER: _ClassVar[int]
    kinds: _containers.RepeatedScalarFieldContainer[str]
    namespace: str
    plan_id: str
    id: str
    after: str
    snapshot: bool
    changes_only: _containers.RepeatedScalarFieldContainer[str]
    brief: bool
    def __init__(self, kinds: _Optional[_Iterable[str]] = ..., namespace: _Optional[str] = ..., plan_id: _Optional[str] = ..., id: _Optional[str] = ..., after: _Optional[str] = ..., snapshot: bool = ..., changes_only: _Optional[_Iterable[str]] = ..., brief: bool = ...) -> None: ...

class ScheduleChange(_message.Message):
    __slots__ = ("kind", "action", "n", "namespace", "id", "position", "plan", "job", "node", "namespace_item", "server")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    PLAN_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_ITEM_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    kind: str
    action: str
    n: int
    namespace: str
    id: str
    position: str
    plan: Plan
    job: Job
    node: Node
    namespace_item: NameSpace
    server: Server
    def __init__(self, kind: _Optional[str] = ..., action: _Optional[str] = ..., n: _Optional[int] = ..., namespace: _Optional[str] = ..., id: _Optional[str] = ..., position: _Optional[str] = ..., plan: _Optional[_Union[Plan, _Mapping]] = ..., job: _Optional[_Union[Job, _Mapping]] = ..., node: _Optional[_Union[Node, _Mapping]] = ..., namespace_item: _Optional[_Union[NameSpace, _Mapping]] = ..., server: _Optional[_Union[Server, _Mapping]] = ...) -> None: ...

class ScheduleWatchResponse(_message.Message):
    __slots__ = ("header", "data", "position", "reset")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    POSITION_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[ScheduleChange]
    position: str
    reset: bool
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[ScheduleChange, _Mapping]]] = ..., position: _Optional[str] = ..., reset: bool = ...) -> None: ...

class SnapshotPiece(_message.Message):
    __slots__ = ("data",)
    DATA_FIELD_NUMBER: _ClassVar[int]
    data: bytes
    def __init__(self, data: _Optional[bytes] = ...) -> None: ...

class ServerStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerStatusResponse(_message.Message):
    __slots__ = ("header", "id", "name", "url", "version", "engine", "is_leader", "raft_leader", "n", "term", "lag", "leader_id", "leader_name", "agents", "db_size", "db_size_in_use", "db_quota", "etcd_version", "member_id", "is_learner", "raft_term", "raft_index", "raft_applied_index", "errors", "started_at")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENGINE_FIELD_NUMBER: _ClassVar[int]
    IS_LEADER_FIELD_NUMBER: _ClassVar[int]
    RAFT_LEADER_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    LEADER_ID_FIELD_NUMBER: _ClassVar[int]
    LEADER_NAME_FIELD_NUMBER: _ClassVar[int]
    AGENTS_FIELD_NUMBER: _ClassVar[int]
    DB_SIZE_FIELD_NUMBER: _ClassVar[int]
    DB_SIZE_IN_USE_FIELD_NUMBER: _ClassVar[int]
    DB_QUOTA_FIELD_NUMBER: _ClassVar[int]
    ETCD_VERSION_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    IS_LEARNER_FIELD_NUMBER: _ClassVar[int]
    RAFT_TERM_FIELD_NUMBER: _ClassVar[int]
    RAFT_INDEX_FIELD_NUMBER: _ClassVar[int]
    RAFT_APPLIED_INDEX_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    id: str
    name: str
    url: str
    version: str
    engine: str
    is_leader: bool
    raft_leader: bool
    n: int
    term: int
    lag: int
    leader_id: str
    leader_name: str
    agents: int
    db_size: int
    db_size_in_use: int
    db_quota: int
    etcd_version: str
    member_id: str
    is_learner: bool
    raft_term: int
    raft_index: int
    raft_applied_index: int
    errors: _containers.RepeatedScalarFieldContainer[str]
    started_at: _timestamp_pb2.Timestamp
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., id: _Optional[str] = ..., name: _Optional[str] = ..., url: _Optional[str] = ..., version: _Optional[str] = ..., engine: _Optional[str] = ..., is_leader: bool = ..., raft_leader: bool = ..., n: _Optional[int] = ..., term: _Optional[int] = ..., lag: _Optional[int] = ..., leader_id: _Optional[str] = ..., leader_name: _Optional[str] = ..., agents: _Optional[int] = ..., db_size: _Optional[int] = ..., db_size_in_use: _Optional[int] = ..., db_quota: _Optional[int] = ..., etcd_version: _Optional[str] = ..., member_id: _Optional[str] = ..., is_learner: bool = ..., raft_term: _Optional[int] = ..., raft_index: _Optional[int] = ..., raft_applied_index: _Optional[int] = ..., errors: _Optional[_Iterable[str]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Server(_message.Message):
    __slots__ = ("id", "name", "url", "version", "heard_ago", "leads", "n", "member_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HEARD_AGO_FIELD_NUMBER: _ClassVar[int]
    LEADS_FIELD_NUMBER: _ClassVar[int]
    N_FIELD_NUMBER: _ClassVar[int]
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    url: str
    version: str
    heard_ago: int
    leads: bool
    n: int
    member_id: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., url: _Optional[str] = ..., version: _Optional[str] = ..., heard_ago: _Optional[int] = ..., leads: bool = ..., n: _Optional[int] = ..., member_id: _Optional[str] = ...) -> None: ...

class ServerListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ServerListResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Server]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Server, _Mapping]]] = ...) -> None: ...

class ClusterDetailRequest(_message.Message):
    __slots__ = ("local", "since")
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    local: bool
    since: _timestamp_pb2.Timestamp
    def __init__(self, local: bool = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ClusterWatchRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ClusterServer(_message.Message):
    __slots__ = ("server", "status", "error")
    SERVER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    server: Server
    status: ServerStatusResponse
    error: str
    def __init__(self, server: _Optional[_Union[Server, _Mapping]] = ..., status: _Optional[_Union[ServerStatusResponse, _Mapping]] = ..., error: _Optional[str] = ...) -> None: ...

class ClusterLatency(_message.Message):
    __slots__ = ("count", "p50", "p99", "longest")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    P50_FIELD_NUMBER: _ClassVar[int]
    P99_FIELD_NUMBER: _ClassVar[int]
    LONGEST_FIELD_NUMBER: _ClassVar[int]
    count: int
    p50: int
    p99: int
    longest: int
    def __init__(self, count: _Optional[int] = ..., p50: _Optional[int] = ..., p99: _Optional[int] = ..., longest: _Optional[int] = ...) -> None: ...

class ClusterSample(_message.Message):
    __slots__ = ("time", "of_leader", "ready", "unacked", "blocked", "waiting", "commands", "commit", "ended", "failed", "lateness", "live", "span_ms")
    TIME_FIELD_NUMBER: _ClassVar[int]
    OF_LEADER_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    UNACKED_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    ENDED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    LATENESS_FIELD_NUMBER: _ClassVar[int]
    LIVE_FIELD_NUMBER: _ClassVar[int]
    SPAN_MS_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    of_leader: bool
    ready: int
    unacked: int
    blocked: int
    waiting: int
    commands: int
    commit: ClusterLatency
    ended: int
    failed: int
    lateness: ClusterLatency
    live: int
    span_ms: int
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., of_leader: bool = ..., ready: _Optional[int] = ..., unacked: _Optional[int] = ..., blocked: _Optional[int] = ..., waiting: _Optional[int] = ..., commands: _Optional[int] = ..., commit: _Optional[_Union[ClusterLatency, _Mapping]] = ..., ended: _Optional[int] = ..., failed: _Optional[int] = ..., lateness: _Optional[_Union[ClusterLatency, _Mapping]] = ..., live: _Optional[int] = ..., span_ms: _Optional[int] = ...) -> None: ...

class ClusterEvent(_message.Message):
    __slots__ = ("id", "time", "kind", "level", "subject", "text", "count", "subject_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    time: _timestamp_pb2.Timestamp
    kind: str
    level: str
    subject: str
    text: str
    count: int
    subject_id: str
    def __init__(self, id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., level: _Optional[str] = ..., subject: _Optional[str] = ..., text: _Optional[str] = ..., count: _Optional[int] = ..., subject_id: _Optional[str] = ...) -> None: ...

class ClusterDetailResponse(_message.Message):
    __slots__ = ("header", "servers", "leader_id", "leader_name", "led_since", "term", "queues", "commands", "commit", "lateness", "samples", "events")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    SERVERS_FIELD_NUMBER: _ClassVar[int]
    LEADER_ID_FIELD_NUMBER: _ClassVar[int]
    LEADER_NAME_FIELD_NUMBER: _ClassVar[int]
    LED_SINCE_FIELD_NUMBER: _ClassVar[int]
    TERM_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    LATENESS_FIELD_NUMBER: _ClassVar[int]
    SAMPLES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    servers: _containers.RepeatedCompositeFieldContainer[ClusterServer]
    leader_id: str
    leader_name: str
    led_since: _timestamp_pb2.Timestamp
    term: int
    queues: QueueDetail
    commands: int
    commit: ClusterLatency
    lateness: ClusterLatency
    samples: _containers.RepeatedCompositeFieldContainer[ClusterSample]
    events: _containers.RepeatedCompositeFieldContainer[ClusterEvent]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., servers: _Optional[_Iterable[_Union[ClusterServer, _Mapping]]] = ..., leader_id: _Optional[str] = ..., leader_name: _Optional[str] = ..., led_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., term: _Optional[int] = ..., queues: _Optional[_Union[QueueDetail, _Mapping]] = ..., commands: _Optional[int] = ..., commit: _Optional[_Union[ClusterLatency, _Mapping]] = ..., lateness: _Optional[_Union[ClusterLatency, _Mapping]] = ..., samples: _Optional[_Iterable[_Union[ClusterSample, _Mapping]]] = ..., events: _Optional[_Iterable[_Union[ClusterEvent, _Mapping]]] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("id", "name", "peer_urls", "is_learner", "server", "server_url")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PEER_URLS_FIELD_NUMBER: _ClassVar[int]
    IS_LEARNER_FIELD_NUMBER: _ClassVar[int]
    SERVER_FIELD_NUMBER: _ClassVar[int]
    SERVER_URL_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    peer_urls: _containers.RepeatedScalarFieldContainer[str]
    is_learner: bool
    server: str
    server_url: str
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., peer_urls: _Optional[_Iterable[str]] = ..., is_learner: bool = ..., server: _Optional[str] = ..., server_url: _Optional[str] = ...) -> None: ...

class MemberListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class MemberListResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class MemberAddRequest(_message.Message):
    __slots__ = ("peer_urls", "is_learner")
    PEER_URLS_FIELD_NUMBER: _ClassVar[int]
    IS_LEARNER_FIELD_NUMBER: _ClassVar[int]
    peer_urls: _containers.RepeatedScalarFieldContainer[str]
    is_learner: bool
    def __init__(self, peer_urls: _Optional[_Iterable[str]] = ..., is_learner: bool = ...) -> None: ...

class MemberAddResponse(_message.Message):
    __slots__ = ("header", "member", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    MEMBER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    member: Member
    data: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., member: _Optional[_Union[Member, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class MemberRemoveRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class MemberRemoveResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class MemberUpdateRequest(_message.Message):
    __slots__ = ("id", "peer_urls")
    ID_FIELD_NUMBER: _ClassVar[int]
    PEER_URLS_FIELD_NUMBER: _ClassVar[int]
    id: str
    peer_urls: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., peer_urls: _Optional[_Iterable[str]] = ...) -> None: ...

class MemberUpdateResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class MemberPromoteRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    def __init__(self, id: _Optional[str] = ...) -> None: ...

class MemberPromoteResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Member]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Member, _Mapping]]] = ...) -> None: ...

class MoveLeaderRequest(_message.Message):
    __slots__ = ("to",)
    TO_FIELD_NUMBER: _ClassVar[int]
    to: str
    def __init__(self, to: _Optional[str] = ...) -> None: ...

class MoveLeaderResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Server
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Server, _Mapping]] = ...) -> None: ...

class MoveRaftLeaderRequest(_message.Message):
    __slots__ = ("to",)
    TO_FIELD_NUMBER: _ClassVar[int]
    to: str
    def __init__(self, to: _Optional[str] = ...) -> None: ...

class MoveRaftLeaderResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: Member
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Union[Member, _Mapping]] = ...) -> None: ...

class Alarm(_message.Message):
    __slots__ = ("member_id", "alarm")
    MEMBER_ID_FIELD_NUMBER: _ClassVar[int]
    ALARM_FIELD_NUMBER: _ClassVar[int]
    member_id: str
    alarm: str
    def __init__(self, member_id: _Optional[str] = ..., alarm: _Optional[str] = ...) -> None: ...

class AlarmListRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AlarmListResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Alarm]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Alarm, _Mapping]]] = ...) -> None: ...

class AlarmDisarmRequest(_message.Message):
    __slots__ = ("alarm",)
    ALARM_FIELD_NUMBER: _ClassVar[int]
    alarm: str
    def __init__(self, alarm: _Optional[str] = ...) -> None: ...

class AlarmDisarmResponse(_message.Message):
    __slots__ = ("header", "data")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[Alarm]
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[Alarm, _Mapping]]] = ...) -> None: ...

class DefragmentRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class DefragmentResponse(_message.Message):
    __slots__ = ("header", "db_size_before", "db_size")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DB_SIZE_BEFORE_FIELD_NUMBER: _ClassVar[int]
    DB_SIZE_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    db_size_before: int
    db_size: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., db_size_before: _Optional[int] = ..., db_size: _Optional[int] = ...) -> None: ...

class HashKVRequest(_message.Message):
    __slots__ = ("revision",)
    REVISION_FIELD_NUMBER: _ClassVar[int]
    revision: int
    def __init__(self, revision: _Optional[int] = ...) -> None: ...

class HashKVResponse(_message.Message):
    __slots__ = ("header", "hash", "revision", "compact_revision")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    HASH_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    COMPACT_REVISION_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    hash: int
    revision: int
    compact_revision: int
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., hash: _Optional[int] = ..., revision: _Optional[int] = ..., compact_revision: _Optional[int] = ...) -> None: ...

class TimelineRequest(_message.Message):
    __slots__ = ("until", "by", "namespace", "plan_id", "node_id", "limit", "status", "text")
    FROM_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    until: _timestamp_pb2.Timestamp
    by: str
    namespace: str
    plan_id: str
    node_id: str
    limit: int
    status: str
    text: str
    def __init__(self, until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[str] = ..., namespace: _Optional[str] = ..., plan_id: _Optional[str] = ..., node_id: _Optional[str] = ..., limit: _Optional[int] = ..., status: _Optional[str] = ..., text: _Optional[str] = ..., **kwargs: object) -> None: ...

class TimelineBar(_message.Message):
    __slots__ = ("id", "namespace", "plan_id", "node_id", "status", "reason", "due", "created", "started", "finished", "time_zone")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    PLAN_ID_FIELD_NUMBER: _ClassVar[int]
    NODE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DUE_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    FINISHED_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    id: str
    namespace: str
    plan_id: str
    node_id: str
    status: str
    reason: str
    due: _timestamp_pb2.Timestamp
    created: _timestamp_pb2.Timestamp
    started: _timestamp_pb2.Timestamp
    finished: _timestamp_pb2.Timestamp
    time_zone: str
    def __init__(self, id: _Optional[str] = ..., namespace: _Optional[str] = ..., plan_id: _Optional[str] = ..., node_id: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., due: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., started: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., finished: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., time_zone: _Optional[str] = ...) -> None: ...

class TimelineResponse(_message.Message):
    __slots__ = ("header", "data", "more", "complete_from", "now")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FROM_FIELD_NUMBER: _ClassVar[int]
    NOW_FIELD_NUMBER: _ClassVar[int]
    header: ResponseHeader
    data: _containers.RepeatedCompositeFieldContainer[TimelineBar]
    more: bool
    complete_from: _timestamp_pb2.Timestamp
    now: _timestamp_pb2.Timestamp
    def __init__(self, header: _Optional[_Union[ResponseHeader, _Mapping]] = ..., data: _Optional[_Iterable[_Union[TimelineBar, _Mapping]]] = ..., more: bool = ..., complete_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., now: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
