"""Keys: parsers undo builders, no two builders meet, and no other module spells a key."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chalicelib
import local
from chalicelib.core.ids import (
    ArtifactId,
    ExperimentId,
    KeyId,
    ModelId,
    RunId,
    TenantId,
    UploadId,
    is_label,
    is_model_id,
)
from chalicelib.core.log_ids import LogId, log_id
from chalicelib.core.model.dataset import DatasetName
from chalicelib.core.model.experiment import Stage
from chalicelib.core.model.registry import RegistryId
from chalicelib.core.model.variant_sums import CellPlace
from chalicelib.domain.artifact_paths import clean_artifact_path
from chalicelib.storage import (
    artifact_keys,
    file_keys,
    ingest_keys,
    keys,
    model_keys,
    queue_keys,
    search_keys,
    variant_keys,
)
from chalicelib.storage.item_size import check_key
from chalicelib.storage.table import Key

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
LABELS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}", fullmatch=True)
TENANTS = LABELS.map(TenantId)
RUNS = HEX.map(RunId)
EXPERIMENTS = HEX.map(ExperimentId)
UPLOADS = HEX.map(UploadId)
STAGES: st.SearchStrategy[Stage] = st.sampled_from(["active", "deleted"])
INT64 = st.integers(-(2**63), 2**63 - 1)
NAMES = st.text(min_size=1, max_size=255).filter(lambda text: "\ud800" not in text)
SEGMENTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="/\\:"),
    min_size=1,
    max_size=20,
).filter(lambda text: text not in (".", ".."))
LOG_IDS = st.builds(log_id, st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
DAYS = st.dates().map(str)
PLACES = st.builds(CellPlace, DAYS) | st.builds(CellPlace, DAYS, NAMES, NAMES)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=5).map("/".join)


@given(TENANTS, RUNS)
def test_a_run_is_parsed(tenant: TenantId, run_id: RunId) -> None:
    assert keys.parse_run(keys.run(tenant, run_id).pk) == (tenant, run_id)


@given(TENANTS, EXPERIMENTS)
def test_partitions_of_changes_are_parsed(tenant: TenantId, experiment_id: ExperimentId) -> None:
    assert keys.parse_experiments_changed(keys.experiments_changed(tenant)) == tenant
    partition = keys.runs_changed(tenant, experiment_id)
    assert keys.parse_runs_changed(partition) == (tenant, experiment_id)


@given(TENANTS, HEX, st.integers(1, 2**31 - 1))
def test_models_are_parsed(tenant: TenantId, some_id: str, number: int) -> None:
    model_id, registered = ModelId(f"m-{some_id}"), RegistryId(some_id)
    assert is_model_id(model_id)
    pk = model_keys.logged_model(tenant, model_id).pk
    assert model_keys.parse_logged_model(pk) == (tenant, model_id)
    version = model_keys.model_version(tenant, registered, number)
    assert model_keys.parse_model_version(version) == (tenant, registered, number)
    named = model_keys.registered_model(tenant, version.sk)
    assert model_keys.parse_model_version(named) is None


@given(TENANTS, EXPERIMENTS, NAMES, NAMES, NAMES, NAMES)
def test_datasets_of_two_names_or_digests_are_two(
    tenant: TenantId, experiment_id: ExperimentId, name: str, digest: str, other: str, rest: str
) -> None:
    one, two = DatasetName(experiment_id, name, digest), DatasetName(experiment_id, other, rest)
    equal = model_keys.dataset(tenant, one, 0) == model_keys.dataset(tenant, two, 0)
    assert equal is (one == two)


@given(TENANTS, EXPERIMENTS, LOG_IDS)
def test_a_log_is_parsed(tenant: TenantId, experiment_id: ExperimentId, log: LogId) -> None:
    found = variant_keys.parse_log(variant_keys.log(tenant, experiment_id, log))
    assert found == (tenant, experiment_id, log)


@given(TENANTS, EXPERIMENTS, LOG_IDS, LOG_IDS)
def test_logs_of_a_partition_are_in_the_order_of_their_ids(
    tenant: TenantId, experiment_id: ExperimentId, one: LogId, other: LogId
) -> None:
    first, second = (variant_keys.log(tenant, experiment_id, log) for log in (one, other))
    assert (first.sk < second.sk) == (one < other)


@given(TENANTS, EXPERIMENTS, PLACES, st.integers(0, 99_999))
def test_a_cell_is_parsed(
    tenant: TenantId, experiment_id: ExperimentId, place: CellPlace, lane: int
) -> None:
    key = variant_keys.cell(tenant, experiment_id, "g", place, lane)
    assert key.pk == variant_keys.cells(tenant, experiment_id, "g", place.dimension)
    assert variant_keys.parse_cell(key.sk, place.dimension) == (place, lane)
    assert variant_keys.cells_from(place.day) < key.sk < variant_keys.cells_to(place.day)


@given(st.integers(0, 10**14), NAMES)
def test_an_export_that_is_due_is_parsed(due_ms: int, object_key: str) -> None:
    key = variant_keys.export_due(due_ms, object_key)
    assert variant_keys.parse_export_due(key.sk) == (due_ms, object_key)


@given(TENANTS, UPLOADS)
def test_an_upload_is_parsed(tenant: TenantId, upload_id: UploadId) -> None:
    assert keys.parse_upload(keys.upload(tenant, upload_id).pk) == (tenant, upload_id)


@given(TENANTS, RUNS, st.integers(0, keys.RUN_BUCKETS - 1))
def test_a_bucket_is_parsed(tenant: TenantId, run_id: RunId, number: int) -> None:
    key = keys.run_bucket(tenant, run_id, number)
    assert keys.bucket_of(key.sk) == number
    assert key.pk == keys.run(tenant, run_id).pk
    assert key.sk.startswith(keys.RUN_BUCKET_PREFIX)
    assert not keys.run(tenant, run_id).sk.startswith(keys.RUN_BUCKET_PREFIX)


@given(TENANTS, RUNS, st.integers(0, 10**8 - 1))
def test_a_page_is_parsed(tenant: TenantId, run_id: RunId, number: int) -> None:
    key = keys.run_page(tenant, run_id, number)
    assert keys.page_of(key.sk) == number
    assert key.pk == keys.run(tenant, run_id).pk
    bucket = keys.run_bucket(tenant, run_id, keys.RUN_BUCKETS - 1)
    assert keys.page_of(bucket.sk) is None
    assert keys.RUN_BUCKET_PREFIX < bucket.sk < key.sk
    assert key.sk.startswith(keys.RUN_BUCKET_PREFIX)


@given(TENANTS, RUNS, PATHS)
def test_a_file_and_a_folder_are_parsed(tenant: TenantId, run_id: RunId, path: str) -> None:
    clean_artifact_path(path)
    file, folder = file_keys.file(tenant, run_id, path), file_keys.folder(tenant, run_id, path)
    assert file_keys.parse_entry(file.sk) == (path, False)
    assert file_keys.parse_entry(folder.sk) == (path, True)
    level = file_keys.level(tenant, run_id, path.rpartition("/")[0])
    for key in (file, folder):
        check_key(key)
        assert key.pk == level.pk
        assert key.sk.startswith(level.sk)


@given(TENANTS, HEX, PATHS)
def test_trees_of_a_run_and_of_a_model_lie_in_their_partitions(
    tenant: TenantId, some_id: str, path: str
) -> None:
    of_run = file_keys.file(tenant, RunId(some_id), path)
    of_model = file_keys.file(tenant, ModelId(f"m-{some_id}"), path)
    assert of_run.pk == keys.run(tenant, RunId(some_id)).pk != of_model.pk
    assert file_keys.tenant_of(of_run.pk) == file_keys.tenant_of(of_model.pk) == tenant


@given(PATHS, PATHS)
def test_a_level_holds_what_is_right_below_it(path: str, folder: str) -> None:
    tenant, run_id = TenantId("t"), RunId("0" * 32)
    prefix = file_keys.level(tenant, run_id, folder).sk
    is_below = file_keys.file(tenant, run_id, path).sk.startswith(prefix)
    assert is_below == (path.rpartition("/")[0] == folder)


@given(st.integers(0, 10**15 - 1), TENANTS, RUNS)
def test_what_is_due_is_parsed(due_ms: int, tenant: TenantId, run_id: RunId) -> None:
    key = keys.compaction_due(due_ms, tenant, run_id)
    assert key.pk == keys.COMPACTION_DUE
    assert keys.parse_compaction_due(key.sk) == (due_ms, tenant, run_id)


@given(st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1), RUNS)
def test_times_sort_as_numbers_do(one: int, other: int, run_id: RunId) -> None:
    tenant = TenantId("t")
    if one < other:
        assert keys.compaction_due(one, tenant, run_id) < keys.compaction_due(other, tenant, run_id)
        assert keys.run_listed_sort(one, run_id) < keys.run_listed_sort(other, run_id)


@given(st.integers(0, 2), INT64, INT64)
def test_chunks_sort_by_level_and_step(level: int, one: int, other: int) -> None:
    first, second = (
        keys.points(TenantId("t"), RunId("r"), level, step, "f" * 24).sk for step in (one, other)
    )
    assert (keys.min_step_of(first), keys.min_step_of(second)) == (one, other)
    assert (first < second) == (one < other)
    for sk, step in ((first, one), (second, other)):
        assert sk.startswith(keys.points_level(level))
        assert keys.points_from(level, step) < sk < keys.points_level(level) + "~"
        assert sk < keys.points_level(level + 1)


@given(NAMES, NAMES)
def test_two_names_have_two_keys(one: str, other: str) -> None:
    tenant = TenantId("t")
    first, second = keys.experiment_name(tenant, one), keys.experiment_name(tenant, other)
    check_key(first)
    assert (first == second) == (one == other)


def test_a_long_name_cannot_be_mistaken_for_another_ones_digest() -> None:
    tenant = TenantId("t")
    long_name = keys.experiment_name(tenant, "x" * 2000)
    check_key(long_name)
    assert keys.experiment_name(tenant, long_name.sk) != long_name


@pytest.mark.parametrize(
    "parse",
    [
        keys.parse_run,
        keys.parse_upload,
        keys.parse_runs_changed,
        keys.parse_experiments_changed,
        model_keys.parse_logged_model,
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["", "t#", "t##run#", "t#a#other#b", "t#a#run#b#c", "x#a#exps#"])
def test_what_no_builder_made_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match="not the partition"):
        parse(text)


# -- no two builders can meet ---------------------------------------------------------------------


@st.composite
def keys_of_every_kind(draw: st.DrawFn) -> dict[str, Key]:
    """One key of each builder, for the same tenant and, where it can be, the same id."""
    tenant, some_id, slug = draw(TENANTS), draw(HEX), draw(st.from_regex("[a-z0-9-]{1,63}"))
    path, name = draw(PATHS), draw(NAMES)
    run_id, experiment_id = RunId(some_id), ExperimentId(some_id)
    return {
        "experiment": keys.experiment(tenant, experiment_id),
        "counts": keys.experiment_counts(tenant, experiment_id),
        "counts of a lane": keys.experiment_counts(tenant, experiment_id, 1),
        "name": keys.experiment_name(tenant, name),
        "slug": keys.experiment_slug(tenant, slug),
        "run": keys.run(tenant, run_id),
        "bucket": keys.run_bucket(tenant, run_id, draw(st.integers(0, 63))),
        "page": keys.run_page(tenant, run_id, draw(st.integers(0, 10**8 - 1))),
        "points": keys.points(tenant, run_id, draw(st.integers(0, 2)), draw(INT64), some_id[:24]),
        "file": file_keys.file(tenant, run_id, path),
        "folder": file_keys.folder(tenant, run_id, path),
        "upload": keys.upload(tenant, UploadId(some_id)),
        "artifact": artifact_keys.artifact(tenant, ArtifactId(some_id)),
        "artifact that is gone": artifact_keys.artifact_gone(tenant, ArtifactId(some_id)),
        "search index": search_keys.snapshot(tenant),
        "search index due": search_keys.due(tenant),
        "api key": keys.api_key(KeyId(some_id)),
        "owner": keys.owner(some_id),
        "logged model": model_keys.logged_model(tenant, ModelId(f"m-{some_id}")),
        "registered model": model_keys.registered_model(tenant, name),
        "model version": model_keys.model_version(tenant, RegistryId(some_id), 1),
        "dataset": model_keys.dataset(tenant, DatasetName(experiment_id, name, some_id), 0),
        "dataset's rest": model_keys.dataset(tenant, DatasetName(experiment_id, name, some_id), 1),
        "remembered": keys.remembered(tenant, some_id),
        "feed": keys.feed_done(some_id),
        "signing key": keys.SIGNING_KEY,
        "position": keys.FEED_POSITION,
        "retention position": keys.RETENTION_POSITION,
        "tenant": keys.tenant(tenant),
        "due": keys.compaction_due(draw(st.integers(0, 10**14)), tenant, run_id),
        "log": variant_keys.log(tenant, experiment_id, draw(LOG_IDS)),
        "register": variant_keys.register(tenant, experiment_id),
        "unit": variant_keys.unit(tenant, experiment_id, some_id, name),
        "cell": variant_keys.cell(tenant, experiment_id, some_id, draw(PLACES), 0),
        "export": variant_keys.export(tenant, experiment_id, some_id),
        "export due": variant_keys.export_due(draw(st.integers(0, 10**14)), some_id),
        "message": queue_keys.message("arrivals", draw(st.integers(0, 10**14)), some_id),
    }


@given(st.integers(0, 10**14), st.integers(0, 10**14), HEX)
def test_a_message_is_parsed_and_due_from_its_time_on(
    due_ms: int, now_ms: int, message_id: str
) -> None:
    key = queue_keys.message("arrivals", due_ms, message_id)
    assert key.pk == queue_keys.queue("arrivals")
    assert queue_keys.parse_message(key.sk) == (due_ms, message_id)
    assert (key.sk <= queue_keys.due_until(now_ms)) == (due_ms <= now_ms)


@given(keys_of_every_kind())
def test_keys_of_two_kinds_are_never_equal(found: dict[str, Key]) -> None:
    for key in found.values():
        check_key(key)
    for (one, first), (other, second) in combinations(found.items(), 2):
        assert first != second, (one, other)


@given(keys_of_every_kind())
def test_prefixes_of_a_runs_partition_hold_one_kind_each(found: dict[str, Key]) -> None:
    prefixes = {keys.RUN_BUCKET_PREFIX: {"bucket", "page"}}
    prefixes |= {keys.points_level(level): {"points"} for level in range(3)}
    for prefix, kinds in prefixes.items():
        for other in {"run", "bucket", "page", "points", "file", "folder"} - kinds:
            assert not found[other].sk.startswith(prefix)


@given(TENANTS, TENANTS, HEX, HEX, HEX)
def test_objects_of_two_kinds_or_tenants_are_never_the_same(
    tenant: TenantId, other: TenantId, one_id: str, other_id: str, digest: str
) -> None:
    run_id, upload_id = RunId(one_id), UploadId(other_id)
    objects = [
        artifact_keys.blob(tenant, digest * 2, upload_id),
        artifact_keys.preview(artifact_keys.blob(tenant, digest * 2, upload_id)),
        keys.remembered_answer(tenant, one_id),
        keys.points_blob(tenant, run_id, digest[:24]),
        keys.HEALTH_BLOB,
        variant_keys.log_export(tenant, one_id),
        variant_keys.log_export_tail(variant_keys.log_export(tenant, one_id)),
        variant_keys.log_content(tenant, ExperimentId(one_id), LogId(other_id), digest.encode()),
        queue_keys.undelivered(one_id, "amounts"),
    ]
    assert len(set(objects)) == len(objects)
    if tenant != other:
        assert artifact_keys.blob(other, digest * 2, upload_id) not in objects


@given(LABELS)
def test_no_tenant_holds_the_separator(label: str) -> None:
    assert is_label(label)
    assert "#" not in label
    assert "/" not in label


@given(TENANTS, EXPERIMENTS, STAGES)
def test_lists_are_partitions_of_their_own(
    tenant: TenantId, experiment_id: ExperimentId, stage: Stage
) -> None:
    listed = {
        keys.experiments_listed(tenant, stage),
        keys.runs_listed(tenant, experiment_id, stage),
        keys.api_keys_listed(tenant),
        model_keys.logged_models(tenant, experiment_id),
        model_keys.registry(tenant),
    }
    assert len(listed) == 5


# -- keys are spelled in five places ---------------------------------------------------------------

PREFIX = re.compile(
    r"(t#|exp#|run#|runs#|points#|file#|upload#|key#|id#|idem#|feed#|due#|owner#|queue#|model#"
    r"|version#|dataset#|meta/|cas/|previews/|answers/|points/|logs/|exports/|undelivered/)"
)


def spelled_keys(source: str) -> list[str]:
    """String literals, f-strings' beginnings included, that begin like a key; not docstrings."""
    tree = ast.parse(source)
    docstrings = {
        node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)
    }  # fmt: skip
    return [
        f"{node.lineno}: {node.value!r}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node not in docstrings
        and PREFIX.match(node.value)
    ]


def test_the_search_for_keys_finds_them() -> None:
    found = spelled_keys('"""t#x"""\na = f"t#{b}"\nc = "cas/" + d\ne = "points#0"\nf = "ok#"\n')
    assert len(found) == 3
    assert len(spelled_keys(Path(keys.__file__).read_text())) > 20


def test_no_other_module_spells_a_key() -> None:
    homes = {keys.__file__, artifact_keys.__file__, variant_keys.__file__, queue_keys.__file__}
    homes |= {ingest_keys.__file__, file_keys.__file__, model_keys.__file__}
    homes.add(search_keys.__file__)
    found: list[str] = []
    for package in (chalicelib, local):
        for folder in package.__path__:
            for path in sorted(Path(folder).rglob("*.py")):
                if str(path) not in homes:
                    found += [f"{path.name}:{one}" for one in spelled_keys(path.read_text())]
    assert found == []
