"""TLS before a server that speaks plainly, as sidecars have it; PostgreSQL is asked for it first."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from deploy.embedded.ports import HOST
from tests.certificates import Authority

SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""PostgreSQL's first question: is TLS spoken here? "S" says yes."""


@asynccontextmanager
async def tls_before(port: int, authority: Authority, *, postgres: bool = False) -> AsyncIterator[int]:
    """The port where TLS is spoken, with a certificate of this authority for 127.0.0.1; who speaks plainly is cut."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.signed("front"))
    under_way: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            if postgres:
                if await reader.readexactly(8) != SSL_REQUEST:
                    raise ConnectionAbortedError
                writer.write(b"S")
                await writer.start_tls(context)
            inner_reader, inner_writer = await asyncio.open_connection(HOST, port)
            await asyncio.gather(_pour(reader, inner_writer), _pour(inner_reader, writer))

    server = await asyncio.start_server(serve, HOST, 0, ssl=None if postgres else context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in under_way:
            writer.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
