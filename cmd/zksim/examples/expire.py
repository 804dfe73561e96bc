"""A worker registers itself, loses its session, and has to register again."""

import sys
import threading

from kazoo.client import KazooClient, KazooState

from sim import Sim

clients, http = sys.argv[1:]
sim = Sim(http)

worker = KazooClient(clients)
lost, back = threading.Event(), threading.Event()


@worker.add_listener
def listen(state):
    if state == KazooState.LOST:
        lost.set()
    elif state == KazooState.CONNECTED and lost.is_set():
        back.set()


worker.start()
worker.create("/workers/one", ephemeral=True, makepath=True)

observer = KazooClient(clients)
observer.start()
gone = threading.Event()
assert observer.exists("/workers/one", watch=lambda event: gone.set())

sim.expire(worker)

assert gone.wait(30), "the observer has been told"
assert lost.wait(30) and back.wait(30), "the worker has a new session"
assert not worker.exists("/workers/one"), "and its node is gone: it has to register again"
print("expired")
worker.stop()
observer.stop()
