"""Calls into a user's own object: what they raise, what they change and what they hand back, in one line each."""

from __future__ import annotations

import random
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dgpg_verify.core import InputError, NonFiniteError
from dgpg_verify.core.trees import map_tensors

SEEDS = (11, 12)  # of the global generators during the two runs of a pure function


def called(what: str, function: Callable[..., Any], *given: Any) -> Any:
    """function(*given); InputError naming `what` and the failing line on anything it raises."""
    try:
        return function(*given)
    except (InputError, NonFiniteError):
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}, line {frame.lineno}"
        raise InputError(f"{what} raised {type(error).__name__}: {error} ({place})") from error


def pure(what: str, function: Callable[..., Any], *given: Any) -> Any:
    """The result of a function that must depend on its arguments alone and change nothing.

    Raises
    ------
    InputError : it changes its arguments, draws from or sets a global generator of random, numpy or torch, or gives
        another result when it is called again.
    """
    before = [tensor.clone() for tensor in tensors(given)]
    results = []
    with _kept_generators():
        for seed in SEEDS:
            _set_generators(seed)
            state = _generators()
            results.append(called(what, function, *given))
            for name, mine, now in zip(("random", "numpy", "torch"), state, _generators(), strict=True):
                if mine != now:
                    raise InputError(f"{what} uses the global generator of {name}: all randomness must come from noise")
    if not _equal(before, tensors(given)):
        raise InputError(f"{what} changes a tensor that it is given: it must work on copies")
    if not _equal(*(tensors(result) for result in results)):
        raise InputError(f"{what} gives another result for the same noise: it must be a function of its arguments")
    return results[0]


def tensors(tree: Any) -> list[Tensor]:
    """The tensors of a nested dataclass, list or tuple, in order."""
    found: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        found.append(tensor)
        return tensor

    map_tensors(keep, tree)
    return found


def check_tensor(what: str, value: Any, axes: str, sizes: Sequence[int], dtype: torch.dtype | None) -> None:
    """InputError unless `value` is a finite tensor of these sizes. axes: their names; dtype None = any float."""
    kind = "float" if dtype is None else str(dtype).removeprefix("torch.")
    wanted = f"{kind} [{axes}] = {list(sizes)}"
    if not isinstance(value, Tensor):
        raise InputError(f"{what} is a {type(value).__name__}: it must be a tensor, {wanted}")
    if value.shape != tuple(sizes):
        raise InputError(f"{what} has shape {list(value.shape)}: it must be {wanted}")
    if value.dtype != dtype if dtype is not None else not value.is_floating_point():
        raise InputError(f"{what} has dtype {str(value.dtype).removeprefix('torch.')}: it must be {wanted}")
    if not bool(value.isfinite().all()):
        place = (~value.isfinite()).nonzero()[0].tolist()
        raise InputError(f"{what}{place} = {float(value[tuple(place)])}: every number must be finite")


def _equal(left: Sequence[Tensor], right: Sequence[Tensor]) -> bool:
    return len(left) == len(right) and all(
        a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all()) for a, b in zip(left, right)
    )


def _generators() -> tuple[Any, ...]:
    """States of the three global generators, as values that can be compared."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  the global state is what is watched
    return random.getstate(), (kind, np.asarray(keys).tobytes(), *rest), torch.get_rng_state().numpy().tobytes()


def _set_generators(seed: int) -> None:
    random.setstate(random.Random(seed).getstate())
    np.random.set_state(np.random.RandomState(seed).get_state())  # noqa: NPY002
    torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())


@contextmanager
def _kept_generators() -> Iterator[None]:
    """The caller's global generators are afterwards as they were."""
    kept = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(kept[0])
        np.random.set_state(kept[1])  # noqa: NPY002
        torch.set_rng_state(kept[2])
