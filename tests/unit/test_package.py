"""The package as `make package` builds it. Skipped, and told so, where there is no Python 3.13."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import boto3
import pytest
from moto.server import ThreadedMotoServer

import app as application
from chalicelib.core.context import Clock, Role
from chalicelib.domain import api_keys
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.dynamo_table import DynamoTable, table_definition
from tests.unit.permitted import ROOT
from tools.package_template import STAGES

LAMBDA_PYTHON = subprocess.run(
    ["sh", "tools/find_lambda_python.sh"], cwd=ROOT, capture_output=True, text=True, check=False
).stdout.strip()

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not LAMBDA_PYTHON, reason="the package was not built: there is no Python 3.13 to build it"
    ),
]
MAX_ZIP_BYTES = 28_000_000
"""Loading the code is a part of every cold start; two thirds of it are for searching artifacts."""
MAX_TEMPLATE_BYTES = 450_000
"""The AWS CLI indents it to twice the size, and CloudFormation takes 1 MB."""
MAX_GZIPPED_PAGE_BYTES = 100_000
"""Of all of its files together."""
LIBRARIES = {"orjson", "PIL", "pydantic_core", "numpy", "numpy.libs"}
MACHINES = {"arm64": b"\xb7\x00", "x86_64": b"\x3e\x00"}
"""e_machine of an ELF file."""


class Built(NamedTuple):
    """A package of the stage dev for Lambda, and one for the machine that tests run on."""

    folders: dict[str, Path]
    python: Path

    def template(self, stage: str) -> dict[str, Any]:
        return json.loads((self.folders[stage] / "sam.json").read_text())


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built once, however many workers share the tests."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folders = {name: shared / f"package-{name}" for name in (*STAGES, "x86_64")}
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name, folder in folders.items():
            if not (folder / "sam.json").exists():
                stage = name if name in STAGES else "dev"
                architecture = name if name in MACHINES else "arm64"
                arguments = f"--architecture {architecture} --output {folder}"
                make = ["make", "package", f"STAGE={stage}", f"PACKAGE_ARGS={arguments}"]
                done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
    return Built(folders, ROOT / ".venv-package" / "bin" / "python")


@pytest.mark.parametrize("stage", STAGES)
def test_the_templates_pass_cfn_lint(built: Built, stage: str) -> None:
    lint = shutil.which(
        "cfn-lint", path=f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    )
    assert lint is not None
    folder = built.folders[stage]
    command = [lint, str(folder / "sam.json"), str(folder / "import.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert (folder / "sam.json").stat().st_size < MAX_TEMPLATE_BYTES


def test_every_route_is_in_the_template(built: Built) -> None:
    routes = cast("dict[str, dict[str, object]]", application.app.routes)
    paths = _api(built.template("dev"))["DefinitionBody"]["paths"]
    assert set(paths) == set(routes)
    for path, methods in routes.items():
        # no page of another origin asks for the files of ours
        asked = set(methods) if path in ("/", "/assets/{file_name}") else {*methods, "OPTIONS"}
        assert {method.upper() for method in paths[path]} == asked, path


def test_the_gateway_compresses_large_answers(built: Built) -> None:
    for stage in built.folders:
        assert _api(built.template(stage))["MinimumCompressionSize"] == 16_384


def test_the_page_is_in_the_code_as_small_as_it_gets(built: Built) -> None:
    web = "chalicelib/api/web/"
    with zipfile.ZipFile(built.folders["dev"] / "deployment.zip") as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist() if name.startswith(web)}
    kept = {name for name in files if name.endswith((".js", ".css"))}
    assert sorted(re.sub(r"\.[0-9a-f]{16}", "", name) for name in kept) == [
        f"{web}packed/{name}" for name in ("app.css", "app.js", "chart.js")
    ]
    sizes = {name: len(gzip.compress(files[name])) for name in kept}
    assert sum(sizes.values()) < MAX_GZIPPED_PAGE_BYTES, sizes


def test_every_handler_is_in_the_code(built: Built) -> None:
    with zipfile.ZipFile(built.folders["dev"] / "deployment.zip") as zipped:
        names = set(zipped.namelist())
    for function in _functions(built.template("dev")):
        module, _, attribute = function["Handler"].rpartition(".")
        path = f"{module.replace('.', '/')}.py"
        assert path in names
        assert f"{attribute}" in (ROOT / path).read_text()


def test_functions_are_what_they_should_be(built: Built) -> None:
    found = _functions(built.template("prod"))
    assert len(found) == 7
    for function in found:
        assert function["Runtime"] == "python3.13"
        assert function["Architectures"] == ["arm64"]
        assert function["MemorySize"] >= 512
        assert function["Tracing"] == "Active"
    roles = [function["Role"]["Fn::GetAtt"][0] for function in found]
    assert len(set(roles)) == len(roles)


def test_the_feed_is_wired_to_the_tables_stream(built: Built) -> None:
    streams = [
        event["Properties"]
        for function in _functions(built.template("dev"))
        for event in function.get("Events", {}).values()
        if event["Type"] == "DynamoDB"
    ]
    assert [one["Stream"] for one in streams] == [{"Fn::GetAtt": ["Table", "StreamArn"]}]
    assert streams[0]["BisectBatchOnFunctionError"]


def test_arrivals_are_taken_from_the_stacks_queue(built: Built) -> None:
    (queue,) = [
        event["Properties"]
        for function in _functions(built.template("dev"))
        for event in function.get("Events", {}).values()
        if event["Type"] == "SQS"
    ]
    assert queue["Queue"] == {"Fn::GetAtt": ["Arrivals", "Arn"]}
    assert queue["BatchSize"] == 1


@pytest.mark.parametrize("stage", STAGES)
def test_no_placeholder_and_no_name_of_another_stack_is_left(built: Built, stage: str) -> None:
    text = (built.folders[stage] / "sam.json").read_text()
    for left in ("000000000000", "trialbook-dev", "trialbook-prod", str(ROOT)):
        assert left not in text


def test_roles_are_the_policies_that_were_written(built: Built) -> None:
    template = built.template("dev")
    for name, function in template["Resources"].items():
        if function["Type"] != "AWS::Serverless::Function":
            continue
        role = template["Resources"][function["Properties"]["Role"]["Fn::GetAtt"][0]]
        (policy,) = role["Properties"]["Policies"]
        group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        logs = policy["PolicyDocument"]["Statement"][0]
        assert logs["Resource"] == {"Fn::GetAtt": [group, "Arn"]}, name


def test_the_zip_is_for_lambdas_processor_and_small(built: Built) -> None:
    for folder, machine in ((built.folders["dev"], "arm64"), (built.folders["x86_64"], "x86_64")):
        path = folder / "deployment.zip"
        assert path.stat().st_size < MAX_ZIP_BYTES
        with zipfile.ZipFile(path) as zipped:
            libraries = [name for name in zipped.namelist() if name.endswith(".so")]
            assert {Path(name).parts[0] for name in libraries} == LIBRARIES
            for name in libraries:
                assert zipped.read(name)[18:20] == MACHINES[machine], name


def test_the_same_code_gives_the_same_zip(built: Built) -> None:
    stages = [(built.folders[stage] / "deployment.zip").read_bytes() for stage in STAGES]
    assert stages[0] == stages[1]


@pytest.fixture
def cloud() -> Iterator[dict[str, str]]:
    """The environment of a function, and in it DynamoDB and S3 as moto plays them."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_LAMBDA_FUNCTION_NAME": "trialbook",
        "TRIALBOOK_TABLE": "packaged",
        "TRIALBOOK_BUCKET": "packaged",
    }
    server.stop()


def test_the_zip_serves_where_nothing_else_is_installed(
    built: Built, cloud: dict[str, str], tmp_path: Path
) -> None:
    """Packaged for this machine's processor: what is for Lambda's cannot be imported here. Beside
    it are boto3 and what it needs, which Lambda has."""
    task, runtime = tmp_path / "task", tmp_path / "runtime"
    with zipfile.ZipFile(built.folders["x86_64"] / "deployment.zip") as zipped:
        zipped.extractall(task)
    _install_boto3(built, runtime)
    handlers = sorted(function["Handler"] for function in _functions(built.template("dev")))
    process = Path(__file__).parent / "package_process.py"
    command = [str(built.python), "-I", "-S", str(process), str(task), str(runtime)]
    command += [_admin_key(cloud["AWS_ENDPOINT_URL"]), *handlers]
    done = subprocess.run(
        command, capture_output=True, text=True, env=cloud, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
    *log, answers = done.stdout.splitlines()
    assert answers == "[200, 201, 200, 200, 200]"
    told = [json.loads(line) for line in log]
    assert [(one["status"], one.get("cold")) for one in told] == [
        (200, True),
        (201, None),
        (200, None),
        (200, None),
        (200, None),
    ]


def _admin_key(endpoint: str) -> str:
    make = cast("Any", boto3.client)
    made = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    dynamodb = make("dynamodb", **made)
    dynamodb.create_table(**table_definition("packaged"))
    make("s3", **made).create_bucket(Bucket="packaged")
    store = ApiKeyStore(DynamoTable(dynamodb, "packaged", Clock()))
    return api_keys.create(store, Clock(), "acme", "ada", Role.ADMIN)[1]


def _install_boto3(built: Built, target: Path) -> None:
    pins = (ROOT / "requirements-dev.txt").read_text().splitlines()
    wanted = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
    versions = [line.split(" ")[0] for line in pins if line.split("==")[0] in wanted]
    assert len(versions) == len(wanted)
    pip = [str(built.python), "-m", "pip", "--quiet", "--quiet", "--disable-pip-version-check"]
    install = ["install", "--no-deps", "--no-compile", "--target", str(target), *versions]
    subprocess.run([*pip, *install], check=True)


def _api(template: dict[str, Any]) -> dict[str, Any]:
    return template["Resources"]["RestAPI"]["Properties"]


def _functions(template: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    ]
