"""What a user reads when the manifest is wrong: file, line, key, problem and remedy, all at once."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from obs.manifest import ManifestError, load
from obs.signals_file import export_signals

HEAD = '[project]\nname = "p"\n'
SERVICE = '[[services]]\nname = "s"\nowner = "o"\n'
SLO = '[[services.slos]]\nname = "a"\n'
LATENCY = f'{HEAD}{SERVICE}{SLO}kind = "latency"\nobjective = 99\n'
AVAILABILITY = f'{HEAD}{SERVICE}{SLO}kind = "availability"\n'
RECEIVER = "[[receivers]]\nname = 'r'\n"
NAMES = "use letters, digits, `.`, `_` and `-`, a letter or digit first"
KEYS = "use one of name, owner, description, language, slos, signals"
LINK = "write an http:// or https:// URL without user, query and fragment"
PERCENTAGE = "write a percentage above 0 and below 100, such as 99.9"
TEXT = "is a number, not a text"
NO_BUCKET = "is no bucket of http_server_request_duration_seconds"
ALL_FAIL = "which is every request or more"
TOO_LOW = (
    f"93 over 30d is impossible to watch: its fastest alert needs 14.4 times the budget of 7 %, {ALL_FAIL}",
    f"97.6 over 90d is impossible to watch: its fastest alert needs 43.2 times the budget of 2.4 %, {ALL_FAIL}",
)


def faults(text: str, folder: Path) -> list[str]:
    """What is told of a manifest, without the folder."""
    path = folder / "obs.toml"
    path.write_bytes(text.encode())
    with pytest.raises(ManifestError) as caught:
        load(path)
    return [str(fault).removeprefix(f"{folder}/") for fault in caught.value.faults]


UNKNOWN_KEYS = [
    (f"{HEAD}nmae = 1\n{SERVICE}", 3, "project.nmae", "is an unknown key", "use name"),
    (f"{HEAD}{SERVICE}[link]\n", 6, "link", "is an unknown key", "use links"),
    (f"{HEAD}{SERVICE}xyzzy = 1\n",
     6, "services[0].xyzzy", "is an unknown key", KEYS),
]  # fmt: skip

TYPES = [
    (f"{HEAD}[[services]]\nname = 5\nowner = 'o'\n", 4, "services[0].name", TEXT, 'write name = "..."'),
    (f"{HEAD}[[services]]\nname = 's'\nowner = ['o']\n",
     5, "services[0].owner", "is a list, not a text", 'write owner = "..."'),
    (f"{HEAD}[services]\nname = 's'\n", 3, "services", "is a table, not a list", "write [[services]]"),
    (f"{HEAD}{SERVICE}slos = [1]\n",
     6, "services[0].slos[0]", "is a number, not a table", "write [[services.slos]]"),
    (f"project = 'p'\n{SERVICE}", 1, "project", "is a text, not a table", "write [project]"),
    (f"{HEAD}{SERVICE}description = 1979-05-27\n",
     6, "services[0].description", "is a date or time, not a text", 'write description = "..."'),
    (f"{AVAILABILITY}objective = true\n",
     9, "services[0].slos[0].objective", "is true or false, not a number", "write objective = 99.9"),
    (f"{AVAILABILITY}objective = '99'\n",
     9, "services[0].slos[0].objective", "is a text, not a number", "write objective = 99.9"),
    (f"{AVAILABILITY}objective = nan\n",
     9, "services[0].slos[0].objective", "NaN is no finite number", "write objective = 99.9"),
    (f"{LATENCY}threshold = 0.25\n", 10, "services[0].slos[0].threshold", TEXT, 'write threshold = "..."'),
    (f"{HEAD}{SERVICE}[retention]\nlogs = 7\n", 7, "retention.logs", TEXT, 'write logs = "..."'),
]  # fmt: skip

MISSING = [
    (HEAD, 1, "services", "there is none", "write [[services]] with name and owner"),
    (f"services = []\n{HEAD}", 1, "services", "there is none", "write [[services]] with name and owner"),
    (SERVICE, 1, "project.name", "is missing", 'write name = "..."'),
    (f"{HEAD}[[services]]\nname = 's'\n", 3, "services[0].owner", "is missing", 'write owner = "..."'),
    (AVAILABILITY, 6, "services[0].slos[0].objective", "is missing", "write objective = 99.9"),
    (LATENCY, 6, "services[0].slos[0].threshold", "is missing", 'write threshold = "..."'),
    (f"{HEAD}{SERVICE}{RECEIVER}kind = 'webhook'\n", 6, "receivers[0].url", "is missing", 'write url = "..."'),
]

NAMES_AND_WORDS = [
    (f"{HEAD}[[services]]\nname = 'a b'\nowner = 'o'\n", 4, "services[0].name", "'a b' is no name", NAMES),
    (f"{HEAD}[[services]]\nname = '../x'\nowner = 'o'\n", 4, "services[0].name", "'../x' is no name", NAMES),
    (f"{HEAD}[[services]]\nname = ''\nowner = 'o'\n",
     4, "services[0].name", "'' is empty or not printable", "write a text on one line"),
    (f"{HEAD}{SERVICE}{SERVICE}",
     7, "services[1].name", "'s' is the name of services[0] too", "give each its own name"),
    (f"{HEAD}{SERVICE}{RECEIVER}kind = 'none'\n{RECEIVER}kind = 'none'\n",
     10, "receivers[1].name", "'r' is the name of receivers[0] too", "give each its own name"),
    (f"{AVAILABILITY}objective = 99\n{SLO}kind = 'availability'\nobjective = 99\n",
     11, "services[0].slos[1].name", "'a' is the name of slos[0] too", "give each its own name"),
    (f"{HEAD}{SERVICE}language = 'pyhton'\n", 6, "services[0].language", "'pyhton' is unknown", 'use "python"'),
    (f"{AVAILABILITY}objective = 99\nwindow = '1y'\n",
     10, "services[0].slos[0].window", "'1y' is unknown", 'use one of "7d", "28d", "30d", "90d"'),
    (f"{AVAILABILITY}objective = 99\nmethod = 'get'\n",
     10, "services[0].slos[0].method", "'get' is unknown", 'use "GET"'),
    (f"{HEAD}{SERVICE}{SLO}kind = 'latncy'\nobjective = 99\n",
     8, "services[0].slos[0].kind", "'latncy' is unknown", 'use "latency"'),
    (f"{HEAD}{SERVICE}{RECEIVER}kind = 'none'\nseverities = ['page', 'tiket']\n",
     9, "receivers[0].severities[1]", "'tiket' is unknown", 'use "ticket"'),
    (f"{HEAD}{SERVICE}{RECEIVER}kind = 'none'\nowners = ['p']\n",
     9, "receivers[0].owners[0]", "'p' is unknown", 'use one of "o"'),
]  # fmt: skip

PROMISES = [
    (f"{AVAILABILITY}objective = 100\n",
     9, "services[0].slos[0].objective", "100 leaves no request that may fail", PERCENTAGE),
    (f"{AVAILABILITY}objective = 0\n", 9, "services[0].slos[0].objective", "0 promises nothing", PERCENTAGE),
    (f"{AVAILABILITY}objective = 93\n",
     9, "services[0].slos[0].objective", TOO_LOW[0], "write more than 93.06 or a shorter window"),
    (f"{AVAILABILITY}objective = 97.6\nwindow = '90d'\n[retention]\nmetrics = '90d'\n",
     9, "services[0].slos[0].objective", TOO_LOW[1], "write more than 97.69 or a shorter window"),
    (f"{LATENCY}threshold = '300ms'\n",
     10, "services[0].slos[0].threshold", f"300ms {NO_BUCKET}", 'use "250ms" or "500ms"'),
    (f"{LATENCY}threshold = '1ms'\n", 10, "services[0].slos[0].threshold", f"1ms {NO_BUCKET}", 'use "5ms"'),
    (f"{LATENCY}threshold = '1m'\n", 10, "services[0].slos[0].threshold", f"1m {NO_BUCKET}", 'use "10s"'),
    (f"{LATENCY}threshold = '250'\n",
     10, "services[0].slos[0].threshold", "'250' is no duration above zero", 'write threshold = "250ms"'),
    (f"{AVAILABILITY}objective = 99\nthreshold = '1s'\n",
     10, "services[0].slos[0].threshold", "an availability promise has none", 'remove it or write kind = "latency"'),
    (f"{HEAD}{SERVICE}[retention]\nlogs = '0d'\n",
     7, "retention.logs", "'0d' is no duration above zero", 'write logs = "7d"'),
]  # fmt: skip

URLS = [
    (f"{HEAD}{SERVICE}[links]\nlogs = 'kibana'\n", 7, "links.logs", "'kibana' is no usable URL", LINK),
    (f"{HEAD}{SERVICE}[links]\nlogs = 'https://h:99999'\n",
     7, "links.logs", "'https://h:99999' is no usable URL", LINK),
    (f"{HEAD}{SERVICE}[links]\nlogs = 'https://h?q=1'\n", 7, "links.logs", "'https://h?q=1' is no usable URL", LINK),
    (f"{HEAD}{SERVICE}{RECEIVER}kind = 'webhook'\nurl = 'https://u:hunter2@h/'\n",
     9, "receivers[0].url", "'h/' is no usable URL", "write an http:// or https:// URL without user"),
]  # fmt: skip


TWINS = f"""{HEAD}
[[services]]
name = "a-b"
owner = "o"
slos = [{{ name = "a", kind = "availability", objective = 99 }}]
[[services]]
name = "a"
owner = "o"
slos = [{{ name = "b-a", kind = "availability", objective = 99 }}]
"""

TOO_MUCH = [
    (f"{HEAD}[[services]]\nname = '{'s' * 81}'\nowner = 'o'\n",
     4, "services[0].name", "has 81 characters", "use at most 80"),
    (f"{AVAILABILITY}objective = 99.{'9' * 60}\n",
     9, "services[0].slos[0].objective", "has more than 6 digits after the point", "write at most 6, such as 99.9"),
    (f"{AVAILABILITY}objective = 1e-999999\n",
     9, "services[0].slos[0].objective", "has more than 6 digits after the point", "write at most 6, such as 99.9"),
    (f"{LATENCY}threshold = '{'9' * 400}d'\n",
     10, "services[0].slos[0].threshold", "is longer than 36500d", 'write threshold = "250ms"'),
    (f"{HEAD}{SERVICE}[retention]\nmetrics = '0.5ms'\n",
     7, "retention.metrics", "'0.5ms' is no whole number of milliseconds", 'write metrics = "30d"'),
    (f"{AVAILABILITY}objective = 99\nwindow = '90d'\n",
     10, "services[0].slos[0].window", "90d is longer than metrics are kept, 30d",
     'write metrics = "90d" under [retention], or a shorter window'),
    (f"{AVAILABILITY}objective = 99\n[retention]\nmetrics = '15d'\n",
     6, "services[0].slos[0].window", "30d is longer than metrics are kept, 15d",
     'write metrics = "30d" under [retention], or a shorter window'),
    (TWINS,
     11, "services[1].slos[0].name",
     "a b-a cannot be told apart from services[0].slos[0]: both have the file slo-a-b-a.yaml",
     "give one of them another name"),
]  # fmt: skip

ODD_KEYS = [
    (f'{HEAD}{SERVICE}"" = 1\n', 6, 'services[0].""', "is an unknown key", KEYS),
    (f'{HEAD}{SERVICE}"a\\nb" = 1\n', 6, 'services[0]."a\\nb"', "is an unknown key", KEYS),
    (f'{HEAD}{SERVICE}"a\\u001b[31m" = 1\n', 6, 'services[0]."a\\u001b[31m"', "is an unknown key", KEYS),
    (f'{HEAD}{SERVICE}owner = "x"\n', 6, "owner", "stands twice in its table", "remove one of the two"),
    (f"\ufeff{HEAD}{SERVICE}xyzzy = 1\n", 6, "services[0].xyzzy", "is an unknown key", KEYS),
    (f"{HEAD}{SERVICE}xyzzy = 1\n".replace("\n", "\r\n"), 6, "services[0].xyzzy", "is an unknown key", KEYS),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "key", "problem", "remedy"),
    [*UNKNOWN_KEYS, *TYPES, *MISSING, *NAMES_AND_WORDS, *PROMISES, *URLS, *TOO_MUCH, *ODD_KEYS],
)
def test_a_fault_is_one_line_with_place_and_remedy(
    text: str, line: int, key: str, problem: str, remedy: str, tmp_path: Path
) -> None:
    """Whatever is wrong, the user reads where it is and what to write instead, and nothing besides."""
    assert faults(text, tmp_path) == [f"obs.toml:{line}: {key}: {problem}; {remedy}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{HEAD}[[services]\n", "obs.toml:3: is no valid TOML: Expected ']]' at the end of an array declaration"),
        (f"{HEAD}[project]\n", "obs.toml:3: is no valid TOML: Cannot declare ('project',) twice"),
        (f"{AVAILABILITY}objective = {'1' * 5000}\n", "obs.toml:9: holds a number that is too long"),
        ("a =", "obs.toml:1: is no valid TOML: Invalid value"),
        (f"a = {'[' * 5000}", "obs.toml: is nested too deeply"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, expected: str, tmp_path: Path) -> None:
    """The parser's reason stands at the line where it stopped."""
    (line,) = faults(text, tmp_path)
    assert line.partition("; ")[0] == expected


def test_all_faults_come_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    """One run tells everything that has to be corrected."""
    text = f'{HEAD}nmae = 1\n{SERVICE}languag = "go"\n[links]\nlogs = "x"\n[[services]]\nname = "t"\n'
    assert [line.split(" ")[:2] for line in faults(text, tmp_path)] == [
        ["obs.toml:3:", "project.nmae:"],
        ["obs.toml:7:", "services[0].languag:"],
        ["obs.toml:9:", "links.logs:"],
        ["obs.toml:10:", "services[1].owner:"],
    ]


def test_the_missing_manifest_is_told_with_a_command_that_starts_one(tmp_path: Path) -> None:
    """Who follows the one line that is printed has a manifest that loads."""
    path = tmp_path / "obs.toml"
    with pytest.raises(ManifestError) as caught:
        load(path)
    (line,) = str(caught.value).splitlines()
    before, command = line.split("; start one with: ")
    assert before == f"{path}: there is no manifest"
    subprocess.run(["sh", "-c", command], check=True)
    assert load(path).services[0].name == "gateway"


def test_a_manifest_that_is_a_folder_is_told(tmp_path: Path) -> None:
    """What cannot be read says why."""
    with pytest.raises(ManifestError, match="cannot be read: Is a directory; make it a readable file"):
        load(tmp_path)


def test_a_manifest_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are told with their line."""
    path = tmp_path / "obs.toml"
    path.write_bytes(b'[project]\nname = "\xff"\n')
    with pytest.raises(ManifestError, match=r"obs\.toml:2: is no valid UTF-8; save it as UTF-8"):
        load(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "s.json cannot be read: No such file or directory"),
        ("{", "s.json: line 1 is no valid JSON: Expecting property name enclosed in double quotes"),
        (export_signals("other", ()), "s.json is of the service 'other'"),
    ],
)
def test_a_signals_file_that_is_missing_or_broken_is_told_with_its_remedy(
    content: str | None, expected: str, tmp_path: Path
) -> None:
    """The fault stands at the manifest's key, and the command that writes the file is the remedy."""
    if content is not None:
        (tmp_path / "s.json").write_text(content)
    remedy = "write it with `obs signals export MODULE --service s -o s.json`"
    assert faults(f"{HEAD}{SERVICE}signals = 's.json'\n", tmp_path) == [
        f"obs.toml:6: services[0].signals: {expected}; {remedy}"
    ]
