"""Keys of search: builder beside parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.ids import ArtifactId, TenantId
from chalicelib.storage import artifact_keys, search_keys

TENANTS = st.from_regex(r"[a-z0-9-]{1,30}", fullmatch=True).map(TenantId)


@given(TENANTS)
def test_a_due_tenant_is_read_back(tenant: TenantId) -> None:
    key = search_keys.due(tenant)
    assert key.pk == search_keys.DUE
    assert search_keys.parse_due(key.sk) == tenant


@given(TENANTS, TENANTS)
def test_no_two_tenants_share_an_index(one: TenantId, other: TenantId) -> None:
    same = one == other
    assert (search_keys.snapshot(one) == search_keys.snapshot(other)) is same
    assert search_keys.snapshot_blob(one, "b") == f"search/{one}/b"


@given(TENANTS, st.from_regex(r"[0-9a-f]{32}", fullmatch=True).map(ArtifactId))
def test_an_artifact_is_told_by_its_key_and_by_that_of_its_end(
    tenant: TenantId, artifact_id: ArtifactId
) -> None:
    for build in (artifact_keys.artifact, artifact_keys.artifact_gone):
        assert artifact_keys.parse_artifact(build(tenant, artifact_id).pk) == (tenant, artifact_id)
