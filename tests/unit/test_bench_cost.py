"""What `python -m bench.cost` counts and bills, against examples worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any, cast

import boto3
import moto
import pytest
from botocore.config import Config

from bench.cost import prices, single
from bench.cost.__main__ import PAGE, RESULTS, Sizes, measured
from bench.cost.blobs import MeteredBlobs
from bench.cost.meter import Meter, Spent
from bench.cost.ordinary import Values
from bench.cost.report import document_of, page_of
from bench.cost.service import Costed, Row, StandingClock, installed, on_files
from bench.cost.table import MeteredTable
from chalicelib.core.errors import ConditionFailed
from chalicelib.storage.dynamo_table import DynamoTable, table_definition
from chalicelib.storage.item_size import item_bytes
from chalicelib.storage.s3_blobs import S3Blobs
from chalicelib.storage.table import (
    Add,
    Check,
    Delete,
    Index,
    Item,
    Key,
    Put,
    Query,
    When,
)
from local.disk_blobs import DiskBlobs
from local.sqlite_table import SqliteTable

pytestmark = pytest.mark.slow

KB = 1024
SMALL = Sizes(searched_runs=200, history_points=30_000, metric_names=2_000, variant_logs=2_000)


class Metered:
    """A metered table, its clock, and what the last piece of work spent."""

    def __init__(self, table: SqliteTable, clock: StandingClock) -> None:
        self.clock = clock
        self.meter = Meter()
        self.table = MeteredTable(table, self.meter, clock)

    def units(self, work: Any) -> tuple[float, float]:
        """Read and write units that the work is billed."""
        _, spent = self.meter.measure(work)
        return spent.read_units, spent.write_units

    def writes(self, work: Any) -> float:
        """Write units alone; a second passes first."""
        self.clock.pass_by(1)
        return self.units(work)[1]


@pytest.fixture
def metered(tmp_path: Path) -> Generator[Metered]:
    clock = StandingClock()
    table = SqliteTable(tmp_path / "table.db", clock)
    yield Metered(table, clock)
    table.close()


def sized(size_bytes: int, sk: str = "a", **attributes: Any) -> Item:
    """An item of exactly so many bytes."""
    item: Item = {"pk": "p", "sk": sk, "fill": "", **attributes}
    item["fill"] = "x" * (size_bytes - item_bytes(item))
    assert item_bytes(item) == size_bytes
    return item


def listed(size_bytes: int, place: str, **attributes: Any) -> Item:
    return sized(size_bytes, lpk="list", lsk=place, **attributes)


@pytest.mark.parametrize(
    "size_bytes,read,written", [(200, 1, 1), (KB, 1, 1), (KB + 1, 1, 2), (4 * KB + 1, 2, 5)]
)
def test_items_are_rounded_up_to_4_kb_read_and_1_kb_written(
    metered: Metered, size_bytes: int, read: int, written: int
) -> None:
    item = sized(size_bytes)
    assert metered.units(lambda: metered.table.put(item)) == (0, written)
    assert metered.units(lambda: metered.table.get(Key("p", "a"))) == (read, 0)


def test_what_is_absent_costs_a_unit_to_read_and_to_delete(metered: Metered) -> None:
    assert metered.units(lambda: metered.table.get(Key("p", "a"))) == (1, 0)
    assert metered.units(lambda: metered.table.delete(Key("p", "a"))) == (0, 1)


def test_a_batch_rounds_each_item_and_a_query_their_sum(metered: Metered) -> None:
    for sk in "ab":
        metered.table.put(sized(1500, sk))
    batch = [Key("p", "a"), Key("p", "b"), Key("p", "none")]
    assert metered.units(lambda: metered.table.get_many(batch)) == (3, 0)
    assert metered.units(lambda: metered.table.query(Query("p"))) == (1, 0)
    assert metered.units(lambda: metered.table.query(Query("nothing"))) == (1, 0)


def test_an_index_is_read_at_half_the_price(metered: Metered) -> None:
    metered.table.put(listed(5 * KB, "1"))
    by_place = Query("list", index=Index.LISTED)
    assert metered.units(lambda: metered.table.query(by_place)) == (1, 0)
    nothing = Query("nothing", index=Index.LISTED)
    assert metered.units(lambda: metered.table.query(nothing)) == (0.5, 0)


def test_the_larger_of_the_item_before_and_after_is_billed(metered: Metered) -> None:
    metered.table.put(sized(3 * KB))
    assert metered.writes(lambda: metered.table.put(sized(200))) == 3
    assert metered.writes(lambda: metered.table.put(sized(2 * KB))) == 2
    assert metered.writes(lambda: metered.table.delete(Key("p", "a"))) == 2


def test_a_failed_condition_is_billed_as_the_write_would_have_been(metered: Metered) -> None:
    metered.table.put(sized(3 * KB))

    def lost() -> None:
        with pytest.raises(ConditionFailed):
            metered.table.put(sized(200), When.ABSENT)

    def lost_together() -> None:
        with pytest.raises(ConditionFailed):
            metered.table.transact([Put(sized(200), When.ABSENT), Put(sized(2 * KB, "b"))])

    assert metered.writes(lost) == 3
    assert metered.writes(lost_together) == 2 * (3 + 2)


def test_a_transaction_doubles_the_tables_units_and_not_the_indexes(metered: Metered) -> None:
    metered.table.put(sized(3 * KB, "gone"))
    writes = [
        Put(listed(2 * KB, "1")),
        Delete(Key("p", "gone")),
        Check(Key("p", "nothing"), When.ABSENT),
        Add(Key("p", "count"), {"runs": 1}),
    ]
    assert metered.writes(lambda: metered.table.transact(writes)) == 2 * (2 + 3 + 1 + 1) + 2


def test_the_index_of_whole_items_is_written_when_they_change_and_twice_when_they_move(
    metered: Metered,
) -> None:
    put = metered.table.put
    assert metered.writes(lambda: put(listed(2 * KB, "1"))) == 2 + 2
    assert metered.writes(lambda: put(listed(2 * KB, "1"))) == 2 + 0
    assert metered.writes(lambda: put(listed(2 * KB, "1", new=True))) == 2 + 2
    assert metered.writes(lambda: put(listed(3 * KB, "2"))) == 3 + (2 + 3)
    assert metered.writes(lambda: put(sized(1 * KB))) == 3 + 3
    assert metered.writes(lambda: put(listed(1 * KB, "2"))) == 1 + 1
    assert metered.writes(lambda: metered.table.delete(Key("p", "a"))) == 1 + 1


def test_the_index_of_changes_is_written_once_a_second(metered: Metered) -> None:
    item = sized(500, cpk="changes")
    assert metered.writes(lambda: metered.table.put(item)) == 1 + 1
    assert metered.writes(lambda: metered.table.put(item)) == 1 + 2
    assert metered.units(lambda: metered.table.put(item)) == (0, 1)
    assert metered.writes(lambda: metered.table.delete(Key("p", "a"))) == 1 + 1


def test_a_stamp_is_an_attribute_of_whole_items_too(metered: Metered) -> None:
    item = listed(500, "1", cpk="changes")
    metered.table.put(item)
    assert metered.writes(lambda: metered.table.put(item)) == 1 + 1 + 2


def test_what_changed_is_read_from_an_index_of_keys(metered: Metered) -> None:
    for number in range(100):
        metered.table.put(sized(500, f"{number:02}", cpk="changes"))
    # pk 2+1, sk 2+2, cpk 3+7 and the stamp's 24 bytes: 41 bytes each, a page of 4,100 in all
    asked = metered.units(lambda: metered.table.changed_since("changes", None))
    assert asked == (0.5 * 2, 0)


def test_blobs_are_billed_by_request_and_signing_is_free(tmp_path: Path) -> None:
    meter = Meter()
    blobs = MeteredBlobs(DiskBlobs(tmp_path, "http://f.invalid", b"s", StandingClock()), meter)

    def work() -> None:
        blobs.put("a", b"bytes", mime="text/plain")
        blobs.get("a")
        blobs.head("b")
        blobs.presign_get("a", mime="text/plain", disposition="inline", expires_s=60)

    _, spent = meter.measure(work)
    assert spent == Spent(blobs=3, s3_puts=1, s3_gets=2, moved_bytes=10)


def test_a_million_costs_what_the_price_list_says() -> None:
    spent = Spent(
        calls=1, reads=1, transactions=1, read_units=1.5, write_units=6, s3_puts=1, s3_gets=2
    )
    storage = 1.5 * 0.125 + 6 * 0.625 + 5.00 + 2 * 0.40
    assert prices.storage_dollars(spent) == pytest.approx(storage)
    assert prices.duration_ms(spent) == 15  # one invocation and two storage requests
    gateway_and_function = 3.50 + 0.20 + 15_000 * 0.0000133334
    assert prices.total_dollars(spent) == pytest.approx(storage + gateway_and_function)


def test_a_share_is_shown_in_thousandths_when_it_is_small() -> None:
    share = Spent(events=1, transactions=13, write_units=2100).share(500)
    assert share == Spent(events=0.002, transactions=0.026, write_units=4.2)
    assert "|  |  |  | 0.026 |  |  |  | 4.2 |" in page_of(document_of([Row("many", "one", share)]))


def test_a_function_that_no_request_started_pays_no_gateway() -> None:
    assert prices.total_dollars(Spent(events=1)) == pytest.approx(0.20 + 5_000 * 0.0000133334)
    assert prices.total_dollars(Spent(reads=1)) == 0


# -- the operations -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return measured(SMALL)


DESIGN: dict[str, Spent] = {
    "create an experiment": Spent(transactions=1),
    "create a run": Spent(reads=1, transactions=1),
    "get a run": Spent(reads=1),
    "end a run": Spent(reads=2, writes=1),
    "check a key that is cached": Spent(),
    "check a key that is not": Spent(reads=1),
    "log-metrics, 1 value": Spent(reads=1, transactions=1),
    "log-metrics, 1 value, with an Idempotency-Key": Spent(reads=1, writes=2, transactions=1),
    "get the run": Spent(reads=1, queries=1),
    "log-params, 10 params": Spent(reads=1, writes=1),
    "log-batch, 10 metrics + 10 params + 5 tags on a new run": Spent(reads=1, transactions=1),
    "log-batch, 1,000 points of 1 metric": Spent(reads=1, transactions=1),
    "log-batch, 1,000 points of 10 metrics": Spent(reads=1, transactions=1),
    # beside the design's one query: is there such an experiment?
    "list 100 runs": Spent(reads=1, queries=1),
    # beside the design's one batch: the experiments' goals
    "compare 10 runs": Spent(reads=2),
    # the levels of chunks are asked for one by one, and the run whether it has the metric
    "drawn with 1,000 points": Spent(reads=1, queries=3),
    "any later, nothing changed": Spent(reads=1, queries=1),
    "any later, 10 of the runs changed": Spent(reads=2, queries=1),
    # beside the run: what the tenant has of the bytes, and that they are looked at should it stop
    "upload through the function": Spent(reads=2, writes=1, transactions=1, blobs=1),
    "upload by presigned PUT: begin, PUT, complete": Spent(reads=4, transactions=2, blobs=1),
    "download: link, GET": Spent(reads=1),
    "assign a variant": Spent(),
    "log one execution": Spent(writes=1),
    "log a late outcome": Spent(reads=1, writes=1),
    "log 500 in a batch": Spent(transactions=5),
    "all results": Spent(reads=2, queries=1),
}
"""At most so many requests, by "What an operation may cost"; an operation may ask for fewer."""


@pytest.mark.parametrize("name", DESIGN)
def test_operations_make_no_more_requests_than_the_design_allows(
    rows: list[Row], name: str
) -> None:
    spent = next(row.spent for row in rows if row.name == name)
    for kind in ("reads", "queries", "writes", "transactions", "blobs"):
        assert getattr(spent, kind) <= getattr(DESIGN[name], kind), f"{kind}: {spent}"


def test_creating_a_run_is_billed_as_worked_out_by_hand(rows: list[Row]) -> None:
    spent = next(row.spent for row in rows if row.name == "create a run")
    # the run and its directory item, below 1 KB each, twice for the transaction; then an entry in
    # each of the two indexes; the experiment is read
    assert (spent.write_units, spent.read_units) == (2 * (1 + 1) + 1 + 1, 1)


def test_results_of_many_logs_take_the_requests_of_few(rows: list[Row]) -> None:
    few, many = (row.spent for row in rows if row.name == "all results")
    assert (few.reads, few.queries) == (many.reads, many.queries)


def test_a_log_is_added_up_for_little_more_than_its_unit_and_its_mark(rows: list[Row]) -> None:
    *_, spent = (row.spent for row in rows if row.name == "a log is added up")
    # a unit and a mark a log, twice for the transaction; a count and a cell of a few KB for each 40
    assert spent.write_units == pytest.approx(2 * (1 + 1 + (1 + 5) / 40), rel=0.05)
    assert spent.transactions == 13 / 500


@pytest.mark.slow
def test_two_measurements_of_the_same_code_are_equal(rows: list[Row]) -> None:
    assert document_of(measured(SMALL)) == document_of(rows)


def test_the_published_page_shows_the_published_results() -> None:
    assert page_of(json.loads(RESULTS.read_text())) == PAGE.read_text()


@pytest.mark.slow
def test_the_engine_beneath_the_meter_does_not_matter(tmp_path: Path) -> None:
    with on_files(tmp_path) as on_sqlite:
        _basics_and_logs(on_sqlite)
    with moto.mock_aws():
        dynamodb, s3 = _client("dynamodb"), _client("s3")
        dynamodb.create_table(**table_definition("table"))
        s3.create_bucket(Bucket="bucket")
        clock = StandingClock()
        table = DynamoTable(dynamodb, "table", clock)
        with installed(Costed.over(table, S3Blobs(s3, "bucket"), clock)) as on_aws:
            _basics_and_logs(on_aws)
    assert on_aws.rows == on_sqlite.rows


def _basics_and_logs(on: Costed) -> None:
    values = Values()
    single.logs(on, values, single.basics(on, values))


def _client(service: str) -> Any:
    config = Config(signature_version="s3v4") if service == "s3" else None
    return cast("Any", boto3.client)(service, region_name="us-east-1", config=config)
