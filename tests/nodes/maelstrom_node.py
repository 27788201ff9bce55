"""A program that speaks Maelstrom's protocol, sound or flawed as its argument says."""

import json
import sys
import time

KIND = sys.argv[1]
values = {}
elements = set()
mine = {}
asked = {}
me, others = "", []


def send(target, **body):
    print(json.dumps({"src": me, "dest": target, "body": body}), flush=True)


def gossip():
    for other in others:
        if KIND == "set":
            send(other, type="gossip", elements=sorted(elements))
        elif KIND == "counter":
            send(other, type="gossip", counts=mine)


def serve(source, body):
    kind = body["type"]
    if KIND == "proxy":
        if source == "lin-kv":
            client, number = asked.pop(body["in_reply_to"])
            send(client, **{**body, "in_reply_to": number})
        else:
            asked[len(asked) + 1] = (source, body["msg_id"])
            send("lin-kv", **{**body, "msg_id": len(asked)})
        return
    answer = {"in_reply_to": body.get("msg_id")}
    if kind == "gossip":
        elements.update(body.get("elements", ()))
        for node, count in body.get("counts", {}).items():
            if sum(map(abs, count)) > sum(map(abs, mine.get(node, [0, 0]))):
                mine[node] = count
    elif kind == "read" and KIND.startswith("counter"):
        send(source, type="read_ok", value=sum(sum(count) for count in mine.values()), **answer)
    elif kind == "read" and KIND.startswith("set"):
        found = sorted(elements)
        send(source, type="read_ok", value=found, messages=found, **answer)
    elif kind in ("add", "broadcast") and KIND.startswith("set"):
        elements.add(body.get("element", body.get("message")))
        send(source, type=f"{kind}_ok", **answer)
        gossip()
    elif kind == "add":
        up, down = mine.get(me, [0, 0])
        delta = body["delta"]
        mine[me] = [up + max(delta, 0), down + min(delta, 0)]
        send(source, type="add_ok", **answer)
        gossip()
    elif kind == "read":
        if body["key"] in values:
            send(source, type="read_ok", value=values[body["key"]], **answer)
        else:
            send(source, type="error", code=20, **answer)
    elif kind == "write":
        values[body["key"]] = body["value"]
        send(source, type="write_ok", **answer)
    elif kind == "cas":
        found = values.get(body["key"])
        if found != body["from"]:
            send(source, type="error", code=20 if found is None else 22, **answer)
        else:
            values[body["key"]] = body["to"]
            send(source, type="cas_ok", **answer)


if KIND == "dies":
    sys.exit("I am not well")
if KIND == "silent":
    print("I hear nothing", file=sys.stderr, flush=True)
    time.sleep(60)
for line in sys.stdin:
    message = json.loads(line)
    source, body = message["src"], message["body"]
    if body["type"] == "init":
        me, others = body["node_id"], [node for node in body["node_ids"] if node != body["node_id"]]
        print("I begin", file=sys.stderr, flush=True)
        send(source, type="init_ok", in_reply_to=body["msg_id"])
    elif body["type"] == "topology":
        send(source, type="topology_ok", in_reply_to=body["msg_id"])
    elif KIND == "garbage":
        print("Hello, world!", flush=True)
    elif KIND == "liar":
        me = "n7"
        send(source, type="read_ok", value=1, in_reply_to=body["msg_id"])
    elif KIND == "floods":
        for _ in range(80):
            sys.stderr.write("x" * (1 << 20))
        print("\nI am done", file=sys.stderr, flush=True)
        serve(source, body)
    elif KIND == "wrong":
        send(source, type="hello", in_reply_to=body["msg_id"])
    elif KIND in ("set", "counter") and body["type"] == "read":
        gossip()
        serve(source, body)
    else:
        serve(source, body)
