"""One line for each request and each call of a worker, as CloudWatch reads it."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import boto3
import httpx
import jsonschema
import moto
import pytest

from chalicelib import wiring
from chalicelib.api import request_log, workers
from chalicelib.api.request_log import NAMESPACE, UNITS, WorkerFailed, WorkerWork
from chalicelib.core import tally
from chalicelib.core.context import Clock
from chalicelib.core.errors import Unavailable
from chalicelib.core.ids import RunId
from chalicelib.domain import compaction, feed
from chalicelib.settings import Settings
from chalicelib.storage import keys, runs
from chalicelib.storage.dynamo_requests import table_definition
from chalicelib.storage.dynamo_stream import change_of
from chalicelib.storage.table import Key
from local.home import Home
from local.services import open_backend
from tests.api.budget import Counts
from tests.api.engines import ENGINES, Engine, Fresh, StandingClock
from tests.api.harness import EXPERIMENTS, RUNS, Service
from tests.api.logged import STACK, logged
from tests.api.routes import ROUTES, call, neighbours, target_of
from tests.api.test_workers import CLOCK_EVENT, LambdaContext
from tests.api.transports import quiet_logs

NAME: Final = {"type": "string", "minLength": 1, "maxLength": 1024}
_SIZES: Final = "|".join(f"{size}(bytes|bits)" for size in ("Kilo", "Mega", "Giga", "Tera"))
UNIT: Final = (
    f"^((Seconds|Microseconds|Milliseconds|Percent|None)|(Bytes|Bits|{_SIZES}|Count)(/Second)?)$"
)
EMF: Final[dict[str, Any]] = {
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "additionalProperties": False,
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 1_500_000_000_000},
                "CloudWatchMetrics": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "properties": {
                            "Namespace": NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "array",
                                    "maxItems": 30,
                                    "items": {**NAME, "maxLength": 250},
                                },
                            },
                            "Metrics": {
                                "type": "array",
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "additionalProperties": False,
                                    "required": ["Name"],
                                    "properties": {"Name": NAME, "Unit": {"pattern": UNIT}},
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("aws", marks=pytest.mark.slow)])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Fresh]:
    """Nothing fails here but what a test has fail: lines are compared with what was asked."""
    quiet_logs()
    with ENGINES[request.param](tmp_path_factory.mktemp("engine"), StandingClock()) as opened:
        yield opened


@pytest.fixture(scope="module")
def laptop_engine(tmp_path_factory: pytest.TempPathFactory) -> Generator[Fresh]:
    """Likewise."""
    quiet_logs()
    with ENGINES["sqlite"](tmp_path_factory.mktemp("engine"), StandingClock()) as opened:
        yield opened


def metrics_of(line: dict[str, Any]) -> dict[str, float]:
    """What CloudWatch makes of a line: every name that is referred to must be at the root."""
    jsonschema.validate(line, EMF)
    found: dict[str, float] = {}
    for directive in line["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == NAMESPACE
        assert directive["Dimensions"] == [["Stack"]]
        assert line["Stack"] == STACK
        for metric in directive["Metrics"]:
            value = line[metric["Name"]]
            assert isinstance(value, (int, float))
            found[metric["Name"]] = value
    return found


def test_a_line_tells_of_a_request(service: Service) -> None:
    run_id = service.run()["run_id"]
    with logged(service.services.clock) as written:
        answer = service.read.get(f"{RUNS}/{run_id}")
    line = written.last()
    assert len(written) == 1
    assert written[0].endswith("}\n")
    assert written[0].count("\n") == 1
    duration_ms = line["duration_ms"]
    assert duration_ms >= 0
    expected = {
        "level": "info",
        "message": "request",
        "request_id": answer.headers["x-request-id"],
        "tenant": service.tenant,
        "user": "ada",
        "method": "GET",
        "route": "/api/v1/experiments/runs/{run_id}",
        "status": 200,
    }
    assert {name: line[name] for name in expected} == expected
    assert line["time"].startswith("2027-01-15T08:0")
    assert metrics_of(line) == {
        "Requests": 1,
        "ClientErrors": 0,
        "ServerErrors": 0,
        "Duration": duration_ms,
        "StorageRequests": 0,  # these stores are not counted: see below
    }
    assert "exception" not in line
    assert "code" not in line


@pytest.mark.parametrize("name", sorted(ROUTES))
def test_every_route_is_told_by_its_template(laptop: Service, name: str) -> None:
    if ROUTES[name].method == "DELETE":
        target = target_of(laptop.admin)
    else:
        near = neighbours(laptop)
        laptop, target = near.service, near.mine
    with logged() as written:
        answer = call(laptop.admin, ROUTES[name], target)
    line = written.last()
    assert f"{line['method']} {line['route']}" == name
    assert line["status"] == answer.status_code
    assert ("tenant" in line) == (ROUTES[name].role is not None)
    metrics_of(line)


def test_a_refusal_is_told_by_its_code(laptop: Service) -> None:
    with logged() as written:
        laptop.anybody.get(RUNS)
        laptop.read.post(EXPERIMENTS, json={"name": "x"})
        laptop.write.get(f"{RUNS}/{'0' * 32}")
    unknown, forbidden, missing = written.told
    assert (unknown["status"], unknown["code"]) == (401, "unauthenticated")
    assert "tenant" not in unknown
    assert (forbidden["status"], forbidden["code"]) == (403, "forbidden")
    assert forbidden["tenant"] == laptop.tenant
    assert (missing["status"], missing["code"], missing["level"]) == (404, "not_found", "info")
    for line in written.told:
        assert metrics_of(line)["ClientErrors"] == 1
        assert metrics_of(line)["ServerErrors"] == 0
        assert "exception" not in line


def _raising(error: Exception) -> Callable[..., None]:
    def get(*_: object) -> None:
        raise error

    return get


@pytest.mark.parametrize(
    "error, status, level",
    [(KeyError("a secret"), 500, "error"), (Unavailable("the store is away"), 503, "warning")],
)
def test_a_failure_is_told_with_its_place(
    laptop: Service, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int, level: str
) -> None:
    client = laptop.read
    client.get(RUNS)
    monkeypatch.setattr(type(laptop.services.table), "get", _raising(error))
    with logged() as written:
        answer = client.get(f"{RUNS}/{'0' * 32}")
    assert answer.status_code == status
    line = written.last()
    assert line["level"] == level
    assert line["exception"]["type"] == type(error).__name__
    assert line["exception"]["where"][-1].startswith("tests/api/test_request_log.py:")
    assert any("chalicelib/storage/" in place for place in line["exception"]["where"])
    assert ("message" in line["exception"]) == (status == 503)
    assert metrics_of(line)["ServerErrors"] == 1
    assert "a secret" not in written[0]

    with logged(is_json=False) as said:
        answer = client.get(f"{RUNS}/{'0' * 32}")
    (text,) = said
    route = "GET /api/v1/experiments/runs/{run_id}"
    request_id = answer.headers["x-request-id"]
    head = f"trialbook: error: {route} is answered {status}: request {request_id}: "
    assert text.startswith(f"{head}{type(error).__name__}")
    assert "a secret" not in text


def test_for_people_what_goes_well_is_not_worth_a_line(laptop: Service) -> None:
    with logged(is_json=False) as said:
        laptop.run()
        laptop.anybody.get(RUNS)
    assert said == []


def test_the_first_request_of_a_process_is_told_to_be_cold(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_log, "_is_cold", True)
    with logged() as written:
        laptop.read.get(RUNS)
        laptop.read.get(RUNS)
    assert [line.get("cold") for line in written.told] == [True, None]


# -- requests to the stores ---------------------------------------------------------------------


@contextmanager
def _laptop(folder: Path) -> Generator[Service]:
    """As `make run` has it, but for the server and its thread."""
    clock = Clock()
    backend = open_backend(Home(folder), "http://files.test", clock)
    yield Service(Engine("sqlite", clock, wiring.services(), Counts(), httpx.Client()))
    backend.close()


_names = itertools.count(1)


@contextmanager
def _aws(_: Path) -> Generator[Service]:
    """As functions have it."""
    with moto.mock_aws():
        make: Any = vars(boto3)["client"]
        name = f"counted-{next(_names)}"  # moto forgets nothing where it is played already
        make("dynamodb", region_name="us-east-1").create_table(**table_definition(name))
        make("s3", region_name="us-east-1").create_bucket(Bucket=name)
        clock, settings = Clock(), Settings(name, name, "us-east-1")
        wiring.install(wiring.aws_services(settings))
        yield Service(Engine("aws", clock, wiring.services(), Counts(), httpx.Client()))


@pytest.fixture(params=[_laptop, pytest.param(_aws, marks=pytest.mark.slow)])
def deployed(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[Service]:
    """The services that `wiring` and `local.services` make, whose requests count."""
    # moto does not know the addresses that have an account's number in them
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    with request.param(tmp_path) as service:
        yield service
    wiring.install(None)


def test_a_line_counts_the_requests_to_the_stores(deployed: Service) -> None:
    """The numbers of docs/access-patterns.md, on both engines."""
    run = deployed.run()
    url = f"{RUNS}/{run['run_id']}"
    deployed.read.get(url)  # both keys are known from now on
    deployed.write.get(url)
    with logged() as written:
        deployed.read.get(url)
        deployed.write.post(f"{url}/log-metrics", json={"metrics": {"loss": 1}})
        deployed.write.post(f"{url}/log-artifact", files={"file": ("a", b"bytes")})
        deployed.anybody.get("/openapi.json")
    read, logs, sends, document = written.told
    table, blobs = ("sqlite", "files") if deployed.engine == "sqlite" else ("dynamodb", "s3")
    assert read["storage"] == {table: 1}
    assert logs["storage"] == {table: 2}
    assert sends["storage"][blobs] == 1
    assert sends["storage_requests"] == sum(sends["storage"].values())
    assert sends["storage"][table] >= 3
    assert document["storage_requests"] == 0
    assert "storage" not in document
    for line in written.told:
        assert metrics_of(line)["StorageRequests"] == line["storage_requests"]


def test_requests_at_once_are_counted_apart(tmp_path: Path) -> None:
    with _laptop(tmp_path) as service:
        run_id = service.run()["run_id"]
        service.log_values(run_id, "loss", [1.0])
        urls = [f"{RUNS}/{run_id}", f"{RUNS}/{run_id}/metrics/loss"]
        service.read.get(urls[0])

        def ask(number: int) -> None:
            service.read.get(urls[number % 2])

        with logged() as alone:
            ask(1)
            ask(0)
        expected = {line["route"]: line["storage_requests"] for line in alone.told}
        assert len(set(expected.values())) == 2
        with logged() as written, ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, range(200)))
        assert len(written) == 200
        for line in written.told:
            assert line["storage_requests"] == expected[line["route"]]
    wiring.install(None)


def test_work_that_is_spread_over_threads_counts_where_it_was_handed_out(
    deployed: Service,
) -> None:
    table, spread = deployed.services.table, deployed.services.bytes.spread
    wanted = [Key("nothing", str(number)) for number in range(24)]
    counted, token = tally.begin()
    assert list(spread(table.get, wanted)) == [None] * 24
    tally.end(token)
    table.get(wanted[0])
    assert len(counted) == 24


# -- workers ------------------------------------------------------------------------------------


class Context(LambdaContext):
    aws_request_id = "the invocation"


def _records(*created_s: float) -> dict[str, Any]:
    """Of items that nothing is projected of."""
    return {
        "Records": [
            {
                "eventID": str(number),
                "eventSourceARN": "arn:aws:dynamodb:us-east-1:0:table/t/stream/0",
                "dynamodb": {
                    "SequenceNumber": str(number),
                    "ApproximateCreationDateTime": at,
                    "Keys": {"pk": {"S": "a"}, "sk": {"S": "b"}},
                },
            }
            for number, at in enumerate(created_s)
        ]
    }


def test_a_line_tells_of_a_workers_call(laptop: Service) -> None:
    now_s = laptop.clock.now_ms() / 1000
    with logged() as written:
        workers.project_changes(_records(now_s - 3, now_s - 90), Context(1000))
        workers.compact_points(CLOCK_EVENT, Context(1000))
        workers.tidy(CLOCK_EVENT, Context(90_000))
    projected, compacted, tidied = written.told
    assert projected["worker"] == "project_changes"
    assert projected["request_id"] == "the invocation"
    assert metrics_of(projected) == {
        "FeedLag": 90_000,
        "ParkedChanges": 0,
        "ChangesProjected": 0,
    }
    assert (compacted["worker"], compacted["compacted"]) == ("compact_points", 0)
    assert (tidied["worker"], tidied["expired"]) == ("tidy", 0)
    for line in (compacted, tidied):
        assert "_aws" not in line, "a stack that nobody uses pays for no metric"


def test_a_change_that_is_parked_counts(laptop: Service) -> None:
    broken = keys.run(laptop.tenant, RunId("0" * 32))
    image = {"pk": broken.pk, "sk": broken.sk, "feed": runs.FEED, "doc": "a secret"}
    record = _records(1)["Records"][0]
    record["dynamodb"]["NewImage"] = {name: {"S": text} for name, text in image.items()}
    with logged() as written:
        workers.project_changes({"Records": [record]}, Context(1000))
    told, line = written.told
    assert told["message"].startswith("a change of the feed is parked")
    assert told["exception"]["type"] == "JSONDecodeError"
    assert metrics_of(line)["ParkedChanges"] == 1
    assert "a secret" not in "".join(written)


def test_a_batch_that_is_given_back_is_told_with_its_reason(
    laptop: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = _records(1)["Records"][0]
    record["dynamodb"]["NewImage"] = {"feed": {"S": "x"}, "pk": {"S": "a"}, "sk": {"S": "b"}}
    change = change_of(record)
    assert change is not None
    monkeypatch.setattr(feed, "dispatch", _raising(feed.Interrupted(change)))
    with logged() as written:
        answer = workers.project_changes({"Records": [record]}, Context(1000))
    assert answer == {"batchItemFailures": [{"itemIdentifier": "0"}]}
    line = written.last()
    assert line["level"] == "error"
    assert line["exception"]["message"].startswith("the change feed was interrupted")
    assert "ChangesProjected" not in metrics_of(line)


@pytest.mark.parametrize("is_json", [True, False])
def test_a_worker_raises_nothing_that_lambda_may_not_write(
    laptop: Service, monkeypatch: pytest.MonkeyPatch, is_json: bool
) -> None:
    monkeypatch.setattr(compaction, "compact_due", _raising(KeyError("a secret")))
    with logged(is_json=is_json) as written, pytest.raises(WorkerFailed) as failed:
        workers.compact_points(CLOCK_EVENT, Context(1000))
    assert str(failed.value) == "KeyError; the line before tells where"
    assert "a secret" not in "".join(written)
    assert "compact_points" in written[0]
    assert "KeyError" in written[0]

    monkeypatch.setattr(compaction, "compact_due", _raising(Unavailable("the table is away")))
    with pytest.raises(Unavailable, match="the table is away"):
        workers.compact_points(CLOCK_EVENT, Context(1000))


def test_a_worker_may_tell_more() -> None:
    with logged() as written, WorkerWork("take_arrivals") as work:
        work.metrics |= {"IngestedLines": 7, "RefusedLines": 0, "ParkedChanges": 1}
        work.fields["tenant"] = "acme"
    line = written.last()
    assert metrics_of(line) == {"IngestedLines": 7, "RefusedLines": 0, "ParkedChanges": 1}
    assert line["tenant"] == "acme"


def test_there_are_at_most_ten_metrics() -> None:
    """Each costs 0.30 $ in a month in which it has a value; ten are free in an account."""
    assert len(UNITS) <= 10


@pytest.mark.parametrize(
    "log_group, stack",
    [
        ("/trialbook/trialbook-prod/api_handler", "trialbook-prod"),
        ("/aws/lambda", "lambda"),
        ("", "trialbook"),
    ],
)
def test_what_a_function_writes_is_a_bare_line_with_its_stack(
    capfd: pytest.CaptureFixture[str], log_group: str, stack: str
) -> None:
    with logged():  # restores what `in_functions` replaces
        request_log.in_functions(log_group)
        with WorkerWork("take_arrivals") as work:
            work.metrics["IngestedLines"] = 1
    out, err = capfd.readouterr()
    line = json.loads(out)
    assert (line["worker"], line["Stack"]) == ("take_arrivals", stack)
    assert err == ""


@pytest.mark.slow
def test_a_worker_writes_lines_where_lambda_imports_its_module_alone() -> None:
    script = """
from chalicelib.api import workers
with workers.WorkerWork("tidy"):
    pass
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        env={"AWS_LAMBDA_FUNCTION_NAME": "tidy", "AWS_LAMBDA_LOG_GROUP_NAME": "/trialbook/s/tidy"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["worker"] == "tidy"


def test_the_template_names_log_groups_so_that_the_stack_is_in_them() -> None:
    template = Path(__file__).parents[2] / ".chalice" / "resources.json"
    resources = json.loads(template.read_text())["Resources"].values()
    groups = [one for one in resources if one.get("Type") == "AWS::Logs::LogGroup"]
    names = [one["Properties"]["LogGroupName"]["Fn::Sub"] for one in groups]
    assert len(names) > 4
    assert all(name.startswith("/trialbook/${AWS::StackName}/") for name in names)


def test_a_log_that_is_full_fails_no_request(laptop: Service) -> None:
    def full(_: str) -> None:
        raise OSError(28, "no space left")

    with logged():
        request_log.install(request_log.Destination(full, STACK, Clock()))
        assert laptop.run()["status"] == "running"


def test_the_page_for_operators_tells_what_is_written(laptop: Service) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    (example,) = re.findall(r"^```json\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    example = json.loads(example)
    with logged() as written:
        laptop.read.get(f"{RUNS}/{laptop.run()['run_id']}")
        with WorkerWork("tidy"):
            pass
    request, worker = written.told[-2:]
    # these stores are not counted, and the process is warm
    assert {*example} - {"storage"} == {*request} - {"cold"}
    assert example["_aws"]["CloudWatchMetrics"] == request["_aws"]["CloudWatchMetrics"]
    fields = {*request, *worker, "cold", "code", "exception"} - {*UNITS}
    assert [name for name in fields if f"`{name}`" not in page] == []
    units = dict(re.findall(r"^\| (`[A-Z].*) \| (\w+) \| ", page, re.MULTILINE))
    documented = {
        name: unit for cell, unit in units.items() for name in re.findall("`(.+?)`", cell)
    }
    assert documented == UNITS
