#!/bin/sh
# From nothing to a finished run, with jobpoolctl. Needs a server and an agent that offers `shell`:
#
#   jobpool --data-dir /tmp/quickstart.jobpool &
#   jobpool_agent agent --data-dir /tmp/quickstart.agent --executors rest,noop,shell &
#   JOBPOOLCTL_ENDPOINTS=127.0.0.1:2379 examples/quickstart.sh
set -eu

echo "== who works"
jobpoolctl node list

echo "== a namespace with room for two runs at once"
jobpoolctl namespace add quickstart --limit 2 --when-full wait

echo "== a plan: every hour, in UTC"
jobpoolctl plan add --id greet --ns quickstart --spec '@hourly' --tz UTC --command 'echo "hello, attempt $JOBPOOL_ATTEMPT"'

echo "== not so long: run it now"
job=$(jobpoolctl plan run greet --ns quickstart -w json | sed -n 's/^ *"id": "\([^"]*\)".*/\1/p' | head -n 1)
tries=0
until jobpoolctl job detail "$job" | grep -q '^status: *complete'; do
  tries=$((tries + 1))
  [ "$tries" -le 100 ] || { echo "job $job did not complete:" >&2; jobpoolctl job detail "$job" >&2; exit 1; }
  sleep 0.1
done
jobpoolctl job list --ns quickstart
jobpoolctl job logs "$job"

echo "== and away with it"
jobpoolctl plan offline greet --ns quickstart
jobpoolctl plan delete greet --ns quickstart
jobpoolctl namespace delete quickstart
