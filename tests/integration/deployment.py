"""The deployed package, as the tests and its operator find it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import boto3
from botocore.config import Config

from tests.integration.parts import ROOT

VARIABLE: Final = "TEST_DEPLOYMENT"
"""Names the file that tells of it; unset where nothing is deployed."""
STAGE: Final = "dev"
STACK: Final = f"trialbook-{STAGE}"
TENANT: Final = "deployed"
REGION: Final = "us-east-1"
COMMAND_S: Final = 120


@dataclass(frozen=True)
class Deployment:
    """`url` is for clients, `api_key` an admin's of the tenant `TENANT`; `endpoint` is AWS,
    `certificate` what to trust, `path` where the AWS CLI is, and `outputs` are the stack's.
    `failure` is what was said when it could not be deployed; then there is no `url`."""

    endpoint: str
    certificate: str
    path: str
    key_id: str
    secret: str
    url: str = ""
    api_key: str = ""
    outputs: dict[str, str] | None = None
    failure: str | None = None

    @classmethod
    def found(cls) -> Deployment:
        return cls(**json.loads(Path(os.environ[VARIABLE]).read_bytes()))

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    def output(self, name: str) -> str:
        assert self.outputs is not None
        return self.outputs[name]

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.certificate)

    def aws(self, service: str) -> Any:
        """A client with the rights of the account's owner, as an operator has them."""
        return self.client(service, self.key_id, self.secret)

    def client(self, service: str, key_id: str, secret: str) -> Any:
        return cast("Any", boto3.client)(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=key_id,
            aws_secret_access_key=secret,
            verify=self.certificate,
            config=Config(
                s3={"addressing_style": "path"}, proxies={}, retries={"mode": "standard"}
            ),
        )

    def environment(self) -> dict[str, str]:
        """An operator's, and nothing else of ours."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "TRIALBOOK_")) and not name.upper().endswith("_PROXY")
        }
        return kept | {
            "PATH": self.path + os.pathsep + os.environ["PATH"],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CA_BUNDLE": self.certificate,
            "SSL_CERT_FILE": self.certificate,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def operate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An operator's command, in the words of docs/deploy.md."""
        on_stack = ["sh", "tools/on_stack.sh", STAGE, sys.executable, "-m", "chalicelib.ops"]
        return subprocess.run(
            [*on_stack, *arguments],
            cwd=ROOT,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
        )
