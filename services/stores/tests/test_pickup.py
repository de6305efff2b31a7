"""Calls the orders service itself, which is written in Go."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from authority import Authority
from intentgate import Files
from stores import pickup

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new()


@pytest.fixture(scope="module")
def orders(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Returns the address of the running service."""
    folder = tmp_path_factory.mktemp("orders")
    subprocess.run(["go", "build", "-o", "bin/", "./services/orders/cmd/orders"], cwd=ROOT, check=True)
    files = authority.files(folder, "dns:orders.internal")
    command = [str(ROOT / "bin/orders"), "--listen", "127.0.0.1:0", "--allow", "dns:pickup.internal", *paths(files)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stderr
        try:
            for line in process.stderr:
                if found := re.search(r"msg=Listening .*address=(\S+)", line):
                    yield found[1]
                    break
        finally:
            process.terminate()
            process.communicate(timeout=60)


def paths(files: Files) -> list[str]:
    return ["--cert", str(files.cert), "--key", str(files.key), "--ca", str(files.ca)]


def asked(authority: Authority, folder: Path, name: str, orders: str, order: str) -> int:
    files = authority.files(folder, name)
    return pickup.main([*paths(files), "--target", orders, "--server-name", "orders.internal", order])


@pytest.mark.parametrize(("order", "words"), [("A-1042", "A-1042: not here. Order A-1042"), ("B-2001", "B-2001: ")])
def test_asks_with_its_own_certificate(
    order: str, words: str, authority: Authority, orders: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(authority, tmp_path, "dns:pickup.internal", orders, order) == 0
    assert capsys.readouterr().out.startswith(words)


def test_is_refused_with_anothers(
    authority: Authority, orders: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(authority, tmp_path, "dns:stranger.internal", orders, "A-1042") == 1
    assert capsys.readouterr().err == "pickup: PERMISSION_DENIED: caller is not allowed\n"


def test_says_what_is_wrong(authority: Authority, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = authority.files(tmp_path, "dns:pickup.internal")
    assert pickup.main([*paths(Files(files.cert, tmp_path / "no.key", files.ca)), "A-1042"]) == 1
    assert "no.key: there is no such file" in capsys.readouterr().err


def test_says_that_there_is_no_such_order(
    authority: Authority, orders: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(authority, tmp_path, "dns:pickup.internal", orders, "Z-0000") == 1
    assert "NOT_FOUND" in capsys.readouterr().err
