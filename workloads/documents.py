"""Documents as stores hold them: nested, with nulls and every script, small ones and large ones."""

import json
import math
from random import Random
from typing import Any

from faker import Faker

SMALL = 2_000
"""Bytes of the largest document, where nothing else is asked for."""

SMALLEST = 1_000
"""Bytes below which the largest document cannot be asked to stay."""

_SCRIPTS = (
    "naïve café", "Ελληνικά", "русский", "עברית", "العربية", "日本語のテキスト", "한국어", "नमस्ते",
    "👩‍👩‍👧‍👦🏳️‍🌈", "e\u0301 is not é", '"quoted" \\ / \b\f\n\r\t', "\u0000\u001f\u2028\ufeff", "",
)  # fmt: skip


def documents(
    random: Random, fake: Faker, count: int, largest: int = SMALL
) -> list[dict[str, Any]]:
    """Some documents of up to `largest` bytes of JSON; small ones are as frequent as large ones."""
    sentences = [fake.sentence() for _ in range(20)]
    found = [_document(random, fake) for _ in range(count)]
    for document in found:
        size = int(math.exp(random.uniform(math.log(SMALLEST), math.log(largest))))
        room = size - size_of(document) - len(', "text": ""') - len('"version": 1000000000, ')
        document["text"] = _text(random, sentences, room)
    return found


def size_of(document: Any) -> int:
    """Bytes of a document as JSON."""
    return len(json.dumps(document, ensure_ascii=False).encode())


def _document(random: Random, fake: Faker) -> dict[str, Any]:
    return {
        "name": fake.name(),
        "city": fake.city(),
        "email": random.choice((fake.email(), None)),
        "said": random.choice(_SCRIPTS),
        "active": random.choice((True, False, None)),
        "balance": round(random.uniform(-1000, 1000), 2),
        "tags": [fake.word() for _ in range(random.randrange(4))],
        "nested": _nested(random, random.randrange(8)),
    }


def _nested(random: Random, depth: int) -> Any:
    """Objects and lists one inside the other, with something empty at the bottom."""
    if not depth:
        return random.choice((None, {}, [], "", 0))
    inner = _nested(random, depth - 1)
    return random.choice(({"in": inner, "none": None}, [inner, random.choice(_SCRIPTS)]))


def _text(random: Random, sentences: list[str], room: int) -> str:
    """Sentences that take this many bytes, or none where there is no room."""
    some = " ".join(random.sample(sentences, len(sentences)))
    return (some * (max(0, room) // len(some) + 1))[: max(0, room)]
