"""Each test begins with the same nodes, on one server, with clients that stay connected."""

import sys

from kazoo.client import KazooClient

from sim import Sim, session_id

clients, http = sys.argv[1:]
sim = Sim(http)

client = KazooClient(clients)
client.start()
client.create("/config/limit", b"10", makepath=True)
fixture = sim.snapshot()

for test in range(3):
    assert client.retry(client.get, "/config/limit")[0] == b"10", "nothing is left of the test before"
    client.set("/config/limit", b"spoilt")
    client.create("/config/left-behind", b"")
    session = session_id(client)
    sim.restore(fixture)
    assert client.retry(client.exists, "/config/left-behind") is None
    assert session_id(client) == session, "the session is in the fixture as well"

print("three tests, one fixture")
client.stop()
