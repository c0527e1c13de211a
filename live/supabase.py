"""What exists in an account at Supabase: projects and storage buckets (supabase.com/docs/reference/api)."""

from typing import Final

from pydantic import AliasChoices, BaseModel, Field

from live.vendor_api import Api, VendorList

API_URL: Final = "https://api.supabase.com"


class SupabaseProject(BaseModel, defer_build=True):
    """A project; `ref` is the first part of its address."""

    ref: str = Field(validation_alias=AliasChoices("ref", "id"))
    name: str
    region: str


class SupabaseBucket(BaseModel, defer_build=True):
    """A bucket of a project's storage."""

    name: str


class _SupabaseProjects(VendorList[SupabaseProject]):
    pass


class _SupabaseBuckets(VendorList[SupabaseBucket]):
    pass


def list_projects(api: Api) -> list[SupabaseProject]:
    """Return the projects of whoever has the token."""
    answer = api.get(_SupabaseProjects, "/v1/projects")
    return answer.root if answer else []


def list_buckets(api: Api, project: str) -> list[str]:
    """Return the names of a project's buckets."""
    answer = api.get(_SupabaseBuckets, f"/v1/projects/{project}/storage/buckets")
    return [bucket.name for bucket in answer.root] if answer else []
