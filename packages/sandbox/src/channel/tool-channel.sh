# The sandbox's end of the tool channel (protocol: frames.ts). POSIX sh; nothing here is a defence: whoever runs code in
# the sandbox can change or kill this, so the worker believes none of it.
# $1 this text, $2 scratch folder, $3 workspace, $4 phase, $5 a tag that no other channel has, $6 the first call's id
script=$1 scratch=$2 workspace=$3 phase=$4 tag=$5 first_id=$6

if [ "$phase" = start ]; then
  missing=
  for tool in cat chmod dd env find kill mkdir mkfifo mv rm setsid tar wc; do
    command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
  done
  if [ -n "$missing" ]; then
    printf 'missing%s\n' "$missing"
    exit 1
  fi
  mkdir -p "$scratch" && cd "$scratch" || exit 1
  rm -f lock go.* command.* call.* chunk.* count.* pid.* killed.* forget.* dead.* input.* last.* marked.*
  mkdir -p output job || exit 1
  # State outlives a channel: a fresh one goes on with the folder and environment of the last command that ended.
  if ! [ -s current ] || ! read -r current <current || ! [ -s "state.$current" ]; then
    DEVBOT_CWD=$workspace
    export DEVBOT_CWD
    unset OLDPWD
    export -p >state.0 && echo 0 >current || exit 1
  fi
  mkfifo lock go.0 go.1 go.2 go.3 go.4 go.5 go.6 go.7 || exit 1
  # From here on with an empty environment: what a command unsets must not come back from ours.
  exec env -i PATH="$PATH" LC_ALL=C DEVBOT_SANDBOX="${DEVBOT_SANDBOX-}" \
    sh -c "$script" devbot "$script" "$scratch" "$workspace" serve "$tag" "$first_id"
fi

# 3 requests, 4 frames, 9 a FIFO that holds one newline: whoever reads it may write a frame, then puts it back.
exec 3<&0 4>&1 9<>"$scratch/lock" </dev/null >/dev/null 2>/dev/null
echo >&9

# What a command runs in: a fresh shell of its own session, started before the command is known, because starting it takes
# longer than most commands. What it reads from 7 is how: "shell" in the state of the last one, leaving its own when it ends
# by itself; "job" in that state; "apart" in the workspace and in no state.
run='
_devbot_scratch=$1 _devbot_slot=$2 _devbot_workspace=$3 _devbot_call=$DEVBOT_CALL
set --
unset LC_ALL
# Nothing to read any more: the server is gone.
read -r _devbot_how <&7 || exit
exec 7<&-
if [ $_devbot_how = apart ]; then
  cd "$_devbot_workspace" && LC_ALL=C.UTF-8 && export LC_ALL || exit
  . "$_devbot_scratch/command.$_devbot_slot"
  exit
fi
# Another command may be just about to write it: then it is empty for a moment. State 0 is the one at the start.
_devbot_current= _devbot_try=0
while [ -z "$_devbot_current" ] && [ $((_devbot_try += 1)) -le 1000 ]; do read -r _devbot_current <"$_devbot_scratch/current"; done
: "${_devbot_current:=0}"
. "$_devbot_scratch/state.$_devbot_current"
DEVBOT_CALL=$_devbot_call _devbot_oldpwd=${OLDPWD-}
export DEVBOT_CALL
if ! cd "$DEVBOT_CWD" 2>/dev/null; then
  cd "$_devbot_workspace" && echo "devbot: $DEVBOT_CWD is gone, the working directory is $PWD again" >&2
fi
# So that cd - works from one command to the next.
if [ -n "$_devbot_oldpwd" ]; then OLDPWD=$_devbot_oldpwd; else unset OLDPWD; fi
_devbot_save() {
  DEVBOT_CWD=$PWD
  export DEVBOT_CWD
  if [ -n "${OLDPWD-}" ]; then export OLDPWD; fi
  export -p >"$_devbot_scratch/state.$_devbot_slot" || return
  if ! [ -e "$_devbot_scratch/killed.$_devbot_slot" ]; then echo "$_devbot_slot" >"$_devbot_scratch/current"; fi
}
if [ $_devbot_how = shell ]; then trap _devbot_save EXIT; fi
. "$_devbot_scratch/command.$_devbot_slot"
'

# Waits until it may write, then writes one frame from its arguments (a printf format and its values).
send() {
  read -r _ <&9
  # shellcheck disable=SC2059
  printf "$@" >&4
  echo >&9
}

# send_file ID BYTES NAME TRAILER: chunk.NAME and what follows it. A short text goes without a program of its own, unless
# NUL bytes got lost in it.
send_file() {
  text= part=
  if [ "$2" -le 1024 ]; then
    while IFS= read -r part; do text=$text$part$newline; done <"$scratch/chunk.$3"
    text=$text$part
    if [ ${#text} -eq "$2" ]; then
      send 'data %s %s\n%s%s' "$1" "$2" "$text" "$4"
      return
    fi
  fi
  read -r _ <&9
  printf 'data %s %s\n' "$1" "$2" >&4
  cat "$scratch/chunk.$3" >&4
  printf '%s' "$4" >&4
  echo >&9
}

# copy_block NAME DD-OPERANDS...: one dd into chunk.NAME. Sets $bytes, from what dd says about itself where it does
# ("5 bytes copied"); some busybox ones do not.
copy_block() {
  name=$1
  shift
  dd "$@" of="$scratch/chunk.$name" 2>"$scratch/count.$name"
  bytes=
  while read -r number word _; do
    case $word in byte*) bytes=$number ;; esac
  done <"$scratch/count.$name"
  if [ -z "$bytes" ]; then bytes=$(($(wc -c <"$scratch/chunk.$name"))); fi
}

# A slot is everything that one command needs, waiting for it: runner SLOT (the shell, and who waits for its end) and
# relay SLOT (who passes its output on). Both learn the call's id only when there is one, from call.SLOT.
prepare_slot() {
  slot=$((slot + 1))
  go=$scratch/go.$((slot % 8))
  [ -p "$go" ] || exit 1
  # Opened both ways, which never waits: what is written before the shell reads is kept.
  exec 8<>"$go"
  runner "$slot" | relay "$slot" &
  eval "relay_$slot=$!"
  spare=yes
}

runner() {
  # For reading only: so the shell notices when the server is gone.
  exec 7<"$go" 8>&- 3<&-
  while kill -0 $$; do
    DEVBOT_CALL=$tag.$1. setsid sh -c "$run" devbot "$scratch" "$1" "$workspace" </dev/null 2>&1 4>&- 9<&- &
    echo $! >"$scratch/pid.$1"
    wait $!
    code=$?
    # Somebody may end a shell that only waits: then there is another.
    [ -e "$scratch/command.$1" ] || continue
    exec >/dev/null
    read -r id _ <"$scratch/call.$1" && send 'exit %s %s\n' "$id" $code
    break
  done
}

# Passes output on in full blocks; a shorter one means that every writer is gone. Once the worker has what it wants, the
# rest of what a process left behind writes is thrown away, so that it neither blocks nor dies of a broken pipe.
relay() {
  # Under 5 for mark: under 0 there is the lock while it is waited for.
  exec 5<&0 8>&- 3<&-
  full=65536 stored=
  copy_block "$1" bs=$full count=1 iflag=fullblock
  # Without a command the slot is of no use. Looked at twice, because one may come at this moment.
  [ -e "$scratch/command.$1" ] || : >"$scratch/dead.$1"
  [ -e "$scratch/command.$1" ] || return
  read -r id keep <"$scratch/call.$1"
  if [ "$keep" -eq 0 ] || [ "$bytes" -le "$keep" ]; then keep=; fi
  if [ -n "$keep" ]; then keep_first "$1"; fi
  while [ "$bytes" -eq $full ]; do
    send_file "$id" "$bytes" "$1" ''
    if [ -e "$scratch/forget.$1" ]; then
      cat >/dev/null
      return
    fi
    if [ -n "$keep" ]; then
      keep_rest "$1"
    else
      full=65536
      copy_block "$1" bs=$full count=1 iflag=fullblock
    fi
  done
  # Not after a trim, which has done it.
  [ -z "$stored" ] || [ -e "$scratch/forget.$1" ] || keep_newest 3 "$scratch"/output/*
  send_file "$id" "$bytes" "$1" "eof $id$newline"
}

# A long output that is to be kept goes into a file. The worker gets its first block and its end only: it shows no more,
# and 50 MB on their way through engine and worker would cost seconds. The newest three files stay.
keep_first() {
  output=$scratch/output/$((1000000 + id)) stored=0
  store "$1"
}

# keep_newest COUNT FILE...: removes the others. Names are call ids above a million: they sort by age.
keep_newest() {
  count=$1
  shift
  while [ $# -gt "$count" ]; do
    rm -f "$1"
    shift
  done
}

# store SLOT: chunk.SLOT into the file, as long as it has less than 64 MiB. No output is worth a full disk.
store() {
  if [ "$stored" -ge 67108864 ] || [ -e "$scratch/forget.$1" ]; then return; fi
  stored=$((stored + bytes))
  if ! cat "$scratch/chunk.$1" >>"$output"; then
    stored=67108864
    rm -f "$output"
  elif [ $stored -ge 67108864 ]; then
    printf '\n[devbot: the rest is not kept]\n' >>"$output"
  fi
}

# Stores blocks of 1 MiB until the end, or until mark asks for what comes. Leaves the last one to be sent, and sends what
# comes before it: how much was left out, and 64 KiB, because the last block may be short.
keep_rest() {
  keep= full=1048576 skipped=0 before=0
  while :; do
    mv "$scratch/chunk.$1" "$scratch/last.$1"
    copy_block "$1" bs=65536 count=16 iflag=fullblock
    store "$1"
    if [ "$bytes" -lt $full ] || [ -e "$scratch/marked.$1" ]; then break; fi
    skipped=$((skipped + before)) before=$full
  done
  [ $before -gt 0 ] || return
  last_bytes=$bytes
  copy_block "tail$1" if="$scratch/last.$1" bs=65536 skip=15
  send 'skipped %s %s\n' "$id" $((skipped + before - bytes))
  send_file "$id" "$bytes" "tail$1" ''
  rm -f "$scratch/chunk.tail$1" "$scratch/count.tail$1"
  bytes=$last_bytes
}

# exec ID HOW KEEP COMMAND, in the slot that waits for it. The next one is made ready by prepare, between two calls: right
# here it would take the processor from the command. Of more than KEEP bytes of output all is kept; 0: none is.
exec_call() {
  [ -n "$spare" ] || prepare_slot
  spare=
  eval "slot_$1=$slot"
  echo "$1 $3" >"$scratch/call.$slot"
  printf '%b' "$4" >"$scratch/command.$slot"
  echo "$2" >&8
  [ -e "$scratch/dead.$slot" ] && send 'eof %s\n' "$1"
  if [ "$slot" -ge $((swept + 128)) ]; then
    sweep "$((swept + 1))" "$((swept + 64))" &
    swept=$((swept + 64))
  fi
}

# mark SLOT NONCE: something still holds the output of a command that has ended. What it wrote lies before the nonce, and
# the blanks fill the block that the relay waits for.
mark_call() {
  eval "pid=\${relay_$1-}"
  : >"$scratch/marked.$1"
  {
    printf '%s' "$2"
    printf '%1048576s' ''
  } >"/proc/$pid/fd/5"
}

# trim ID BYTES SLOT: the kept output ended there, what follows is the nonce; 0: it was not to be kept. Done when the next
# request is read.
trim_call() {
  : >"$scratch/forget.$3"
  output=$scratch/output/$((1000000 + $1))
  [ -e "$output" ] || return
  if [ "$2" -eq 0 ]; then
    rm -f "$output"
  else
    if [ "$(($(wc -c <"$output")))" -gt "$2" ]; then dd if=/dev/null of="$output" bs=1 seek="$2"; fi
    keep_newest 3 "$scratch"/output/*
  fi
}

# job ID COMMAND: beside everything else, with its output in a file as it comes, and no block waited for.
job_call() {
  eval "slot_$1=job$1"
  echo job >"$scratch/call.job$1"
  printf '%b' "$2" >"$scratch/command.job$1"
  : >"$scratch/pid.job$1"
  job_runner "$1" | job_relay "$1" &
  forget_jobs &
}

job_runner() {
  exec 7<"$scratch/call.job$1" 8>&- 3<&-
  DEVBOT_CALL=$tag.job$1. setsid sh -c "$run" devbot "$scratch" "job$1" "$workspace" </dev/null 2>&1 4>&- 9<&- &
  echo $! >"$scratch/pid.job$1"
  wait $!
  code=$?
  exec >/dev/null
  rm -f "$scratch/pid.job$1" "$scratch/call.job$1" "$scratch/command.job$1" "$scratch/killed.job$1"
  send 'exit %s %s\n' "$1" $code
}

# At most 8 MiB in each dd, which is also 2048 lines written one by one; at most 24 MiB in all.
job_relay() {
  exec 8>&- 3<&- 4>&- 9<&-
  output=$scratch/job/$((1000000 + $1)) size=0 before=-1
  while [ "$size" -lt 16777216 ] && [ "$size" -gt $before ]; do
    before=$size
    dd bs=4096 count=2048 >>"$output"
    size=$(($(wc -c <"$output")))
  done
  if [ "$size" -ge 16777216 ]; then printf '\n[devbot: the rest is not kept]\n' >>"$output"; fi
  cat >/dev/null
}

# Of ended jobs the newest four keep their output.
forget_jobs() {
  set --
  for output in "$scratch"/job/[0-9]*; do
    [ -e "$output" ] || continue
    [ -e "$scratch/pid.job$((${output##*/} - 1000000))" ] || set -- "$@" "$output"
  done
  keep_newest 4 "$@"
}

# sweep FROM TO: removes the files of old slots. One that is still under way makes anew what it needs.
sweep() {
  # Empty while a command writes it: then there is a later sweep.
  cd "$scratch" && read -r current <current || return
  old=$1 last=$2
  set --
  while [ "$old" -le "$last" ]; do
    set -- "$@" "command.$old" "call.$old" "chunk.$old" "count.$old" "pid.$old" "killed.$old" "forget.$old" "dead.$old" \
      "last.$old" "marked.$old"
    [ "$old" = "$current" ] || set -- "$@" "state.$old"
    old=$((old + 1))
  done
  rm -f "$@"
}

# kill ID SIGNAL SLOT: the process group; with KILL also what left the group but kept the call's mark in its environment.
kill_call() {
  pid=
  [ -e "$scratch/pid.$3" ] && read -r pid <"$scratch/pid.$3"
  if [ -n "$pid" ]; then kill -s "$2" -- "-$pid" || kill -s "$2" "$pid"; fi
  if [ "$2" = KILL ]; then kill_marked "DEVBOT_CALL=$tag.$3."; fi
  send 'killed %s %s\n' "$1" "$2"
}

kill_marked() {
  for process in /proc/[0-9]*; do
    # read drops the NUL bytes between the variables.
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in *"$1"*) kill -s KILL "${process#/proc/}" && break ;; esac
    done <"$process/environ"
  done
}

# Sets $path from its escaped form; relative ones start at the workspace.
decode_path() {
  path=$(printf '%bx' "$1")
  path=${path%x}
  case $path in
  /*) ;;
  *) path=$workspace/$path ;;
  esac
}

# read ID MAX SKIP PATH: frames of data from the SKIPth block of 64 KiB on, then a reply with the file's size.
read_call() {
  decode_path "$4"
  if [ -d "$path" ]; then
    status=directory
  elif ! [ -e "$path" ]; then
    status=missing
  elif ! [ -f "$path" ]; then
    status=not-a-file
  elif ! [ -r "$path" ]; then
    status=no-permission
  else
    status=file
  fi
  total=0 block=$3 bytes=1048576
  if [ $status = file ]; then
    while [ "$bytes" -eq 1048576 ] && [ "$total" -lt "$2" ]; do
      copy_block "file$1" if="$path" bs=65536 count=16 skip="$block"
      [ "$bytes" -gt 0 ] && send_file "$1" "$bytes" "file$1" ''
      total=$((total + bytes)) block=$((block + 16))
    done
    # Past the end, or not at the end: then the size has to be asked for.
    if [ "$bytes" -eq 1048576 ] || [ "$total" -eq 0 ]; then total=$(($(wc -c <"$path"))); else total=$((total + $3 * 65536)); fi
  fi
  send 'reply %s %s %s\n%s' "$1" $status ${#total} "$total"
  rm -f "$scratch/chunk.file$1" "$scratch/count.file$1"
}

# write ID PATH FILE: the bytes came by put before.
write_call() {
  decode_path "$2"
  parent=${path%/*}
  status=failed
  if [ -e "$path" ] && ! [ -f "$path" ]; then
    reason='something that is no regular file is there'
  elif ! reason=$({ [ -d "${parent:-/}" ] || mkdir -p -- "$parent"; } 2>&1); then
    :
  elif reason=$({ cat "$3" >"$path"; } 2>&1); then
    status=written
  fi
  send 'reply %s %s %s\n%s' "$1" $status ${#reason} "$reason"
  rm -f "$scratch/input.$1"
}

newline='
'
unstored= slot=$((first_id - 1)) swept=$((first_id - 1))
prepare_slot
send 'ready 1\n'
while IFS=' ' read -r verb id first second third <&3; do
  # Without its scratch folder the channel cannot work: it ends, and the next one makes it again.
  [ -e "$scratch/lock" ] && [ -e "$scratch/current" ] || exit 1
  eval "of_id=\${slot_$id-0}"
  case $verb in
  exec) exec_call "$id" shell "$first" "$second" ;;
  apart) exec_call "$id" apart 0 "$first" ;;
  job) job_call "$id" "$first" ;;
  prepare) [ -n "$spare" ] || prepare_slot ;;
  mark) mark_call "$of_id" "$first" & ;;
  trim) trim_call "$id" "$first" "$of_id" ;;
  kill)
    : >"$scratch/killed.$of_id"
    kill_call "$id" "$first" "$of_id" &
    ;;
  forget) : >"$scratch/forget.$of_id" ;;
  read) read_call "$id" "$first" "$second" "$third" & ;;
  put) # one block, read whole before it is written: what cannot be stored is still taken off the stream
    dd bs="$first" count=1 iflag=fullblock <&3 >>"$scratch/input.$id" || unstored="$unstored $id "
    ;;
  write)
    input=/dev/null
    [ -e "$scratch/input.$id" ] && input=$scratch/input.$id
    case $unstored in
    *" $id "*) send 'reply %s failed 40\nthe sandbox has no space left to take it' "$id" ;;
    *) write_call "$id" "$first" "$input" & ;;
    esac
    ;;
  *) exit 1 ;;
  esac
done
