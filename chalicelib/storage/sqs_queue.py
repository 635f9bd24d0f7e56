"""The Queue seam on SQS: a standard queue, whose own settings are its visibility time and how long
it keeps a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.core.errors import Unavailable
from chalicelib.storage.queue import MAX_RECEIVED, Message
from chalicelib.storage.queue_checks import check_body, told_reason
from chalicelib.storage.sqs_errors import code_of, core_error

WAIT_S: Final = 1
"""A receive that waits asks every server that may hold a message; one that does not, a few."""
_REASON: Final = "reason"
_COUNTED: Final = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)
_GONE: Final = frozenset({"ReceiptHandleIsInvalid", "InvalidIdFormat"})


class SqsQueue:
    """One request a call. Safe to share between threads."""

    def __init__(self, client: Callable[[], Any], url: str | None) -> None:
        """`client` makes boto3's client, or gives the one made before: it is asked for at the first
        call, for most functions never make one. Without a `url` every call raises Unavailable."""
        self._client = client
        self._url = url

    def send(self, body: str, reason: str | None = None) -> None:
        check_body(body)
        told = told_reason(reason)
        attributes: dict[str, Any] = {}
        if told is not None:
            attributes[_REASON] = {"DataType": "String", "StringValue": told}
        self._call("send_message", MessageBody=body, MessageAttributes=attributes)

    def receive(self, limit: int = MAX_RECEIVED) -> Sequence[Message]:
        answer = self._call(
            "receive_message",
            MaxNumberOfMessages=min(limit, MAX_RECEIVED),
            WaitTimeSeconds=WAIT_S,
            MessageAttributeNames=[_REASON],
            MessageSystemAttributeNames=["ApproximateReceiveCount"],
        )
        return [_message(found) for found in answer.get("Messages", ())]

    def delete(self, message: Message) -> None:
        self._call("delete_message", ReceiptHandle=message.receipt)

    def depth(self) -> int:
        answer = self._call("get_queue_attributes", AttributeNames=list(_COUNTED))
        return sum(int(answer["Attributes"][name]) for name in _COUNTED)

    def _call(self, operation: str, **arguments: Any) -> Any:
        if not self._url:
            raise Unavailable("there is no queue; set TRIALBOOK_ARRIVALS and TRIALBOOK_UNDELIVERED")
        try:
            return getattr(self._client(), operation)(QueueUrl=self._url, **arguments)
        except ClientError as error:
            if operation == "delete_message" and code_of(error) in _GONE:
                return None
            raise core_error(error) from error
        except BotoCoreError as error:
            raise core_error(error) from error


def _message(found: dict[str, Any]) -> Message:
    reason = found.get("MessageAttributes", {}).get(_REASON)
    return Message(
        found["Body"],
        int(found["Attributes"]["ApproximateReceiveCount"]),
        found["ReceiptHandle"],
        None if reason is None else reason["StringValue"],
    )
