"""`make screenshots`: the two pictures of the README, made by the pages themselves."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import ViewportSize, async_playwright

from tests.browser import town as towns
from tests.browser.chromium import chromium_program
from tests.browser.visitor import PHONE, visiting

FOLDER = Path(__file__).parents[2] / "docs" / "images"
DESK = ViewportSize(width=1000, height=548)


async def draw() -> None:
    """The sign-in as a phone shows it, the accounts as a desk does; people and accounts are the sample's."""
    if (program := chromium_program()) is None:
        raise SystemExit("No Chromium on this machine: apt-get install chromium, or KABINET_CHROMIUM=/path/to/it")
    FOLDER.mkdir(parents=True, exist_ok=True)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program)
        with tempfile.TemporaryDirectory(prefix="kabinet-screenshots-") as folder:
            async with towns.opened(Path(folder)) as town:
                async with visiting(chromium, town, viewport=PHONE) as nobody:
                    await nobody.open("/login")
                    await nobody.page.screenshot(path=FOLDER / "sign-in.png")
                async with visiting(chromium, town, who="resident", viewport=DESK) as resident:
                    await resident.open("/accounts")
                    await resident.page.screenshot(path=FOLDER / "accounts.png")
        await chromium.close()
    for picture in sorted(FOLDER.glob("*.png")):
        print(f"{picture.relative_to(FOLDER.parents[1])}  {picture.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    asyncio.run(draw())
