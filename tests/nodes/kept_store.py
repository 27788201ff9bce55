"""A node of a store: it keeps its values in a file, or asks the node that does.

Arguments: its address, that of the node which keeps the values (perhaps its own), and the file.
"""

import asyncio
import json
import os
import sys

MINE, PRIMARY, FILE = sys.argv[1:]
values = {}


def apply(function, key, argument):
    before = values.get(key)
    if function == "write" or (function == "cas" and before == argument[0]):
        values[key] = argument if function == "write" else argument[1]
        with open(FILE + ".new", "w") as file:
            json.dump(values, file)
        os.replace(FILE + ".new", FILE)
    return argument if function == "write" else before


async def serve(reader, writer):
    asked = None
    while line := await reader.readline():
        if MINE == PRIMARY:
            answer = json.dumps({"result": apply(*json.loads(line))}).encode() + b"\n"
        else:
            try:
                async with asyncio.timeout(0.3):
                    asked = asked or await asyncio.open_connection(*PRIMARY.split(":"))
            except (OSError, TimeoutError):
                writer.write(b'{"refused": "the primary is down"}\n')
                continue
            asked[1].write(line)
            answer = await asked[0].readline()
        if not answer:
            break
        writer.write(answer)
    writer.close()


async def main():
    if MINE == PRIMARY and os.path.exists(FILE):
        with open(FILE) as file:
            values.update(json.load(file))
    server = await asyncio.start_server(serve, *MINE.split(":"))
    await server.serve_forever()


asyncio.run(main())
