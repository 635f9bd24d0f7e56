"""What `make deploy` and `make key` ask of the AWS CLI. There is no AWS here: a script that notes
what it is called with, and answers what it is told, stands in its place."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.unit.permitted import ROOT

CLI = """\
#!/bin/sh
echo "aws $*" >> "$CALLS"
case "$*" in
*get-caller-identity*) echo 123456789012 ;;
*head-bucket*) exit "${NO_BUCKET:-0}" ;;
*"OutputKey=='TableName'"*) echo the-table ;;
*"OutputKey=='BucketName'"*) echo the-bucket ;;
*"OutputKey=='ArrivalsUrl'"*) echo the-arrivals ;;
*"OutputKey=='UndeliveredUrl'"*) echo the-undelivered ;;
*"OutputKey=='VectorBucketName'"*) echo none ;;
*"OutputKey=='EmbedderName'"*) echo static ;;
*"configure get region"*) exit 1 ;;
esac
"""


class Shell:
    """Runs the scripts with that CLI on the PATH."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "calls"
        cli = folder / "bin" / "aws"
        cli.parent.mkdir()
        cli.write_text(CLI)
        cli.chmod(0o755)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = f"{self._folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        given = {"PATH": path, "CALLS": str(self._calls), "AWS_REGION": "eu-west-1", **environment}
        return subprocess.run(
            command, cwd=ROOT, env=given, capture_output=True, text=True, check=False
        )

    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_package_is_uploaded_and_then_deployed(shell: Shell) -> None:
    done = shell.run("sh", "tools/deploy.sh", "dev")
    assert done.returncode == 0, done.stderr
    identity, bucket, package, deploy, outputs = shell.calls()
    assert "get-caller-identity" in identity
    code = "trialbook-code-123456789012-eu-west-1"
    assert f"head-bucket --bucket {code} --expected-bucket-owner 123456789012" in bucket
    assert "--template-file build/dev/sam.json" in package
    assert "--template-file build/dev/packaged.json --stack-name trialbook-dev " in deploy
    assert "CAPABILITY_IAM" in deploy
    assert "--parameter-overrides" not in deploy
    assert "describe-stacks --stack-name trialbook-dev" in outputs


def test_the_bucket_for_the_code_is_made_when_it_is_missing(shell: Shell) -> None:
    assert shell.run("sh", "tools/deploy.sh", "dev", NO_BUCKET="1").returncode == 0
    assert "aws s3 mb s3://trialbook-code-123456789012-eu-west-1" in shell.calls()


def test_names_and_who_is_told_can_be_chosen(shell: Shell) -> None:
    chosen = {"STACK": "mine", "CODE_BUCKET": "code", "ALARM_EMAIL": "ops@example.com"}
    assert shell.run("sh", "tools/deploy.sh", "prod", **chosen).returncode == 0
    deploy = next(call for call in shell.calls() if "cloudformation deploy" in call)
    assert "--stack-name mine --s3-bucket code " in deploy
    assert deploy.endswith("--parameter-overrides AlarmEmail=ops@example.com")


def test_where_and_by_what_artifacts_are_searched_can_be_chosen(shell: Shell) -> None:
    chosen = {"VECTOR_BUCKET": "vectors", "EMBEDDER": "bedrock"}
    assert shell.run("sh", "tools/deploy.sh", "dev", **chosen).returncode == 0
    deploy = next(call for call in shell.calls() if "cloudformation deploy" in call)
    assert deploy.endswith("--parameter-overrides VectorBucket=vectors Embedder=bedrock")


def test_a_command_gets_the_settings_of_the_stack(shell: Shell) -> None:
    queues = "$TRIALBOOK_ARRIVALS $TRIALBOOK_UNDELIVERED"
    told = f'echo "$TRIALBOOK_TABLE $TRIALBOOK_BUCKET {queues} $AWS_REGION $1"'
    done = shell.run("sh", "tools/on_stack.sh", "prod", "sh", "-c", told, "sh", "two words")
    assert done.stdout == "the-table the-bucket the-arrivals the-undelivered eu-west-1 two words\n"
    assert all("--stack-name trialbook-prod" in call for call in shell.calls())


@pytest.mark.parametrize("script", ["deploy.sh", "on_stack.sh"])
def test_without_a_region_nothing_begins(shell: Shell, script: str) -> None:
    done = shell.run("sh", f"tools/{script}", "dev", "true", AWS_REGION="")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("set AWS_REGION\n")
    assert shell.calls() == ["aws configure get region"]


@pytest.mark.parametrize(
    "given, wanted",
    [
        ([], "--tenant default --user default --role admin"),
        (["TENANT=acme", "USER=ada", "ROLE=write"], "--tenant acme --user ada --role write"),
    ],
)
def test_a_key_is_made_for_whom_make_is_told(given: list[str], wanted: str) -> None:
    # The tests may run under a make of their own, which would tell this one to say more.
    apart = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(
        ["make", "--dry-run", "key", "STAGE=prod", *given],
        cwd=ROOT, env={**apart, "MFLAGS": "", "USER": "somebody"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = " ".join(done.stdout.split())
    assert "tools/on_stack.sh prod" in told
    assert told.endswith(wanted)


def test_a_python_that_is_not_lambdas_is_told_apart() -> None:
    done = subprocess.run(
        ["sh", "tools/find_lambda_python.sh", "no-such-python"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Packaging needs Python 3.13")
    assert done.stderr.count("\n") == 1
