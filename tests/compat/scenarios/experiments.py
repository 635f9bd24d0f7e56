"""Experiments by MlflowClient."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType

from tests.compat.book import Book
from tests.compat.driver import scenario


@scenario
def created_changed_and_deleted(book: Book) -> None:
    client = MlflowClient()
    found = client.create_experiment("compat crud", tags={"a": "1"})
    book.note("created", client.get_experiment(found))
    book.attempt("again", client.create_experiment, "compat crud")
    book.attempt("renamed", client.rename_experiment, found, "compat crud 2")
    book.note("by name", client.get_experiment_by_name("compat crud 2"))
    book.note("by its old name", client.get_experiment_by_name("compat crud"))
    client.set_experiment_tag(found, "a", "2")
    client.set_experiment_tag(found, "b", "ü")
    book.note("tags", client.get_experiment(found).tags)
    book.attempt("deleted", client.delete_experiment, found)
    book.note("as deleted", client.get_experiment(found))
    book.note("by name when deleted", client.get_experiment_by_name("compat crud 2"))
    book.attempt("deleted again", client.delete_experiment, found)
    book.attempt("renamed when deleted", client.rename_experiment, found, "compat crud 3")
    book.attempt("tagged when deleted", client.set_experiment_tag, found, "c", "3")
    book.attempt("run when deleted", client.create_run, found)
    book.attempt("name taken by a deleted one", client.create_experiment, "compat crud 2")
    book.attempt("restored", client.restore_experiment, found)
    book.note("as restored", client.get_experiment(found))
    book.attempt("restored again", client.restore_experiment, found)


@scenario
def what_is_refused(book: Book) -> None:
    client = MlflowClient()
    book.attempt("unknown", client.get_experiment, "99999999")
    book.attempt("unknown deleted", client.delete_experiment, "99999999")
    book.attempt("unknown restored", client.restore_experiment, "99999999")
    book.attempt("unknown renamed", client.rename_experiment, "99999999", "x")
    book.attempt("unknown tagged", client.set_experiment_tag, "99999999", "a", "b")
    book.note("unknown name", client.get_experiment_by_name("compat no such"))
    book.attempt("no name", client.create_experiment, "")
    book.attempt("blank", client.create_experiment, "   ")
    book.attempt("number", client.create_experiment, 5)
    book.attempt("long name", client.create_experiment, "n" * 501)
    longest = client.create_experiment("n" * 500)
    book.note("longest name", client.get_experiment(longest).name)
    found = client.create_experiment("compat refusals")
    book.attempt("renamed to a taken one", client.rename_experiment, found, "n" * 500)
    book.attempt("renamed to nothing", client.rename_experiment, found, "")
    book.attempt("long tag key", client.set_experiment_tag, found, "k" * 251, "v")
    book.attempt("long tag value", client.set_experiment_tag, found, "k", "v" * 5001)
    book.attempt("longest tag", client.set_experiment_tag, found, "k" * 250, "v" * 5000)
    book.attempt("odd tag key", client.set_experiment_tag, found, "a;b", "v")
    book.attempt("no tag key", client.set_experiment_tag, found, "", "v")
    book.attempt("the default deleted", client.delete_experiment, "0")
    book.attempt("the default restored", client.restore_experiment, "0")


@scenario
def an_artifact_location_of_its_own(book: Book) -> None:
    client = MlflowClient()
    found = client.create_experiment("compat located", artifact_location="s3://bucket/some/where")
    book.note("experiment", client.get_experiment(found))
    run = client.create_run(found, run_name="there")
    book.note("run", run.info.artifact_uri)
    book.attempt(
        "with a query", client.create_experiment, "compat odd", artifact_location="s3://b/a?x=1"
    )


@scenario
def searched(book: Book) -> None:
    client = MlflowClient()
    names = ["compat s alpha", "compat s Beta", "compat s beta 2", "compat s ünïcode", "compat s %"]
    made = [
        client.create_experiment(name, tags={"n": str(n), "kind": "odd" if n % 2 else "even"})
        for n, name in enumerate(names)
    ]
    client.delete_experiment(made[0])

    def search(step: str, text: str, **named: object) -> None:
        text = f"{text} AND name LIKE 'compat s %'" if text else "name LIKE 'compat s %'"
        call = client.search_experiments
        book.attempt(step, call, filter_string=text, shown=_names, **named)

    search("all", "")
    search("deleted", "", view_type=ViewType.DELETED_ONLY)
    search("both", "", view_type=ViewType.ALL)
    search("by name", "name = 'compat s Beta'")
    search("not by name", "name != 'compat s Beta'")
    search("like", "name LIKE '%eta%'")
    search("ilike", "name ILIKE '%BETA%'")
    search("like with a dash", "name LIKE 'compat_s_beta%'")
    search("attribute", "attribute.name = 'compat s Beta'")
    search("attributes", "attributes.name = 'compat s Beta'")
    search("tag", "tags.kind = 'odd'")
    search("tag by tag.", "tag.kind = 'odd'")
    search("tag is another", "tags.kind != 'odd'")
    search("tag like", "tags.kind LIKE 'o%'")
    search("tag ilike", "tags.kind ILIKE 'O%'")
    search("tag is null", "tags.missing IS NULL")
    search("tag is not null", "tags.kind IS NOT NULL")
    search("quoted tag", 'tags."kind" = "even"')
    search("backticks", "tags.`kind` = 'even'")
    search("two tags", "tags.kind = 'even' AND tags.n = '2'")
    search("time", "creation_time > 0")
    search("future", "last_update_time > 99999999999999")
    search("by name up", "", order_by=["name ASC"])
    search("by name down", "", order_by=["name DESC"])
    search("by id", "", order_by=["experiment_id"])
    search("by time", "", order_by=["creation_time ASC"])
    search("or", "name = 'a' OR name = 'b'")
    search("unknown attribute", "color = 'red'")
    search("number for a name", "name = 5")
    search("bad operator", "name > 'a'")
    search("unquoted", "name = compat")
    search("bad order", "", order_by=["color"])
    search("bad direction", "", order_by=["name SIDEWAYS"])
    search("no results wanted", "", max_results=0)
    search("less than none", "", max_results=-1)
    search("too many", "", max_results=1_000_000)

    pages: list[list[str]] = []
    token = None
    while len(pages) < 10:
        found = client.search_experiments(
            filter_string="name LIKE 'compat s %'",
            max_results=2,
            page_token=token,
            order_by=["name"],
        )
        pages.append([each.name for each in found])
        token = found.token
        if not token:
            break
    book.note("pages", pages)
    book.attempt("bad token", client.search_experiments, page_token="nonsense")


def _names(found: list[Experiment]) -> list[str]:
    return [each.name for each in found]
