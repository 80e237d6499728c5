"""What the pages show from outside docs/: the committed reports, with their pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
SHOWN = ("*.html", "figures/*.png")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages and pictures of the committed reports below reports/."""
    for folder in sorted((ROOT / "reports").glob("reference*")):
        for path in sorted(path for pattern in SHOWN for path in folder.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links that are right in the repository, made right on the site."""
    return markdown.replace("](../reports/", "](reports/")
