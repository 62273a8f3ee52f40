#!/bin/sh
# Runs one command for jobpool and remembers how it ended, also when the agent that started it is gone.
#
#   shim.sh DIR CLAIM TIMEOUT GRACE LIMIT LEASE LOOK LOOKS CWD LAUNCHER... -- COMMAND [ARGUMENT...]
#
# DIR is the run's directory, with a fifo `pipe` in it. CLAIM is `take`, or `taken` when the caller has the claim and
# hands it over. TIMEOUT (0 = none), GRACE and LOOK are seconds, LIMIT bytes of output to keep, LAUNCHER what gives the
# command a session of its own (`setsid`). LEASE is a file that the agent changes as long as it lives: it is looked at
# every LOOK, and the command is stopped when it was the same LOOKS times in a row. The caller starts this script in a
# session of its own too, with nothing on its standard streams. TERM asks it to stop the command.
#
# It leaves in DIR:
#   claim      whoever creates it may run the command: this script, or an agent that finds no trace of it later
#   shim       "<pid> <start time> <boot id>" of this script
#   command    the same of the command, which leads the process group that is signalled
#   output     what the command wrote, up to LIMIT bytes; `truncated` when there was more
#   exit       "<exit code> <why>", why = exit, timeout, stop, lease or cwd; complete, and on disk, once it has its name
#
# What the command leaves running in its process group is killed when the command ends.
set -fu
dir=$1 claim=$2 timeout=$3 grace=$4 limit=$5 lease=$6 look=$7 looks=$8 cwd=$9
shift 9

why='' command='' interrupted=no killer=''
trap 'ask stop' TERM
trap 'ask timeout' ALRM
trap 'ask lease' USR1

# The start time tells this process from a later one with the same pid: field 22, the 20th after the name in brackets.
birth() {
  read -r stat <"/proc/$1/stat" && read -r boot </proc/sys/kernel/random/boot_id || return 1
  pid=$1
  set -- ${stat##*") "}
  printf '%s %s %s\n' "$pid" "${20}" "$boot"
}

# after SECONDS WORDS...: the words as a command, unless this (in the background) is ended before by HUP, the one
# signal that this script does not trap: a child that has just been forked would lose one that is trapped.
after() {
  last=$!
  trap '[ "$!" = "$last" ] || kill -KILL $!; exit 0' HUP
  sleep "$1" &
  shift
  wait $! && [ ! -e "$dir/exit" ] && "$@"
}

# Until the agent gives no sign of life. Ended by HUP, like `after`. It outlives even this script, should that be killed:
# then it ends the command itself.
watch() {
  nap='' missed=0 seen='' now=''
  trap 'kill -KILL $nap; exit 0' HUP
  read -r seen <"$lease"
  while [ "$missed" -lt "$looks" ]; do
    sleep "$look" &
    nap=$!
    wait "$nap"
    nap=''
    read -r now <"$lease"
    if [ "$now" = "$seen" ]; then missed=$((missed + 1)); else missed=0 seen=$now; fi
  done
  [ -e "$dir/exit" ] && exit 0
  if is_still "$dir/shim" && ! has_ended "$pid"; then kill -USR1 $$; return; fi
  is_still "$dir/command" && kill -KILL -"$pid"
}

# is_still FILE: whether the process that is recorded there is in the table; its pid is then in `pid`.
is_still() {
  read -r record <"$1" || return 1
  pid=${record%% *}
  [ "$(birth "$pid")" = "$record" ]
}

# Of one in the table: whether it only waits for its parent to see that it has ended.
has_ended() {
  read -r stat <"/proc/$1/stat" || return 0
  set -- ${stat##*") "}
  [ "$1" = Z ]
}

# To the command's group; to the command alone in the instant before it has one.
signal() { kill -"$1" -"$command" 2>/dev/null || kill -"$1" "$command" 2>/dev/null; }

ask() {
  interrupted=yes
  why=${why:-$1}
  [ -z "$command" ] || terminate
}

terminate() {
  [ -z "$killer" ] || return 0
  killer=none
  signal TERM
  after "$grace" signal KILL &
  killer=$!
}

# Reads to the end whatever happens, so that a command that writes too much, or to a full disk, is not stopped by it.
capture() {
  $unbuffered head -c "$limit" >"$dir/output"
  dropped=$(wc -c)
  [ "$dropped" -eq 0 ] || true >"$dir/truncated"
}

finish() {
  printf '%s %s\n' "$1" "$2" >"$dir/.exit"
  sync "$dir/.exit" || :
  mv "$dir/.exit" "$dir/exit"
  sync "$dir" || :
  exit 0
}

if [ "$claim" = take ]; then
  set -C
  true >"$dir/claim" || exit 0
  set +C
fi
birth $$ >"$dir/shim"
cd -- "$cwd" || finish 126 cwd
unbuffered=''
if command -v stdbuf >/dev/null; then unbuffered='stdbuf -o0'; fi
launcher=''
while [ "$1" != -- ]; do
  launcher="$launcher $1"
  shift
done
shift

[ -z "$why" ] || finish 143 "$why"
watch &
watcher=$!
# Both ends of the pipe are opened here, by way of 3 which does not wait for a partner.
exec 3<>"$dir/pipe"
exec 4<"$dir/pipe" 5>"$dir/pipe" 3>&-
# In brackets: a shell keeps copies of what it redirects for a function, here the end whose closing is waited for.
(exec <&4 4<&- 5>&- && capture) &
capturer=$!
$launcher "$@" </dev/null >&5 2>&1 4<&- 5>&- &
command=$!
exec 4<&- 5>&-
birth "$command" >"$dir/command"
[ -z "$why" ] || terminate
timer=''
if [ "$timeout" != 0 ]; then
  after "$timeout" kill -ALRM $$ &
  timer=$!
fi

# A trapped signal ends `wait` early; the second one then gives the real code, or 127 when the first did already.
wait "$command"
code=$?
while [ "$interrupted" = yes ]; do
  interrupted=no
  wait "$command"
  again=$?
  [ "$again" -eq 127 ] || code=$again
done

trap : TERM ALRM USR1
kill -HUP $timer $killer $watcher
kill -KILL -"$command"
# A process that left the group may hold the pipe open; the run does not wait for it.
after 2 kill "$capturer" &
guard=$!
wait "$capturer"
kill -HUP "$guard"
finish "$code" "${why:-exit}"
