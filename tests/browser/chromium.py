"""Where the machine has its Chromium."""

import os
import shutil

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


def chromium_program() -> str | None:
    """`KABINET_CHROMIUM`, else what is installed."""
    named = os.environ.get("KABINET_CHROMIUM")
    return named or next((found for name in PROGRAMS if (found := shutil.which(name))), None)
