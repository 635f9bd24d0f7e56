"""The operator's commands, on the stores themselves: `python -m chalicelib.ops --help`.

On AWS they find the stores by the settings of the functions; for a laptop's home there is
`python -m local ops`, which works beside a running server. Every command can be stopped and given
again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Final, NoReturn

from chalicelib import ops_doctor, ops_keys, ops_redrive, ops_search, ops_variants
from chalicelib.core.errors import Contended, TrialbookError
from chalicelib.domain import (
    artifact_directories,
    collection,
    experiment_artifact_removal,
    retention,
    variant_exports,
)
from chalicelib.domain.retention import RetentionStores
from chalicelib.settings import BadSetting, MissingSetting, Settings
from chalicelib.storage.retention import MAX_DAYS, NEVER, Tenant

if TYPE_CHECKING:
    from chalicelib.wiring import Services

NO_DEADLINE: Final = float("inf")
DEFAULT: Final = -1
"""`--days default`, as argparse gives it."""
_HELP: Final = """\
environment, as for the functions:
  TRIALBOOK_TABLE           name of the DynamoDB table
  TRIALBOOK_BUCKET          name of the S3 bucket
  TRIALBOOK_ARRIVALS        URL of the SQS queue of what arrived; for redrive and doctor
  TRIALBOOK_UNDELIVERED     URL of the SQS queue of what was given up; the same
  TRIALBOOK_RETENTION_DAYS  days that hold where none are set for the tenant (never)
  TRIALBOOK_VECTOR_BUCKET   bucket of S3 Vectors that artifacts are searched in (none)
  TRIALBOOK_EMBEDDER        what makes vectors of artifacts: static or bedrock (static)
"""

Parser = argparse.ArgumentParser


class OneLineParser(argparse.ArgumentParser):
    """Says in one line what is wrong, and exits with 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"trialbook: {message}; see {self.prog} --help\n")


def main(arguments: Sequence[str]) -> int:
    """Run one command on AWS and return its exit status: 1 when it failed, 2 when it could not
    begin, each with a line on stderr."""
    parser = OneLineParser(
        prog="python -m chalicelib.ops",
        description="Operate a Trialbook.",
        epilog=_HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_to(parser)
    options = parser.parse_args(arguments)
    try:
        settings = Settings.of_environment(os.environ)
    except (MissingSetting, BadSetting) as error:
        sys.stderr.write(f"trialbook: {error}\n")
        return 2
    # Imported only now: asking for help needs no client.
    if options.ops_command == "doctor":
        from chalicelib import ops_doctor_aws

        return ops_doctor_aws.run(options, settings)
    from chalicelib import wiring

    return run(options, wiring.aws_services(settings))


def add_to(parser: Parser) -> None:
    """Add the commands to a command line."""
    commands = parser.add_subparsers(
        dest="ops_command", metavar="COMMAND", required=True, parser_class=OneLineParser
    )
    kept = commands.add_parser("retention", help="how long artifacts that are not pinned are kept")
    actions = kept.add_subparsers(
        dest="ops_action", metavar="ACTION", required=True, parser_class=OneLineParser
    )
    show = actions.add_parser("show", help="show the days of every tenant")
    change = actions.add_parser("set", help="set the days of a tenant")
    change.add_argument("--tenant", required=True, metavar="T")
    change.add_argument(
        "--days",
        required=True,
        type=_days,
        metavar="N",
        help="a number, `never` to keep everything, `default` for TRIALBOOK_RETENTION_DAYS",
    )
    sweep = actions.add_parser("run", help="remove what is past its time, as is done once a day")
    for each in (show, sweep):
        each.add_argument("--tenant", metavar="T", help="this one alone")
    collect = commands.add_parser(
        "collect", help="remove what deletions left, as is done once an hour"
    )
    ops_doctor.add_to(commands.add_parser("doctor", help="look whether all is as it must be"))
    ops_redrive.add_to(commands.add_parser("redrive", help="give back what was not delivered"))
    ops_search.add_to(commands.add_parser("search", help="the indexes that artifacts are found by"))
    variants = commands.add_parser("variants", help="the results of A/B experiments")
    ops_variants.add_to(variants)
    keys = commands.add_parser("keys", help="create, list and revoke API keys")
    ops_keys.add_to(keys, "ops_action")
    for each in (sweep, collect):
        each.add_argument("--dry-run", action="store_true", help="only tell what would be removed")
    for each in (show, change, sweep, collect):
        each.add_argument("--json", action="store_true", help="one JSON document")


def run(options: argparse.Namespace, services: Services) -> int:
    """Run the command on these stores; returns the exit status."""
    commands: dict[tuple[str, str | None], Callable[[argparse.Namespace, Services], int | None]] = {
        ("retention", "show"): _show,
        ("retention", "set"): _set,
        ("retention", "run"): _sweep,
        ("collect", None): _collect,
        ("redrive", None): _redrive,
        ("keys", "create"): _keys,
        ("keys", "list"): _keys,
        ("keys", "revoke"): _keys,
        ("search", "rebuild"): _rebuild_search,
        ("variants", "verify"): _verify_variants,
        ("variants", "rebuild"): _rebuild_variants,
    }
    try:
        command = commands[options.ops_command, getattr(options, "ops_action", None)]
        return command(options, services) or 0
    except TrialbookError as error:
        sys.stderr.write(f"trialbook: {error}\n")
        return 1
    except Contended:
        sys.stderr.write("trialbook: somebody else is at it at this moment; try again\n")
        return 1
    except KeyboardInterrupt:
        return 130


def _show(options: argparse.Namespace, services: Services) -> None:
    stores = _retention(services)
    rows = [_described(stores, tenant) for tenant in _tenants(stores, options.tenant)]
    if options.json:
        _say_json({"default_days": stores.default_days, "tenants": rows})
        return
    default = stores.default_days
    _say(f"default: {'never' if default is None else _in_days(default)}")
    for row in rows:
        set_to = "default" if row["set"] is None else row["set"]
        _say(f"{row['tenant']}: {_in_days(row['days'])} ({set_to})")


def _set(options: argparse.Namespace, services: Services) -> None:
    stores = _retention(services)
    days: int | None = None if options.days == DEFAULT else options.days
    row = _described(stores, retention.set_days(stores, options.tenant, days))
    if options.json:
        _say_json(row)
    else:
        _say(f"{row['tenant']}: {_in_days(row['days'])}")


def _sweep(options: argparse.Namespace, services: Services) -> None:
    stores, dry_run = _retention(services), bool(options.dry_run)
    found = [
        retention.sweep_tenant(stores, services.clock, tenant, dry_run=dry_run)
        for tenant in _tenants(stores, options.tenant)
    ]
    swept = [one for one in found if one is not None]
    if options.json:
        _say_json({"dry_run": dry_run, "tenants": [asdict(one) for one in swept]})
        return
    for one in swept:
        _say(
            f"{one.tenant}: {_verb(dry_run)} {one.removed} of {one.examined} artifacts older than "
            f"{_in_days(one.days)}, {one.size_bytes} bytes"
        )
    if not swept:
        _say("nothing to do: no tenant has a limit")


def _collect(options: argparse.Namespace, services: Services) -> None:
    from chalicelib import wiring

    of, dry_run = wiring.upkeep(services), bool(options.dry_run)
    stores, clock = of.retention.artifacts, of.clock
    released = artifact_directories.release_due(
        stores, clock, deadline_s=NO_DEADLINE, dry_run=dry_run
    )
    names = 0
    if not dry_run:
        names = experiment_artifact_removal.remove_deleted(
            of.experiment_artifacts, clock, deadline_s=NO_DEADLINE
        )
        variant_exports.remove_due(of.exports, clock, deadline_s=NO_DEADLINE)
    collected = collection.collect(stores.bytes, clock, deadline_s=NO_DEADLINE, dry_run=dry_run)
    if options.json:
        _say_json(
            {
                "dry_run": dry_run,
                "directories": released.released,
                "files": released.files,
                "names": names,
                **asdict(collected),
            }
        )
        return
    verb = _verb(dry_run)
    _say(f"{verb} {released.files} files of {released.released} directories from their owners")
    if not dry_run:
        _say(f"removed the entries of {names} deleted names")
    _say(
        f"{verb} {collected.deleted} of {collected.examined} objects, {collected.bytes_freed} bytes"
    )


def _redrive(options: argparse.Namespace, services: Services) -> int:
    return ops_redrive.run(options, services, _say)


def _keys(options: argparse.Namespace, services: Services) -> None:
    ops_keys.run(options.ops_action, options, services.api_keys, services.clock)


def _rebuild_search(options: argparse.Namespace, services: Services) -> None:
    retention.find(_retention(services), options.tenant)
    row = ops_search.rebuild(options, services)
    if options.json:
        _say_json(row)
    else:
        _say(f"{row['tenant']}: {row['artifacts']} artifacts")


def _verify_variants(options: argparse.Namespace, services: Services) -> int:
    rows, agrees = ops_variants.verify(options, services)
    if options.json:
        _say_json({"experiments": rows})
    else:
        for row in rows:
            ops_variants.told(row, _say)
        if not rows:
            _say("nothing to do: there is no experiment with variants")
    return 0 if agrees else 1


def _rebuild_variants(options: argparse.Namespace, services: Services) -> None:
    row = ops_variants.rebuild(options, services)
    if options.json:
        _say_json(row)
    else:
        _say(f"{row['tenant']} {row['experiment']}: {row['logs']} logs, {row['units']} units")


def _retention(services: Services) -> RetentionStores:
    from chalicelib import wiring

    return wiring.upkeep(services).retention


def _tenants(stores: RetentionStores, only: str | None) -> list[Tenant]:
    return list(stores.settings.tenants()) if only is None else [retention.find(stores, only)]


def _described(stores: RetentionStores, tenant: Tenant) -> dict[str, str | int | None]:
    set_to = "never" if tenant.days == NEVER else tenant.days
    return {"tenant": tenant.id, "days": retention.days_of(stores, tenant), "set": set_to}


def _in_days(days: str | int | None) -> str:
    return "never" if days is None else f"{days} day{'' if days == 1 else 's'}"


def _verb(dry_run: bool) -> str:
    return "would remove" if dry_run else "removed"


def _days(text: str) -> int:
    if text in ("never", "default"):
        return NEVER if text == "never" else DEFAULT
    days = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    if not 1 <= days <= MAX_DAYS:
        raise argparse.ArgumentTypeError(
            f"a whole number of days from 1 to {MAX_DAYS}, never or default: {text!r}"
        )
    return days


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _say_json(document: object) -> None:
    _say(json.dumps(document, indent=2))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
