"""Write dgpg_verify/systems/data/aws_instances.csv from the instance types shipped with the PyPI package moto.

Usage: pip install "moto[ec2]==5.2.1" && python scripts/make_instance_table.py [--check]

Source: moto 5.2.1, ec2/resources/instance_types.json(.gz), Apache-2.0, collected by its authors with the EC2 call
DescribeInstanceTypes. Selection rule: current-generation c, m and r families (compute, general, memory) of
generation 5 to 8 with an i, a or g processor and no further letter, no bare metal, 2 to 64 vCPU, clock known.
`--check` compares with the file that is there instead of writing it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import re
from pathlib import Path
from typing import Any

FAMILY = re.compile(r"[cmr][5-8][iag]?")
VCPUS = (2, 64)
TARGET = Path(__file__).parents[1] / "dgpg_verify" / "systems" / "data" / "aws_instances.csv"
COLUMNS = ("name", "cores", "memory_gib", "clock_ghz")


def read_types() -> dict[str, dict[str, Any]]:
    """All instance types of the installed moto, by name."""
    import moto

    folder = Path(moto.__file__).parent / "ec2" / "resources"
    packed = folder / "instance_types.json.gz"
    if packed.exists():
        return json.loads(gzip.decompress(packed.read_bytes()))
    return json.loads((folder / "instance_types.json").read_text())


def select(types: dict[str, dict[str, Any]]) -> list[tuple[str, int, float, float]]:
    """Rows (name, cores, memory GiB, clock GHz) that obey the rule above, by family and size."""
    rows = []
    for name, facts in types.items():
        cores = facts["VCpuInfo"]["DefaultVCpus"]
        clock = facts["ProcessorInfo"].get("SustainedClockSpeedInGhz")
        wanted = FAMILY.fullmatch(name.split(".")[0]) and VCPUS[0] <= cores <= VCPUS[1]
        if wanted and facts["CurrentGeneration"] and not facts["BareMetal"] and clock:
            rows.append((name, cores, facts["MemoryInfo"]["SizeInMiB"] / 1024, clock))
    return sorted(rows, key=lambda row: (row[0].split(".")[0], row[1]))


def main() -> None:
    parser = argparse.ArgumentParser(description="EC2 instance table from moto")
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    check = parser.parse_args().check
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows((name, cores, f"{memory:g}", f"{clock:g}") for name, cores, memory, clock in select(read_types()))
    if not check:
        TARGET.write_text(out.getvalue())
    elif TARGET.read_text() != out.getvalue():
        raise SystemExit(f"{TARGET} differs from what the installed moto gives")
    print(f"{TARGET.name}: {len(out.getvalue().splitlines()) - 1} instance types")


if __name__ == "__main__":
    main()
