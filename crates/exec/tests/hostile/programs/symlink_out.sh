#!/bin/sh
# Writes outside through links: to the file, to its folder, by /proc, with `..`, and as a hard link.
outside=$1
folder=$(dirname "$outside")
name=$(basename "$outside")
open=0
try() {
  if echo z >> "$1"; then
    echo "OPEN $1"
    open=1
  else
    echo "CLOSED $1"
  fi 2> /dev/null
}
ln -s "$outside" direct
try direct
ln -s "$folder" folder
try "folder/$name"
ln -s / root
try "root$outside"
try "/proc/self/root$outside"
try "/proc/self/cwd/../../../../../../../..$outside"
ln "$outside" hard 2> /dev/null && try hard
rm -f direct folder root
if mv "$outside" taken 2> /dev/null || rm "$outside" 2> /dev/null; then
  echo "OPEN $outside is gone"
  open=1
fi
exit "$open"
