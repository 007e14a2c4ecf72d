#!/bin/sh
# Leaves a line in every file of a home that a login executes. A throw-away home takes it; the real one must not.
for home in "$HOME" "$1"; do
  for file in .bashrc .profile .zshrc .bash_profile .ssh/authorized_keys .config/autostart/x.desktop; do
    mkdir -p "$(dirname "$home/$file")" 2> /dev/null
    if echo evil >> "$home/$file"; then echo "WROTE $home/$file"; else echo "CLOSED $home/$file"; fi 2> /dev/null
  done
done
