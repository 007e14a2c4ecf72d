#!/bin/sh
# Reads credentials: of this home, of the home that is given, of all homes, and the machine's.
open=0
for home in "$HOME" "$1" /home/* /root; do
  for file in .aws/credentials .ssh/id_rsa .ssh/id_ed25519 .netrc .npmrc .git-credentials .docker/config.json .kube/config \
    .config/gh/hosts.yml .bash_history .claude.json .codex/auth.json; do
    if [ -s "$home/$file" ] && head -c 1 "$home/$file" > /dev/null 2>&1; then
      echo "OPEN $home/$file"
      open=1
    fi
  done
done
for file in /etc/shadow /etc/gshadow /etc/sudoers /var/run/docker.sock /run/docker.sock "$2"; do
  if [ -n "$file" ] && { [ -S "$file" ] || head -c 1 "$file" > /dev/null 2>&1; }; then
    echo "OPEN $file"
    open=1
  fi
done
[ "$open" -eq 1 ] || echo "CLOSED no credentials to read"
exit "$open"
