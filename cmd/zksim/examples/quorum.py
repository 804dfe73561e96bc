"""The quorum is lost for a while: writes wait, and nothing is lost. For zksim --members 3."""

import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.retry import KazooRetry

from sim import Sim, session_id

clients, http = sys.argv[1:]
sim = Sim(http)
client = KazooClient(clients, connection_retry=KazooRetry(max_tries=-1, delay=0.01, max_delay=0.1))
suspended = threading.Event()
client.add_listener(lambda state: suspended.set() if state == KazooState.SUSPENDED else None)
client.start()
client.create("/counter", b"1")
session = session_id(client)

sim.stop(1)
sim.stop(2)
assert suspended.wait(30), "nobody is served"
sim.advance("10m")  # and no session ends
written = threading.Thread(target=lambda: KazooRetry(max_tries=-1, max_delay=0.1)(client.set, "/counter", b"2"))
written.start()
sim.start(1)
written.join(30)

assert client.get("/counter")[0] == b"2"
assert session_id(client) == session
print("written when there was a quorum")
client.stop()
