"""A client and the workers beside it, until everything is delivered."""

from __future__ import annotations

from collections.abc import Callable

from chalicelib import wiring
from chalicelib.core.ids import RunId
from chalicelib.domain import compaction, feed, upkeep
from chalicelib.storage.table import Change
from tests.api.answers import Json, found
from tests.api.harness import EXPERIMENTS, RUNS
from tests.faults.client import LONG_MS, Client, Point, ToldRun
from tests.faults.world import World


class Story(Client):
    """What may happen, a step at a time. The feed is pulled or pushed, as in a deployment."""

    def __init__(self, world: World, *, is_pulled: bool) -> None:
        super().__init__(world)
        self.is_pulled = is_pulled
        self.delivered = 0
        self.is_late = False

    def tell_everything(self) -> None:
        """One of everything."""
        for step in (
            self.create_experiment, self.create_run, self.log_batch, self.log_batch,
            self.log_variant, self.log_variants, self.outcome, self.send_file, self.send_file,
            self.upload_file, self.name_value, self.name_points, self.change_tag, self.end_run,
            self.bring_back, self.delete_name, self.deliver_rest, self.wait, self.compact,
            self.tidy, self.read_history, self.read_lists,
        ):  # fmt: skip
            self._step(step)

    def _step(self, step: Callable[[], None]) -> None:
        self.world.faults.trace.append(f"-- {step.__name__}")
        step()

    def tell(self, steps: int) -> None:
        """As chance has it, so many steps."""
        self.create_experiment()
        self.create_run()
        does = {
            self.create_experiment: 1, self.create_run: 3, self.log_batch: 8, self.send_again: 4,
            self.burst: 1, self.log_variant: 6, self.log_variants: 4, self.outcome: 4,
            self.send_file: 4, self.upload_file: 2, self.name_value: 3, self.name_points: 2,
            self.change_tag: 2, self.bring_back: 1, self.delete_name: 1, self.end_run: 1,
            self.read_history: 2, self.read_lists: 2, self.deliver: 9, self.compact: 5,
            self.tidy: 2, self.wait: 5,
        }  # fmt: skip
        for step in self.chance.choices(list(does), list(does.values()), k=steps):
            self._step(step)

    # -- reading ------------------------------------------------------------------------------

    def read_history(self) -> None:
        """Also between failures a reader sees each point once."""
        run = self.some_run()
        for key in run.points:
            assert self.history(run, key) == sorted(run.points[key])

    def read_lists(self) -> None:
        """Nothing is left out at the seam of two pages."""
        experiment, run = self.some_experiment(), self.some_run()
        runs = self.listed(RUNS, "runs", experiment_id=experiment.id)
        listed = [one["run_id"] for one in runs]
        assert len({*listed}) == len(listed)
        assert experiment.runs <= {*listed}
        files = self.listed(f"{RUNS}/{run.run_id}/artifacts", "artifacts")
        assert [one["path"] for one in files] == sorted(run.files)
        names = self.listed(f"{EXPERIMENTS}/{experiment.id}/artifacts", "artifacts")
        told = [*experiment.values, *experiment.points]
        assert [one["name"] for one in names] == sorted(told)

    def listed(self, path: str, field: str, **query: str) -> list[Json]:
        """All pages of two each."""
        entries: list[Json] = []
        cursor: dict[str, str] = {}
        while True:
            wanted = {"limit": "2", **query, **cursor}
            page = found(self.world.send("GET", path, params=wanted))
            entries += page[field]
            if page["next_cursor"] is None:
                return entries
            cursor = {"cursor": page["next_cursor"]}

    def history(self, run: ToldRun, key: str) -> list[Point]:
        """All pages."""
        points: list[Point] = []
        cursor: str | None = None
        while True:
            query = {} if cursor is None else {"cursor": cursor}
            path = f"{RUNS}/{run.run_id}/metrics/{key}"
            page = found(self.world.send("GET", path, params=query))
            points += [(one["step"], one["timestamp"], one["value"]) for one in page["points"]]
            cursor = page["next_cursor"]
            if cursor is None:
                return points

    # -- the workers --------------------------------------------------------------------------

    def deliver(self) -> None:
        """The feed: pulled, or pushed in batches that overlap what was delivered before."""
        to = wiring.projections(self.world.services)
        if self.is_pulled:
            self.world.work(lambda: feed.pull(to, self.chance.choice((3, 20, 500))))
            return
        changes = self._changes()
        start = max(0, self.delivered - self.chance.randrange(8))
        batch = changes[start : self.delivered + self.chance.randrange(1, 40)]
        if self.chance.random() < 0.3:
            batch *= 2
        if self.world.work(lambda: feed.dispatch(to, batch)):
            self.delivered = max(self.delivered, min(len(changes), start + len({*map(id, batch)})))

    def deliver_rest(self) -> None:
        """Until the feed has nothing more."""
        to = wiring.projections
        while not self.world.work(
            lambda: (
                feed.pull(to(self.world.services))
                if self.is_pulled
                else feed.dispatch(to(self.world.services), self._changes())
            )
        ):
            pass

    def _changes(self) -> list[Change]:
        with self.world.quiet():
            return self.world.table.changes(None, 100_000).changes

    def compact(self) -> None:
        points, now_ms = self.world.services.points, self.world.clock.now_ms()
        self.world.work(lambda: compaction.compact_due(points, now_ms))
        run = RunId(self.some_run().run_id)
        self.world.work(lambda: compaction.compact_run(points, self.world.tenant, run, now_ms))

    def tidy(self) -> None:
        of = wiring.upkeep(self.world.services)
        self.world.work(lambda: upkeep.tidy(of, seconds=60))

    def wait(self) -> None:
        """Long enough for chunks to be merged; once a day, after which bytes may be collected."""
        self.batches.clear()  # what comes later than this is another batch
        if not self.is_late and self.chance.random() < 0.2:
            self.is_late = True
            self.world.clock.advance(LONG_MS / 1000)
        self.world.clock.advance(16 * 60)

    # -- the end ------------------------------------------------------------------------------

    def deliver_all(self) -> None:
        """Nothing fails any more; the workers do all there is, and some of it again."""
        self.world.faults.are_on, self.world.faults.stop_after = False, None
        self.world.restart()
        of = self.world.services
        to = wiring.projections(of)
        if self.is_pulled:
            while feed.pull(to):
                pass
        else:
            feed.dispatch(to, self._changes())
        self.world.clock.advance(16 * 60)
        for run in self.runs:
            now_ms = self.world.clock.now_ms()
            compaction.compact_run(of.points, self.world.tenant, RunId(run.run_id), now_ms)
        upkeep.tidy(wiring.upkeep(of), seconds=60)
