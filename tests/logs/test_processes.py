"""Logs of whole processes: forks, uncaught exceptions, terminals, and readers that sleep or leave."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

BEGIN = """
import logging, os, signal, sys, threading, time
import obs
obs.init(service="shop", metrics_port=0, log_storm=0)
log = obs.get_logger("shop")
"""


def command(program: str) -> list[str]:
    """How a program is run after `obs.init()`."""
    return [sys.executable, "-c", BEGIN + program]


def run(program: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(command(program), capture_output=True, text=True, timeout=60, check=False, **options)


def records(out: str) -> list[dict[str, Any]]:
    """The records of what a program wrote."""
    return [json.loads(line) for line in out.splitlines()]


def test_pipe_gets_json_and_is_complete_at_exit() -> None:
    """Into a pipe go records, in the order in which they were logged, and none is missing at the end."""
    done = run("for number in range(500): log.info('m', number=number, text='x' * 1000)")
    assert (done.returncode, done.stderr) == (0, "")
    assert [record["number"] for record in records(done.stdout)] == list(range(500))


@pytest.mark.parametrize("kind", ["file", "pipe"])
def test_children_of_fork_log_while_the_parent_does(kind: str, tmp_path: Path) -> None:
    """Sixty forked children log while two threads of the parent do: every line is whole, none is lost, none hangs."""
    program = """
stop = False
def chat(name):
    number = 0
    while not stop:
        log.info("chat", name=name, number=number, text="x" * 300)
        number += 1
threads = [threading.Thread(target=chat, args=(name,)) for name in "ab"]
for thread in threads: thread.start()
children = []
for number in range(60):
    child = os.fork()
    if not child:
        log.info("child", number=number)
        logging.getLogger("lib").info("child by logging", extra={"number": number})
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 60
stop = True
for thread in threads: thread.join()
"""
    with (tmp_path / "out").open("ab") as out:
        to = out if kind == "file" else subprocess.PIPE
        done = subprocess.run(command(program), stdout=to, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    written = records((tmp_path / "out").read_text() if kind == "file" else done.stdout.decode())
    for message in ("child", "child by logging"):
        assert sorted(record["number"] for record in written if record["message"] == message) == list(range(60))
    pids = {record["process"]["pid"] for record in written if record["message"] == "child"}
    assert len(pids) == 60
    assert len({record["event"]["id"] for record in written}) == len(written)
    for name in "ab":
        numbers = [record["number"] for record in written if record.get("name") == name]
        assert numbers == list(range(len(numbers)))


def test_long_lines_of_many_threads_do_not_mix_in_a_pipe() -> None:
    """Lines longer than what a pipe takes at once stay whole."""
    program = """
def chat(name):
    for number in range(40): log.info("chat", name=name, number=number, text=name * 20000)
threads = [threading.Thread(target=chat, args=(name,)) for name in "abcdef"]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
    done = run(program)
    assert done.stderr == ""
    written = records(done.stdout)
    assert len(written) == 240
    assert all(record["text"] == record["name"] * 20000 for record in written)


def test_uncaught_exception_is_one_critical_record_and_the_traceback_is_still_shown() -> None:
    """The record is on standard output, Python's own traceback on standard error, and the exit code is kept."""
    done = run("raise ValueError('password=hunter2')")
    assert done.returncode == 1
    (record,) = records(done.stdout)
    assert (record["log.level"], record["error"]["type"]) == ("critical", "ValueError")
    assert record["error"]["message"] == "password=[redacted]"
    assert 'File "<string>"' in record["error"]["stack_trace"]
    assert done.stderr.endswith("ValueError: password=hunter2\n")


def test_interrupt_is_no_error() -> None:
    """Ctrl-C is what a person wanted."""
    assert run("raise KeyboardInterrupt").stdout == ""


@pytest.mark.parametrize(
    ("how", "lost"),
    [
        ("os.close(1)", 3),
        ("sys.stdout.close()", 0),  # the descriptor is still open
        ("sys.stdout = None", 3),
        ("sys.stdout = sys.__stdout__ = None", 3),
    ],
)
def test_closed_standard_output_does_not_disturb_the_application(how: str, lost: int) -> None:
    """Lines are lost and counted; nothing raises."""
    program = f"""
{how}
for _ in range(3): log.info("m")
environ = {{"REQUEST_METHOD": "GET", "PATH_INFO": "/metrics"}}
scraped = b"".join(obs.metrics_app()(environ, lambda *_: None)).decode()
counted = [line for line in scraped.splitlines() if 'reason="undelivered",signal="logs"' in line]
counted += [line for line in scraped.splitlines() if 'signal="logs",reason="undelivered"' in line]
open(2, "w", closefd=False).write(counted[0].split()[1])
os._exit(0)
"""
    done = run(program)
    assert float(done.stderr) == lost
    assert len(records(done.stdout)) == 3 - lost


def test_reader_that_leaves_does_not_disturb_the_application() -> None:
    """`program | head` ends the reader: the application goes on."""
    process = subprocess.Popen(
        command("for _ in range(3000): log.info('m')\nsys.stderr.write('done')"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read().startswith(b"done")
    process.wait(60)


@pytest.mark.parametrize("size", [500, 9000])
@pytest.mark.parametrize("blocking", [True, False])
def test_reader_that_sleeps_does_not_block_the_application(blocking: bool, size: int) -> None:
    """With a full pipe the application goes on and loses lines, counted; what arrives later is whole."""
    program = f"""
os.set_blocking(1, {blocking})
for number in range(2000): log.info("m", number=number, text="x" * {size})
sys.stderr.write("done\\n"); sys.stderr.flush()
sys.stdin.readline()
time.sleep(0.1)
log.info("after")
"""
    process = subprocess.Popen(
        command(program), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    # Nobody reads standard output until the program says that it is through.
    assert process.stderr.readline() == "done\n"
    out, err = process.communicate("go\n", timeout=60)
    assert err == ""
    written = records(out)
    assert 5 < len(written) < 2000
    numbers = [record["number"] for record in written if record["message"] == "m"]
    assert numbers == sorted(numbers)


def test_signal_handler_that_logs_while_a_line_is_written() -> None:
    """A handler that interrupts the writing of a line has its own written, whole, and nothing waits for itself."""
    program = """
signal.signal(signal.SIGALRM, lambda *_: log.info("alarm", text="y" * 9000))
signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
for number in range(3000): log.info("m", text="x" * 9000)
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    written = records(run(program).stdout)
    assert len([record for record in written if record["message"] == "m"]) == 3000
    assert len([record for record in written if record["message"] == "alarm"]) > 1


def terminal(program: str, **environment: str) -> str:
    """What a program shows on a terminal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        command(program), stdout=follower, stderr=subprocess.DEVNULL, env={**os.environ, **environment}
    )
    os.close(follower)
    shown = b""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if select.select([leader], [], [], 1)[0]:
            try:
                shown += os.read(leader, 65536)
            except OSError:
                break
    process.wait(60)
    os.close(leader)
    return shown.decode()


def test_terminal_gets_readable_coloured_lines() -> None:
    """A person at a terminal sees colours, and no JSON."""
    shown = terminal("log.info('paid', order_id=7)")
    assert "\x1b[" in shown
    assert "paid" in shown
    assert "{" not in shown


def test_no_color_is_respected() -> None:
    """`NO_COLOR` takes the colours away."""
    shown = terminal("log.info('paid', order_id=7)", NO_COLOR="1")
    assert "\x1b" not in shown
    assert "order_id=7" in shown


def test_terminated_process_has_written_its_lines() -> None:
    """A line that was logged before SIGTERM is on standard output."""
    done = run("log.info('last'); os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)")
    assert done.returncode == -signal.SIGTERM
    assert [record["message"] for record in records(done.stdout)] == ["last"]
