"""The load of a run: a generator says what each client calls next, and when."""

from harness.clock import MILLISECOND_NS, Clock
from harness.config import RunConfig
from harness.errors import HarnessError
from workloads.generators.dice import Dice
from workloads.generators.generator import Asker, Due, Generator
from workloads.generators.reading import read
from workloads.generators.sources import Sources
from workloads.workload import Call, Calls, Workload

SOON_NS = 10 * MILLISECOND_NS
"""After how long a client asks again that is to wait until something has happened."""


def load_of(config: RunConfig, workload: Workload, calls: Calls, clock: Clock) -> "Load":
    """What says when to call what, where the workload is not just drawn from."""
    dice = Dice(f"{config.seed}:load")
    return Load(read(config.load), Sources(workload, calls), clock, dice, config.clients)


class Load:
    """Asks the generator for each client that is free, until the calls end."""

    def __init__(
        self, generator: Generator, sources: Sources, clock: Clock, dice: Dice, clients: int
    ) -> None:
        self._generator = generator
        self._sources = sources
        self._clock = clock
        self._dice = dice
        self._clients = clients
        self._begin_ns = clock.now_ns()

    async def next(self, client: int, end_ns: int) -> Call | None:
        """The client's next call, once it is due; None where there is none before the end."""
        while (now_ns := self._clock.now_ns()) < end_ns:
            asker = Asker(now_ns - self._begin_ns, client, self._clients)
            step = self._generator.ask(asker, self._dice)
            if step is None:
                return None
            self._generator = step.then
            at_ns = step.at_ns if isinstance(step, Due) else step.until_ns
            due_ns = now_ns + SOON_NS if at_ns is None else self._begin_ns + at_ns
            await self._clock.sleep_until_ns(min(due_ns, end_ns))
            if isinstance(step, Due) and due_ns < end_ns:
                return self._take(step.source)
        return None

    def done(self, client: int, ok: bool) -> None:
        """The client's call was answered, or never will be."""
        self._generator = self._generator.done(client, ok)

    def _take(self, source: str) -> Call:
        try:
            return self._sources.take(source)
        except LookupError as error:
            raise HarnessError(str(error)) from error
