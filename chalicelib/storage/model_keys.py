"""Keys of logged models, the registry and datasets: builder beside parser, as in `keys.py`."""

from __future__ import annotations

import hashlib
import re

from chalicelib.core.ids import ExperimentId, ModelId, TenantId
from chalicelib.core.model.dataset import DatasetName
from chalicelib.core.model.registry import RegistryId
from chalicelib.storage.keys import hashed_if_long
from chalicelib.storage.table import Key

# -- logged models ----------------------------------------------------------------------------


def logged_model(tenant: TenantId, model_id: ModelId) -> Key:
    return Key(f"t#{tenant}#model#{model_id}", "model")


_MODEL_PK = re.compile(r"t#([^#]+)#model#([^#]+)")


def parse_logged_model(pk: str) -> tuple[TenantId, ModelId]:
    """Inverse of `logged_model`'s partition key. Raises ValueError."""
    match = _MODEL_PK.fullmatch(pk)
    if match is None:
        raise ValueError(f"not the partition of a logged model: {pk}")
    return TenantId(match[1]), ModelId(match[2])


def logged_models(tenant: TenantId, experiment_id: ExperimentId) -> str:
    """`cpk` of an experiment's logged models, and `lpk` of those that are not deleted; `lsk` is the
    id, which is time-ordered."""
    return f"t#{tenant}#exp#{experiment_id}#models"


# -- the registry -----------------------------------------------------------------------------


def registered_model(tenant: TenantId, name: str) -> Key:
    return Key(registry(tenant), hashed_if_long(name))


def registry(tenant: TenantId) -> str:
    """Partition of registered models by name; `cpk` of these and of their versions, and `lpk` of
    those that are not deleted."""
    return f"t#{tenant}#registry"


def model_version(tenant: TenantId, model: RegistryId, number: int) -> Key:
    return Key(f"t#{tenant}#registered#{model}", f"version#{number:010d}")


_VERSION_PK = re.compile(r"t#([^#]+)#registered#([^#]+)")


def parse_model_version(key: Key) -> tuple[TenantId, RegistryId, int] | None:
    """Inverse of `model_version`; None for the key of a registered model."""
    match = _VERSION_PK.fullmatch(key.pk)
    if match is None:
        return None
    return TenantId(match[1]), RegistryId(match[2]), int(key.sk.removeprefix("version#"))


# -- datasets ---------------------------------------------------------------------------------


def dataset(tenant: TenantId, of: DatasetName, piece: int) -> Key:
    """A piece of a dataset's description, from 0: it may be larger than an item."""
    named = f"{len(of.name)}\n{of.name}{of.digest}".encode()
    sk = f"dataset#{hashlib.sha256(named).hexdigest()}#{piece:02d}"
    return Key(f"t#{tenant}#exp#{of.experiment_id}#datasets", sk)
