"""Where Dagster finds its configuration: DAGSTER_HOME, the checkout, or a folder of ours; never the working directory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from customer_assets.settings import project_root

_BASE = ".customer_assets/"  # folders in dagster.yaml, relative to the checkout


def dagster_home(home: Path) -> Path:
    """The folder with the dagster.yaml that every process uses.

    `DAGSTER_HOME` where it is set, the checkout where this runs from one, else a folder in `home`. One without a
    dagster.yaml gets the one that comes with the package.

    Args:
        home: CUSTOMER_ASSETS_HOME, absolute.
    """
    given = os.environ.get("DAGSTER_HOME")
    if not given and (project_root() / "dagster.yaml").exists():
        return project_root()
    folder = Path(given).expanduser().resolve() if given else home / "dagster"
    if (folder / "dagster.yaml").exists():
        return folder
    try:
        return _configured(folder)
    except OSError:  # a folder that only others may write: the history is in the database all the same
        return _configured(Path(tempfile.mkdtemp(prefix="customer_assets_dagster_")))


def _configured(folder: Path) -> Path:
    """The folder, with our dagster.yaml in it, whose own folders are beneath."""
    text = packaged("dagster.yaml").read_text(encoding="utf-8").replace(_BASE, f"{folder}/")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(text, encoding="utf-8")
    return folder


def packaged(name: str) -> Path:
    """A file of Dagster's that comes with the package: beside it in a checkout, inside it in a wheel."""
    inside = Path(__file__).resolve().parent.parent / name
    return inside if inside.exists() else inside.parent.parent / name


def workspace_of(home: Path) -> Path:
    """Where Dagster's processes read which code locations there are: the one of this home, else the one of the package."""
    own = home / "workspace.yaml"
    return own if own.exists() else packaged("workspace.yaml")
