"""Does with kazoo's recipes what it is told to, line by line: see package pairs."""

import datetime
import random
import sys
import threading

from kazoo.client import KazooClient
from kazoo.exceptions import NodeExistsError, NoNodeError, NotEmptyError
from kazoo.recipe.cache import TreeCache
from kazoo.recipe.watchers import ChildrenWatch, DataWatch


def toil(work, kind):
    """Works, and tells whether all is as it should be. Who is alone adds one to a number."""
    if kind != "alone":
        own = client.create(work + "/reader-", ephemeral=True, sequence=True)
        names = client.get_children(work)
        client.delete(own)
        return "inside" not in names and (kind == "reader" or readers(names) <= 2)
    try:
        client.create(work + "/inside", ephemeral=True)
    except NodeExistsError:
        return False
    names = client.get_children(work)
    number = int(client.get(work + "/number")[0])
    client.set(work + "/number", b"%d" % (number + 1))
    client.delete(work + "/inside")
    return readers(names) == 0


def readers(names):
    return sum(name.startswith("reader-") for name in names)


class Lock:
    """kazoo's locks; one waits in a thread of its own."""

    def __init__(self, lock, **options):
        self.lock, self.options = lock, options

    def acquire(self):
        return self.lock.acquire(timeout=15, **self.options)

    def contend(self, work, n, kind):
        met = 0
        for _ in range(int(n)):
            self.lock.acquire()
            met += not toil(work, kind)
            self.lock.release()
        return met

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

    def contend(self, work, n, kind):
        self.met = 0
        for _ in range(int(n)):
            self.election.run(self.toil, work, kind)
        return self.met

    def toil(self, work, kind):
        self.met += not toil(work, kind)


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

    def putMany(self, prefix, n):
        for i in range(int(n)):
            self.put(prefix + str(i))
        self.n = int(n)

    def drain(self):
        return list(iter(self.queue.get, None))

    def __getattr__(self, name):
        return getattr(self.queue, name)


class LockingQueue(Queue):
    """It waits for items: it drains as many as it has put in."""

    def drain(self):
        items = []
        for _ in range(self.n):
            items.append(self.queue.get(15))
            self.queue.consume()
        return items


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
    """kazoo tries when it makes the object. Its clock may be wrong by some seconds."""

    def __init__(self, path, seconds, name, wrong, count=None):
        self.path, self.count = path, count
        self.args = datetime.timedelta(seconds=int(seconds)), name
        self.wrong = datetime.timedelta(seconds=int(wrong))

    def obtain(self):
        now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None) + self.wrong
        if self.count is not None:
            return bool(client.MultiNonBlockingLease(int(self.count), self.path, *self.args, utcnow=lambda: now))
        return bool(client.NonBlockingLease(self.path, *self.args, utcnow=lambda: now))


class Partitioner:
    """kazoo's SetPartitioner, with the loop that it wants."""

    def __init__(self, path, name, items, quiet):
        self.path, self.name, self.set, self.quiet = path, name, items.split(","), float(quiet)
        self.over = threading.Event()

    def start(self):
        self.partitioner = client.SetPartitioner(self.path, self.set, identifier=self.name, time_boundary=self.quiet)
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        while not self.over.is_set() and not self.partitioner.failed:
            if self.partitioner.release:
                self.partitioner.release_set()
            elif self.partitioner.acquired:
                self.over.wait(0.01)
            else:
                self.partitioner.wait_for_acquire(0.1)

    def items(self):
        return sorted(self.partitioner) if self.partitioner.acquired else []

    def finish(self):
        self.over.set()
        self.thread.join()
        self.partitioner.finish()


class Data:
    """kazoo's DataWatch, and what it has seen."""

    def __init__(self, path):
        self.path, self.values = path, []
        DataWatch(client, path, self.note)

    def note(self, data, stat):
        self.values.append("none" if stat is None else (data or b"").decode())

    def seen(self):
        return list(self.values)

    def setMany(self, *values):
        for v in values:
            client.set(self.path, v.encode())


class Children:
    """kazoo's ChildrenWatch, and what it has seen last."""

    def __init__(self, path):
        self.path, self.names = path, []
        ChildrenWatch(client, path, self.note)

    def note(self, names):
        self.names = names

    def last(self):
        return "+".join(sorted(self.names))

    def create(self, name):
        client.create(self.path + "/" + name)

    def delete(self, name):
        client.delete(self.path + "/" + name)


class Tree:
    """kazoo's TreeCache, and what is in it."""

    def __init__(self, path):
        self.path, self.cache = path, TreeCache(client, path)
        self.cache.start()

    def contents(self):
        return sorted(self.walk(self.path))

    def walk(self, path):
        node = self.cache.get_data(path)
        if node is None:
            return
        yield "%s=%s" % (path[len(self.path) :], (node.data or b"").decode())
        for name in self.cache.get_children(path, ()):
            yield from self.walk(path + "/" + name)

    def churn(self, root, n):
        """Changes the tree at random."""
        dice = random.Random(7)
        for i in range(int(n)):
            path = root + "".join("/" + dice.choice("abc") for _ in range(dice.randint(1, 3)))
            try:
                what = dice.randrange(4)
                if what == 0:
                    client.delete(path)
                elif what == 1:
                    client.set(path, b"theirs%d" % i)
                else:
                    client.create(path, b"their%d" % i)
            except (NoNodeError, NodeExistsError, NotEmptyError):
                pass


class Counter:
    """kazoo's Counter, which has operators."""

    def __init__(self, counter, number):
        self.counter, self.number = counter, number

    def add(self, n):
        self.counter += self.number(n)

    def addMany(self, n):
        for _ in range(int(n)):
            self.counter += 1

    def value(self):
        return self.counter.value


client = KazooClient(hosts=sys.argv[1])

KINDS = {
    "Lock": lambda path, name: Lock(client.Lock(path, name)),
    "LockWithPattern": lambda path, name, pattern: Lock(client.Lock(path, name, extra_lock_patterns=[pattern])),
    "LockThatStays": lambda path, name: Lock(client.Lock(path, name), ephemeral=False),
    "ReadLock": lambda path, name: Lock(client.ReadLock(path, name)),
    "WriteLock": lambda path, name: Lock(client.WriteLock(path, name)),
    "Semaphore": lambda path, name, leases: Lock(client.Semaphore(path, name, max_leases=int(leases))),
    "Barrier": lambda path: Barrier(client.Barrier(path)),
    "DoubleBarrier": lambda path, n, name: Barrier(client.DoubleBarrier(path, int(n), name)),
    "Counter": lambda path: Counter(client.Counter(path), int),
    "FloatCounter": lambda path: Counter(client.Counter(path, default=0.0), float),
    "CuratorCounter": lambda path: Counter(client.Counter(path, support_curator=True), int),
    "Queue": lambda path: Queue(client.Queue(path)),
    "LockingQueue": lambda path: LockingQueue(client.LockingQueue(path)),
    "Party": lambda path, name: Party(client.Party(path, name)),
    "ShallowParty": lambda path, name: Party(client.ShallowParty(path, name)),
    "NonBlockingLease": Lease,
    "MultiNonBlockingLease": Lease,
    "SetPartitioner": Partitioner,
    "DataWatch": Data,
    "ChildrenWatch": Children,
    "TreeCache": Tree,
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
