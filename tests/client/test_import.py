"""`trialbook import mlflow`: from a folder that MLflow 3.17 wrote, and from a server."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib import wiring
from tests.api.engines import Fresh, StandingClock
from tests.api.harness import Service
from tests.api.process import KEY, serving
from tests.api.transports import quiet_logs
from tests.client.harness import Bench
from tests.client.terminal import Terminal
from tests.faults import suite
from trialbook.imports import flat_yaml
from trialbook.imports.copying import DONE_TAG

MLRUNS: Final = Path(__file__).with_name("mlruns")
FIRST: Final = "a0c7586547c54aac8792e24c73608cb9"
CHILD: Final = "4e965ce22916488295b281104c3826bc"
GOES_ON: Final = "f1edcda0be4b470cb757fef5367d3283"
DELETED: Final = "007cd91966cf450dac00015e71164cd0"
START: Final = 1_700_000_000_000
NAME: Final = (
    "first: with a colon, an umlaut ü, and a name that is long enough to be folded over two lines"
    " of YAML"
)


@pytest.fixture(params=[pytest.param("sqlite", id=pytest.HIDDEN_PARAM), *suite.FAULTY])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Fresh]:
    """Stores of a test's own: the ids of runs that are copied are nobody's yet."""
    quiet_logs()
    folder = tmp_path / "engine"
    folder.mkdir()
    with suite.opener(request.param)(folder, StandingClock()) as opened:
        yield opened


@pytest.fixture
def service(fresh: Fresh) -> Generator[Service]:
    yield from _serving(fresh)


def _serving(fresh: Fresh) -> Generator[Service]:
    engine = fresh()
    wiring.install(engine.services)
    yield Service(engine)
    wiring.install(None)
    engine.luck.tell()


@pytest.fixture
def terminal(bench: Bench) -> Terminal:
    return Terminal(bench)


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A copy of the folder, to be changed."""
    return Path(shutil.copytree(MLRUNS, tmp_path / "mlruns"))


def _mlflow(service: Service, path: str, **query: Any) -> Any:
    found = service.read.get(f"/api/2.0/mlflow/{path}", params=query)
    assert found.is_success, found.text
    return found.json()


def _run(service: Service, run_id: str) -> Any:
    return _mlflow(service, "runs/get", run_id=run_id)["run"]


def _pairs(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {each["key"]: each["value"] for each in found}


def _points(service: Service, run_id: str, key: str) -> list[tuple[int, int, str]]:
    asked = {"run_id": run_id, "metric_key": key}
    found = _mlflow(service, "metrics/get-history", **asked).get("metrics", [])
    # in text NaN is itself
    return sorted((int(p["step"]), int(p["timestamp"]), str(float(p["value"]))) for p in found)


def _check_first(service: Service) -> None:
    """Everything of the run that has something of everything."""
    run = _run(service, FIRST)
    info, data = run["info"], run["data"]
    assert info["run_name"] == NAME
    assert info["status"] == "FAILED"
    assert (int(info["start_time"]), int(info["end_time"])) == (START, START + 9000)
    assert info["user_id"] == "ada"
    assert _pairs(data["params"]) == {
        "lr": "0.1",
        "opt/name": "adam",
        "text": "two\nlines, ü\n",
        "empty": "",
    }
    tags = _pairs(data["tags"])
    assert json.loads(tags.pop(DONE_TAG))["points"] == 28
    assert {k: tags[k] for k in ("a/b", "empty", "mlflow.user")} == {
        "a/b": "nested",
        "empty": "",
        "mlflow.user": "ada",
    }
    assert _points(service, FIRST, "loss") == [
        (n, START + n * 10, str(1 / (n + 1))) for n in range(25)
    ]
    assert _points(service, FIRST, "val/acc") == [
        (-3, START + 2, "0.30000000000000004"),
        (0, START, "nan"),
        (1, START + 1, "inf"),
    ]
    contents = {
        "notes/a b.txt": b"hello\n",
        "empty.txt": b"",
        "model/weights/w.bin": bytes(range(256)) * 4,
    }
    for path, content in contents.items():
        assert _file(service, FIRST, path) == content


def _file(service: Service, run_id: str, path: str) -> bytes:
    place = f"/api/v1/experiments/runs/{run_id}/artifacts/content"
    url = service.read.get(place, params={"path": path}, headers={"accept": "application/json"})
    return service.files.get(url.json()["url"]).content


def test_all_of_a_folder_is_copied(terminal: Terminal, service: Service) -> None:
    report = terminal.json("import", "mlflow", str(MLRUNS))
    assert (report["copied"], report["there_already"], report["failed"]) == (3, 0, {})
    assert report["counts"]["points"] == 29
    assert (report["counts"]["files"], report["counts"]["bytes"]) == (3, 1030)
    assert set(report["experiments"]) == {"Default", "digits"}
    _check_first(service)
    child = _run(service, CHILD)
    assert _pairs(child["data"]["tags"])["mlflow.parentRunId"] == FIRST
    assert service.get_run(CHILD)["parent_run_id"] == FIRST
    going = _run(service, GOES_ON)["info"]
    assert (going["experiment_id"], going["status"]) == ("0", "RUNNING")
    assert service.read.get(f"/api/v1/experiments/runs/{DELETED}").status_code == 404
    experiment = _mlflow(service, "experiments/get-by-name", experiment_name="digits")["experiment"]
    assert _pairs(experiment["tags"]) == {
        "team": "red",
        "mlflow.note.content": "About digits.\nTwo lines.",
    }


def test_a_second_time_repeats_nothing(terminal: Terminal, bench: Bench) -> None:
    terminal.ok("import", "mlflow", str(MLRUNS))
    before = len(bench.weather.requests)
    report = terminal.json("import", "mlflow", str(MLRUNS), "--experiment", "digits")
    assert (report["copied"], report["there_already"]) == (0, 2)
    again = {(r.method, r.url.path.rpartition("/")[2]) for r in bench.weather.requests[before:]}
    # of the experiment its id and tags, of each run a look
    assert again == {("GET", "get-by-name"), ("POST", "set-experiment-tag"), ("GET", "get")}


def test_what_is_new_is_copied_the_second_time(
    terminal: Terminal, service: Service, mlruns: Path
) -> None:
    terminal.ok("import", "mlflow", str(mlruns))
    metrics = mlruns / "0" / GOES_ON / "metrics"
    metrics.mkdir(exist_ok=True)
    for steps in (range(2), range(5)):
        lines = "".join(f"{START + n} {n / 2} {n}\n" for n in steps)
        (metrics / "late").write_text(lines)
        report = terminal.json("import", "mlflow", mlruns.as_uri())
        assert (report["copied"], report["there_already"]) == (1, 2)
        assert [p[0] for p in _points(service, GOES_ON, "late")] == list(steps)
    meta = mlruns / "0" / GOES_ON / "meta.yaml"
    ended = meta.read_text().replace("end_time: null", f"end_time: {START + 999}")
    meta.write_text(ended.replace("status: 1", "status: 3"))
    assert terminal.json("import", "mlflow", str(mlruns))["copied"] == 1
    assert _run(service, GOES_ON)["info"]["status"] == "FINISHED"
    assert terminal.json("import", "mlflow", str(mlruns))["there_already"] == 3


@pytest.mark.slow
def test_wherever_it_is_interrupted_it_goes_on(bench: Bench, service: Service) -> None:
    """It is cut after more and more requests, each time going on from what the last one left."""
    terminal = Terminal(bench)
    cuts = 0
    for most in range(2, 60, 3):
        left = len(bench.weather.requests) + most

        def cut(_: httpx.Request, left: int = left) -> None:
            bench.weather.away = len(bench.weather.requests) > left

        bench.weather.before = cut
        done = terminal.run("import", "mlflow", str(MLRUNS))
        bench.weather.before, bench.weather.away = None, False
        if done.exit_code == 0:
            break
        assert done.exit_code == 5, done.output
        cuts += 1
    assert cuts > 3
    _check_first(service)
    history = service.read.get(f"/api/v1/experiments/runs/{FIRST}/metrics/loss").json()
    assert history["total"] == 25


def test_an_answer_that_got_lost_makes_no_second_run(
    terminal: Terminal, bench: Bench, service: Service
) -> None:
    def lose(request: httpx.Request) -> None:
        if request.url.path.endswith("runs/create"):
            bench.weather.next.append("lost")
            bench.weather.before = None

    bench.weather.before = lose
    terminal.ok("import", "mlflow", str(MLRUNS))
    _check_first(service)
    experiment = _mlflow(service, "experiments/get-by-name", experiment_name="digits")["experiment"]
    listed = service.read.get(
        "/api/v1/experiments/runs", params={"experiment_id": experiment["experiment_id"]}
    )
    assert len(listed.json()["runs"]) == 2


# tenants of one table: where requests fail, each has its own
@pytest.mark.parametrize("fresh", ["sqlite"], indirect=True)
def test_another_tenant_may_copy_the_same_under_ids_of_its_own(
    terminal: Terminal, fresh: Fresh, tmp_path: Path
) -> None:
    terminal.ok("import", "mlflow", str(MLRUNS))
    for other in _serving(fresh):
        there = Terminal(Bench(other, tmp_path / "other"))
        assert there.json("import", "mlflow", str(MLRUNS))["copied"] == 3
        runs = other.read.post(
            "/api/v1/experiments/runs/search", json={"experiment_ids": ["digits"]}
        ).json()["runs"]
        child, first = sorted(runs, key=lambda run: len(run["name"]))
        assert not {FIRST, CHILD} & {child["run_id"], first["run_id"]}
        assert child["parent_run_id"] == first["run_id"]
        assert _points(other, first["run_id"], "loss")[24][0] == 24
        assert there.json("import", "mlflow", str(MLRUNS))["there_already"] == 2
        assert there.json("import", "mlflow", str(MLRUNS), "--dry-run")["there_already"] == 2


def test_a_dry_run_writes_nothing(terminal: Terminal, bench: Bench) -> None:
    report = terminal.json("import", "mlflow", str(MLRUNS), "--dry-run")
    assert (report["copied"], report["dry_run"]) == (3, True)
    assert report["experiments"] == {"Default": "0", "digits": None}
    assert {request.method for request in bench.weather.requests} == {"GET"}
    said = terminal.ok("import", "mlflow", str(MLRUNS), "--dry-run").splitlines()
    assert said[-1] == "3 runs would be copied, 0 were there"


def test_files_may_be_left_out(terminal: Terminal, service: Service) -> None:
    terminal.ok("import", "mlflow", str(MLRUNS), "--no-artifacts")
    listed = service.read.get(f"/api/v1/experiments/runs/{FIRST}/artifacts").json()
    assert listed["artifacts"] == []


def test_an_experiment_is_chosen_by_name_or_id(terminal: Terminal) -> None:
    for named in ("digits", "547268291561651385"):
        report = terminal.json("import", "mlflow", str(MLRUNS), "--experiment", named)
        assert list(report["experiments"]) == ["digits"]
    said = terminal.fails(1, "import", "mlflow", str(MLRUNS), "--experiment", "no such")
    assert "no such experiments: no such" in said


def test_a_run_that_cannot_be_copied_is_told_and_the_rest_goes_on(
    terminal: Terminal, service: Service, mlruns: Path
) -> None:
    param = mlruns / "547268291561651385" / CHILD / "params" / ("long" * 63)
    param.parent.mkdir(exist_ok=True)
    param.write_text("x")
    done = terminal.run("import", "mlflow", str(mlruns))
    assert done.exit_code == 1
    assert f"  {CHILD}: " in done.stdout
    assert "runs that were not copied: 1" in done.stderr
    _check_first(service)
    param.unlink()
    report = terminal.json("import", "mlflow", str(mlruns))
    assert (report["copied"], report["there_already"], report["failed"]) == (2, 1, {})


def test_points_that_differ_from_what_is_read_back_are_told(
    terminal: Terminal, service: Service, mlruns: Path
) -> None:
    terminal.ok("import", "mlflow", str(mlruns))
    body = {"metrics": {"late": 1.0}, "step": 7}
    logged = service.write.post(f"/api/v1/experiments/runs/{GOES_ON}/log-metrics", json=body)
    assert logged.is_success
    metrics = mlruns / "0" / GOES_ON / "metrics"
    metrics.mkdir(exist_ok=True)
    (metrics / "late").write_text(f"{START} 0.5 0\n")
    done = terminal.run("import", "mlflow", str(mlruns))
    assert done.exit_code == 1
    assert f"{GOES_ON}: metric 'late' differs: 2 points here, 1 there" in done.stdout


@pytest.mark.parametrize(
    "uri, said",
    [
        ("sqlite:///mlflow.db", "start `mlflow server` on it"),
        ("nowhere", "no experiments of MLflow"),
        ("file:///nowhere", "no experiments of MLflow"),
        ("http://127.0.0.1:1", "did not answer"),
    ],
)
def test_what_is_no_source_is_told(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, uri: str, said: str
) -> None:
    monkeypatch.setattr("trialbook.imports.rest.ATTEMPTS", 1)
    assert said in terminal.fails(1, "import", "mlflow", uri)


@pytest.mark.slow
@pytest.mark.integration
def test_from_a_server_over_its_api(bench: Bench, service: Service, tmp_path: Path) -> None:
    """From the folder to a server, and from there to another."""
    terminal = Terminal(bench)
    with serving(tmp_path) as source:
        from trialbook import Client

        there = Terminal(bench)
        there._connect = lambda _: Client(source.url, api_key=KEY)  # type: ignore[method-assign]
        there.ok("import", "mlflow", str(MLRUNS))
        assert "give --token" in terminal.fails(1, "import", "mlflow", source.url)
        report = terminal.json("import", "mlflow", source.url, "--token", KEY)
        assert (report["copied"], report["failed"]) == (3, {})
        assert report["source"] == source.url
        _check_first(service)
        with_user = re.sub("//", f"//ada:{KEY}@", source.url)
        report = terminal.json("import", "mlflow", with_user)
        assert (report["there_already"], report["source"]) == (2, source.url)


NAMES: Final = st.sampled_from(["name", "run_name", "user_id", "artifact_uri", "end_time"])
# what ends a line besides its end (U+0085 and the like) is read otherwise
TEXTS: Final = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x85\u2028\u2029"), max_size=120
)


@given(st.dictionaries(NAMES, st.none() | st.integers() | TEXTS, min_size=1))
@example({"a": "it's: 'quoted' " * 12})
@example({"a": "\n\nleading and trailing\n\n"})
@example({"a": " padded ", "b": "", "c": "null", "d": "'", "e": "- x", "f": "#"})
@example({"a": 'tab\t and \\ and " ' * 9})
def test_meta_yaml_is_read_as_pyyaml_writes_it(entries: dict[str, Any]) -> None:
    text = yaml.safe_dump(entries, default_flow_style=False, allow_unicode=True)
    read = flat_yaml.read(text)
    assert read == {name: None if v is None else str(v) for name, v in entries.items()}


@pytest.mark.parametrize("text", ["just words", "a\nb", "- a: 1"])
def test_what_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a mapping"):
        flat_yaml.read(text)
