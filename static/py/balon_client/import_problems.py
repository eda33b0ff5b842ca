"""Problems of writing an import, as against those of reading its file (`imports.errors`)."""

from balon_client.errors import ClientError


class ImportRunningError(ClientError):
    """Something about imports while one is under way."""

    code = "import-running"
    title = "An import is under way."
    detail = "Stop it, or wait until it is done."


class NoFileError(ClientError):
    """An import without a file that was looked at."""

    code = "import-no-file"
    title = "Choose the file first."
    detail = (
        "Balon keeps no file: after a reload it has to be chosen again. What was imported before is not imported twice."
    )


class ImportEndedError(ClientError):
    """The session was locked or ended before an import was complete."""

    code = "import-ended"
    title = "The import was ended."
    detail = "Balon was locked or signed out. What was imported is safe: choose the same file again to go on."


class ImportChangedError(ClientError):
    """A conversation that holds other messages than those of its file."""

    code = "import-changed"
    title = "This conversation was continued here."
    detail = (
        "Messages were written in it, so those of the file that are missing cannot be put in their places. Delete it "
        "here first if you want it imported anew."
    )


class ImportSharedError(ClientError):
    """A conversation that somebody else is in by now."""

    code = "import-shared"
    title = "You share this conversation with others."
    detail = "Nothing more of the file was put into it, since they would read it."


class ImportFullError(ClientError):
    """More conversations than the keyring can remember."""

    code = "import-full"
    title = "Your account holds as many conversations as an import may fill it with."
    detail = "What was imported is safe. Delete conversations that you do not need, then choose the file again."


class ServerBusyError(ClientError):
    """The server could not be reached, or failed, again and again."""

    code = "import-broken-off"
    title = "The server did not take more."
    detail = "It could not be reached, or failed, several times. What was imported is safe: go on later."
    action = "retry"
