"""Programs that run while a test does."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def running(command: str, folder: Path, environment: Mapping[str, str], *messages: str) -> Iterator[dict[str, str]]:
    """Runs a server by a shell, and returns the fields of its log up to where all messages have come."""
    with subprocess.Popen(  # noqa: S603
        ["/bin/bash", "-euc", f"exec {command}"], cwd=folder, env=environment, text=True, stderr=subprocess.PIPE
    ) as server:
        assert server.stderr
        told = []
        fields: dict[str, str] = {}
        awaited = set(messages)
        try:
            for line in server.stderr:
                told.append(line)
                fields |= re.findall(r'(\S+?)=("[^"]*"|\S+)', line)
                awaited -= {message for message in awaited if message in line}
                if not awaited:
                    yield fields
                    break
        finally:
            server.terminate()
            told.append(server.communicate(timeout=60)[1])
    assert server.returncode == 0, "".join(told)
