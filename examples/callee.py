"""An HTTP service that plans call: it answers at once, works, and reports the end of each job to jobpool.

Only the standard library. Try it with the plans rest-sync.yaml and rest-async.yaml beside it:

    python3 examples/callee.py --server http://127.0.0.1:2379 --work 3
"""

import argparse
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen


class Callee(ThreadingHTTPServer):
    """Remembers which jobs it has taken: jobpool may deliver a call twice, the work is done once."""

    daemon_threads = True

    def __init__(self, port: int, server: str, work: float) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.server_url = server.rstrip("/")
        self.work = work
        self.taken: set[str] = set()
        self.lock = threading.Lock()

    def take(self, job_id: str) -> bool:
        """Whether the job is new."""
        with self.lock:
            is_new = job_id not in self.taken
            self.taken.add(job_id)
            return is_new

    def report(self, job_id: str, token: str) -> None:
        """The end of the work, told to jobpool, with the token that came with the call."""
        body = json.dumps({"status": "complete", "description": "done by callee.py", "result": "42 rows"})
        request = Request(  # noqa: S310 — the address is an option of this program
            f"{self.server_url}/v3/schedule/jobs/{job_id}/status",
            data=body.encode(),
            headers={"Content-Type": "application/json", "X-Jobpool-Token": token},
            method="POST",
        )
        try:
            with urlopen(request, timeout=10) as answer:  # noqa: S310
                print(f"job {job_id}: reported complete, HTTP {answer.status}", flush=True)
        except HTTPError as error:
            # 409: the run has ended meanwhile (cancelled, timed out). Its status will not change.
            # 403: it was tried again meanwhile, and only the newest attempt has a say.
            print(f"job {job_id}: the report was refused: {error.read().decode()}", flush=True)


class Handler(BaseHTTPRequestHandler):
    """`/train` takes work over, every other path does it while the caller waits."""

    server: Callee

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if urlsplit(self.path).path == "/train":
            self._take_over(json.loads(body))
        else:
            job_id, fence = self.headers.get("X-Jobpool-Job"), self.headers.get("X-Jobpool-Fence")
            print(f"job {job_id}: {self.path} with fence {fence}: {body.decode()}", flush=True)
            self._answer({"refreshed": True})

    def _take_over(self, call: dict[str, str]) -> None:
        job_id = call["jobId"]
        if "status" in call:  # `skipped` or `failed`: the tick did not run, there is nothing to do
            print(f"job {job_id}: {call['status']}: {call['message']}", flush=True)
        elif self.server.take(job_id):
            print(f"job {job_id}: taken", flush=True)
            token = self.headers.get("X-Jobpool-Token", "")
            threading.Timer(self.server.work, self.server.report, [job_id, token]).start()
        # `code` 200 accepts; any other code with a text in `error` ends the run as failed (rejected).
        self._answer({"code": 200})

    def _answer(self, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: what matters is printed above."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8088, help="where to listen; 0 takes a free one")
    parser.add_argument("--server", default="http://127.0.0.1:2379", help="the jobpool server to report to")
    parser.add_argument("--work", type=float, default=3, help="seconds that an asynchronous job takes")
    options = parser.parse_args()
    callee = Callee(options.port, options.server, options.work)
    print(f"callee listens on http://127.0.0.1:{callee.server_port}", flush=True)
    callee.serve_forever()


if __name__ == "__main__":
    main()
