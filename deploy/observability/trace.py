"""`make trace`: docs/images/trace.svg anew, one real trace: from a button in the cabinet to the SMS.

A set of its own is started with traces on, somebody asks for a code on the page of registration, and what was recorded
is drawn: a bar for each part, and a tick in it for each statement of the database.
"""

import asyncio
import re
import sys
from collections.abc import Sequence
from html import escape
from pathlib import Path

import httpx2

from deploy.embedded import environment
from deploy.embedded.demo import scratch
from deploy.embedded.launcher import ROOT, EmbeddedSet
from deploy.embedded.person import StepFailed
from deploy.observability.receiver import Received, Span, receiver

SECONDS = 20.0
PHONE = "8 912 345-67-89"
PICTURE = ROOT / "docs" / "images" / "trace.svg"

COLOURS = {"portal": "#5694ca", "verification": "#00703c", "notifier": "#b58840"}
NAMES, WIDTH, ROW, TOP = 350, 1000, 26, 40


def traced(endpoint: str) -> dict[str, str]:
    """The settings of a set whose traces go there."""
    return {f"{environment.prefix(service)}OTLP_ENDPOINT": endpoint for service in environment.SERVICES}


async def ask_on_a_page(portal: str, phone: str) -> str:
    """Press the button for a code as a browser does, and the id of that trace."""
    async with httpx2.AsyncClient(timeout=30) as http:
        page = await http.get(f"{portal}/registration")
        form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
        body = {**form, "phone": phone, "action": "send_code"}
        answer = await http.post(f"{portal}/registration", data=body, headers={"Origin": portal})
    if answer.status_code != 303:
        raise StepFailed(f"the button for a code answered {answer.status_code}")
    return str(answer.headers["traceparent"])[3:35]


async def whole(received: Received, trace_id: str) -> list[Span]:
    """The trace once its SMS was handed over, and everything round it was told."""
    async with asyncio.timeout(SECONDS):
        while True:
            spans = received.trace(trace_id)
            known = {span.span_id for span in spans}
            ended = any(span.name.startswith("send notifier.notification_sent") for span in spans)
            if ended and all(span.parent_id in known for span in spans if span.parent_id):
                return spans
            await asyncio.sleep(0.1)


def drawn(spans: Sequence[Span]) -> str:
    """As SVG. Statements of the database are ticks in the bar of what ran them."""
    statements = [span for span in spans if span.attributes.get("db.system") == "postgresql"]
    bars = [span for span in spans if span not in statements]
    first, last = bars[0].began, max(span.ended for span in bars)
    handed_over = next(span.ended for span in bars if span.name == "ask the provider")
    height = TOP + ROW * len(bars) + 16

    def x(moment: float) -> float:
        return round(NAMES + (min(moment, last) - first) / (last - first) * (WIDTH - NAMES - 80), 1)

    depth: dict[str, int] = {}
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="24" font-weight="bold">{escape(bars[0].name)} in the cabinet, until the SMS is with its'
        f" provider: {(handed_over - first) * 1000:.0f} ms</text>",
    ]
    for number, span in enumerate(bars):
        depth[span.span_id] = depth.get(span.parent_id, -1) + 1
        y, colour = TOP + ROW * number, COLOURS.get(span.service, "#505a5f")
        began, width = x(span.began), round(max(x(span.ended) - x(span.began), 2), 1)
        lines += [
            f'<text x="{12 + 12 * depth[span.span_id]}" y="{y + 17}"><tspan fill="{colour}">{span.service}</tspan>'
            f" {escape(span.name)}</text>",
            f'<rect x="{began}" y="{y + 4}" width="{width}" height="{ROW - 8}" fill="{colour}" opacity="0.75"/>',
            f'<text x="{x(span.ended) + 6:.1f}" y="{y + 17}" fill="#505a5f">'
            f"{(span.ended - span.began) * 1000:.0f} ms</text>",
        ]
        lines += [
            f'<path d="M{x(one.began)} {y + 4}v{ROW - 8}" stroke="#fff"/>'
            for one in statements
            if one.parent_id == span.span_id
        ]
    return "\n".join([*lines, "</svg>", ""])


async def recorded() -> list[Span]:
    """One trace of a set of its own."""
    with receiver() as received, scratch("kabinet-trace-") as folder:
        async with EmbeddedSet(folder / "set", free_ports=True, overrides=traced(received.endpoint)) as kabinet:
            portal = kabinet.urls["portal"]
            await whole(received, await ask_on_a_page(portal, "8 912 345-00-00"))  # what is opened once is open now
            return await whole(received, await ask_on_a_page(portal, PHONE))


def main(picture: Path) -> None:
    spans = asyncio.run(recorded())
    picture.write_text(drawn(spans))
    print(f"{picture}: {len(spans)} spans of {len({span.service for span in spans})} programs")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else PICTURE)
