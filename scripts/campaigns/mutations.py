"""Damage done to a valid file at random: bytes, lines, numbers and nesting, in plain, packed and nested formats."""

from __future__ import annotations

import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Sequence

import numpy as np
import torch

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
CELL = re.compile(rb"[^,\s:;{}\[\]\"]+")
# What a number or a word is replaced by.
EXTREMES = [
    b"nan", b"NaN", b"inf", b"-inf", b"Infinity", b"1e400", b"-1e400", b"1e308", b"1e-320", b"-0", b"-0.0", b"0", b"-1",
    b"0.5", b"9" * 20, b"9" * 400, b"1" + b"0" * 5000, str(2**63).encode(), str(2**63 - 1).encode(), b"", b" ", b"null",
    b"true", b"[]", b"{}", b'""', b'"', b"[[1,2],[3]]", b'{"a": 1}', b"\x00", b"\xff\xfe", b"\xef\xbb\xbf",
    "²".encode(), "٣".encode(), "１".encode(), b"1_000", b"0x10", b"1/0", b"1/3", b"a,b", b"\r", b"\n", b"\\u0000",
    b"x" * 70_000, b'"\\ud800"', b"..", b"/etc/passwd", b"__import__('os').system('touch marker')",
]  # fmt: skip
NESTED = [b"[" * 100_000, b'{"a":' * 50_000, b"(" * 100_000, b"[" * 500 + b"1" + b"]" * 500]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to three kinds of damage, one after the other."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        data = rng.choice(KINDS)(data, rng)
    return data


def _flip(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4) if data else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _insert(data: bytes, rng: random.Random) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + rng.choice([*EXTREMES, rng.randbytes(3), rng.choice(NESTED)]) + data[at:]


def _delete(data: bytes, rng: random.Random) -> bytes:
    low = rng.randint(0, len(data))
    return data[:low] + data[low + rng.choice((1, 1, 5, 50)) :]


def _truncate(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randint(0, len(data))]


def _repeat(data: bytes, rng: random.Random) -> bytes:
    low, high = sorted((rng.randint(0, len(data)), rng.randint(0, len(data))))
    return data[:high] + data[low:]


def _lines(data: bytes, rng: random.Random) -> bytes:
    """Lines shuffled, doubled, dropped or swapped."""
    lines = data.split(b"\n")
    one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(4):
        case 0:
            rng.shuffle(lines)
        case 1:
            lines.insert(other, lines[one])
        case 2:
            del lines[one]
        case 3:
            lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _replace(pattern: re.Pattern[bytes]) -> Callable[[bytes, random.Random], bytes]:
    def replace(data: bytes, rng: random.Random) -> bytes:
        found = list(pattern.finditer(data))
        if not found:
            return data
        at = rng.choice(found)
        return data[: at.start()] + rng.choice(EXTREMES) + data[at.end() :]

    return replace


def _encode(data: bytes, rng: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode(rng.choice(("utf-16", "utf-8-sig", "cp037", "utf-32")), "replace")


_number, _word = _replace(NUMBER), _replace(CELL)
KINDS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    _flip, _insert, _delete, _truncate, _repeat, _lines, _number, _number, _number, _word, _word, _encode,
)  # fmt: skip


def packed(data: bytes, rng: random.Random) -> bytes:
    """Damage within a gzip file, or to its bytes."""
    return mutate(data, rng) if rng.random() < 0.3 else gzip.compress(mutate(gzip.decompress(data), rng), 1)


def zipped(data: bytes, rng: random.Random) -> bytes:
    """Damage to one member of a zip file, whose checksum is made again, or to the bytes."""
    if rng.random() < 0.3:
        return mutate(data, rng)
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        names = old.namelist()
        damaged = rng.choice(names)
        for name in names:
            content = old.read(name)
            new.writestr(name, mutate(content, rng) if name == damaged else content)
    return buffer.getvalue()


def npz_text(name: str) -> Callable[[bytes, random.Random], bytes]:
    """Damage to the JSON text in array `name` of an .npz (as text or as its bytes); now and then as in `zipped`."""

    def damage(data: bytes, rng: random.Random) -> bytes:
        if rng.random() < 0.3:
            return zipped(data, rng)
        with np.load(io.BytesIO(data)) as stored:
            arrays = dict(stored)
        plain = arrays[name].dtype == np.uint8
        text = mutate(arrays[name].tobytes() if plain else str(arrays[name][()]).encode(), rng)
        arrays[name] = np.frombuffer(text, np.uint8) if plain else np.array(text.decode("utf-8", "replace"))
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()

    return damage


def checkpoint(data: bytes, rng: random.Random) -> bytes:
    """Damage to the text in a checkpoint, to one of its tensors, or as in `zipped`."""
    if rng.random() < 0.5:
        return zipped(data, rng)
    stored = torch.load(io.BytesIO(data), weights_only=True)
    name = rng.choice(list(stored))
    if isinstance(stored[name], str):
        stored[name] = mutate(stored[name].encode(), rng).decode("utf-8", "replace")
    else:
        stored[name] = rng.choice(
            [None, -1, 10**30, "x", {}, [], torch.zeros(0), torch.full((3,), torch.nan), {"a": 1}]
        )
    buffer = io.BytesIO()
    torch.save(stored, buffer)
    return buffer.getvalue()


def json_tree(data: bytes, rng: random.Random) -> bytes:
    """A value somewhere in a JSON file replaced by another, removed or doubled; else damage to its bytes."""
    if rng.random() < 0.5:
        return mutate(data, rng)
    tree = json.loads(data)
    place = tree
    while isinstance(place, dict | list) and place:
        key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.3:
            place[key] = rng.choice([None, True, -1, 0, 1.5, 1e308, 10**30, "", "x", [], {}, [[]], {"a": 1}, tree])
            break
        place = place[key]
    try:
        return json.dumps(tree).encode()
    except ValueError:  # the tree within itself
        return json.dumps({"a": [1]}).encode()
