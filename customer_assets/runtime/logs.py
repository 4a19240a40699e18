"""How long-running processes log: lines for people, or one JSON object a line for a collector."""

from __future__ import annotations

import json
import logging
import os
from datetime import UTC, datetime

from customer_assets.settings import Settings


class JsonLines(logging.Formatter):
    """Time (UTC), level, logger, process and event of each record; a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": os.getpid(),
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def set_up_logging(settings: Settings) -> None:
    """Log to stderr as LOG_FORMAT and LOG_LEVEL say."""
    handler = logging.StreamHandler()
    handler.setFormatter(
        JsonLines() if settings.log_format == "json" else logging.Formatter("%(levelname)s: %(message)s")
    )
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
