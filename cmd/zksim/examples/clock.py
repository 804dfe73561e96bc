"""A worker crashes. Its node goes with its session, and no test waits for that: the clock does."""

import subprocess
import sys
import threading

from kazoo.client import KazooClient

from sim import Sim, session_id

CRASHING_WORKER = """
import sys
from kazoo.client import KazooClient
from sim import session_id
client = KazooClient(sys.argv[1], timeout=30)
client.start()
client.create("/worker", ephemeral=True)
print(session_id(client), flush=True)
sys.stdin.read()
"""

clients, http = sys.argv[1:]
sim = Sim(http)

worker = subprocess.Popen(
    [sys.executable, "-c", CRASHING_WORKER, clients], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
session = worker.stdout.readline().strip()

observer = KazooClient(clients)
observer.start()
gone = threading.Event()
assert observer.exists("/worker", watch=lambda event: gone.set())

worker.kill()
worker.wait()
sim.disconnect(session)  # at the latest now its connection has ended

sim.advance("20s")
assert observer.exists("/worker"), "the session may still come back"

sim.advance("20s")
assert gone.wait(30), "the observer has been told"
assert not observer.exists("/worker")
assert session_id(observer) in [s["id"] for s in sim.state()["sessions"]], "who is connected counts as pinging"
print("40 seconds have passed")
observer.stop()
