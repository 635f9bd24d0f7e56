"""Routes that find indexed artifacts: by scope, kind, tags, labels and pins, a metric, a text."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

from chalice.app import Blueprint
from pydantic import Field, model_validator
from typing_extensions import TypedDict

from chalicelib.api.contract import Answer, Body, Params, Request, ok
from chalicelib.api.endpoint import endpoint
from chalicelib.api.v1.artifact_shapes import (
    ARTIFACTS,
    ArtifactOut,
    FilterText,
    Ids,
    Kind,
    LabelFilters,
    artifact_out,
)
from chalicelib.api.v1.pages import cursor_of, fitting, position_of
from chalicelib.api.v1.shapes import MetricKey
from chalicelib.core.context import Role
from chalicelib.core.errors import Invalid
from chalicelib.core.ids import ArtifactId
from chalicelib.core.model.search import SearchMode
from chalicelib.domain import artifact_search, artifact_text_search
from chalicelib.domain.artifact_filters import ArtifactFilters
from chalicelib.domain.artifact_search import Hit, MetricMode, MetricOrder, Position
from chalicelib.domain.artifact_text_search import TextHit, TextSearch
from chalicelib.wiring import Services

routes = Blueprint(__name__)
LABEL: Final = "label."
UNIT_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

TagFilters: TypeAlias = Annotated[list[FilterText], Field(max_length=100)]
Limit: TypeAlias = Annotated[int, Field(ge=1, le=1000)]
TimeWindow: TypeAlias = Annotated[str, Field(pattern=r"^[0-9]{1,9}[smhd]$")]


class ListQuery(Ids, Params):
    kind: Kind | None = None
    tags: TagFilters = []
    label: LabelFilters = {}
    pinned: bool | None = None
    limit: Limit = 100
    cursor: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _gather_labels(cls, given: dict[str, Any]) -> dict[str, Any]:
        """`label.<name>=<value>` is an entry of `label`, which cannot be given itself."""
        if "label" in given:
            raise Invalid.field("label", "name the label: label.<name>=<value>")
        labels = {name: given[name] for name in given if name.startswith(LABEL)}
        rest = {name: value for name, value in given.items() if name not in labels}
        return {**rest, "label": {name.removeprefix(LABEL): labels[name] for name in labels}}

    @property
    def filters(self) -> ArtifactFilters:
        return ArtifactFilters(_fields(self, self.kind), self.tags, self.label, self.pinned)


class Filters(Ids, Body):
    """What a search is for, besides the kind. All of `tags` must be among an artifact's."""

    tags: TagFilters = []
    labels: LabelFilters = {}
    pinned: bool | None = None

    def with_kind(self, kind: str | None) -> ArtifactFilters:
        return ArtifactFilters(_fields(self, kind), self.tags, self.labels, self.pinned)


class SearchArtifacts(Filters):
    """Search by scope, kind, tags (all of them), labels and pin, which narrow every mode. Without a
    query the newest first, or the best by a metric; with one the best by its words (`lexical`), its
    meaning (`semantic`) or both (`hybrid`), and a metric is one that artifacts must have."""

    kind: Kind | None = None
    query: Annotated[str, Field(max_length=10_000)] | None = None
    mode: Literal["structured", "lexical", "semantic", "hybrid"] | None = None
    metric: MetricKey | None = None
    metric_mode: MetricMode = "max"
    time_window: TimeWindow | None = None
    limit: Limit = 100

    @property
    def ranked_by(self) -> SearchMode | None:
        """How the text is looked for; None without one, whatever the mode. Raises Invalid."""
        if self.query is None or not self.query.strip():
            return None
        if self.mode == "structured":
            raise Invalid.field("mode", "a structured search takes no query")
        return self.mode or "hybrid"

    @property
    def order(self) -> MetricOrder | None:
        return None if self.metric is None else MetricOrder(self.metric, self.metric_mode)

    @property
    def window_ms(self) -> int | None:
        window = self.time_window
        return None if window is None else int(window[:-1]) * UNIT_MS[window[-1]]


class BestArtifact(Filters):
    """The artifact of a kind with the highest or the lowest value of a metric."""

    kind: Kind
    metric: MetricKey
    metric_mode: MetricMode


class ArtifactsOut(TypedDict):
    artifacts: list[ArtifactOut]
    next_cursor: str | None


class PlaceOut(TypedDict):
    rank: int
    score: float


class WhyOut(TypedDict, total=False):
    """The metric and its value, or the words of the query that were found and the place in each
    ranking: of BM25 and of the cosine."""

    metric: str
    value: float
    words: list[str]
    lexical: PlaceOut
    semantic: PlaceOut


class HitOut(TypedDict):
    artifact: ArtifactOut
    score: float | None
    why: WhyOut


class HitsOut(TypedDict):
    hits: list[HitOut]


def _fields(asked: Ids, kind: str | None) -> dict[str, str]:
    return asked.ids if kind is None else {**asked.ids, "kind": kind}


@endpoint(routes, "GET", ARTIFACTS, query=ListQuery, answer=ArtifactsOut, role=Role.READ)
def list_artifacts(request: Request[None, ListQuery], services: Services) -> Answer:
    """List artifacts, newest first."""
    query, context = request.query, request.context
    filters = query.filters
    labels = sorted(filters.labels.items())
    scope = ("artifacts", filters.fields, sorted(filters.tags), labels, filters.pinned)
    given = position_of(services, context, scope, query.cursor)
    after = None if given is None else Position(given[0], ArtifactId(given[1]))
    page = artifact_search.page(services.artifacts, context, filters, query.limit, after)
    shown = fitting(artifact_out(one, request.prefix) for one in page.artifacts)
    last = page.next
    if len(shown) < len(page.artifacts):
        last = artifact_search.position_of(page.artifacts[len(shown) - 1])
    payload = {"artifacts": shown, "next_cursor": cursor_of(services, context, scope, last)}
    return ok(payload)


@endpoint(
    routes, "POST", ARTIFACTS + "/search", body=SearchArtifacts, answer=HitsOut, role=Role.READ,
    read_only=True, runs_long=True, errors=(503,),
)  # fmt: skip
def search_artifacts(request: Request[SearchArtifacts, None], services: Services) -> Answer:
    """Search artifacts: by text, the best by a metric, or the newest."""
    body, filters = request.body, request.body.with_kind(request.body.kind)
    mode = body.ranked_by
    if mode is not None and body.query is not None:
        wanted = TextSearch(body.query, mode, filters, body.metric, body.window_ms, body.limit)
        found = artifact_text_search.search(
            services.search(), services.artifacts, request.context, wanted
        )
        return ok({"hits": fitting(_text_hit_out(hit, request.prefix) for hit in found)})
    hits = artifact_search.search(
        services.artifacts, request.context, filters, body.limit, body.order, body.window_ms
    )
    return ok({"hits": fitting(_hit_out(hit, body.metric, request.prefix) for hit in hits)})


@endpoint(
    routes, "POST", ARTIFACTS + "/best", body=BestArtifact, answer=ArtifactOut, role=Role.READ,
    read_only=True, errors=(404,),
)  # fmt: skip
def get_best_artifact(request: Request[BestArtifact, None], services: Services) -> Answer:
    """The best artifact of a kind by a metric."""
    body = request.body
    order = MetricOrder(body.metric, body.metric_mode)
    filters = body.with_kind(body.kind)
    artifact = artifact_search.best(services.artifacts, request.context, filters, order)
    return ok(artifact_out(artifact, request.prefix))


def _hit_out(hit: Hit, metric: str | None, prefix: str) -> HitOut:
    why: WhyOut = {}
    if metric is not None and hit.score is not None:
        why = {"metric": metric, "value": hit.score}
    return {"artifact": artifact_out(hit.artifact, prefix), "score": hit.score, "why": why}


def _text_hit_out(hit: TextHit, prefix: str) -> HitOut:
    why: WhyOut = {"words": list(hit.match.words)}
    for mode in ("lexical", "semantic"):
        if mode in hit.match.by:
            place = hit.match.by[mode]
            why[mode] = {"rank": place.rank, "score": place.score}
    return {"artifact": artifact_out(hit.artifact, prefix), "score": hit.match.score, "why": why}
