"""The production files, as the engine holds them."""

from deployment import Deployment


def test_they_tell_policies_that_they_hold_data_and_where(production: Deployment) -> None:
    files = production["files"]
    assert files.type == "bulwark:index:Files"
    assert files.parent == "example"
    assert files.inputs == {
        "holdsData": True,
        "failureDomain": {
            "provider": "supabase",
            "account": "abcdefghijklmnopqrst",
            "region": "eu-central-1",
        },
        "buckets": ["documents"],
    }


def test_nothing_is_made_of_them_because_they_exist_elsewhere(production: Deployment) -> None:
    assert not production["files"].custom
    assert production.children("files") == {}
