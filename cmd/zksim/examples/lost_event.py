"""An event that is lost with its connection: kazoo's watch tells the news after all."""

import queue
import sys

from kazoo.client import KazooClient

from sim import Sim, session_id

clients, http = sys.argv[1:]
sim = Sim(http)
reader, writer = KazooClient(clients), KazooClient(clients)
reader.start()
writer.start()
writer.create("/config", b"old")
seen = queue.Queue()
reader.DataWatch("/config", lambda data, stat: seen.put(data))
assert seen.get(timeout=30) == b"old"
session = session_id(reader)

sim.faults("cut after-notification NodeDataChanged once")
writer.set("/config", b"new")

assert seen.get(timeout=30) == b"new"
assert sim.fired() == 1, "the event was lost"
assert session_id(reader) == session
print("told after all")
reader.stop()
writer.stop()
