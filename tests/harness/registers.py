"""A program that keeps one register in memory, and all that Labrys needs to know of it."""

import subprocess
from pathlib import Path

PROGRAM = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int count, char **words) {
    char line[99], kept[99] = "null", found[99], one[99], other[99];
    struct sockaddr_in at = {AF_INET, htons(atoi(words[1]))};
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (void *)&at, sizeof at) || listen(server, 99)) return 1;
    for (int client; (client = accept(server, 0, 0)) >= 0; close(client)) {
        line[read(client, line, 98)] = 0, strcpy(found, kept);
        if (sscanf(line, "write %s", kept) != 1 && sscanf(line, "cas %s %s", one, other) == 2)
            strcmp(kept, one) || strcpy(kept, other);
        write(client, found, strlen(found));
    }
}
"""

CLASS = '''
import asyncio
import json
import random

from harness.database import Connection, Database, Unsent


class Register(Database):
    """A binary that keeps one register; its client asks any of them."""

    ports = (4000,)

    def command(self, at):
        return ["./register", "4000"]

    async def connect(self, at):
        return Client(list(at.addresses.values()))


class Client(Connection):
    def __init__(self, addresses):
        self.addresses = addresses

    async def call(self, function, key, argument):
        try:
            reader, writer = await asyncio.open_connection(*random.choice(self.addresses))
        except OSError as error:
            raise Unsent(str(error)) from error
        words = argument if function == "cas" else [] if function == "read" else [argument]
        try:
            writer.write(" ".join([function, *map(json.dumps, words)]).encode())
            found = json.loads(await reader.read())
        finally:
            writer.close()
        return argument if function == "write" else found
'''


def made(folder: Path) -> Path:
    """The folder, with the binary and the class in it."""
    (folder / "register.c").write_text(PROGRAM)
    command = ["gcc", "-static", "-w", "-o", "register", "register.c"]
    subprocess.run(command, cwd=folder, check=True)
    (folder / "registers.py").write_text(CLASS)
    return folder
