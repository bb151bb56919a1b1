"""`/static/<version>/<name>`: under its version a file never changes."""

from fastapi import APIRouter, Request, Response

from shared.problems import NotFound

routes = APIRouter(include_in_schema=False)


@routes.get("/static/{version}/{name:path}")
async def static(request: Request, version: str, name: str) -> Response:
    """Of another version, while releases change, what there is now, and not for long."""
    assets = request.app.state.wired.assets
    if (asset := assets.files.get(name)) is None:
        raise NotFound
    lasting = "public, max-age=31536000, immutable" if version == assets.version else "no-cache"
    headers = {"Cache-Control": lasting, "Vary": "Accept-Encoding", "Cross-Origin-Resource-Policy": "same-origin"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.zipped, media_type=asset.kind, headers=headers | {"Content-Encoding": "gzip"})
    return Response(asset.content, media_type=asset.kind, headers=headers)
