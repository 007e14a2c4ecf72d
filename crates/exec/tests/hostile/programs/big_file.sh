#!/bin/sh
# Writes 10 GiB into one file, then into files of 256 MiB each.
trap 'rm -f big big-*' EXIT
trap '' XFSZ
if head -c 10G /dev/zero > big 2> /dev/null; then
  echo "OPEN one file of 10 GiB"
  exit 1
fi
rm -f big
number=0
while [ "$number" -lt 40 ]; do
  if ! head -c 256M /dev/zero > "big-$number" 2> /dev/null; then
    echo "CLOSED after $number files of 256 MiB"
    exit 0
  fi
  number=$((number + 1))
done
# What one file may hold is limited everywhere; what all hold together only where the tier says so.
echo "NOTE 40 files of 256 MiB"
