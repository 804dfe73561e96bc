"""Members that crash, one after the other: session and ephemeral node live on. For zksim --members 3."""

import sys

from kazoo.client import KazooClient, KazooState

from sim import Sim, session_id

clients, http = sys.argv[1:]
sim = Sim(http)
assert len(clients.split(",")) == 3
client = KazooClient(clients)
states = []
client.add_listener(states.append)
client.start()
client.create("/workers", b"")
client.create("/workers/me", b"", ephemeral=True)
session = session_id(client)

for _ in range(3):
    leader = sim.leader()
    sim.stop(leader)
    assert client.retry(client.exists, "/workers/me"), "the node is still there"
    assert session_id(client) == session, "in the same session"
    assert sim.leader() not in (None, leader), "another member leads"
    sim.start(leader)

assert KazooState.LOST not in states
assert states.count(KazooState.SUSPENDED) >= 3
print("three leaders, one session")
client.stop()
