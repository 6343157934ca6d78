"""A service manager (systemd with Type=notify) is notified of the state of the server."""

import os
import signal
import socket
import subprocess
import time

import pytest

from conftest import BIN, DEMO, call, next_line


def receive_until(manager, wanted, within=60):
    """Reports until one is the wanted one."""
    reports, until = [], time.monotonic() + within
    while wanted not in reports:
        left = until - time.monotonic()
        assert left > 0, reports
        manager.settimeout(left)
        reports.append(manager.recv(4096).decode())
    return reports


@pytest.mark.parametrize("abstract", [False, True])
def test_ready_watchdog_and_stopping_are_reported(tmp_path, abstract):
    name = f"sightline-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        environment = {**os.environ, "NOTIFY_SOCKET": "@" + name if abstract else name, "WATCHDOG_USEC": "200000"}
        with open(tmp_path / "log", "wb") as log:
            server = subprocess.Popen([BIN / "sightline-server", "--model", f"clip={DEMO}/models/demo-clip", "--port", "0"], env=environment,
                                      stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            url = next_line(server).split()[1]
            assert receive_until(manager, "READY=1")[:1] == ["READY=1"]
            assert call("GET", url + "/health/ready")[0] == 200
            assert receive_until(manager, f"STATUS=ready at {url}")
            times = []
            for _ in range(5):
                receive_until(manager, "WATCHDOG=1")
                times.append(time.monotonic())
            assert min(later - earlier for earlier, later in zip(times, times[1:])) < 1  # it is asked for every 0.2 s
            server.send_signal(signal.SIGTERM)
            assert "READY=1" not in receive_until(manager, "STOPPING=1\nSTATUS=stopping", within=30)
            assert server.wait(timeout=60) == 0
        finally:
            server.kill()
            server.wait()


def test_a_manager_that_is_gone_does_not_stop_the_server(tmp_path):
    environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "absent")}
    with open(tmp_path / "log", "wb") as log:
        server = subprocess.Popen([BIN / "sightline-server", "--model", f"clip={DEMO}/models/demo-clip", "--port", "0"], env=environment,
                                  stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        url = next_line(server).split()[1]
        assert call("POST", url + "/v1/embeddings", {"model": "clip", "input": "a house"})[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=15) == 0
    finally:
        server.kill()
        server.wait()
    warnings = [line for line in (tmp_path / "log").read_text().splitlines() if "NOTIFY_SOCKET" in line]
    assert len(warnings) == 1 and "No such file or directory" in warnings[0]
