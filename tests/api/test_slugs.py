"""Slugs: made from names, unique, and never taken for something else."""

from __future__ import annotations

import re

import pytest

from tests.api.answers import bad_fields, found, made, refused
from tests.api.harness import EXPERIMENTS, Service


@pytest.mark.parametrize(
    "name, slug",
    [
        ("My Experiment", "my-experiment"),
        ("  a__b..c  ", "a-b-c"),
        ("Crème Brûlée №5", "creme-brulee-no5"),
        ("--x--", "x"),
        ("ResNet/50 (v2)", "resnet-50-v2"),
        ("runs", "runs-2"),
        ("RUNS!", "runs-2"),
        ("n" * 80, "n" * 63),
        ("0" * 32, "0" * 32 + "-2"),
    ],
)
def test_a_slug_reads_like_the_name(laptop: Service, name: str, slug: str) -> None:
    experiment = laptop.experiment(name)
    assert experiment["slug"] == slug
    assert found(laptop.read.get(f"{EXPERIMENTS}/{slug}")) == experiment


@pytest.mark.parametrize("name", ["試験", "!!!", "✓", " "])
def test_a_name_without_letters_gets_a_random_slug(laptop: Service, name: str) -> None:
    assert re.fullmatch("experiment-[0-9a-f]{6}", laptop.experiment(name)["slug"])


def test_clashing_slugs_are_numbered(service: Service) -> None:
    slugs = [service.experiment(name)["slug"] for name in ("a b", "A b", "a-b", "a_b")]
    assert slugs == ["a-b", "a-b-2", "a-b-3", "a-b-4"]


def test_a_numbered_slug_still_fits(laptop: Service) -> None:
    first, second = "x" * 80, "x" * 81
    assert laptop.experiment(first)["slug"] == "x" * 63
    assert laptop.experiment(second)["slug"] == "x" * 61 + "-2"


def test_a_slug_of_ones_own_is_kept_or_refused(service: Service) -> None:
    assert service.experiment("One", slug="mine")["slug"] == "mine"
    error = refused(service.write.post(EXPERIMENTS, json={"name": "Two", "slug": "mine"}), 409)
    assert error["details"] == {"slug": "mine"}
    assert service.experiment("mine")["slug"] == "mine-2"
    made(service.other.post(EXPERIMENTS, json={"name": "Two", "slug": "mine"}))


@pytest.mark.parametrize(
    "slug", ["runs", "", "-a", "A", "a_b", "é", "a" * 64, "a b", "a\n", "0123456789abcdef" * 2]
)
def test_what_is_no_slug_is_refused(laptop: Service, slug: str) -> None:
    answer = laptop.write.post(EXPERIMENTS, json={"name": "x", "slug": slug})
    assert bad_fields(answer) == ["slug"]


@pytest.mark.parametrize("slug", ["a", "0", "a" * 63, "a--b-", "run", "runs-"])
def test_any_other_slug_is_taken(laptop: Service, slug: str) -> None:
    assert laptop.experiment(slug=slug)["slug"] == slug
