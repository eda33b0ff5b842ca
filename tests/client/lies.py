"""Small lies: functions that take an answer and give another one."""

from balon.protocol.encoding import decode_b64u, encode_b64u


def flip(text: str, at: int) -> str:
    """Bytes in base64url with one bit changed."""
    raw = bytearray(decode_b64u(text))
    raw[at] ^= 1
    return encode_b64u(bytes(raw))


def changed(name: str, value):
    """Replaces one field, named by its path; `value` may be a function of what was there."""

    def rewrite(answer):
        place = answer
        *path, last = [int(step) if step.lstrip("-").isdigit() else step for step in name.split(".")]
        for step in path:
            place = place[step]
        place[last] = value(place[last]) if callable(value) else value
        return answer

    return rewrite
