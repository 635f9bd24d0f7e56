"""Settings to services: the only module that makes clients, and the one place to replace them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

from chalicelib.core import tally
from chalicelib.core.context import Clock, Context, Principal, Role
from chalicelib.core.ids import TenantId, UserId
from chalicelib.core.paging import CursorCodec
from chalicelib.domain.api_keys import Authenticator
from chalicelib.domain.arrivals import Arrivals
from chalicelib.domain.artifact_documents import ArtifactSource
from chalicelib.domain.artifacts import ArtifactStores
from chalicelib.domain.experiment_artifacts import ExperimentArtifacts
from chalicelib.domain.experiments import ExperimentRows, experiment_rows
from chalicelib.domain.finalization import Finalization
from chalicelib.domain.ingest_applying import LineStores
from chalicelib.domain.ingestion import IngestStores, Parse
from chalicelib.domain.projections import Projections
from chalicelib.domain.retention import RetentionStores
from chalicelib.domain.run_files import RunFiles
from chalicelib.domain.stored_bytes import ByteStores, Spread, in_turn
from chalicelib.domain.upkeep import Upkeep
from chalicelib.domain.variant_aggregation import Aggregates
from chalicelib.domain.variant_intake import VariantStores
from chalicelib.domain.variant_verification import VerificationStores
from chalicelib.domain.verification import Verification
from chalicelib.search.backend import SearchBackend, Source
from chalicelib.search.snapshots import Snapshots
from chalicelib.settings import BEDROCK, Settings
from chalicelib.storage.answers import AnswerStore
from chalicelib.storage.api_keys import ApiKeyStore
from chalicelib.storage.artifacts import ArtifactStore
from chalicelib.storage.blobs import Blobs
from chalicelib.storage.datasets import DatasetStore
from chalicelib.storage.experiment_artifacts import ExperimentArtifactStore
from chalicelib.storage.experiments import ExperimentStore
from chalicelib.storage.ingestions import IngestionStore
from chalicelib.storage.logged_models import LoggedModelRows, LoggedModelStore, logged_model_rows
from chalicelib.storage.parked_changes import ParkedChanges
from chalicelib.storage.points import PointStore
from chalicelib.storage.queue import Queue
from chalicelib.storage.registry import RegistryRows, RegistryStore, registry_rows
from chalicelib.storage.retention import RetentionStore
from chalicelib.storage.run_files import RunFileStore
from chalicelib.storage.run_rows import RunRows, run_rows
from chalicelib.storage.runs import RunStore
from chalicelib.storage.signing_key import signing_key
from chalicelib.storage.stored_bytes import StoredBytesStore
from chalicelib.storage.table import Change, Table
from chalicelib.storage.table_queue import TableQueue
from chalicelib.storage.uploads import UploadStore
from chalicelib.storage.variant_cells import CellStore
from chalicelib.storage.variant_definitions import DefinitionStore
from chalicelib.storage.variant_exports import ExportStore
from chalicelib.storage.variant_logs import VariantLogStore
from chalicelib.storage.variant_units import UnitStore

if TYPE_CHECKING:
    from chalicelib.search.embedding import Embedder

A = TypeVar("A")
B = TypeVar("B")

ANYBODY: Final = Principal(TenantId(""), UserId(""), Role.READ)
"""Who asks on a public route; a tenant that no key can have."""
ARRIVALS: Final = "arrivals"
"""Name of the queue of objects that came to be, where it is in the table."""
AT_ONCE: Final = 8
"""Requests that work on many bytes has under way; a client keeps ten connections."""
LOOKED_AT_S: Final = 30.0
"""For how long an undelivered message is hidden from other operators."""
SearchOn: TypeAlias = Callable[[Source, Snapshots, Clock], SearchBackend]
ReadBatch: TypeAlias = Callable[[Mapping[str, Any]], Sequence[Change]]
"""Of what Lambda tells of a batch. Raises NotFound, Throttled, Unavailable."""


@dataclass(frozen=True, slots=True)
class Services:
    """Everything a request may need. Safe to share between threads."""

    clock: Clock
    table: Table
    blobs: Blobs
    experiments: ExperimentStore
    experiment_rows: ExperimentRows
    runs: RunStore
    run_rows: RunRows
    points: PointStore
    files: RunFileStore
    uploads: UploadStore
    logged_models: LoggedModelStore
    logged_model_rows: LoggedModelRows
    registry: RegistryStore
    registry_rows: RegistryRows
    datasets: DatasetStore
    bytes: ByteStores
    artifacts: ArtifactStore
    search: Callable[[], SearchBackend]
    """Made when it is first asked: nothing else needs what it imports."""
    snapshots: Snapshots
    experiment_artifacts: ExperimentArtifactStore
    answers: AnswerStore
    api_keys: ApiKeyStore
    authenticator: Authenticator
    cursors: CursorCodec
    retention: RetentionStore
    variants: VariantStores
    aggregates: Aggregates
    ingestions: IngestionStore
    arrivals: Queue
    undelivered: Queue
    read_batch: ReadBatch | None
    """Where the feed is pushed: the changes of a batch that Lambda gave up."""
    retention_days: int | None
    mcp_origins: frozenset[str] = frozenset()

    def context(self, principal: Principal, seconds: float) -> Context:
        """For a request by `principal` that has `seconds` to be answered."""
        return Context(principal, self.clock, self.clock.monotonic_s() + seconds)


def services_on(
    table: Table,
    blobs: Blobs,
    clock: Clock,
    retention_days: int | None = None,
    spread: Spread = in_turn,
    arrivals: Queue | None = None,
    undelivered: Queue | None = None,
    read_batch: ReadBatch | None = None,
    search_on: SearchOn | None = None,
) -> Services:
    """Services over two adapters, and queues in the table where none are given. One read, for the
    key that signs cursors."""
    api_keys = ApiKeyStore(table)
    definitions = DefinitionStore(table, clock)
    artifacts = ArtifactStore(table)

    snapshots = Snapshots(table, blobs, clock)

    @functools.cache
    def search() -> SearchBackend:
        source = ArtifactSource(artifacts, blobs, spread, clock.now_ms)
        return (search_on or built_in_search)(source, snapshots, clock)

    return Services(
        clock=clock,
        table=table,
        blobs=blobs,
        experiments=ExperimentStore(table, definitions.forget),
        experiment_rows=experiment_rows(table),
        runs=RunStore(table),
        run_rows=run_rows(table),
        points=PointStore(table, blobs),
        files=RunFileStore(table),
        uploads=UploadStore(table),
        logged_models=LoggedModelStore(table),
        logged_model_rows=logged_model_rows(table),
        registry=RegistryStore(table),
        registry_rows=registry_rows(table),
        datasets=DatasetStore(table),
        bytes=ByteStores(StoredBytesStore(table), blobs, spread),
        artifacts=artifacts,
        search=search,
        snapshots=snapshots,
        experiment_artifacts=ExperimentArtifactStore(table),
        answers=AnswerStore(table, blobs),
        api_keys=api_keys,
        authenticator=Authenticator(api_keys, clock),
        cursors=CursorCodec(signing_key(table, clock)),
        retention=RetentionStore(table),
        variants=VariantStores(
            definitions, VariantLogStore(table, blobs), ExportStore(table, blobs), spread
        ),
        aggregates=Aggregates(UnitStore(table), CellStore(table)),
        ingestions=IngestionStore(table, blobs),
        arrivals=arrivals or TableQueue(table, ARRIVALS, clock),
        undelivered=undelivered or TableQueue(table, "undelivered", clock, LOOKED_AT_S),
        read_batch=read_batch,
        retention_days=retention_days,
    )


def built_in_search(source: Source, snapshots: Snapshots, clock: Clock) -> SearchBackend:
    """With the embedder that comes along."""
    from chalicelib.search.built_in import BuiltInSearch
    from chalicelib.search.embedding import static_embedder

    return BuiltInSearch(source, snapshots, static_embedder(), clock)


def aws_client(region: str, service: str) -> Any:
    """A client of boto3; what it sends counts where requests to the stores do."""
    import boto3
    from botocore.config import Config

    config = Config(
        region_name=region,
        retries={"mode": "standard", "max_attempts": 3},
        connect_timeout=2,
        read_timeout=10,
        signature_version="s3v4",
        tcp_keepalive=True,
    )
    make: Any = vars(boto3)["client"]  # typed by a package that is larger than this one
    client = make(service, config=config)
    client.meta.events.register("before-send", tally.sent)
    return client


def aws_services(settings: Settings) -> Services:
    """Services on DynamoDB, S3 and SQS."""
    # Imported here: on a laptop nothing needs boto3, and it is most of a cold start.
    from chalicelib.storage.dynamo_batches import StreamBatches
    from chalicelib.storage.dynamo_table import DynamoTable
    from chalicelib.storage.s3_blobs import S3Blobs
    from chalicelib.storage.sqs_queue import SqsQueue

    clock = Clock()
    client = functools.partial(aws_client, settings.region)
    table = DynamoTable(client("dynamodb"), settings.table, clock)
    blobs = S3Blobs(client("s3"), settings.bucket)
    sqs = functools.cache(lambda: client("sqs"))
    streams = functools.cache(lambda: client("dynamodbstreams"))
    threads = ThreadPoolExecutor(AT_ONCE)

    def search_on(source: Source, snapshots: Snapshots, clock: Clock) -> SearchBackend:
        from chalicelib.search.built_in import BuiltInSearch
        from chalicelib.search.s3_vectors import S3VectorsSearch

        embedder = aws_embedder(settings, client)
        if settings.vector_bucket is None:
            return BuiltInSearch(source, snapshots, embedder, clock)
        return S3VectorsSearch(client("s3vectors"), settings.vector_bucket, embedder, source)

    def spread(work: Callable[[A], B], things: Iterable[A], /) -> Iterator[B]:
        return threads.map(tally.carried(work), things)

    services = services_on(
        table,
        blobs,
        clock,
        settings.retention_days,
        spread,
        SqsQueue(sqs, settings.arrivals),
        SqsQueue(sqs, settings.undelivered),
        StreamBatches(streams).read,
        search_on,
    )
    return replace(services, mcp_origins=settings.mcp_origins)


def aws_embedder(settings: Settings, client: Callable[[str], Any]) -> Embedder:
    """The one that the settings name."""
    if settings.embedder == BEDROCK:
        from chalicelib.search.bedrock_embedding import BedrockEmbedder

        return BedrockEmbedder(client("bedrock-runtime"))
    from chalicelib.search.embedding import static_embedder

    return static_embedder()


def projections(of: Services) -> Projections:
    """Where changes of the feed are projected."""
    verified = Verification(of.bytes, of.uploads, of.files, of.artifacts, of.clock)
    parked = ParkedChanges(of.blobs, of.undelivered, of.clock)
    return Projections(
        of.table, of.experiments, of.bytes, verified, of.aggregates, parked, of.search, of.clock
    )


def arrivals(of: Services, parse: Parse) -> Arrivals:
    """Where objects that arrived are handled; `parse` reads the lines of files. Lanes of a file are
    spread over the threads that each of them would otherwise spread its own work over."""
    lines = LineStores(
        of.ingestions,
        of.experiments,
        of.runs,
        of.points,
        ArtifactStores(of.artifacts, replace(of.bytes, spread=in_turn)),
        replace(of.variants, spread=in_turn),
        of.clock,
    )
    ingest = IngestStores(lines, of.retention, of.blobs, of.bytes.spread)
    return Arrivals(ingest, finalization(of), parse, of.arrivals, of.undelivered, of.clock)


def finalization(of: Services) -> Finalization:
    """Where bytes that arrived are finalized."""
    return Finalization(run_files(of), of.clock)


def run_files(of: Services) -> RunFiles:
    """Where files of runs and of logged models are."""
    return RunFiles(of.runs, of.logged_models, of.files, of.uploads, of.bytes)


def upkeep(of: Services) -> Upkeep:
    """What is kept in order by the clock."""
    return Upkeep(
        RetentionStores(
            of.retention,
            ArtifactStores(of.artifacts, of.bytes),
            of.api_keys,
            of.retention_days,
        ),
        ExperimentArtifacts(of.experiments, of.experiment_artifacts, of.bytes),
        of.variants.exports,
        of.clock,
    )


def verification(of: Services) -> VerificationStores:
    """What is compared when the results of A/B experiments are verified."""
    return VerificationStores(of.variants.definitions, of.variants.logs, of.aggregates, of.clock)


_installed: Services | None = None


def install(services: Services | None) -> None:
    """Use these services from now on (None: make them from the environment at the next use)."""
    global _installed  # noqa: PLW0603
    _installed = services


def services() -> Services:
    """The services in use; made from the environment the first time nothing was installed."""
    if _installed is None:
        install(aws_services(Settings.of_environment(os.environ)))
    assert _installed is not None
    return _installed
