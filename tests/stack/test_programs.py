"""Where programs are looked for, and what is said when they are nowhere."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from obs_stack import programs
from obs_stack.programs import ProgramMissing

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts here")

# A distribution that has Prometheus, which depends on a script that its pages load: `apt-get download` leaves
# archives, `dpkg --field` reads what one depends on, and `dpkg -x` unpacks it.
_APT_GET = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$*" in *download*prometheus) /bin/sleep 0.2; : > prometheus_3.0_all.deb;; esac
case "$*$NO_SCRIPTS" in *download*libjs-graph) : > libjs-graph_1_all.deb;; *libjs*) exit 100;; esac
"""
_DPKG = """#!/bin/sh
case "$*" in
  *--field*prometheus_*) echo "libc6 (>= 2.34), libjs-graph (>= 1)"; exit;;
  *--field*) echo "libjs-graph"; exit;;
  *libjs-graph*) /bin/mkdir -p "$3/usr/share/javascript"; echo "draw()" > "$3/usr/share/javascript/graph"; exit;;
esac
/bin/mkdir -p "$3/usr/bin" "$3/usr/share/prometheus/web"
echo "from the package" > "$3/usr/share/prometheus/web/page"
/bin/cp "$PROGRAM" "$3/usr/bin/prometheus"
"""
_PROGRAM = """#!/bin/sh
case "$1" in
  --version) echo "prometheus, version 3.0.1" ;;
  *) read line < /usr/share/prometheus/web/page; echo "$line" ;;
esac
"""
_FIND = "from obs_stack import programs; print(programs.find('prometheus'))"


def _script(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def _says(version: str) -> str:
    return f'#!/bin/sh\necho "program, version {version}+ds (branch: x)"\n'


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is on PATH and nothing in the cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "it's a cache"))


@pytest.fixture
def distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution that has Prometheus; the file holds what apt-get was asked."""
    _script(tmp_path / "bin", "apt-get", _APT_GET)
    _script(tmp_path / "bin", "dpkg", _DPKG)
    calls = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("PROGRAM", str(_script(tmp_path, "prometheus", _PROGRAM)))
    return calls


@pytest.mark.parametrize("called", ["alertmanager", "prometheus-alertmanager"])
def test_program_on_path_is_taken_under_either_name(called: str, tmp_path: Path) -> None:
    """Alertmanager is found as upstream calls it and as Debian does."""
    there = _script(tmp_path / "bin", called, _says("0.27.0"))
    assert programs.find("alertmanager") == there
    assert programs.version(there) == "0.27.0"


def test_old_program_on_path_is_refused_with_its_version(tmp_path: Path) -> None:
    """A Prometheus that the rules were never tried on is not taken, and the message says which one it is."""
    there = _script(tmp_path / "bin", "prometheus", _says("2.41.0"))
    with pytest.raises(ProgramMissing, match=r"prometheus 2\.42 or newer") as missing:
        programs.find("prometheus")
    assert f"{there} is version 2.41.0" in str(missing.value)


def test_missing_program_says_how_to_get_it() -> None:
    """The one message names the package of Debian and Ubuntu, and the formula of macOS."""
    with pytest.raises(ProgramMissing) as missing:
        programs.find("amtool")
    assert "apt-get install prometheus-alertmanager" in str(missing.value)
    assert "brew install alertmanager" in str(missing.value)
    assert "\n" not in str(missing.value)


def test_package_is_unpacked_and_finds_its_own_files(distribution: Path) -> None:
    """Without an installation the program still reads the files that its package puts below /usr/share."""
    found = programs.find("prometheus")
    assert programs.cache_directory() in found.parents
    assert subprocess.check_output([found, "page"], cwd="/", text=True) == "from the package\n"


@pytest.mark.parametrize("there", [True, False])
def test_pages_of_a_program_have_their_scripts(
    there: bool, distribution: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scripts lie in packages of their own, which are unpacked too; without them the program still is found."""
    monkeypatch.setenv("NO_SCRIPTS", "" if there else " none")
    tree = programs.find("prometheus").parents[2]
    assert (tree / "usr" / "share" / "javascript" / "graph").is_file() == there


def test_second_search_asks_the_distribution_nothing(distribution: Path) -> None:
    """What is in the cache is taken from there."""
    first = subprocess.check_output([sys.executable, "-c", _FIND], text=True)
    assert subprocess.check_output([sys.executable, "-c", _FIND], text=True) == first
    assert distribution.read_text().count("download prometheus") == 1


def test_searches_at_the_same_time_unpack_once(distribution: Path) -> None:
    """Three processes that start together share one download, and all of them get a program that runs."""
    searches = [subprocess.Popen([sys.executable, "-c", _FIND], stdout=subprocess.PIPE) for _ in range(3)]
    found = {search.communicate(timeout=60)[0] for search in searches}
    assert len(found) == 1
    assert all(search.returncode == 0 for search in searches)
    assert distribution.read_text().count("download prometheus") == 1


def test_failed_download_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    """What apt-get said stands in the message, and a later search starts from nothing."""
    _script(tmp_path / "bin", "apt-get", "#!/bin/sh\necho 'E: Unable to locate package prometheus' >&2\nexit 100\n")
    _script(tmp_path / "bin", "dpkg", "#!/bin/sh\n")
    with pytest.raises(ProgramMissing, match="Unable to locate package prometheus"):
        programs.find("prometheus")
    assert [path.name for path in programs.cache_directory().iterdir()] == [".lock"]
