"""Find Prometheus, Alertmanager and their tools: on PATH, in the user's cache, or in the distribution's packages."""

from __future__ import annotations

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """A program that local mode and the proofs run.

    Args:
        name: What it is called here and upstream.
        binaries: What its file may be called, the most usual first.
        debian: The Debian and Ubuntu package that holds it.
        brew: The Homebrew formula that holds it.
        minimum: The oldest (major, minor) version that the generated files are proven on.
    """

    name: str
    binaries: tuple[str, ...]
    debian: str
    brew: str
    minimum: tuple[int, int]


PROGRAMS = {
    program.name: program
    for program in (
        Program("prometheus", ("prometheus",), "prometheus", "prometheus", (2, 42)),
        Program("promtool", ("promtool",), "prometheus", "prometheus", (2, 42)),
        Program(
            "alertmanager",
            ("alertmanager", "prometheus-alertmanager"),
            "prometheus-alertmanager",
            "alertmanager",
            (0, 25),
        ),
        Program("amtool", ("amtool",), "prometheus-alertmanager", "alertmanager", (0, 25)),
    )
}

# Debian builds these folders into its programs, where nothing lies unless the package is installed.
_RESOURCES = {
    "prometheus": Path("usr/share/prometheus/web"),
    "prometheus-alertmanager": Path("usr/share/prometheus/alertmanager"),
}
# Where a program finds its folder instead: an open directory that it inherits. It is no longer than any folder above.
_INHERITED = b"/proc/self/fd/9"
_LAUNCHER = """#!/bin/sh
exec 9<{resources} {program} "$@"
"""

DOWNLOAD_TIMEOUT = 300  # seconds; the larger package is 19 MB


class ProgramMissing(RuntimeError):  # noqa: N818 - it names what happened, as FileNotFoundError does not
    """A program is nowhere to be found; the message says what to install and how."""


def find(name: str) -> Path:
    """The path of a program that is new enough.

    It is looked for on PATH, then in the user's cache (`$XDG_CACHE_HOME/obs/programs` or `~/.cache/obs/programs`);
    where apt is there it is unpacked into that cache, without installing anything or starting a service.

    Args:
        name: `prometheus`, `promtool`, `alertmanager` or `amtool`.

    Returns:
        The absolute path of its executable.

    Raises:
        ProgramMissing: It is nowhere, or only in a version that is too old.

    Example:
        >>> find("promtool")  # doctest: +SKIP
        PosixPath('/home/me/.cache/obs/programs/prometheus/usr/bin/promtool')
    """
    return _find(name, os.environ.get("PATH", ""), cache_directory())


@functools.cache
def version(path: Path) -> str:
    """What a program calls its version, without build suffixes.

    Args:
        path: Its executable.

    Returns:
        The version such as `2.42.0`, or "" when it does not say.
    """
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False, timeout=30)
    said = re.search(r"version (\d+\.\d+(?:\.\d+)?)", answer.stdout + answer.stderr)
    return said.group(1) if said else ""


def cache_directory() -> Path:
    """Where programs are unpacked: `$XDG_CACHE_HOME/obs/programs`, or `~/.cache/obs/programs`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "obs" / "programs"


@functools.cache
def _find(name: str, search_path: str, cache: Path) -> Path:
    program = PROGRAMS[name]
    too_old = []
    for candidate in (*_on_path(program, search_path), *_in_cache(program, cache)):
        if _new_enough(program, candidate):
            return candidate
        too_old.append(f"{candidate} is version {version(candidate) or 'unknown'}")
    reason = _unpack(program.debian, cache)
    for candidate in _in_cache(program, cache):
        if _new_enough(program, candidate):
            return candidate
        too_old.append(f"the distribution's is version {version(candidate) or 'unknown'}")
    raise ProgramMissing(_missing(program, [*dict.fromkeys(too_old), *reason]))


def _on_path(program: Program, search_path: str) -> Iterator[Path]:
    for binary in program.binaries:
        found = shutil.which(binary, path=search_path)
        if found:
            yield Path(found).absolute()


def _in_cache(program: Program, cache: Path) -> Iterator[Path]:
    for binary in program.binaries:
        candidate = cache / program.debian / "usr" / "bin" / binary
        if candidate.is_file():
            yield candidate


def _new_enough(program: Program, candidate: Path) -> bool:
    numbers = re.findall(r"\d+", version(candidate))
    return bool(numbers) and (int(numbers[0]), int(numbers[1])) >= program.minimum


def _missing(program: Program, reasons: list[str]) -> str:
    wanted = f"{program.name} {program.minimum[0]}.{program.minimum[1]} or newer is needed and was not found"
    because = f" ({'; '.join(reasons)})" if reasons else ""
    return (
        f"{wanted}{because}. Debian or Ubuntu: sudo apt-get update && sudo apt-get install {program.debian}. "
        f"macOS: brew install {program.brew}. Elsewhere: unpack a release of {program.name} and put it on PATH."
    )


def _unpack(package: str, cache: Path) -> list[str]:
    """Unpack a distribution package into the cache; the reasons why not, none when it is there."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return []
    try:
        cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _only_one(cache):
            target = cache / package
            if target.is_dir():
                return []
            sys.stderr.write(f"obs: unpacking {package} from the distribution's packages into {target}\n")
            with tempfile.TemporaryDirectory(dir=cache, prefix=".unpacking-") as scratch:
                (archive,) = _download([package], Path(scratch))
                tree = Path(scratch) / "tree"
                _run(["dpkg", "-x", str(archive), str(tree)], cwd=Path(scratch))
                _add_browser_files(archive, tree)
                _make_movable(tree, target, _RESOURCES[package])
                tree.rename(target)
    except (OSError, subprocess.SubprocessError) as fault:
        return [_said(fault)]
    return []


def _make_movable(tree: Path, target: Path, resources: Path) -> None:
    """Let programs that expect their folder below /usr/share find it where the package is unpacked.

    The path in the program gives way to another one of the same length, and a launcher opens the folder for it.

    Args:
        tree: The unpacked package.
        target: Where it will lie.
        resources: The folder, from the root of the package.
    """
    built_in = f"/{resources}".encode()
    for program in sorted((tree / "usr" / "bin").iterdir()):
        content = program.read_bytes()
        if built_in in content:
            moved = program.with_name(f"{program.name}.moved")
            moved.write_bytes(content.replace(built_in, _INHERITED.ljust(len(built_in), b"/")))
            moved.chmod(0o755)
            places = {"resources": target / resources, "program": target / moved.relative_to(tree)}
            program.write_text(_LAUNCHER.format(**{key: shlex.quote(str(place)) for key, place in places.items()}))


def _add_browser_files(archive: Path, tree: Path) -> None:
    """Add what a program's own pages load in the browser: the distribution has it in packages of its own.

    The program runs without it too, so that nothing of it is needed.

    Args:
        archive: The program's package.
        tree: Where it is unpacked.
    """
    known: set[str] = set()
    waiting = [archive]
    with suppress(OSError, subprocess.SubprocessError):
        while wanted := {name for each in waiting for name in _browser_packages(each)} - known:
            known |= wanted
            waiting = _download(sorted(wanted), archive.parent)
            for found in waiting:
                _run(["dpkg", "-x", str(found), str(tree)], cwd=archive.parent)


def _browser_packages(archive: Path) -> list[str]:
    """The scripts and fonts that a package depends on."""
    depends = _run(["dpkg", "--field", str(archive), "Depends"], cwd=archive.parent)
    return re.findall(r"(?:^|, )((?:libjs|fonts)-[a-z0-9.+-]+)", depends)


def _download(packages: list[str], directory: Path) -> list[Path]:
    """Fetch packages without installing them; root renews missing or outdated package lists once."""
    sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    download = ["apt-get", *sandbox, "-q", "download", *packages]
    try:
        _run(download, cwd=directory)
    except subprocess.CalledProcessError:
        if os.geteuid() != 0:
            raise
        sys.stderr.write("obs: renewing the package lists (apt-get update)\n")
        _run(["apt-get", "-q", "update"], cwd=directory)
        _run(download, cwd=directory)
    return [next(directory.glob(f"{package}_*.deb")) for package in packages]


def _run(command: list[str], *, cwd: Path) -> str:
    """Run a command to its end; what it printed."""
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT)
    return done.stdout


def _said(fault: Exception) -> str:
    """The last line that a failed command wrote, or the fault itself."""
    if isinstance(fault, subprocess.CalledProcessError):
        lines = [line for line in str(fault.stderr).splitlines() if line.strip()]
        return f"{fault.cmd[0]} said: {lines[-1] if lines else f'exit code {fault.returncode}'}"
    return str(fault)


@contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    """Hold a lock so that two processes do not unpack into one directory at the same time."""
    import fcntl

    with (directory / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
