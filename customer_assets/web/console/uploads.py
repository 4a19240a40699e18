"""Files that people uploaded, until they are imported: on the disk of this process, and gone with it."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from starlette.datastructures import UploadFile

LARGEST = 50 * 1024 * 1024  # bytes
KEPT_SECONDS = 3600
KINDS = (".csv", ".tsv", ".txt", ".xlsx", ".xls", ".ods", ".parquet")


@dataclass
class Upload:
    """A file that somebody uploaded, until it is imported or an hour old."""

    path: Path
    name: str
    by: str
    at: float = field(default_factory=time.monotonic)
    problems: list[str] = field(default_factory=list)


class Uploads:
    """Uploads of this process; another one knows nothing of them."""

    def __init__(self) -> None:
        self._kept: dict[str, Upload] = {}

    @cached_property
    def _folder(self) -> tempfile.TemporaryDirectory[str]:
        """Made with the first upload, not at the start: a container's disk may be read-only."""
        return tempfile.TemporaryDirectory(prefix="customer_assets_uploads_", ignore_cleanup_errors=True)

    def keep(self, file: UploadFile, user: str) -> str:
        """Keep an upload; old ones are forgotten. Returns the key that it is found by.

        Raises:
            ValueError: it is too large, or of no kind that is read.
        """
        for key, upload in list(self._kept.items()):
            if time.monotonic() - upload.at > KEPT_SECONDS:
                del self._kept[key]
                upload.path.unlink(missing_ok=True)
        name = Path(file.filename or "").name
        suffix = Path(name).suffix.lower()
        if suffix not in KINDS:
            raise ValueError(f"A file of one of these kinds: {', '.join(KINDS)}")
        key = secrets.token_urlsafe(16)
        path = Path(self._folder.name) / f"{key}{suffix}"
        path.parent.mkdir(mode=0o700, exist_ok=True)  # somebody may have tidied up the temporary folder
        with path.open("wb") as target:
            shutil.copyfileobj(file.file, target)
        if path.stat().st_size > LARGEST:
            path.unlink()
            raise ValueError(f"Larger than {LARGEST // 1024**2} MB: `customer-assets import-invoices` takes any size")
        self._kept[key] = Upload(path, name[:100], user)
        return key

    def of(self, user: str, key: str) -> Upload | None:
        """What this user uploaded under a key; None where it is somebody else's, or too old."""
        upload = self._kept.get(key)
        is_kept = upload is not None and time.monotonic() - upload.at <= KEPT_SECONDS and upload.path.exists()
        return upload if upload is not None and is_kept and upload.by == user else None

    def close(self) -> None:
        """Delete all of them: they say who a company's customers are."""
        self._kept.clear()
        if "_folder" in self.__dict__:
            self._folder.cleanup()
            del self._folder
