"""The seams with the permissions of a function's policy: what it does not allow, fails the test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, cast

from chalicelib.storage.blobs import Blobs
from chalicelib.storage.queue import Queue
from chalicelib.storage.table import Add, Check, Delete, Put, Query, Table, Write

ROOT: Final = Path(__file__).parents[2]
CHALICE: Final = ROOT / ".chalice"
TABLE: Final = "${Table.Arn}"
BUCKET: Final = "${Bucket.Arn}"

ACTIONS: Final[Mapping[str, tuple[str, ...]]] = {
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html
    "get_item": ("dynamodb:GetItem",),
    "batch_get_item": ("dynamodb:BatchGetItem",),
    "put_item": ("dynamodb:PutItem",),
    "delete_item": ("dynamodb:DeleteItem",),
    "update_item": ("dynamodb:UpdateItem",),
    "query": ("dynamodb:Query",),
    "transact_write_items": (
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    ),
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
    "get_object": ("s3:GetObject",),
    "head_object": ("s3:GetObject", "s3:ListBucket"),  # without the list, a 403 for what is absent
    "put_object": ("s3:PutObject",),
    "copy_object": ("s3:GetObject", "s3:PutObject"),
    "delete_object": ("s3:DeleteObject",),
    "list_objects_v2": ("s3:ListBucket",),
    "create_multipart_upload": ("s3:PutObject",),
    "upload_part": ("s3:PutObject",),
    "upload_part_copy": ("s3:GetObject", "s3:PutObject"),
    "complete_multipart_upload": ("s3:PutObject",),
    "abort_multipart_upload": ("s3:AbortMultipartUpload",),
    # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsqs.html
    "send_message": ("sqs:SendMessage",),
    "receive_message": ("sqs:ReceiveMessage",),
    "delete_message": ("sqs:DeleteMessage",),
    "get_queue_attributes": ("sqs:GetQueueAttributes",),
}
"""boto3's operations, and the permissions that each needs."""

_WRITES: Final = {
    Put: "dynamodb:PutItem",
    Delete: "dynamodb:DeleteItem",
    Add: "dynamodb:UpdateItem",
    Check: "dynamodb:ConditionCheckItem",
}
_BLOBS: Final[Mapping[str, str]] = {
    "put": "put_object",
    "get": "get_object",
    "stream": "get_object",
    "head": "head_object",
    "delete": "delete_object",
    "list": "list_objects_v2",
    "presign_put": "put_object",
    "presign_get": "get_object",
    "presign_part": "upload_part",
    "start_multipart": "create_multipart_upload",
    "put_part": "upload_part",
    "complete_multipart": "complete_multipart_upload",
    "abort_multipart": "abort_multipart_upload",
}

_QUEUES: Final[Mapping[str, str]] = {
    "send": "send_message",
    "receive": "receive_message",
    "delete": "delete_message",
    "depth": "get_queue_attributes",
}


class Policy:
    """A function's policy, as it lies in `.chalice/`."""

    def __init__(self, function: str) -> None:
        self.path = CHALICE / f"policy-{function}.json"
        self.statements: list[dict[str, Any]] = json.loads(self.path.read_text())["Statement"]

    def granted(self) -> Iterator[tuple[str, str]]:
        """Each action on each resource, named as in the template."""
        for statement in self.statements:
            for action in _listed(statement["Action"]):
                for resource in _listed(statement["Resource"]):
                    yield action, _name(resource)

    def allows(self, action: str, resource: str) -> bool:
        """A star in a policy's resource stands for anything."""
        return any(
            action == allowed and fnmatchcase(resource, pattern)
            for allowed, pattern in self.granted()
        )

    def check(self, action: str, resource: str) -> None:
        """Raises AssertionError when the policy does not allow it."""
        assert self.allows(action, resource), f"{self.path.name}: {action} on {resource}"


class PermittedTable:
    """A table that refuses what the policy does not allow. It must allow, for an addition alone,
    the removal of an item that has expired."""

    def __init__(self, table: Table, policy: Policy) -> None:
        self._table = table
        self._policy = policy

    def __getattr__(self, method: str) -> Callable[..., Any]:
        allowed: Callable[..., None] = {
            "get": self._plain("GetItem"),
            "get_many": self._plain("BatchGetItem"),
            "put": self._plain("PutItem"),
            "delete": self._plain("DeleteItem"),
            "add": self._plain("UpdateItem", "DeleteItem"),
            "query": self._query,
            "changed_since": self._changed,
            "transact": self._transact,
        }[method]

        def call(*arguments: Any, **named: Any) -> Any:
            allowed(*arguments, **named)
            return getattr(self._table, method)(*arguments, **named)

        return call

    def _plain(self, *actions: str) -> Callable[..., None]:
        def check(*_: Any, **__: Any) -> None:
            for action in actions:
                self._policy.check(f"dynamodb:{action}", TABLE)

        return check

    def _query(self, query: Query) -> None:
        where = TABLE if query.index is None else f"{TABLE}/index/{query.index.value}"
        self._policy.check("dynamodb:Query", where)

    def _changed(self, partition: str, mark: str | None) -> None:
        del partition, mark
        self._policy.check("dynamodb:Query", f"{TABLE}/index/changed")

    def _transact(self, writes: Sequence[Write], token: str | None = None) -> None:
        del token
        for write in writes:
            self._policy.check(_WRITES[type(write)], TABLE)


class PermittedBlobs:
    """Blobs that refuse what the policy does not allow."""

    def __init__(self, blobs: Blobs, policy: Policy) -> None:
        self._blobs = blobs
        self._policy = policy

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(key: str, *arguments: Any, **named: Any) -> Any:
            for action in ACTIONS[_BLOBS[method]]:
                whole = action == "s3:ListBucket"
                self._policy.check(action, BUCKET if whole else f"{BUCKET}/{key}")
            if named.get("version") is not None:
                self._policy.check("s3:GetObjectVersion", f"{BUCKET}/{key}")
            return getattr(self._blobs, method)(key, *arguments, **named)

        return call


class PermittedQueue:
    """A queue, named as in the template, that refuses what the policy does not allow."""

    def __init__(self, queue: Queue, name: str, policy: Policy) -> None:
        self._queue = queue
        self._arn = f"${{{name}.Arn}}"
        self._policy = policy

    def __getattr__(self, method: str) -> Callable[..., Any]:
        for action in ACTIONS[_QUEUES[method]]:
            self._policy.check(action, self._arn)
        return getattr(self._queue, method)


def _listed(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else [value]


def _name(resource: Any) -> str:
    """`${Table.Arn}` for `{"Fn::GetAtt": ["Table", "Arn"]}`, and a substitution as it is."""
    if isinstance(resource, str):
        return resource
    (form, value), *others = cast("dict[str, Any]", resource).items()
    assert not others
    return value if form == "Fn::Sub" else "${" + ".".join(value) + "}"
