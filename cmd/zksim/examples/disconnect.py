"""A connection that breaks costs nothing: the session lives on, and so does its lock."""

import sys
import threading

from kazoo.client import KazooClient, KazooState

from sim import Sim, session_id

clients, http = sys.argv[1:]
sim = Sim(http)

holder = KazooClient(clients)
states, back = [], threading.Event()


@holder.add_listener
def listen(state):
    states.append(state)
    if states[-2:] == [KazooState.SUSPENDED, KazooState.CONNECTED]:
        back.set()


holder.start()
lock = holder.Lock("/lock", "me")
lock.acquire()
session = session_id(holder)

sim.disconnect(holder)

assert back.wait(30), "the client has come back"
assert session_id(holder) == session, "to the same session"
assert lock.contenders() == ["me"], "the lock is still held"
assert KazooState.LOST not in states
print("disconnected and back")
holder.stop()
