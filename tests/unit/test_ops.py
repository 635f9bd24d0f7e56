"""The operator's commands, on a laptop's home and without a deployment."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from chalicelib import ops, wiring
from chalicelib.core.context import Clock, Principal, Role
from chalicelib.core.ids import ArtifactId, TenantId, UserId
from chalicelib.core.model.experiment import Variant
from chalicelib.core.model.stored_bytes import Owner
from chalicelib.domain import (
    api_keys,
    arrivals,
    artifacts,
    experiments,
    feed,
    stored_bytes,
    variant_logs,
)
from chalicelib.domain.arrivals import Arrived
from chalicelib.domain.artifacts import ArtifactStores, Description
from chalicelib.domain.experiments import NewExperiment
from chalicelib.domain.stored_bytes import GRACE_MS
from chalicelib.domain.variant_intake import NewLog
from chalicelib.settings import BadSetting, MissingSetting, Settings
from chalicelib.wiring import Services
from local import command
from local.disk_blobs import DiskBlobs
from local.home import Home
from local.services import open_backend
from local.sqlite_table import SqliteTable

DAY_MS = 24 * 3600 * 1000
BODY = b"twelve bytes"
ENVIRONMENT = {"TRIALBOOK_TABLE": "table", "TRIALBOOK_BUCKET": "bucket"}


class PastClock(Clock):
    """A clock that is late."""

    def __init__(self, ms: int) -> None:
        self.late_ms = ms

    def now_ms(self) -> int:
        return super().now_ms() - self.late_ms


class Laptop:
    """A home, and the command line on it."""

    def __init__(self, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = Home(path)
        self._capsys = capsys

    def run(self, text: str) -> tuple[int, str, str]:
        """Exit status, and what was written to stdout and stderr."""
        try:
            status = command.run(["ops", *text.split()])
        except SystemExit as ended:
            status = int(str(ended.code))
        out, err = self._capsys.readouterr()
        return status, out, err

    def told(self, text: str) -> Any:
        """What a command that succeeds tells programs."""
        status, out, err = self.run(f"{text} --json")
        assert (status, err) == (0, "")
        return json.loads(out)

    def saved(self, late_ms: int, *, pinned: bool = False) -> ArtifactId:
        """An artifact that was saved so long ago."""
        table, services = self._open(PastClock(late_ms))
        context = services.context(
            Principal(TenantId("acme"), UserId("ada"), Role.WRITE), seconds=60
        )
        stores = ArtifactStores(services.artifacts, services.bytes)
        kept = stored_bytes.keep(
            services.bytes, context, BODY, "a/b", Owner("entry", "another"), lambda _: []
        )
        made = artifacts.index(stores, context, kept.sha256, Description("model", pinned=pinned))
        table.close()
        return made.artifact_id

    def garbage(self, late_ms: int) -> None:
        """Bytes that were saved so long ago, and nobody came for."""
        table, services = self._open(PastClock(late_ms))
        context = services.context(
            Principal(TenantId("acme"), UserId("ada"), Role.WRITE), seconds=60
        )
        owner = Owner("entry", "gone")
        kept = stored_bytes.keep(services.bytes, context, BODY, "a/b", owner, lambda _: [])
        table.transact([services.bytes.records.disowned(context.tenant, kept.sha256, owner)])
        table.close()

    def logged(self) -> None:
        """An A/B experiment of acme, with a log in each variant, added up."""
        table, services = self._open(Clock())
        context = services.context(
            Principal(TenantId("acme"), UserId("ada"), Role.WRITE), seconds=60
        )
        arms = (Variant("A", 50), Variant("B", 50))
        wanted = NewExperiment("ab", variants=arms, status="active")
        experiments.create(services.experiments, context, wanted)
        for variant in ("A", "B"):
            log = NewLog(variant, metrics={"score": 1}, unit_id=f"user of {variant}")
            variant_logs.log(services.variants, context, "ab", log)
        while feed.pull(wiring.projections(services)):
            pass
        table.close()

    def damage(self) -> None:
        """Remove what the logs of the experiment add up to."""
        table, services = self._open(Clock())
        experiment_id = services.experiments.id_of_slug(TenantId("acme"), "ab")
        assert experiment_id is not None
        services.aggregates.cells.delete_all(TenantId("acme"), experiment_id, "0", None)
        table.close()

    def undelivered(self) -> None:
        """Two files that could not be ingested."""
        table, services = self._open(Clock())
        for name in ("a", "b"):
            arrived = Arrived(f"ingest/acme/{name}.jsonl", "1", 7, 0)
            services.undelivered.send(arrivals.told(arrived), "because")
        table.close()

    def has(self, artifact_id: ArtifactId) -> bool:
        table, services = self._open(Clock())
        found = services.artifacts.get(TenantId("acme"), artifact_id)
        table.close()
        return found is not None

    def new_tenant(self, name: str) -> None:
        table, services = self._open(Clock())
        api_keys.create(services.api_keys, Clock(), name, "ada", Role.ADMIN)
        table.close()

    def _open(self, clock: Clock) -> tuple[SqliteTable, Services]:
        table = SqliteTable(self.home.table_file, clock)
        blobs = DiskBlobs(self.home.blobs_folder, "", b"secret", clock)
        return table, wiring.services_on(table, blobs, clock)


@pytest.fixture
def laptop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Generator[Laptop]:
    monkeypatch.setenv("TRIALBOOK_HOME", str(tmp_path))
    laptop = Laptop(tmp_path, capsys)
    laptop.new_tenant("acme")
    umask = os.umask(0o077)  # the command sets its own
    yield laptop
    os.umask(umask)


def test_retention_is_set_and_shown(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop.new_tenant("beta")
    assert laptop.run("retention set --tenant beta --days 30") == (0, "beta: 30 days\n", "")
    shown = "default: never\nacme: never (default)\nbeta: 30 days (30)\n"
    assert laptop.run("retention show") == (0, shown, "")
    monkeypatch.setenv("TRIALBOOK_RETENTION_DAYS", "1")
    laptop.run("retention set --tenant beta --days never")
    assert laptop.told("retention show") == {
        "default_days": 1,
        "tenants": [
            {"tenant": "acme", "days": 1, "set": None},
            {"tenant": "beta", "days": None, "set": "never"},
        ],
    }
    laptop.run("retention set --tenant beta --days default")
    assert (
        laptop.run("retention show --tenant beta")[1] == "default: 1 day\nbeta: 1 day (default)\n"
    )


def test_retention_is_run_dry_and_then_for_good(laptop: Laptop) -> None:
    old, pinned = laptop.saved(3 * DAY_MS), laptop.saved(3 * DAY_MS, pinned=True)
    young = laptop.saved(DAY_MS)
    assert laptop.run("retention run")[1] == "nothing to do: no tenant has a limit\n"
    laptop.run("retention set --tenant acme --days 2")

    planned = laptop.told("retention run --dry-run")
    tenant = {"tenant": "acme", "days": 2, "examined": 2, "removed": 1, "size_bytes": len(BODY)}
    assert planned == {"dry_run": True, "tenants": [tenant]}
    assert laptop.has(old)
    status, out, _ = laptop.run("retention run --tenant acme")
    expected = "acme: removed 1 of 2 artifacts older than 2 days, 12 bytes\n"
    assert (status, out) == (0, expected)
    assert [laptop.has(one) for one in (old, pinned, young)] == [False, True, True]


def test_garbage_is_collected_dry_and_then_for_good(laptop: Laptop) -> None:
    laptop.garbage(GRACE_MS + 1000)
    planned = laptop.told("collect --dry-run")
    assert planned == {
        "dry_run": True,
        "directories": 0,
        "files": 0,
        "names": 0,
        "examined": 1,
        "deleted": 1,
        "bytes_freed": len(BODY),
    }
    status, out, _ = laptop.run("collect")
    assert (status, out.splitlines()[-1]) == (0, "removed 1 of 1 objects, 12 bytes")
    assert laptop.told("collect")["examined"] == 0


def test_results_are_verified_and_rebuilt(laptop: Laptop) -> None:
    nothing = "nothing to do: there is no experiment with variants\n"
    assert laptop.run("variants verify") == (0, nothing, "")
    laptop.logged()
    agrees = (0, "acme ab: 2 logs, 2 units, agrees\n", "")
    for text in ("", " --tenant acme", " --tenant acme --experiment ab"):
        assert laptop.run(f"variants verify{text}") == agrees
    laptop.damage()
    status, out, _ = laptop.run("variants verify")
    assert status == 1
    assert "differs" in out
    assert "variant 'A' has nothing, its logs add up to 1 units, 1 logs (score" in out
    status, out, err = laptop.run("variants rebuild --tenant acme --experiment ab --no-wait")
    assert (status, out) == (0, "acme ab: 2 logs, 2 units\n")
    assert "nothing is logged from now on" in err
    assert laptop.run("variants verify") == agrees
    told = laptop.told("variants verify")
    assert told["experiments"][0]["differences"] == []


def test_an_index_is_made_anew(laptop: Laptop) -> None:
    laptop.saved(0)
    for _ in range(2):
        assert laptop.run("search rebuild --tenant acme") == (0, "acme: 1 artifacts\n", "")
    assert laptop.told("search rebuild --tenant acme") == {"tenant": "acme", "artifacts": 1}
    status, out, err = laptop.run("search rebuild --tenant nobody")
    assert (status, out) == (1, "")
    assert "nobody" in err
    assert laptop.run("search rebuild")[0] == 2


@pytest.mark.parametrize(
    "text, status, said",
    [
        ("variants", 2, "required: ACTION"),
        ("variants rebuild", 2, "required: --tenant, --experiment"),
        ("variants verify --experiment ab", 1, "name it with --tenant"),
        ("variants verify --tenant acme --experiment nothing", 1, "no such experiment"),
        ("variants rebuild --tenant acme --experiment nothing", 1, "no such experiment"),
    ],
)
def test_a_wrong_command_about_variants_says_so(
    laptop: Laptop, text: str, status: int, said: str
) -> None:
    ended, out, err = laptop.run(text)
    assert (ended, out) == (status, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_a_laptop_does_all_that_by_itself(laptop: Laptop) -> None:
    laptop.garbage(GRACE_MS + 1000)
    old, pinned = laptop.saved(3 * DAY_MS), laptop.saved(3 * DAY_MS, pinned=True)
    backend = open_backend(laptop.home, "http://localhost", Clock(), retention_days=2)
    backend.start()
    deadline_s = time.monotonic() + 60
    while laptop.has(old) or laptop.told("collect --dry-run")["examined"]:
        assert time.monotonic() < deadline_s
        time.sleep(0.02)
    backend.close()
    wiring.install(None)
    assert laptop.has(pinned)


@pytest.mark.parametrize(
    "text, status",
    [
        ("retention set --tenant acmee --days 3", 1),
        ("retention show --tenant acmee", 1),
        ("retention run --tenant acmee", 1),
        ("retention set --tenant acme --days 0", 2),
        ("retention set --tenant acme --days 1.5", 2),
        ("retention set --tenant acme --days 36501", 2),
        ("retention set --tenant acme", 2),
        ("retention", 2),
        ("collect --force", 2),
        ("", 2),
    ],
)
def test_a_mistake_is_one_line(laptop: Laptop, text: str, status: int) -> None:
    ended, out, err = laptop.run(text)
    assert (ended, out) == (status, "")
    assert err.startswith("trialbook: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize("days", ["0", "-1", "30d", "1e3", "²", "36501"])
def test_bad_days_in_the_environment_are_one_line(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("TRIALBOOK_RETENTION_DAYS", days)
    status, _, err = laptop.run("retention show")
    assert status == 2
    assert err.startswith("trialbook: TRIALBOOK_RETENTION_DAYS must be a whole number of days")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "environment, days",
    [
        (dict[str, str](), None),
        ({"TRIALBOOK_RETENTION_DAYS": ""}, None),
        ({"TRIALBOOK_RETENTION_DAYS": "never"}, None),
        ({"TRIALBOOK_RETENTION_DAYS": "90"}, 90),
    ],
)
def test_settings_say_how_long_artifacts_are_kept(
    environment: dict[str, str], days: int | None
) -> None:
    assert Settings.of_environment(ENVIRONMENT | environment).retention_days == days


def test_settings_name_the_queues() -> None:
    queues = {"TRIALBOOK_ARRIVALS": "https://a", "TRIALBOOK_UNDELIVERED": ""}
    named = Settings.of_environment(ENVIRONMENT | queues)
    assert (named.arrivals, named.undelivered) == ("https://a", None)


def test_what_was_not_delivered_is_given_back(laptop: Laptop) -> None:
    laptop.undelivered()
    status, out, _ = laptop.run("redrive --limit 1")
    assert (status, out.splitlines()[-1]) == (0, "gave back 1 of 1 messages; the queue has 1")
    assert [one["reason"] for one in laptop.told("redrive")["messages"]] == ["because"]
    assert laptop.told("redrive --dry-run") == {"dry_run": True, "messages": [], "left": 0}


def test_bad_settings_are_refused() -> None:
    with pytest.raises(BadSetting):
        Settings.of_environment(ENVIRONMENT | {"TRIALBOOK_RETENTION_DAYS": "soon"})
    with pytest.raises(MissingSetting):
        Settings.of_environment({"TRIALBOOK_RETENTION_DAYS": "3"})


def test_without_a_deployment_it_says_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert ops.main(["collect"]) == 2
    assert capsys.readouterr().err.startswith("trialbook: set TRIALBOOK_TABLE")
