"""
The pictures of README.md: pages of the twin on this machine, as headless Chromium shows them.

Run `./bulwark up`, `./bulwark backup`, `./bulwark copy` and `./bulwark drill`, then
`python docs/pictures.py`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

_CHECKOUT: Final = Path(__file__).resolve().parents[1]
_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
_PICTURES: Final = (
    ("status.png", "status", "1100,800"),
    ("drill.png", "drills", "1100,745"),
)
"""File, the command that writes the page, and width and height in pixels."""


def main() -> int:
    """Write the pictures into docs/pictures/. Returns 1 where there is no Chromium."""
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if not browser:
        sys.stderr.write(f"No browser is on PATH: {', '.join(_BROWSERS)}.\n")
        return 1
    folder = _CHECKOUT / "docs" / "pictures"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "page.html"
        for name, command, size in _PICTURES:
            # Where something is wrong, `status` writes its page all the same.
            subprocess.run(
                [_CHECKOUT / "bulwark", command, "--html", page], cwd=_CHECKOUT, check=command != "status"
            )
            subprocess.run(
                [
                    browser,
                    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                    f"--user-data-dir={temporary}/profile",
                    f"--window-size={size}",
                    f"--screenshot={folder / name}",
                    page.as_uri(),
                ],
                check=True,
                capture_output=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
