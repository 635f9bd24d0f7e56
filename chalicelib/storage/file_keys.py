"""Keys of trees of files, which lie in the partition of what has them: builder beside parser, as in
`keys.py`."""

from __future__ import annotations

from chalicelib.core.ids import ModelId, RunId, TenantId, TreeId, is_model_id
from chalicelib.storage import keys, model_keys
from chalicelib.storage.table import Key


def _partition(tenant: TenantId, tree: TreeId) -> str:
    if is_model_id(tree):
        return model_keys.logged_model(tenant, ModelId(tree)).pk
    return keys.run(tenant, RunId(tree)).pk


def tenant_of(pk: str) -> TenantId:
    """Whose the tree in the partition is. Raises ValueError."""
    try:
        return keys.parse_run(pk)[0]
    except ValueError:
        return model_keys.parse_logged_model(pk)[0]


def _level_prefix(folder: str) -> str:
    """Paths hold no control character, so NUL ends a folder's path without ambiguity."""
    return f"file#{folder}\0"


def file(tenant: TenantId, tree: TreeId, path: str) -> Key:
    folder, _, name = path.rpartition("/")
    return Key(_partition(tenant, tree), f"{_level_prefix(folder)}f{name}")


def folder(tenant: TenantId, tree: TreeId, path: str) -> Key:
    """`d` sorts before `f`: folders first."""
    above, _, name = path.rpartition("/")
    return Key(_partition(tenant, tree), f"{_level_prefix(above)}d{name}")


def level(tenant: TenantId, tree: TreeId, folder: str) -> Key:
    """Partition and sort-key prefix of one level of a tree."""
    return Key(_partition(tenant, tree), _level_prefix(folder))


def parse_entry(sk: str) -> tuple[str, bool]:
    """The path, and whether it is a folder; inverse of `file` and `folder`."""
    above, _, rest = sk.removeprefix("file#").partition("\0")
    name = rest[1:]
    return (f"{above}/{name}" if above else name), rest[0] == "d"
