"""Small files of a run folder: written whole or not at all, read with one clear line when they are broken."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import zlib
from pathlib import Path
from typing import Any, NoReturn

from dgpg_verify.core import InputError, to_json


def write_atomic(path: Path, content: str | bytes) -> Path:
    """Write `content` to `path` under a temporary name, then rename: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        umask = os.umask(0)  # mkstemp makes private files; a report is meant to be read by others
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
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
    """Parse a strict JSON file, packed if it ends in .gz; InputError naming it and the place if it is broken or holds
    NaN."""

    def refuse(token: str) -> NoReturn:
        raise InputError(f"{path.name} holds {token}: a number must be finite, an unknown one null")

    text = read_text(path, "UTF-8 JSON")
    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{path.name} is not JSON at {where} ({error.msg}): write it again") from None


def check_schema(path: Path, data: Any, key: str, kind: type) -> Any:
    """Return data[key] of a `{"schema": 1, key: ...}` file, or InputError naming what is wrong."""
    if not isinstance(data, dict) or data.get("schema") != 1:
        schema = data.get("schema") if isinstance(data, dict) else type(data).__name__
        raise InputError(f"{path.name}: schema = {schema!r} is not allowed: it must be 1")
    if not isinstance(data.get(key), kind):
        actual = type(data.get(key)).__name__
        raise InputError(f"{path.name}: {key!r} is a {actual}: it must be a {kind.__name__}")
    return data[key]
