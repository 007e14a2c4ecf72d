#!/bin/sh
# Puts programs where tools of the host look for them. They leave a mark when the host executes one.
here=$(pwd)
for path in .venv/bin/python .venv/bin/python3 .venv/bin/pip node_modules/.bin/eslint node_modules/.bin/tsc bin/git git bwrap sh; do
  mkdir -p "$(dirname "$path")" || continue
  rm -f "$path"
  printf '#!/bin/sh\ntouch %s/executed-on-the-host\n' "'$here'" > "$path" && chmod 755 "$path" && echo "WROTE $path"
done
printf 'import os\nopen(os.path.join(%s, "executed-on-the-host"), "w")\n' "'$here'" > sitecustomize.py
printf '[build]\nrustc-wrapper = "%s/git"\n' "$here" > cargo-config.toml
echo "CLOSED if the host executes none of them"
