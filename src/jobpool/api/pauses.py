"""Pausing: an operator's word that nothing be placed for a while."""

from jobpool.api.checks import check_text
from jobpool.api.context import Context
from jobpool.api.service import Call
from jobpool.model.pause import Pause
from jobpool.store.commands import PauseScheduling, ResumeScheduling
from jobpool.wire import jobpool_pb2 as pb
from jobpool.wire.messages import timestamp

_MAX_NAME = 128
_MAX_NOTE = 512


class Pauses:
    def __init__(self, context: Context) -> None:
        self._context = context

    async def pause(self, request: pb.QueuePauseRequest, call: Call) -> pb.QueuePauseResponse:
        by = check_text("by", request.by, _MAX_NAME) or call.peer
        note = check_text("note", request.note, _MAX_NOTE)
        pause = await self._context.write(PauseScheduling(by, note), call)
        return pb.QueuePauseResponse(header=self._context.header(), data=pause_message(pause))

    async def resume(self, request: pb.QueueResumeRequest, call: Call) -> pb.QueueResumeResponse:
        await self._context.write(ResumeScheduling(), call)
        return pb.QueueResumeResponse(header=self._context.header())


def pause_message(pause: Pause) -> pb.Pause:
    return pb.Pause(since=timestamp(pause.since), by=pause.by, note=pause.note)
