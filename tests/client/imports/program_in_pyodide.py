"""What `test_in_pyodide` runs: exports whose reading depends on the engine. Prints what came out, as JSON."""

import io
import json
import sys
import zipfile

from balon_client.imports import ImportedConversation, read_conversations, recognize
from tests.client.imports.exports import KEY, NOW_MS, ChatGPT, LibreChat, OpenWebUI, encode

DEPTH = 50_000


def packed(raw: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/conversations.json", raw)
    return buffer.getvalue()


def nested() -> bytes:
    opening = "".join(f'{{"messageId":"m{n}","isCreatedByUser":true,"text":"t","children":[' for n in range(DEPTH))
    return f'{{"conversationId":"deep","messages":[{opening}{"]}" * DEPTH}]}}'.encode()


def beside(hostile: bytes) -> bytes:
    """A hostile conversation behind one and before one that can be read."""
    return b"[%s,%s,%s]" % (encode(ChatGPT().build()), hostile, encode(ChatGPT(conversation_id="b").build()))


def outcome(raw: bytes) -> list[int | str]:
    """How many messages each conversation has, or why it is refused."""
    results = read_conversations(raw, recognize(raw), id_key=KEY, now_ms=NOW_MS)
    return [
        len(each.messages) if isinstance(each, ImportedConversation) else each.problem.problem_code for each in results
    ]


canvas = ChatGPT(conversation_id="canvas")
canvas.ask("A question")
canvas.node("assistant", "[" * DEPTH + "]" * DEPTH, recipient="canmore.create_textdoc")
canvas.reply("An answer")

EXPORTS = {
    "chatgpt": encode([ChatGPT().build()]),
    "archive": packed(encode([ChatGPT().build()])),
    "open-webui": encode([OpenWebUI().build()]),
    "librechat": encode(LibreChat().nest()),
    "nested": nested(),
    "brackets": beside(b'{"mapping":%s1%s}' % (b"[" * DEPTH, b"]" * DEPTH)),
    "objects": beside(b'{"mapping":%s1%s}' % (b'{"a":' * DEPTH, b"}" * DEPTH)),
    "broken": beside(b'{"mapping":%s tru %s}' % (b'[{"a":' * DEPTH, b"}]" * DEPTH)),
    "canvas": encode([canvas.build()]),
}
sys.stdout.write(json.dumps({name: outcome(raw) for name, raw in EXPORTS.items()}) + "\n")
