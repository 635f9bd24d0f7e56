"""MLflow's calls that log to a run."""

from __future__ import annotations

import math

import pytest

from tests.api.answers import Json, found
from tests.api.harness import RUNS, Service
from tests.api.mlflow.tracking import (
    get,
    new_run,
    not_found,
    pairs,
    point,
    post,
    run_of,
    said,
    searched,
    texts,
)

AT = 1_700_000_000_000
STAYS_OUT: Json = {"params": [{"key": "stays out", "value": "1"}]}


@pytest.fixture
def run_id(service: Service) -> str:
    return new_run(service, run_name="a run")["info"]["run_id"]


@pytest.fixture
def laptop_run(laptop: Service) -> str:
    return new_run(laptop, run_name="a run")["info"]["run_id"]


def history(service: Service, run_id: str, key: str) -> list[Json]:
    return found(get(service.read, "metrics/get-history", run_id=run_id, metric_key=key))["metrics"]


def batch(service: Service, run_id: str, **body: list[Json]) -> Json:
    return found(post(service.write, "runs/log-batch", run_id=run_id, **body))


def test_what_is_logged_one_by_one_is_read(service: Service, run_id: str) -> None:
    one = {"run_id": run_id}
    metric = {"key": "loss", "value": 0.5, "timestamp": AT, "step": 3}
    described = {"dataset_name": "d", "dataset_digest": "e", "model_id": ""}
    assert found(post(service.write, "runs/log-metric", **one, **metric, **described)) == {}
    assert found(post(service.write, "runs/log-parameter", **one, key="lr", value="0.1")) == {}
    assert found(post(service.write, "runs/set-tag", **one, key="team", value="red")) == {}
    run = run_of(service, run_id)
    assert run["data"]["metrics"] == [metric]
    assert texts(run, "params") == {"lr": "0.1"}
    assert texts(run, "tags") == {"team": "red", "mlflow.runName": "a run"}
    assert history(service, run_id, "loss") == [metric]
    seen = service.get_run(run_id)
    assert (seen["metrics"], seen["params"]) == ({"loss": 0.5}, {"lr": "0.1"})
    assert found(post(service.write, "runs/delete-tag", **one, key="team")) == {}
    assert "team" not in service.get_run(run_id)["tags"]


def test_old_clients_name_the_run_by_its_uuid(service: Service, run_id: str) -> None:
    found(post(service.write, "runs/log-parameter", run_uuid=run_id, key="a", value="1"))
    assert texts(run_of(service, run_id), "params") == {"a": "1"}


@pytest.mark.parametrize(
    "sent, kept",
    [
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        (5, 5.0),
        ("2.5", 2.5),
        (-0.0, -0.0),
        (1e308, 1e308),
    ],
)
def test_a_value_may_be_any_double(
    laptop: Service, laptop_run: str, sent: object, kept: object
) -> None:
    found(
        post(
            laptop.write, "runs/log-metric", run_id=laptop_run, key="m", value=sent,
            timestamp=str(AT), step="7",
        )
    )  # fmt: skip
    batch(laptop, laptop_run, metrics=[point("n", sent)])
    (one,) = history(laptop, laptop_run, "m")
    assert (one["value"], one["timestamp"], one["step"]) == (kept, AT, 7)
    assert math.copysign(1, float(one["value"])) == math.copysign(1, float(str(kept)))
    assert texts(run_of(laptop, laptop_run), "metrics") == {"m": kept, "n": kept}


def test_a_batch_is_logged_whole(service: Service, run_id: str) -> None:
    points = [point("loss", 1 / (n + 1), n, AT + n) for n in range(900)]
    params = [{"key": f"p{n}", "value": str(n)} for n in range(50)]
    sent = {"metrics": points, "params": params, "tags": pairs(a="1", b="2")}
    for _ in range(2):  # a client that got no answer sends it again
        assert batch(service, run_id, **sent) == {}
    run = run_of(service, run_id)
    assert history(service, run_id, "loss") == points
    assert len(run["data"]["params"]) == 50
    assert texts(run, "tags") == {"a": "1", "b": "2", "mlflow.runName": "a run"}
    assert service.get_run(run_id)["metric_summary"]["loss"]["count"] == 900


def test_an_empty_batch_is_nothing(service: Service, run_id: str) -> None:
    before = run_of(service, run_id)
    assert batch(service, run_id) == {}
    assert run_of(service, run_id) == before


def test_a_param_keeps_its_value(service: Service, run_id: str) -> None:
    one = {"run_id": run_id, "key": "lr"}
    for _ in range(2):
        found(post(service.write, "runs/log-parameter", **one, value="0.1"))
    told = said(post(service.write, "runs/log-parameter", **one, value="0.2"))
    assert told == (
        "Changing param values is not allowed. Param with key='lr' was already logged with"
        f" value='0.1' for run ID='{run_id}'. Attempted logging new value '0.2'."
    )
    params = [{"key": "other", "value": "1"}, {"key": "lr", "value": "0.2"}]
    sent = {"params": params, "metrics": [point("m", 1)], "tags": pairs(a="1")}
    told = said(post(service.write, "runs/log-batch", run_id=run_id, **sent))
    assert told == (
        "Changing param values is not allowed. Params were already"
        " logged='[{'key': 'lr', 'old_value': '0.1', 'new_value': '0.2'}]'"
        f" for run ID='{run_id}'."
    )
    run = run_of(service, run_id)
    assert texts(run, "params") == {"lr": "0.1"}
    assert run["data"]["metrics"] == []


def test_a_param_twice_in_a_batch_is_refused_and_the_last_of_a_tag_stays(
    service: Service, run_id: str
) -> None:
    params = [{"key": "a", "value": "1"}, {"key": "a", "value": "1"}]
    told = said(post(service.write, "runs/log-batch", run_id=run_id, params=params))
    assert told.startswith("Duplicate parameter keys have been submitted: ['a'].")
    batch(service, run_id, tags=[*pairs(t="1"), *pairs(t="2")])
    assert texts(run_of(service, run_id), "tags")["t"] == "2"


def test_the_tags_that_say_a_field_change_it(service: Service, run_id: str) -> None:
    one = {"run_id": run_id}
    found(post(service.write, "runs/set-tag", **one, key="mlflow.runName", value="new"))
    note = [{"key": "mlflow.note.content", "value": "about"}]
    batch(service, run_id, tags=note)
    run = run_of(service, run_id)
    assert run["info"]["run_name"] == texts(run, "tags")["mlflow.runName"] == "new"
    seen = service.get_run(run_id)
    assert (seen["name"], seen["description"], seen["tags"]) == ("new", "about", {})
    found(post(service.write, "runs/set-tag", **one, key="mlflow.runName", value=""))
    assert service.get_run(run_id)["name"] == "new"
    found(post(service.write, "runs/delete-tag", **one, key="mlflow.note.content"))
    assert service.get_run(run_id)["description"] is None
    not_found(post(service.write, "runs/delete-tag", **one, key="mlflow.note.content"))
    found(post(service.write, "runs/delete-tag", **one, key="mlflow.runName"))
    assert run_of(service, run_id)["info"]["run_name"] == "new"


def test_a_tag_that_is_not_there_cannot_be_deleted(service: Service, run_id: str) -> None:
    told = not_found(post(service.write, "runs/delete-tag", run_id=run_id, key="nope"))
    assert told == f"No tag with name: nope in run with id {run_id}"


def test_long_values_are_cut_as_mlflow_cuts_them(service: Service, run_id: str) -> None:
    found(post(service.write, "runs/log-parameter", run_id=run_id, key="p", value="v" * 6001))
    found(post(service.write, "runs/set-tag", run_id=run_id, key="t", value="v" * 8001))
    batch(service, run_id, params=[{"key": "q", "value": "ü" * 6001}], tags=pairs(u="w" * 9000))
    run = run_of(service, run_id)
    assert texts(run, "params") == {"p": "v" * 6000, "q": "ü" * 6000}
    assert {key: len(value) for key, value in texts(run, "tags").items()} == {
        "t": 8000,
        "u": 8000,
        "mlflow.runName": 5,
    }


@pytest.mark.parametrize(
    "body, told",
    [
        ({"metrics": [point("m", 1)] * 1001}, "at most 1000 metrics. Got 1001 metrics."),
        ({"params": [{"key": str(n), "value": ""} for n in range(101)]}, "at most 100 params"),
        ({"tags": [{"key": str(n), "value": ""} for n in range(101)]}, "at most 100 tags"),
        (
            {"metrics": [point("m", 1, n) for n in range(1000)], "tags": pairs(a="1"), **STAYS_OUT},
            "at most 1000 metrics, params, and tags. Got 1002 metrics, params, and tags.",
        ),
        ({"metrics": [{"key": "m", "value": 1}]}, "required parameter 'metrics[0].timestamp'"),
        ({"metrics": [{"value": 1, "timestamp": 1}]}, "required parameter 'metrics[0].key'"),
        ({"metrics": [{"key": "m", "timestamp": 1}]}, "required parameter 'metrics[0].value'"),
        ({"metrics": [point("m", None)]}, "required parameter 'metrics[0].value'"),
        ({"metrics": [point("m", True)]}, "Please specify value as a valid double"),
        ({"metrics": [point("m", "much")]}, "Please specify value as a valid double"),
        ({"metrics": [point("m", [1])]}, "Please specify value as a valid double"),
        ({"metrics": [point("m", 1, 2**63)]}, "for parameter 'metrics[0].step'"),
        ({"metrics": [point("m", 1, 0, -1)]}, "for parameter 'metrics[0].timestamp'"),
        ({"metrics": [point("m", 1), point("../m", 1)]}, "for parameter 'metrics[1].name'"),
        ({"metrics": [point("k" * 251, 1)]}, "'Metric name' exceeds the maximum length of 250"),
        ({"metrics": [5]}, "Invalid value 5 for parameter 'metrics[0]' supplied"),
        ({"metrics": {"a": 1}}, "for parameter 'metrics' supplied"),
        ({"params": [{"key": "k" * 251, "value": ""}]}, "'Param key' exceeds the maximum length"),
        ({"params": [{"value": "1"}]}, "required parameter 'params[0].key'"),
        ({"params": [{"key": "a", "value": 1}]}, "for parameter 'params[0].value'"),
        ({"tags": [{"key": "k" * 251, "value": ""}]}, "'tags[0].key' exceeds the maximum length"),
        ({"tags": [{"key": "a;b", "value": ""}]}, "Names may only contain alphanumerics"),
        ({"tags": [{"key": ["a"], "value": ""}]}, "for parameter 'tags[0].key'"),
        ({"tags": pairs(a="x" * 1_000_001)}, "must be at most 1000000 bytes"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_whole(
    laptop: Service, laptop_run: str, body: Json, told: str
) -> None:
    with_param = {**STAYS_OUT, **body}
    refusal = post(laptop.write, "runs/log-batch", run_id=laptop_run, **with_param)
    assert told in said(refusal)
    assert run_of(laptop, laptop_run)["data"]["params"] == []


@pytest.mark.parametrize(
    "path, body, told",
    [
        ("log-metric", {"value": 1, "timestamp": 1}, "required parameter 'key'"),
        ("log-metric", {"key": "m", "value": 1}, "required parameter 'timestamp'"),
        ("log-metric", {"key": "m", "timestamp": 1}, "for parameter 'value'"),
        ("log-metric", point("m", "x"), "Please specify value as a valid double"),
        ("log-metric", point("m", 1, 2**63), "for parameter 'step'"),
        ("log-metric", point("a//b", 1), "This name would resolve to 'a/b'"),
        ("log-parameter", {"key": "k" * 251, "value": "1"}, "'Param key' exceeds"),
        ("log-parameter", {"key": "a", "value": 5}, "Invalid value 5 for parameter 'value'"),
        ("log-parameter", {"value": "5"}, "required parameter 'key'"),
        ("set-tag", {"key": "k" * 251, "value": "1"}, "'key' exceeds the maximum length of 250"),
        ("set-tag", {"key": "", "value": "1"}, "required parameter 'key'"),
        ("delete-tag", {}, "required parameter 'key'"),
    ],
)
def test_what_cannot_be_logged_is_refused_in_mlflows_words(
    laptop: Service, laptop_run: str, path: str, body: Json, told: str
) -> None:
    assert told in said(post(laptop.write, f"runs/{path}", run_id=laptop_run, **body))


def test_a_repeated_metric_is_one_point(service: Service, run_id: str) -> None:
    for _ in range(3):
        found(post(service.write, "runs/log-metric", run_id=run_id, **point("m", 1.5, 2)))
    assert history(service, run_id, "m") == [point("m", 1.5, 2)]


def test_a_run_that_outgrew_its_item_is_written_and_read(service: Service, run_id: str) -> None:
    long = {f"t{n}": f"{n}" * 900 for n in range(40)}
    batch(service, run_id, tags=pairs(**long), params=[{"key": "p", "value": "v" * 6000}])
    for n in range(3):
        batch(service, run_id, metrics=[point(f"m{n}", n)])
    found(post(service.write, "runs/set-tag", run_id=run_id, key="t0", value="short"))
    found(post(service.write, "runs/delete-tag", run_id=run_id, key="t1"))
    not_found(post(service.write, "runs/delete-tag", run_id=run_id, key="t1"))
    told = said(post(service.write, "runs/log-parameter", run_id=run_id, key="p", value="w"))
    assert "Changing param values is not allowed." in told
    body = {"run_id": run_id, "status": "FINISHED", "end_time": AT, "run_name": "grown"}
    info = found(post(service.write, "runs/update", **body))["run_info"]
    run = run_of(service, run_id)
    assert run["info"] == info
    expected = {**long, "t0": "short", "mlflow.runName": "grown"}
    del expected["t1"]
    assert texts(run, "tags") == expected
    assert texts(run, "metrics") == {"m0": 0.0, "m1": 1.0, "m2": 2.0}
    text = "tags.t2 LIKE '222%' and tags.mlflow.runName = 'grown' and metrics.m1 = 1"
    assert searched(service, ["0"], filter=text)["runs"] == [run]


def test_a_timestamp_may_be_any_that_an_integer_holds(service: Service, run_id: str) -> None:
    points = [point("m", 1, 0, 0), point("m", 2, 2**63 - 1, 2**63 - 1), point("m", 0, -(2**63), 5)]
    batch(service, run_id, metrics=points)
    assert [one["step"] for one in history(service, run_id, "m")] == [-(2**63), 0, 2**63 - 1]
    assert texts(run_of(service, run_id), "metrics") == {"m": 2.0}
    seen = found(service.read.get(f"{RUNS}/{run_id}/metrics/m"))
    assert [one["timestamp"] for one in seen["points"]] == [5, 0, 2**63 - 1]


def test_an_ended_run_takes_logs(service: Service, run_id: str) -> None:
    found(post(service.write, "runs/update", run_id=run_id, status="FINISHED", end_time=AT))
    batch(service, run_id, metrics=[point("late", 1)], params=[{"key": "late", "value": "1"}])
    assert texts(run_of(service, run_id), "metrics") == {"late": 1.0}


def test_what_ours_logged_that_mlflow_would_not_name_is_read(service: Service, run_id: str) -> None:
    found(service.log(run_id, [point("a;b", 1)], {"größe?": "1"}))
    run = run_of(service, run_id)
    assert texts(run, "metrics") == {"a;b": 1.0}
    assert texts(run, "params") == {"größe?": "1"}
    assert [one["value"] for one in history(service, run_id, "a;b")] == [1.0]


def test_costs(laptop: Service, laptop_run: str) -> None:
    with laptop.budget(reads=1, transactions=1):
        found(post(laptop.write, "runs/log-metric", run_id=laptop_run, **point("m", 1)))
    with laptop.budget(reads=1, transactions=1):
        batch(laptop, laptop_run, metrics=[point("n", n, n) for n in range(1000)])
    with laptop.budget(reads=1, writes=1):
        found(post(laptop.write, "runs/log-parameter", run_id=laptop_run, key="a", value="1"))
    with laptop.budget(reads=1):
        found(post(laptop.write, "runs/log-parameter", run_id=laptop_run, key="a", value="1"))


def test_both_surfaces_meet_in_a_batch(service: Service, run_id: str) -> None:
    """What one logged, the other does not log again."""
    points = [point("loss", n * 0.5, n, AT + n) for n in range(10)]
    found(service.log(run_id, points))
    batch(service, run_id, metrics=points)
    assert history(service, run_id, "loss") == points
    seen = found(service.read.get(f"{RUNS}/{run_id}/metrics/loss"))
    assert seen["total"] == 10
