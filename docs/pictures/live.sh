#!/bin/sh
# Prints what a terminal shows while plx is at work on examples/sweep: live.sh PLX
# DIR, where DIR is a copy of the example that was realized with other epochs. It waits for a certain
# state, not for a certain time, so the picture is of the same kind each time.
set -eu
plx=$1 dir=$2
socket=plx-picture-$$
in_tmux() { tmux -L "$socket" -f /dev/null "$@"; }
trap 'in_tmux kill-server 2>/dev/null || true' EXIT
# Longer training, so that stages are seen at work; the data is there.
in_tmux new-session -d -x 92 -y 17 -c "$dir" "env PATH='$(dirname "$plx"):$PATH' PS1='$ ' sh"
in_tmux send-keys 'plx realize -j 3 -p epochs=120' Enter
tries=0
while [ "$tries" -lt 3000 ]; do
	screen=$(in_tmux capture-pane -e -p)
	done=$(printf '%s\n' "$screen" | sed -n 's/.*[^0-9]\([0-9]*\)\/23 done.*/\1/p')
	# Half-way, each running stage with the last line of its log, and a guess of what is left.
	if [ "${done:-0}" -ge 9 ] && [ "$(printf '%s\n' "$screen" | grep -c 'epoch [0-9]\{2,\} of')" = 3 ] && printf '%s\n' "$screen" | grep -q 'left'; then
		printf '%s\n' "$screen"
		in_tmux send-keys C-c
		exit
	fi
	[ "${done:-0}" -lt 19 ] || break
	tries=$((tries + 1))
	sleep 0.05
done
echo "live.sh: plx was done before the picture was taken" >&2
exit 1
