#!/bin/sh
# Never ends, and is deaf to polite signals.
trap '' HUP INT TERM QUIT USR1 USR2 ALRM
echo STARTED
tail -f /dev/null &
while :; do wait; sleep 1; done
