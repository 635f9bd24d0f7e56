"""The package, deployed to an emulator of AWS by `tools/deploy.sh`, gone when the block ends.

The emulator runs the zip's own code in processes of Python 3.13 that have boto3 and nothing else,
lets each do what its role's policy says, and is reached by TLS, as the policies of bucket and
queues want.
"""

from __future__ import annotations

import copy
import json
import os
import platform
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from tests import real_engines
from tests.integration import parts, processes
from tests.integration.deployment import STACK, STAGE, TENANT, VARIABLE, Deployment
from tests.integration.parts import ROOT, Emulator, Missing, run

ARCHITECTURES: Final = {"aarch64": "arm64", "x86_64": "x86_64"}
PACKAGE_S: Final = 300
DEPLOY_S: Final = 300
ALARM: Final = "AWS::CloudWatch::Alarm"


@contextmanager
def deployed(scratch: Path) -> Generator[dict[str, str]]:
    """The environment by which tests find it. Raises Missing; that it is there but takes no
    deployment is for the tests to tell."""
    architecture = ARCHITECTURES.get(platform.machine())
    if sys.platform != "linux" or architecture is None:
        raise Missing("the functions' packages are for Linux on arm64 and x86_64")
    run(["make", "--no-print-directory", "--silent", ".venv-package/.installed"], PACKAGE_S)
    part = parts.emulator()
    folder = scratch / "emulator"
    folder.mkdir()
    (port,) = processes.free_ports(1)
    at = Deployment(
        endpoint=f"https://127.0.0.1:{port}",
        certificate=_certificate(folder),
        path=_aws_cli(part, folder),
        key_id=real_engines.KEY_ID,
        secret=real_engines.SECRET,
    )
    script = Path(__file__).with_name("emulator_server.py")
    command = [part.python, "-P", str(script), str(part.packages)]
    log, ask = folder / "emulator.log", at.aws("s3").list_buckets
    with processes.running(command, _settings(part, at, folder, port), log, ask):
        try:
            at = _deploy(at, folder, architecture)
        except subprocess.CalledProcessError as error:
            told = [str(error), error.stdout or "", error.stderr or "", *_refusals(at)]
            at = replace(at, failure="\n".join(told))
        except subprocess.TimeoutExpired as error:
            at = replace(at, failure=str(error))
        at.write(folder / "deployment.json")
        yield {VARIABLE: str(folder / "deployment.json")}


def accepted(template: dict[str, Any]) -> dict[str, Any]:
    """The template without what the emulator refuses (`Deviation.ALARMS_OF_ONE_METRIC`)."""
    taken = copy.deepcopy(template)
    taken["Resources"] = {
        name: resource
        for name, resource in taken["Resources"].items()
        if resource["Type"] != ALARM or "Metrics" not in resource["Properties"]
    }
    return taken


def _deploy(at: Deployment, folder: Path, architecture: str) -> Deployment:
    """As `make deploy` and `make key` do. Raises CalledProcessError, TimeoutExpired."""
    output = folder / "build" / STAGE
    package = f"PACKAGE_ARGS=--architecture {architecture} --output {output}"
    _done(["make", "--no-print-directory", "package", f"STAGE={STAGE}", package], ROOT, os.environ)
    template = output / "sam.json"
    template.write_text(json.dumps(accepted(json.loads(template.read_bytes()))))
    _done(["sh", str(ROOT / "tools" / "deploy.sh"), STAGE], folder, at.environment())
    (stack,) = at.aws("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    made = at.operate("keys", "create", "--tenant", TENANT, "--user", "ada", "--role", "admin")
    made.check_returncode()
    # Its names of hosts are those of AWS, which lead elsewhere: this path means the same.
    url = f"{at.endpoint}/_aws/execute-api/{outputs['RestAPIId']}/api"
    return replace(at, url=url, api_key=made.stdout.strip(), outputs=outputs)


def _refusals(at: Deployment) -> list[str]:
    """Why resources were not made."""
    try:
        events = at.aws("cloudformation").describe_stack_events(StackName=STACK)["StackEvents"]
    except ClientError:
        return []  # it did not come so far
    return [
        f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
        for event in events
        if event["ResourceStatus"].endswith("FAILED")
    ]


def _settings(part: Emulator, at: Deployment, folder: Path, port: int) -> dict[str, str]:
    """The emulator's environment, which the functions have too."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": at.key_id,
        "AWS_SECRET_ACCESS_KEY": at.secret,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": at.certificate,
        "MINISTACK_SSL_KEY": str(folder / "private.pem"),
        "AWS_CA_BUNDLE": at.certificate,
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PYTHONPATH": str(part.boto3),
        "PYTHONNOUSERSITE": "1",
        "TMPDIR": str(folder),
    }


def _certificate(folder: Path) -> str:
    """For 127.0.0.1, of nobody's making but ours."""
    certificate, private = folder / "certificate.pem", folder / "private.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-keyout", str(private), "-out", str(certificate), "-subj", "/CN=127.0.0.1"]
    run([*command, "-addext", "subjectAltName=IP:127.0.0.1"], 30)
    return str(certificate)


def _aws_cli(part: Emulator, folder: Path) -> str:
    """The folder with the command `aws`."""
    command = folder / "bin" / "aws"
    command.parent.mkdir()
    program = part.packages / "bin" / "aws"
    command.write_text(f'#!/bin/sh\nPYTHONPATH={part.packages} exec {part.python} {program} "$@"\n')
    command.chmod(0o755)
    return str(command.parent)


def _done(command: Sequence[str], folder: Path, environment: Any) -> None:
    subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEPLOY_S,
        check=True,
    )
