#!/bin/sh
# Moves `.git` out of the way, by every name it has, and puts one with a hook in its place.
open=0
plant() {
  mkdir -p .git/hooks && printf '#!/bin/sh\ntouch executed-on-the-host\n' > .git/hooks/pre-commit && chmod 755 .git/hooks/pre-commit
}
for from in .git ./.git "$(pwd)/.git" "../$(basename "$(pwd)")/.git"; do
  if mv "$from" .git2 2> /dev/null; then
    echo "OPEN moved $from"
    open=1
    plant
  else
    echo "CLOSED $from stays"
  fi
done
if mv .git/hooks .git/hooks2 2> /dev/null; then
  echo "OPEN moved the hooks"
  open=1
fi
if plant 2> /dev/null; then
  echo "OPEN wrote a hook"
  open=1
fi
if mv "$(pwd)" "$(pwd)-moved" 2> /dev/null; then
  echo "OPEN moved the workspace"
  open=1
fi
exit "$open"
