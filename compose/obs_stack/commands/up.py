"""`obs up`: start local mode, say where to look and what a service must set, and stand by until Ctrl-C."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from obs.cli_command import Command, Refusal
from obs_stack.commands import data_option

if TYPE_CHECKING:
    from obs.manifest import Manifest
    from obs_stack.local.folders import Folders

_USUAL_MANIFEST = Path("obs.toml")
_BACKGROUND = "supervisor"
_ITSELF = "import sys; from obs.cli import main; sys.exit(main())"
_LOOK_AGAIN_SECONDS = 0.05


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `obs up`."""
    parser.add_argument("--manifest", type=Path, help="the manifest (default: obs.toml, where there is one)")
    parser.add_argument(
        "--speed",
        type=int,
        default=1,
        metavar="N",
        help="divide all windows, holds and intervals by N; with 60 an hour of an alert passes in a minute",
    )
    parser.add_argument("--detach", action="store_true", help="return when all is ready; obs down stops it")
    data_option.add(parser)


def run(arguments: argparse.Namespace) -> int:
    """Start local mode.

    Returns:
        0 when it was stopped again, or runs in the background; 1 when it is up already, or a program ended.

    Raises:
        ManifestError: The manifest is wrong.
        Refusal: A program is missing, or the directory cannot be used.
    """
    from obs.runtime import filelock
    from obs_stack.local.folders import NotOurs

    manifest = _manifest(arguments.manifest)
    folders = data_option.folders(arguments)
    try:
        folders.prepare()
    except (NotOurs, OSError) as error:
        raise Refusal(f"obs up: {error}") from error
    if filelock.is_held(folders.lock):
        _say_already_up(folders)
        return 1
    if arguments.detach:
        return _detach(arguments, folders)
    return _stand_by(manifest, folders, arguments.speed)


def _manifest(path: Path | None) -> Manifest:
    """The manifest that is meant; without one there are no services, and local mode still shows whatever comes."""
    from obs.manifest import Manifest, load

    if path is None and not _USUAL_MANIFEST.exists():
        sys.stderr.write("obs up: no obs.toml here, so there are no services with objectives of their own\n")
        return Manifest(project="local", services=())
    return load(path or _USUAL_MANIFEST)


def _stand_by(manifest: Manifest, folders: Folders, speed: int) -> int:
    from obs_stack.local.folders import NotOurs
    from obs_stack.local.processes import DidNotStart
    from obs_stack.local.supervisor import until_asked, watch
    from obs_stack.local.up import AlreadyUp, LocalStack
    from obs_stack.programs import ProgramMissing

    try:
        with until_asked(), LocalStack(manifest, folders.local_dir, speed=speed) as stack:
            _say_where_to_look(folders, stack.urls)
            reason = watch(stack)
            sys.stderr.write(f"obs up: {reason}\nobs up: everything is stopped\n")
            return 1
    except (ProgramMissing, NotOurs, ValueError, OSError) as error:
        raise Refusal(f"obs up: {error}") from error
    except (AlreadyUp, DidNotStart) as error:
        sys.stderr.write(f"obs up: {error}\n")
        return 1
    sys.stdout.write("obs is down\n")
    return 0


def _detach(arguments: argparse.Namespace, folders: Folders) -> int:
    """Start the same in the background and wait until it is ready, or has given up."""
    from obs_stack.local import state

    command = [sys.executable, "-c", _ITSELF, "up", f"--speed={arguments.speed}", f"--data={folders.local_dir}"]
    if arguments.manifest:
        command.append(f"--manifest={arguments.manifest}")
    log = folders.log(_BACKGROUND)
    with log.open("wb") as output:
        log.chmod(0o600)
        background = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    while True:
        found = state.read(folders.state)
        if found is not None and found.ready and found.supervisor.pid == background.pid:
            _say_where_to_look(folders, {running.name: running.url for running in found.programs})
            return 0
        if background.poll() is not None:
            sys.stderr.write(log.read_text(errors="replace"))
            return background.returncode
        time.sleep(_LOOK_AGAIN_SECONDS)


def _say_already_up(folders: Folders) -> None:
    from obs_stack.local import state

    found = state.read(folders.state)
    since = f" by process {found.supervisor.pid}" if found else ""
    sys.stdout.write(f"obs is already up{since}; obs status shows it, obs down stops it\n")
    if found and found.ready:
        _say_where_to_look(folders, {running.name: running.url for running in found.programs})


def _say_where_to_look(folders: Folders, urls: dict[str, str]) -> None:
    receiver = urls["receiver"]
    sys.stdout.write(
        f"obs is up in local mode, for a laptop or CI; its data lies in {folders.root}\n\n"
        f"  dashboards, logs, traces  {receiver}\n"
        f"  Prometheus                {urls['prometheus']}\n"
        f"  Alertmanager              {urls['alertmanager']}\n\n"
        "Start a service that calls obs.init() with\n\n"
        f"  OBS_ENDPOINT={receiver} OBS_LOGS_TO=otlp{_local_dir(folders)}\n\n"
        f"and one with another OpenTelemetry SDK with OTEL_EXPORTER_OTLP_ENDPOINT={receiver} and\n"
        f"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf; Prometheus scrapes what a file in {folders.targets} names.\n\n"
    )
    sys.stdout.flush()


def _local_dir(folders: Folders) -> str:
    """What a service must set besides when local mode is not where services look by themselves."""
    from obs.settings import resolve

    usual = resolve({}).settings.local_dir.absolute()
    return "" if usual == folders.local_dir else f" OBS_LOCAL_DIR={folders.local_dir}"


COMMAND = Command("up", "start Prometheus, Alertmanager and the receiver on this machine", configure, run)
