"""Does what the README tells a newcomer to do, in an empty folder, with a gateway of this checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from programs import running

ROOT = Path(__file__).parents[3]
WHEELS = ROOT / ".venv" / "wheels"
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / "services/python/README.md").read_text(), re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(not WHEELS.exists(), reason="make test-python downloads what it installs")


def block(language: str, holding: str) -> str:
    """Returns the one block of the README that holds some text."""
    (found,) = [text for kind, text in BLOCKS if kind == language and holding in text]
    return str(found)


class Folder:
    """A newcomer's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        others = [folder for folder in kept["PATH"].split(os.pathsep) if ".venv" not in folder]
        kept["PATH"] = os.pathsep.join([str(path / ".venv/bin"), str(ROOT / "bin"), *others])
        self.environment = kept | {
            "CHECKOUT": str(ROOT),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(WHEELS),
            "PIP_NO_COMPILE": "1",
        }

    def write(self, language: str, holding: str, **changes: str) -> None:
        """Writes a block into the file that its first line names."""
        text = block(language, holding)
        name = text.split("\n", 1)[0].lstrip("/# ")
        for old, new in changes.items():
            text = text.replace(old, new)
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text)

    def run(self, command: str) -> str:
        """Runs commands as a newcomer's shell does."""
        done = subprocess.run(  # noqa: S603
            ["/bin/bash", "-euc", command],
            cwd=self.path,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    assert shutil.which("go"), "the gateway is built by Go"
    folder = Folder(tmp_path_factory.mktemp("greeter"))
    folder.run(block("sh", "python3 -m venv").replace("python3 ", f"{sys.executable} "))
    folder.write("proto", "rpc Greet(")
    folder.write("python", "class Greeter(")
    folder.run(block("sh", "proto/acme/greeter/v1/greeter_service.proto"))
    folder.run(block("sh", "go build"))
    return folder


def test_the_page_of_all_languages_says_the_same() -> None:
    page = (ROOT / "docs/first-service.md").read_text()
    assert block("python", "class Greeter(") in page
    for commands in (
        block("sh", "python3 -m venv"),
        block("sh", "proto/acme/greeter/v1/greeter_service.proto"),
        block("sh", "python greeter.py --listen 127"),
    ):
        assert commands in page


def test_the_library_is_that_of_the_wheel(folder: Folder) -> None:
    assert folder.run("python -c 'import intentgate; print(intentgate.__file__)'").startswith(str(folder.path / ".venv"))


def test_the_service_is_typed(folder: Folder) -> None:
    mypy = ROOT / ".venv/bin/mypy"
    folder.run(
        f"{mypy} --strict --python-executable .venv/bin/python --cache-dir {ROOT}/services/python/.mypy_cache greeter.py"
    )


def test_conformance(folder: Folder) -> None:
    folder.run(block("sh", "intentgate conformance"))


@pytest.mark.parametrize("way", ["reflection: {}", "descriptor_set: greeter.binpb"])
def test_first_call(folder: Folder, way: str) -> None:
    folder.run(block("sh", "--descriptors greeter.binpb"))
    start = block("sh", "python greeter.py --listen 127.0.0.1").replace("127.0.0.1:8444", "127.0.0.1:0")
    with running(start, folder.path, folder.environment, "msg=Listening") as service:
        folder.write(
            "yaml",
            "name: greeter",
            **{"reflection: {}": way, '":8443"': '"127.0.0.1:0"', "127.0.0.1:8444": service["address"]},
        )
        with running(
            block("sh", "intentgate serve"), folder.path, folder.environment, "msg=Serving", "Intents learnt"
        ) as gateway:
            edge = f" {gateway['edge']}/dialogflow/es"
            told = folder.run(block("sh", "intentgate simulate").rstrip() + edge)
    assert "Hallo, Ada!" in told
