"""Small files of a run folder: written whole or not at all, read with one clear line when they are broken."""

from __future__ import annotations

import gzip
import json
import math
import os
import re
import reprlib
import zlib
from pathlib import Path
from typing import Any, NoReturn

from dgpg_verify.core import InputError, to_json
from dgpg_verify.runs.lock import PART, open_locked

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # the escape of half a character
LONGEST_INTEGER = 300  # digits; a longer one is no finite float


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Write `content` to `path` under a temporary name, then rename: a reader never sees half a file.

    The temporary name follows from the file's, and its writer locks it: what a killed process has left there is
    written over, and two writers take turns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    part = path.with_name(f".{path.name}{PART}")
    with os.fdopen(open_locked(part, wait=True), "wb") as stream:
        try:
            stream.truncate(0)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    return path


def write_json(path: Path, value: Any) -> Path:
    """Write a record or plain value as strict JSON (NaN and infinities become null)."""
    text = json.dumps(to_json(value), indent=1, ensure_ascii=False, allow_nan=False)
    return write_atomic(path, text + "\n")


def read_text(path: Path, wanted: str = "UTF-8 text") -> str:
    """The text of a file, packed if it ends in .gz; InputError naming it where there is none. wanted: for the error."""
    try:
        content = path.read_bytes()
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode("utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{path.name} is missing in {path.parent.name or '.'}: it must exist") from None
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} cannot be read ({type(error).__name__}): it must be {wanted}") from None


def read_json(path: Path) -> Any:
    """Parse a strict JSON file, packed if it ends in .gz; InputError naming it and the place if it is broken, holds a
    number that no float can hold, or is nested too deep."""

    def refuse(token: str) -> NoReturn:
        raise InputError(f"{path.name} holds {reprlib.repr(token)[1:-1]}: a number must be finite, an unknown one null")

    def real(token: str) -> float:
        value = float(token)
        return value if math.isfinite(value) else refuse(token)

    def whole(token: str) -> int:
        return int(token) if len(token) <= LONGEST_INTEGER else refuse(token)

    text = read_text(path, "UTF-8 JSON")
    try:
        value = json.loads(text, parse_constant=refuse, parse_float=real, parse_int=whole)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path.name} is not JSON at {where} ({error.msg}): write it again") from None
    except RecursionError:
        raise InputError(f"{path.name} is nested too deep to be read: at most some hundred levels are") from None
    if SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise InputError(f"{path.name} holds half a character (\\ud8..): a text must be whole Unicode") from None
    return value


def in_short(error: Exception) -> str:
    """Kind and message of another package's error, in one line that is not too long."""
    return " ".join(f"{type(error).__name__} {error}".split())[:120]


def check_schema(path: Path, data: Any, key: str, kind: type) -> Any:
    """Return data[key] of a `{"schema": 1, key: ...}` file, or InputError naming what is wrong."""
    if not isinstance(data, dict) or data.get("schema") != 1:
        schema = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise InputError(f"{path.name}: schema = {schema!r} is not allowed: it must be 1")
    if not isinstance(data.get(key), kind):
        actual = type(data.get(key)).__name__
        raise InputError(f"{path.name}: {key!r} is a {actual}: it must be a {kind.__name__}")
    return data[key]
