"""Why a document could not be indexed, as its owner reads it."""


class DocumentFailed(Exception):
    """`code` is a short word for programs, `message` for people. `is_retryable`: it may go well a little later.

    `retry_after`: not before so many seconds, where somebody asks for that.
    """

    def __init__(
        self, code: str, message: str, *, is_retryable: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.is_retryable = is_retryable
        self.retry_after = retry_after
