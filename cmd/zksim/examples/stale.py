"""A follower that lags: who acts on what it reads asks for a sync first. For zksim --members 3."""

import sys

from kazoo.client import KazooClient

from sim import Sim

clients, http = sys.argv[1:]
sim = Sim(http)
first, second, _ = clients.split(",")
writer, reader = KazooClient(first), KazooClient(second)
writer.start()
reader.start()
writer.create("/master", b"a")
reader.sync("/master")
sim.lag(2, hold=True)

writer.set("/master", b"b")

assert reader.get("/master")[0] == b"a", "the follower has not heard of it"
reader.sync("/master")
assert reader.get("/master")[0] == b"b"
sim.lag(2)
print("fresh after sync")
writer.stop()
reader.stop()
