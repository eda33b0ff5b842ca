"""The least that the worker's entry expects of the client's errors."""


class ClientError(Exception):
    """A refusal that the page can show."""

    def __init__(self, code: str, title: str, detail: str, action: str | None = None) -> None:
        super().__init__(title)
        self.problem = {"code": code, "title": title, "detail": detail, "action": action}
