#!/bin/sh
# After the package is installed: the group that may read the gateway's keys, and the unit. It is started by whoever has configured it.
set -e
if command -v systemd-sysusers >/dev/null; then systemd-sysusers intentgate.conf; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
