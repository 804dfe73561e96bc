"""A create whose reply is lost: who tries again has to ask whether it was there already."""

import sys

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionLoss, NodeExistsError

from sim import Sim

clients, http = sys.argv[1:]
sim = Sim(http)
client = KazooClient(clients)
client.start()


def submit(path, job):
    try:
        client.create(path, job)
    except ConnectionLoss:  # it may be there or not
        data, _ = client.retry(client.get, path)
        if data != job:
            raise


client.create("/jobs")
sim.faults("cut after-reply create /jobs/** once")

submit("/jobs/1", b"mine")

assert sim.fired() == 1, "the reply was lost"
sim.heal()
try:
    submit("/jobs/1", b"yours")
    raise AssertionError("two jobs in one place")
except NodeExistsError:
    pass
print("submitted once")
client.stop()
