"""What a program has really done to the server, rather than what it says."""

import sys

from kazoo.client import KazooClient
from kazoo.recipe.counter import Counter

from sim import Sim, session_id

clients, http = sys.argv[1:]
sim = Sim(http)

client = KazooClient(clients)
client.start()
counter = Counter(client, "/counter", default=0)
counter += 1

events = sim.events()
counter += 1
client.delete("/counter")

writes = []
for event in events:
    if event["kind"] == "commit" and event["session"] == session_id(client):
        writes.append((event["op"], event["path"]))
        if event["op"] == "delete":
            break
assert writes == [("setData", "/counter"), ("delete", "/counter")], writes
print("one write each")
client.stop()
