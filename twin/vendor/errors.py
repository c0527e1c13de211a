"""The error of the modelled vendors."""


class VendorError(Exception):
    """A request that the vendor's API would answer with `status` (an HTTP code) and `message`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
