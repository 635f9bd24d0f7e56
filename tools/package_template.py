"""What is left to be done in the template that `chalice package` writes.

Chalice knows streams and queues by literal ARNs only, and few settings of their events. What can be
merged is in `.chalice/resources.json`; what cannot, because Chalice makes up the names or
replaces lists wholesale, is here.
"""

from __future__ import annotations

import copy
import json
from typing import Any, Final, TypeAlias

from chalicelib.api.workers import ARRIVALS, STREAM

Template: TypeAlias = dict[str, Any]
"""CloudFormation's JSON."""

STAGES: Final = ("dev", "prod")
RETAINED: Final = ("Table", "Bucket")
"""What outlives the stack."""
NOTIFICATIONS: Final = "NotificationConfiguration"

CHANGE_FEED: Final[dict[str, Any]] = {
    "Stream": {"Fn::GetAtt": ["Table", "StreamArn"]},
    # Most writes are of no interest to the feed; Lambda bills nothing for what the filter drops.
    "FilterCriteria": {
        "Filters": [
            {"Pattern": json.dumps({"dynamodb": {"NewImage": {"feed": {"S": [{"exists": True}]}}}})}
        ]
    },
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    "BisectBatchOnFunctionError": True,
    "MaximumRetryAttempts": 30,
    # The feed keeps a change for 24 hours: 6 are left to look at what is in the queue.
    "MaximumRecordAgeInSeconds": 18 * 3600,
    "DestinationConfig": {
        "OnFailure": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Undelivered", "Arn"]}}
    },
}

ARRIVING: Final[dict[str, Any]] = {
    "Queue": {"Fn::GetAtt": ["Arrivals", "Arn"]},
    "FunctionResponseTypes": ["ReportBatchItemFailures"],
    # A thousand files at once must not take the concurrency that the API needs.
    "ScalingConfig": {"MaximumConcurrency": 20},
}


class Unfinished(Exception):
    """The application and `.chalice/` do not fit together; the message says where."""


def finished(template: Template, stage: str) -> Template:
    """The template with the stack's own stream and queue, for the stage. Raises Unfinished."""
    done = copy.deepcopy(template)
    done["Parameters"]["Stage"] |= {"Default": stage, "AllowedValues": [stage]}
    for name, function in functions(done).items():
        if "Handler" not in function or "Role" not in function:
            raise Unfinished(f"resources.json names {name}, which the application does not have")
        if "LoggingConfig" not in function:
            raise Unfinished(f"{name} has no environment and log group in resources.json")
        for event in function.get("Events", {}).values():
            if event["Properties"].get("Stream") == STREAM:
                event["Properties"] |= copy.deepcopy(CHANGE_FEED)
            if event["Properties"].get("Queue") == ARRIVALS:
                event["Properties"] |= copy.deepcopy(ARRIVING)
    for methods in done["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]["paths"].values():
        for method in methods.values():
            # The docstring of the class of all views says nothing about any of them.
            method.pop("summary", None)
            method.pop("description", None)
    text = json.dumps(done)
    if STREAM in text or ARRIVALS in text:
        raise Unfinished("a placeholder of the stream or the queue is left in the template")
    return done


def importable(template: Template) -> Template:
    """What a new stack takes over first when its table and bucket exist: after a restore, or when
    the stack before it was deleted. CloudFormation imports into a template of nothing else."""
    kept = {name: template[name] for name in ("Mappings", "Parameters")}
    stage = {"Stage": kept["Parameters"]["Stage"]}
    resources = {name: copy.deepcopy(template["Resources"][name]) for name in RETAINED}
    # What the bucket tells of arrivals is made by the update that follows.
    del resources["Bucket"]["DependsOn"], resources["Bucket"]["Properties"][NOTIFICATIONS]
    return {**kept, "Parameters": stage, "Resources": resources}


def functions(template: Template) -> dict[str, dict[str, Any]]:
    """Properties of the functions by name. One that is in the merged part alone has no type."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource.get("Type", "AWS::Serverless::Function") == "AWS::Serverless::Function"
    }
