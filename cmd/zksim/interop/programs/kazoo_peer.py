"""Does with kazoo's recipes what it is told to, line by line: see package pairs."""

import datetime
import sys
import threading

from kazoo.client import KazooClient


class Lock:
    """kazoo's locks; one waits in a thread of its own."""

    def __init__(self, lock):
        self.lock = lock

    def acquire(self):
        return self.lock.acquire(timeout=15)

    def __getattr__(self, name):
        if name == "try":
            return lambda: self.lock.acquire(blocking=False)
        return getattr(self.lock, name)


class Election:
    """kazoo's Election, whose run wants a function that leads."""

    def __init__(self, election):
        self.election = election
        self.leading, self.enough = threading.Event(), threading.Event()

    def start(self):
        self.thread = threading.Thread(target=self.election.run, args=(self.lead,), daemon=True)
        self.thread.start()

    def lead(self):
        self.leading.set()
        self.enough.wait()
        self.leading.clear()

    def leads(self):
        return self.leading.is_set()

    def awaitLeadership(self):
        return self.leading.wait(15)

    def stop(self):
        self.enough.set()
        self.thread.join()

    def contenders(self):
        return self.election.contenders()


class Barrier:
    """kazoo's barriers; enter and leave tell that they have returned."""

    def __init__(self, barrier):
        self.barrier = barrier

    def create(self):
        self.barrier.create()

    def remove(self):
        return self.barrier.remove()

    def wait(self):
        return self.barrier.wait(15)

    def enter(self):
        self.barrier.enter()
        return True

    def leave(self):
        self.barrier.leave()
        return True


class Queue:
    """kazoo's queues, whose items are bytes."""

    def __init__(self, queue):
        self.queue = queue

    def put(self, item, priority="100"):
        self.queue.put(item.encode(), int(priority))

    def get(self):
        return self.queue.get()

    def length(self):
        return len(self.queue)

    def __getattr__(self, name):
        return getattr(self.queue, name)


class Party:
    def __init__(self, party):
        self.party = party

    def join(self):
        self.party.join()

    def leave(self):
        self.party.leave()

    def members(self):
        return sorted(self.party)


class Lease:
    """kazoo tries when it makes the object."""

    def __init__(self, path, seconds, name):
        self.args = path, datetime.timedelta(seconds=int(seconds)), name

    def obtain(self):
        return bool(client.NonBlockingLease(*self.args))


class Counter:
    """kazoo's Counter, which has operators."""

    def __init__(self, counter, number):
        self.counter, self.number = counter, number

    def add(self, n):
        self.counter += self.number(n)

    def value(self):
        return self.counter.value


client = KazooClient(hosts=sys.argv[1])

KINDS = {
    "Lock": lambda path, name: Lock(client.Lock(path, name)),
    "LockWithPattern": lambda path, name, pattern: Lock(client.Lock(path, name, extra_lock_patterns=[pattern])),
    "ReadLock": lambda path, name: Lock(client.ReadLock(path, name)),
    "WriteLock": lambda path, name: Lock(client.WriteLock(path, name)),
    "Semaphore": lambda path, name, leases: Lock(client.Semaphore(path, name, max_leases=int(leases))),
    "Barrier": lambda path: Barrier(client.Barrier(path)),
    "DoubleBarrier": lambda path, n, name: Barrier(client.DoubleBarrier(path, int(n), name)),
    "Counter": lambda path: Counter(client.Counter(path), int),
    "FloatCounter": lambda path: Counter(client.Counter(path, default=0.0), float),
    "CuratorCounter": lambda path: Counter(client.Counter(path, support_curator=True), int),
    "Queue": lambda path: Queue(client.Queue(path)),
    "LockingQueue": lambda path: Queue(client.LockingQueue(path)),
    "Party": lambda path, name: Party(client.Party(path, name)),
    "ShallowParty": lambda path, name: Party(client.ShallowParty(path, name)),
    "NonBlockingLease": Lease,
    "Election": lambda path, name: Election(client.Election(path, name)),
}

objects = {}
printing = threading.Lock()


def text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes):
        return value.decode()
    return str(value)


def values(result):
    if result is None:
        return []
    if isinstance(result, (set, frozenset)):
        return sorted(text(v) for v in result)
    if isinstance(result, (list, tuple)):
        return [text(v) for v in result]
    return [text(result)]


def obey(number, name, method, args):
    try:
        if method == "new":
            objects[name] = KINDS[args[0]](*args[1:])
            fields = ["ok"]
        else:
            fields = ["ok"] + values(getattr(objects[name], method)(*args))
    except Exception as e:
        fields = ["error", "%s: %s" % (type(e).__name__, str(e).replace("\n", " "))]
    with printing:
        print("\t".join([number] + fields), flush=True)


def main():
    client.start(timeout=15)
    for line in sys.stdin:
        number, name, method, *args = line.rstrip("\n").split("\t")
        threading.Thread(target=obey, args=(number, name, method, args), daemon=True).start()
    client.stop()


main()
