"""A node of a store that runs already: it keeps its values in a file, or asks another node.

Arguments: its port, the port of the node to ask (its own to keep the values itself), and the file.
"""

import asyncio
import json
import os
import sys

PORT, PRIMARY, FILE = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
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
        if PORT == PRIMARY:
            answer = json.dumps({"result": apply(*json.loads(line))}).encode() + b"\n"
        else:
            try:
                asked = asked or await asyncio.open_connection("127.0.0.1", PRIMARY)
            except OSError:
                writer.write(b'{"refused": "the primary is down"}\n')
                continue
            asked[1].write(line)
            answer = await asked[0].readline()
        if not answer:
            break
        writer.write(answer)
    writer.close()


async def main():
    if PORT == PRIMARY and os.path.exists(FILE):
        with open(FILE) as file:
            values.update(json.load(file))
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    await server.serve_forever()


asyncio.run(main())
