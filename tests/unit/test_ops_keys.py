"""The operator's commands for API keys, on the engines of the cloud as moto plays them."""

from __future__ import annotations

import json
from collections.abc import Generator
from typing import Any, cast

import boto3
import moto
import pytest

from chalicelib import ops
from chalicelib.domain import api_keys
from chalicelib.storage.dynamo_requests import table_definition


@pytest.fixture
def deployment(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    monkeypatch.setenv("TRIALBOOK_TABLE", "table")
    monkeypatch.setenv("TRIALBOOK_BUCKET", "bucket")
    # moto does not know the addresses that have an account's number in them
    monkeypatch.setenv("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")
    with moto.mock_aws():
        make = cast("Any", boto3.client)
        make("dynamodb", region_name="us-east-1").create_table(**table_definition("table"))
        yield


@pytest.mark.slow
def test_the_first_key_of_a_deployment_is_made_listed_and_revoked(
    deployment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    who = ["--tenant", "acme", "--user", "ada"]
    assert ops.main(["keys", "create", *who, "--role", "admin"]) == 0
    made = capsys.readouterr().out
    parsed = api_keys.parse(made.strip())
    assert parsed is not None
    assert made.count("\n") == 1

    def states() -> list[tuple[str, str, str]]:
        assert ops.main(["keys", "list", "--tenant", "acme", "--json"]) == 0
        rows = json.loads(capsys.readouterr().out)["keys"]
        return [(row["key_id"], row["role"], row["state"]) for row in rows]

    assert states() == [(parsed[0], "admin", "valid")]
    assert ops.main(["keys", "revoke", parsed[0], "--tenant", "other"]) == 1
    assert "there is no such key" in capsys.readouterr().err
    assert ops.main(["keys", "revoke", parsed[0]]) == 0
    assert capsys.readouterr().out == f"revoked {parsed[0]} of ada in tenant acme\n"
    assert states() == [(parsed[0], "admin", "revoked")]


@pytest.mark.parametrize(
    "arguments",
    [["keys"], ["keys", "create", "--tenant", "t", "--user", "u"], ["keys", "revoke"]],
)
def test_a_mistake_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ops.main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
