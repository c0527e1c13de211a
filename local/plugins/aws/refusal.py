"""How AWS says no."""

from local.plugins.base import StandInError


class RefusedError(StandInError):
    """What AWS refused; `code` is AWS's own, such as NoSuchBucket."""

    def __init__(self, doing: str, code: str, message: str) -> None:
        super().__init__(f"{doing}: {code}: {message}")
        self.code = code
