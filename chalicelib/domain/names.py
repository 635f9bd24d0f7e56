"""Slugs, and readable names for what nobody named."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from chalicelib.core.ids import is_hex_id

RESERVED_SLUG: Final = "runs"
"""The path segment after `/experiments` that is no experiment."""

MAX_SLUG_CHARACTERS: Final = 63

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_NOT_SLUG = re.compile(r"[^a-z0-9]+")


def is_slug(text: str) -> bool:
    """True for 1-63 of a-z0-9- that begin with a letter or digit, are not `runs`, and cannot be
    taken for an experiment's id."""
    return _SLUG.fullmatch(text) is not None and text != RESERVED_SLUG and not is_hex_id(text)


def slugify(name: str) -> str | None:
    """A slug that reads like the name, None when none of its characters can stand in one.

    Accents are folded (NFKD), other characters separate words. A name that would give a slug
    that `is_slug` refuses is numbered, as if that slug were taken.
    """
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    letters = "".join(c for c in decomposed if not unicodedata.combining(c))
    slug = _NOT_SLUG.sub("-", letters).strip("-")[:MAX_SLUG_CHARACTERS].rstrip("-")
    if not slug:
        return None
    return slug if is_slug(slug) else numbered(slug, 2)


def numbered(slug: str, number: int) -> str:
    """The slug itself for 1, then `slug-2`, `slug-3` and so on, cut to fit."""
    if number == 1:
        return slug
    suffix = f"-{number}"
    return slug[: MAX_SLUG_CHARACTERS - len(suffix)].rstrip("-") + suffix


def two_word_name(random_bytes: bytes) -> str:
    """`quiet-otter-417`: one of 4,096,000 names, chosen by at least 4 random bytes."""
    if len(random_bytes) < 4:
        raise ValueError(f"too few random bytes: {len(random_bytes)}")
    rest, number = divmod(int.from_bytes(random_bytes, "big"), 1000)
    rest, noun = divmod(rest, len(NOUNS))
    return f"{ADJECTIVES[rest % len(ADJECTIVES)]}-{NOUNS[noun]}-{number:03d}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ADJECTIVES: Final = _words(
    """
    able agile amber apt bold brave breezy bright brisk calm candid cheery civil clear clever cosy
    crisp curious deft eager early earnest easy fair fancy fleet fond frank fresh gentle glad golden
    grand handy happy hardy honest humble jolly keen kind lively loyal lucid mellow merry mild neat
    nimble noble plucky polite proud quick quiet rapid ready silver smart snug steady sunny tidy
    witty
    """
)
NOUNS: Final = _words(
    """
    acorn aspen badger bay beacon birch brook canyon cedar cliff clover comet coral crane creek
    delta dove dune ember falcon fern finch fjord forest fox garden glade harbor hare hazel heron
    hill island jay kite lagoon lake lark linnet lynx maple marten meadow moss oak orchid otter owl
    pebble pine plover pond reef river robin sparrow spruce swan thrush tulip valley willow wren
    zephyr
    """
)
