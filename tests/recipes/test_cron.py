"""The nightly script as cron runs it: a bare environment, /bin/sh, a PATH that knows no virtual environment."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.engines.faulty import serving
from tests.ranking.test_prompts import recipe

CRON = ROOT / "recipes" / "cron"
WINDOWS = 2 * 9  # two queries of 30 candidates, six a window, step three
Night = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True, scope="module")
def _has_bash() -> None:
    if not shutil.which("bash", path="/usr/bin:/bin"):
        pytest.skip("needs bash where cron looks for it")


@pytest.fixture
def server() -> Iterator[Any]:
    latency = recipe("bench/latency_server.py").LatencyServer(ms_per_token=0)
    threading.Thread(target=latency.serve_forever, args=(0.01,), daemon=True).start()
    yield latency
    latency.open.set()
    latency.shutdown()
    latency.server_close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the checkout where the crontab and the service expect it."""
    (tmp_path / "rearank").symlink_to(ROOT)
    return tmp_path


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """All that cron sets, and where rearank is: nothing of this process's own environment."""
    program = Path(sys.executable).parent / "rearank"
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "REARANK": str(program)}


@pytest.fixture
def night(environment: dict[str, str], server: Any) -> Night:
    """Run the script once against `server`; a status other than the one awaited fails the test."""

    def run(*args: str, status: int = 0, url: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
        asked = ["--base-url", url or server.url, "--limit", "2", *args]
        done = subprocess.run(
            [str(CRON / "nightly.sh"), *asked], env={**environment, **env}, cwd="/",
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == status, f"status {done.returncode}, not {status}: {done.stderr}"
        assert done.stdout == ""
        return done

    return run


@pytest.fixture
def folder(home: Path) -> Path:
    return home / "rearank-nightly" / "demo"


def test_a_good_night_is_silent_and_the_next_one_asks_nothing_again(
    night: Night, server: Any, folder: Path
) -> None:
    assert night().stderr == ""
    run = (folder / "run.trec").read_text(encoding="utf-8")
    assert len(run.splitlines()) == 2 * 30
    assert server.stats.requests == WINDOWS
    assert "nDCG@10" in (folder / "figures.txt").read_text(encoding="utf-8")
    assert night().stderr == ""
    assert (folder / "run.trec").read_text(encoding="utf-8") == run
    assert server.stats.requests == WINDOWS
    log = (folder / "nightly.log").read_text(encoding="utf-8")
    assert log.count("== ") == 2
    assert f"answers from the trace {WINDOWS}" in log
    assert sorted(path.name for path in folder.iterdir()) == [
        "candidates.jsonl", "figures.txt", "nightly.log", "run.trec", "run.trec.json", "trace.jsonl",
    ]  # fmt: skip


def test_an_unfinished_night_is_silent_till_patience_is_at_its_end(night: Night, folder: Path) -> None:
    late = {"MAX_TIME": "0s", "PATIENCE": "1", "status": 75}
    assert night(**late).stderr == ""
    assert re.search("has not finished for 2 nights; not one answer .*raise MAX_TIME", night(**late).stderr)
    assert not (folder / "run.trec").exists()
    night(PATIENCE="1")
    assert (folder / "figures.txt").exists()
    assert night(**late).stderr == ""  # the count began anew


def test_while_another_one_works_it_is_left_to_it(night: Night, server: Any, folder: Path) -> None:
    night()
    (folder / "run.trec").unlink()
    with (folder / "trace.jsonl").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert night(status=75).stderr == ""
    assert "is working on this trace" in (folder / "nightly.log").read_text(encoding="utf-8")
    assert not (folder / "run.trec").exists()
    night()
    assert (folder / "run.trec").exists()
    assert server.stats.requests == WINDOWS


def test_sigterm_to_the_job_leaves_the_rest_for_the_next_night(
    night: Night, server: Any, folder: Path, environment: dict[str, str]
) -> None:
    server.ms_per_token = 0.2
    args = [str(CRON / "nightly.sh"), "--base-url", server.url, "--limit", "2", "--concurrency", "2"]
    job = subprocess.Popen(args, env=environment, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 120
    while server.stats.requests < 4:
        assert time.monotonic() < deadline, "no progress"
        time.sleep(0.01)
    os.killpg(job.pid, signal.SIGTERM)
    _, stderr = job.communicate(timeout=60)
    assert (job.returncode, stderr) == (75, b"")
    assert server.stats.requests < WINDOWS
    night()
    assert server.stats.requests == WINDOWS


def test_sigterm_while_nothing_is_reranked_yet_is_no_failure(
    home: Path, environment: dict[str, str], folder: Path
) -> None:
    (home / "slow").write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    (home / "slow").chmod(0o755)
    slow = {**environment, "REARANK": str(home / "slow")}
    job = subprocess.Popen(
        [str(CRON / "nightly.sh")], env=slow, stderr=subprocess.PIPE, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not (folder / "nightly.log").exists():
        assert time.monotonic() < deadline, "no start"
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(job.pid, signal.SIGTERM)
    assert job.communicate(timeout=60)[1] == b""
    assert job.returncode == 75


@pytest.mark.parametrize(
    ("args", "settings", "status", "words"),
    [
        (["--qids", "none"], {}, 65, ["reranking failed with status 65", "no query was left to rerank"]),
        ([], {"DATASET": "nowhere"}, 66, ["retrieval failed with status 66", "dataset 'nowhere'"]),
        ([], {"METRIC": "nonsense"}, 2, ["evaluation failed with status 2", "nonsense"]),
        ([], {"REARANK": "/nowhere/rearank"}, 69, ["expected rearank at /nowhere/rearank"]),
        (["--trace", "/dev/full"], {}, 74, ["reranking failed with status 74", "/dev/full"]),
        ([], {"FOLDER": "/proc/nowhere"}, 74, ["the folder cannot be made"]),
    ],
)
def test_what_a_person_must_mend_is_printed_for_cron_to_mail(
    night: Night, home: Path, args: list[str], settings: dict[str, str], status: int, words: list[str]
) -> None:
    mail = night(*args, status=status, **settings).stderr
    assert all(word in mail for word in [*words, "rearank nightly"])
    assert not list(home.glob("rearank-nightly/*/figures.txt"))


def test_a_log_on_a_full_disk_is_printed(night: Night, server: Any, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "nightly.log").symlink_to("/dev/full")
    assert "nightly.log cannot be written" in night(status=74).stderr
    assert server.stats.requests == 0


def test_a_server_that_refuses_for_good_is_printed_and_one_that_is_down_is_not(
    night: Night, folder: Path
) -> None:
    with serving(lambda *_: "401") as refusing:
        assert "failed with status 69" in night(url=refusing.url, status=69).stderr
    with serving(lambda *_: "503") as down:
        assert night("--retries", "0", "--wait", "0", url=down.url, status=75).stderr == ""
    assert "HTTP 503" in (folder / "nightly.log").read_text(encoding="utf-8")


def test_prompts_that_the_server_refuses_are_mailed_the_same_night_with_its_words(
    night: Night, server: Any, folder: Path
) -> None:
    def plan(number: int, _body: dict[str, Any]) -> str | dict[str, Any]:
        reasons = [f"the {word} filter" for word in ("first", "second", "third")]
        return {"status": 400, "error": {"message": reasons[number // 2 % 3]}} if number % 2 else "good"

    with serving(plan) as refusing:
        mail = night("--concurrency", "1", url=refusing.url, status=65).stderr
    assert "the reranking failed with status 65" in mail
    assert all(f"the {word} filter" in mail for word in ("first", "second", "third"))
    assert not (folder / "run.trec").exists()


def test_what_is_mailed_is_of_this_night_without_its_progress(night: Night, folder: Path) -> None:
    folder.mkdir(parents=True)
    noise = [f"rearank: {n} queries done, about 9 left" for n in range(99)]
    old = ["== 2020-01-01 00:00:00 demo demo", "an old line", *noise]
    (folder / "nightly.log").write_text("\n".join(old) + "\n")
    script = Path(CRON / "nightly.sh").read_text(encoding="utf-8")
    shown = script[script.index("this_night() {") : script.index("left_for_the_next_night() {")]
    new = ["== 2020-01-02 00:00:00 demo demo", "the reason", *noise, *map(str, range(30))]
    with (folder / "nightly.log").open("a") as log:
        log.write("\n".join(new) + "\n")
    command = ["bash", "-c", f"log={folder / 'nightly.log'}\n{shown}\nthis_night"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert printed[:3] == ["== 2020-01-02 00:00:00 demo demo", "the reason", "0"]
    assert printed[10:12] == ["...", "20"]
    assert printed[-1] == "29"


def test_a_server_that_never_answered_is_told_from_one_that_stopped(night: Night) -> None:
    options = ("--retries", "0", "--wait", "0", "--concurrency", "1")
    with serving(lambda *_: "503") as down:
        mail = night(*options, url=down.url, status=75, PATIENCE="0").stderr
    assert "not one answer came this night" in mail
    assert "HTTP 503" in mail
    with serving(lambda number, _: "good" if number < 3 else "503") as stopped:
        mail = night(*options, url=stopped.url, status=75, PATIENCE="0").stderr
    assert "not one answer came this night" not in mail
    assert "has not finished for 2 nights; raise MAX_TIME" in mail


def test_the_line_of_the_crontab_runs(home: Path, environment: dict[str, str], server: Any) -> None:
    lines = (CRON / "crontab").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    (job,) = (line.split(maxsplit=5) for line in lines if not re.match(r"\w+=", line))
    assert [field for field in job[:5] if not re.fullmatch(r"\*|[0-9]+", field)] == []
    assert "%" not in job[5]
    done = subprocess.run(
        ["/bin/sh", "-c", f"{job[5]} --base-url {server.url} --limit 1"],
        env={**environment, **settings}, cwd=home, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (home / "rearank-nightly" / "demo" / "run.trec").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_service_and_timer(home: Path) -> None:
    units = home / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    for unit in CRON.glob("rearank-nightly.*"):
        shutil.copy(unit, units)
    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(units / "rearank-nightly.timer")],
        env={"HOME": str(home), "XDG_RUNTIME_DIR": str(home), "PATH": os.environ["PATH"]},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_every_status_that_the_readme_explains_is_settled_by_the_script() -> None:
    script = (CRON / "nightly.sh").read_text(encoding="utf-8")
    explained = re.findall(r"^\| ([0-9]+) ", (CRON / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    settled = re.findall(r"^    ([0-9]+)\) ", script, re.MULTILINE)
    assert sorted(explained) == sorted([*settled, "0"])
