"""What the OpenAPI document says in words beyond what the routes and models tell."""

from __future__ import annotations

from typing import Any, Final

SUMMARY: Final = "Experiments, runs, metrics and artifacts of machine learning."
DESCRIPTION: Final = (
    "Ids of experiments and runs are 32 lower-case hexadecimal characters and order by time. Fields"
    " that end in `_at` or `_time` are RFC 3339 in UTC with milliseconds; timestamps of metrics are"
    " integers, milliseconds since the epoch. Integers are written without a fraction. Metric"
    " values are IEEE doubles; the three that JSON cannot spell are the strings `NaN`, `Infinity`"
    " and `-Infinity`, both ways. A request body is at most 4 MiB; larger files are uploaded by"
    " presigned URL. Lists give a `next_cursor`, null at the end; send it unchanged with the same"
    " query. Every error has the shape of the schema `Error`."
)
TAGS: Final = {
    "experiments": "What a team tries under one name.",
    "runs": "Single tries: their metrics, params, tags and files, and comparisons of them.",
    "artifacts": "Indexed artifacts: bytes with their metadata, found by id, tag, label or metric.",
    "variants": "A/B experiments: assign a variant, log what came of it, read results.",
    "ingest": "Files of JSON Lines that are put into the drop zone.",
    "keys": "API keys of the caller's tenant.",
    "service": "The service itself.",
}
TAG_OF: Final = (
    ("/api/v1/keys", "keys"),
    ("/api/v1/artifacts", "artifacts"),
    ("/api/v1/ingest", "ingest"),
    ("/experiment/", "variants"),
    ("/api/v1/experiments/runs", "runs"),
    ("/api/v1/experiments", "experiments"),
    ("/", "service"),
)
SECURITY_SCHEMES: Final[dict[str, Any]] = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The API key is the token."},
    "basic": {
        "type": "http",
        "scheme": "basic",
        "description": "The API key is the password; any user name will do.",
    },
}

PATH_PARAMETERS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "experiment_id": (
        "An experiment's id or slug.",
        {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
    ),
    "slug": (
        "An experiment's slug.",
        {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
    ),
    "log_id": (
        "A log's id: `log_` and a ULID.",
        {"type": "string", "pattern": "^log_[0-7][0-9A-HJKMNP-TV-Z]{25}$"},
    ),
    "export_id": ("An export's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "ingest_id": ("An ingested file's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "run_id": ("A run's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "upload_id": ("An upload's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "key_id": (
        "The part of an API key between its underscores.",
        {"type": "string", "pattern": "^[a-z0-9]{8,32}$"},
    ),
    "artifact_id": ("An indexed artifact's id.", {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "artifact_name": (
        "The name of a value under an experiment, percent-encoded; not `.` or `..`.",
        {
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "pattern": r"^[^\x00-\x1f\x7f]*$",
        },
    ),
    "key": (
        "A metric's name, percent-encoded.",
        {"type": "string", "minLength": 1, "maxLength": 250},
    ),
}
QUERY_PARAMETERS: Final = {
    "search": "A part of the name, in either case.",
    "lifecycle_stage": "Deleted ones are listed only when asked for.",
    "limit": "The most that one answer holds; it may hold fewer.",
    "offset": "How many to skip from the start; a cursor goes on without this limit.",
    "cursor": "`next_cursor` of the answer before, unchanged.",
    "experiment_id": "An experiment's id or slug.",
    "status": "Only runs of this status.",
    "filter": "Conditions in MLflow's language, joined by `and`:"
    " `metrics.loss < 0.5 and params.lr = '0.01'`.",
    "order_by": "What to order by, the first counts most: `metrics.loss ASC`. May be repeated.",
    "artifact_path": "The folder to put the file in; the top one when left out.",
    "path": "A relative path, its folders separated by `/`.",
    "max_points": "Downsample to so many points (largest triangle, three buckets; the lowest and"
    " the highest are kept).",
    "start_step": "Only points of this step or a later one.",
    "kind": "Only artifacts of this kind.",
    "tags": "Only artifacts that have this tag. May be repeated: all of them.",
    "pinned": "Only artifacts that are pinned, or only those that are not.",
    "run_id": "Only artifacts of this run.",
    "session_id": "Only artifacts of this session.",
    "graph_id": "Only artifacts of this graph.",
    "node_id": "Only artifacts of this node.",
    "user_id": "Only artifacts of this user.",
    "org_id": "Only artifacts of this organization.",
    "client_id": "Only artifacts of this client.",
    "app_id": "Only artifacts of this app.",
    "inline": "Let a browser show the bytes, where they are at most 4 MiB of a type in which it"
    " runs nothing.",
    "variant": "Only logs of this variant.",
    "from": "From this time on: milliseconds since the epoch, a date or an RFC 3339 time.",
    "to": "Up to this time, which is included: milliseconds, a date (all of it) or a time.",
    "metric": "A metric.",
    "baseline": "The variant that the others are compared with; the first one when left out.",
    "confidence": "Of every interval.",
    "dimension": "A declared dimension: results for each of its values besides.",
    "end_step": "Only points of this step or an earlier one.",
}
IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "For 24 hours the same key with the same body gives the first 2xx answer again"
    " and writes nothing; with another body it is a conflict.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]([ -~]*[!-~])?$",
    },
}
IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The `version` that must still be the stored one; `*` stands for any.",
    "schema": {"type": "string", "pattern": '^("[0-9]{1,15}"|[0-9]{1,15}|\\*)$'},
}
FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {
            "type": "string",
            "format": "binary",
            "description": "At most 4 MiB with the form around it; the part names the file.",
        }
    },
}

NOTES: Final[dict[str, tuple[str, ...]]] = {
    "create_experiment": ("The weights of variants add up to 100.",),
    "change_experiment": ("A status can only go on: draft, active, paused or completed.",),
    "create_run": ("Its status is `running` until it is ended.",),
    "end_run": ("Metrics that come late are still taken.",),
    "log_params": ("Values are kept as strings, in JSON's spelling.",),
    "log_metrics": ("A batch that comes again within 15 minutes adds nothing.",),
    "log_batch": ("Points that come again within 15 minutes add nothing.",),
    "compare_runs": (
        "The goal of a metric comes from the request, else from the experiments where they agree,"
        " else from its name: loss, error, latency and the like are better when lower. `best_run`"
        " is best in most metrics, null on a tie.",
    ),
    "get_metric_histories": ("At most 100,000 points in all, 50,000 with `band`.",),
    "begin_upload": (
        "PUT each part to its `url` with exactly its `headers`, then complete the upload. The first"
        " 100 parts are signed at once.",
    ),
    "get_content": ("Presigned URLs take no API key and live 15 minutes.",),
    "get_preview": (
        "A WebP of at most 512 pixels a side, made soon after the bytes are stored, of PNG, JPEG,"
        " GIF and WebP images of at most 32 MiB and 25 megapixels.",
    ),
    "get_experiment_artifact_content": ("Presigned URLs take no API key and live 15 minutes.",),
    "create_artifact": (
        "Give `sha256` or `manifest`. What the tenant has not stored is a conflict that lists up to"
        " 100 digests as `details.missing`: upload them first.",
    ),
    "list_artifacts": (
        "Besides its parameters it takes `label.<name>=<value>` for any label, compared with the"
        " label's string, or with its JSON spelling when it is none. A page may hold fewer than"
        " `limit`, even none, and still have a `next_cursor`.",
    ),
    "search_artifacts": (
        "With `metric` the best come first, and artifacts without a finite number as its value are"
        " left out. More than an answer takes is cut off.",
    ),
    "get_best_artifact": ("The newest of those that are equally good.",),
    "get_artifact_content": ("Presigned URLs take no API key and live 15 minutes.",),
    "get_artifact_preview": (
        "A WebP of at most 512 pixels a side, made soon after the bytes are stored, of PNG, JPEG,"
        " GIF and WebP images of at most 32 MiB and 25 megapixels.",
    ),
    "log_experiment_artifact": (
        "Values: `text` a string, `value` one finite number, `timeseries` its `points` and no"
        " `value`, `list` an array, `dict` an object, `image` a base64 data URL of a PNG, JPEG,"
        " GIF, WebP or SVG, `file` any base64 data URL. For bytes over about 3 MiB upload them by"
        " `POST /api/v1/artifacts/uploads` and send their `sha256` in place of the value.",
    ),
    "get_experiment_artifact": (
        "A timeseries: where points were logged, or more than one entry and all of them numbers."
        " Bytes: where the latest entry was sent as a data URL. Else the latest value.",
    ),
    "assign_variant": (
        "The same definition gives a user the same variant, by GrowthBook's hashing with the slug"
        " as the seed. Nothing is stored. An experiment that is not active is a 404.",
    ),
    "log_execution": (
        "A `logId` that the client makes (`log_` and a ULID of the log's time) lets it send the log"
        " again: it counts once. In draft it is a conflict.",
    ),
    "log_executions": ("Results come in the order of the logs.",),
    "log_late_metrics": ('The body is the metrics themselves: `{"user_rating": 5}`.',),
    "list_logs": (
        "`metric` compares: `latency_ms>100`, with `>`, `>=`, `<`, `<=`, `=` or `!=`; given more"
        " than once, all must hold. A page may hold fewer than `limit`, even none, and still have a"
        " `next_cursor`.",
    ),
    "get_results": (
        "`always_valid` is true however often one looks; `fixed` only at the planned sample size."
        " Units count on the UTC day of their first log. Reading costs the same however many logs"
        " there are. Trails the logs by a moment.",
    ),
    "export_logs": (
        "Logs written after the export began are not in it. While it is made, ask at `ask` until"
        " there is a `url`. An export is kept for a day.",
    ),
    "get_health": ("Answered without a key.",),
}
ANSWERS: Final = {
    "create_key": "The key, shown this once.",
    "get_content": "Where the bytes are, when the request accepts `application/json`.",
    "get_preview": "Where the preview is, when the request accepts `application/json`.",
    "get_experiment_artifact_content": "Where the bytes are, when the request accepts"
    " `application/json`.",
    "get_artifact_content": "Where the bytes are, when the request accepts `application/json`.",
    "get_artifact_preview": "Where the preview is, when the request accepts `application/json`.",
    "get_openapi": "This document.",
}
PENDING: Final = "It is being made: ask again at `ask`."
REDIRECT: Final[dict[str, Any]] = {
    "description": "Where the bytes are.",
    "headers": {
        "Location": {
            "required": True,
            "schema": {"type": "string", "format": "uri"},
            "description": "A presigned URL of the bytes.",
        }
    },
}

STATUSES: Final = {
    400: "The request is malformed; `details.fields` lists every bad field.",
    401: "The API key is missing, malformed, unknown, expired or revoked.",
    403: "The key's role is too low, or the thing is another tenant's.",
    404: "There is no such thing.",
    409: "The state of the thing does not allow it.",
    412: "`If-Match` named another version.",
    413: "The body is over 4 MiB; the message names the way for larger ones.",
    415: "The body's media type is not the one that the route reads.",
    429: "Slow down, and send it again.",
    500: "An internal error; `request_id` names it in the log.",
    503: "A store did not answer; send it again.",
}
_RETRY_AFTER: Final[dict[str, Any]] = {
    "description": "Seconds to wait before trying again.",
    "schema": {"type": "string", "pattern": "^[0-9]+$"},
}
ERROR_HEADERS: Final[dict[int, Any]] = {
    401: {
        "WWW-Authenticate": {
            "description": "The ways to send a key.",
            "schema": {"type": "string"},
        }
    },
    409: {"Retry-After": _RETRY_AFTER},
    429: {"Retry-After": {**_RETRY_AFTER, "required": True}},
    503: {"Retry-After": {**_RETRY_AFTER, "required": True}},
}
ERROR: Final[dict[str, Any]] = {
    "type": "object",
    "description": "What every refusal looks like.",
    "required": ["error", "request_id"],
    "additionalProperties": False,
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details"],
            "additionalProperties": False,
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string", "description": "What is wrong, and the remedy."},
                "details": {
                    "type": "object",
                    "properties": {
                        "fields": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["path", "message"],
                                "properties": {
                                    "path": {"type": "string"},
                                    "message": {"type": "string"},
                                },
                            },
                        }
                    },
                },
            },
        },
        "request_id": {"type": "string"},
    },
}
_MESSAGES: Final = {
    401: "no API key; send it as x-api-key or as a bearer token",
    404: "there is no such run",
    409: "the run is deleted; restore it first",
}


def error_example(status: int, code: str) -> dict[str, Any]:
    """An error as it may come."""
    details: dict[str, Any] = {}
    message = _MESSAGES.get(status, STATUSES[status].rstrip("."))
    if status == 400:
        message = "limit: input should be greater than or equal to 1"
        path, _, problem = message.partition(": ")
        details = {"fields": [{"path": path, "message": problem}]}
    error = {"code": code, "message": message[:1].lower() + message[1:], "details": details}
    return {"error": error, "request_id": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"}
