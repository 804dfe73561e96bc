"""What kazoo sees of a server. See doc.go for what a program prints and is called with."""

import queue
import sys
import threading

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import KazooException
from kazoo.recipe.watchers import ChildrenWatch, DataWatch
from kazoo.security import ACL, Permissions, make_acl, make_digest_acl

LIMIT = 10  # seconds that anything may take

proxy, direct, root = sys.argv[1:4]
reaper = "reaper" in sys.argv[4:]
base = None  # zxids are told as distances from this one


def say(name, result):
    print(f"{name}: {result}", flush=True)


def order(text):
    """Gives the runner an order and returns its answer."""
    print("@" + text, flush=True)
    return sys.stdin.readline().strip()


def error(e):
    return type(e).__name__


def attempt(name, call, show=None):
    """Says what a call returns, or the error it raises."""
    try:
        say(name, (show or text)(call()))
    except KazooException as e:
        say(name, error(e))


def text(value):
    return stat(value) if hasattr(value, "czxid") else str(value)


def stat(s, owner=None):
    eph = "none" if s.ephemeralOwner == 0 else "mine" if s.ephemeralOwner == owner else "other"
    return (
        f"version={s.version} cversion={s.cversion} aversion={s.aversion} ephemeral={eph}"
        f" length={s.dataLength} children={s.numChildren}"
        f" czxid={zxid(s.czxid)} mzxid={zxid(s.mzxid)} pzxid={zxid(s.pzxid)}"
        f" modified={'later' if s.mzxid != s.czxid else 'never' if s.mtime == s.ctime else 'BAD'}"
    )


def zxid(value):
    return "earlier" if value < base else f"+{value - base}"


def rebase(zk):
    """Begins a new part: what one does to zxids does not show in the next."""
    global base
    base = zk.set(root, b"").mzxid


class Events:
    """Watch events in the order in which they come."""

    def __init__(self):
        self.queue = queue.Queue()

    def __call__(self, event):
        self.queue.put(f"{event.type} {event.path} {event.state}")

    def next(self):
        try:
            return self.queue.get(timeout=LIMIT)
        except queue.Empty:
            return "no event"


def connect(addr, timeout=10.0, **options):
    client = KazooClient(hosts=addr, timeout=timeout, **options)
    client.start(timeout=LIMIT)
    return client


def close(client):
    client.stop()
    client.close()


def timeouts():
    for name, seconds in (("low", 0.5), ("high", 1000.0), ("middle", 12.345)):
        client = connect(proxy, seconds)
        say(f"connect.timeout.{name}", order("negotiated"))
        close(client)


def crud(zk):
    global base
    zk.create(root, b"")
    base = zk.exists(root).czxid
    node = root + "/node"
    say("crud.root", stat(zk.exists(root)))
    attempt("crud.create", lambda: zk.create(node, b"one"))
    attempt("crud.create.stat", lambda: zk.create(root + "/two", b"\x00\xff", include_data=True),
            lambda r: f"{r[0]} {stat(r[1])}")
    attempt("crud.get", lambda: zk.get(node), lambda r: f"{r[0]!r} {stat(r[1])}")
    attempt("crud.set", lambda: zk.set(node, b"longer"), stat)
    attempt("crud.set.same", lambda: zk.set(node, b"longer", version=1), stat)
    attempt("crud.set.empty", lambda: zk.set(node, b""), stat)
    attempt("crud.get.empty", lambda: zk.get(node), lambda r: f"{r[0]!r} {stat(r[1])}")
    attempt("crud.exists", lambda: zk.exists(node), stat)
    attempt("crud.children", lambda: zk.get_children(root, include_data=True), lambda r: f"{r[0]} {stat(r[1])}")
    attempt("crud.delete", lambda: zk.delete(root + "/two", version=0))
    attempt("crud.exists.gone", lambda: zk.exists(root + "/two"))
    say("crud.root.after", stat(zk.exists(root)))
    attempt("crud.unicode", lambda: zk.create(root + "/größe-水", b""))
    attempt("crud.ensure_path", lambda: zk.ensure_path(root + "/a/b/c"))
    attempt("crud.delete.recursive", lambda: zk.delete(root + "/a", recursive=True))
    attempt("crud.sync", lambda: zk.sync(node))
    names = ["n%d" % i for i in range(30)] + ["Aa", "BB", "C#", "polygenelubricants"]
    zk.create(root + "/order", b"")
    for name in names:
        zk.create(root + "/order/" + name, b"")
    attempt("crud.children.order", lambda: zk.get_children(root + "/order"), " ".join)


def errors(zk):
    node, missing = root + "/node", root + "/missing"
    attempt("error.get.nonode", lambda: zk.get(missing))
    attempt("error.set.nonode", lambda: zk.set(missing, b""))
    attempt("error.delete.nonode", lambda: zk.delete(missing))
    attempt("error.children.nonode", lambda: zk.get_children(missing))
    attempt("error.acl.nonode", lambda: zk.get_acls(missing))
    attempt("error.setacl.nonode", lambda: zk.set_acls(missing, [make_acl("world", "anyone", all=True)]))
    attempt("error.create.noparent", lambda: zk.create(missing + "/child", b""))
    attempt("error.create.exists", lambda: zk.create(node, b""))
    attempt("error.set.badversion", lambda: zk.set(node, b"", version=99))
    attempt("error.delete.badversion", lambda: zk.delete(node, version=99))
    attempt("error.delete.notempty", lambda: zk.delete(root + "/order"))
    attempt("error.delete.notempty.badversion", lambda: zk.delete(root + "/order", version=7))
    attempt("error.delete.system", lambda: zk.delete("/zookeeper"))
    attempt("error.create.badpath", lambda: zk.create(root + "/\x01", b""))
    zk.create(root + "/fleeting", b"", ephemeral=True)
    attempt("error.create.underephemeral", lambda: zk.create(root + "/fleeting/child", b""))
    attempt("error.invalidacl.scheme", lambda: zk.create(missing, b"", acl=[make_acl("nobody", "x", all=True)]))
    attempt("error.invalidacl.ip", lambda: zk.create(missing, b"", acl=[make_acl("ip", "300.1.1.1", all=True)]))
    attempt("error.invalidacl.auth", lambda: zk.create(missing, b"", acl=[make_acl("auth", "", all=True)]))
    attempt("error.reconfig", lambda: zk.reconfig("server.2=127.0.0.1:1:2;3", None, None))
    attempt("error.config", lambda: zk.get("/zookeeper/config"), lambda r: repr(r[0]))
    zk.delete(root + "/fleeting")


def sequences(zk):
    parent = root + "/sequence"
    zk.create(parent, b"")
    attempt("sequence.first", lambda: zk.create(parent + "/s-", b"", sequence=True))
    zk.create(parent + "/plain", b"")
    attempt("sequence.third", lambda: zk.create(parent + "/t-", b"", sequence=True))
    zk.delete(parent + "/plain")
    attempt("sequence.after.delete", lambda: zk.create(parent + "/", b"", sequence=True))
    attempt("sequence.ephemeral", lambda: zk.create(parent + "/e", b"", sequence=True, ephemeral=True, include_data=True),
            lambda r: f"{r[0]} {stat(r[1], zk.client_id[0])}")
    attempt("sequence.missing", lambda: zk.create(root + "/missing/s", b"", sequence=True))
    say("sequence.parent", stat(zk.exists(parent)))


def each(results):
    return "; ".join(error(r) if isinstance(r, Exception) else text(r) for r in results)


def transactions(zk):
    parent = root + "/multi"
    zk.create(parent, b"")
    t = zk.transaction()
    t.create(parent + "/a", b"1")
    t.create(parent + "/s", b"", sequence=True)
    t.set_data(parent + "/a", b"22", version=0)
    t.check(parent + "/a", version=1)
    t.delete(parent + "/a", version=1)
    t.create(parent + "/e", b"", ephemeral=True)
    say("multi.all", each(t.commit()))
    say("multi.all.parent", stat(zk.exists(parent)))
    t = zk.transaction()
    t.create(parent + "/b", b"")
    t.create(parent + "/s", b"", sequence=True)
    t.check(parent + "/b", version=3)
    t.delete(parent + "/missing")
    say("multi.failed", each(t.commit()))
    say("multi.failed.parent", stat(zk.exists(parent)))
    attempt("multi.failed.sequence", lambda: zk.create(parent + "/s", b"", sequence=True))
    t = zk.transaction()
    t.create(parent + "/e/child", b"")
    say("multi.underephemeral", each(t.commit()))
    t = zk.transaction()
    t.check(parent, version=0)
    say("multi.check", each(t.commit()))
    say("multi.empty", each(zk.transaction().commit()))


def show_acl(result):
    acls, s = result
    return " ".join(f"{a.id.scheme}:{a.id.id}:{a.perms}" for a in acls) + f" aversion={s.aversion}"


def acls(zk):
    node = root + "/acl"
    attempt("acl.create", lambda: zk.create(node, b"secret", acl=[
        make_digest_acl("anna", "pw", all=True), make_acl("ip", "10.0.0.0/8", read=True)]))
    attempt("acl.denied.get", lambda: zk.get(node))
    attempt("acl.denied.exists", lambda: zk.exists(node))
    attempt("acl.denied.set", lambda: zk.set(node, b""))
    attempt("acl.denied.children", lambda: zk.get_children(node))
    attempt("acl.denied.create", lambda: zk.create(node + "/child", b""))
    attempt("acl.denied.getacl", lambda: zk.get_acls(node))
    attempt("acl.denied.setacl", lambda: zk.set_acls(node, [make_acl("world", "anyone", all=True)]))
    attempt("acl.addauth.wrong", lambda: zk.add_auth("digest", "anna:wrong"))
    attempt("acl.denied.wrong", lambda: zk.get(node))
    attempt("acl.addauth", lambda: zk.add_auth("digest", "anna:pw"))
    attempt("acl.get", lambda: zk.get(node), lambda r: repr(r[0]))
    attempt("acl.getacl", lambda: zk.get_acls(node), show_acl)
    attempt("acl.auth", lambda: zk.set_acls(node, [ACL(Permissions.ALL, make_acl("auth", "", all=True).id)]), stat)
    attempt("acl.auth.ids", lambda: zk.get_acls(node), lambda r: str(sorted(show_acl(r).split())))
    attempt("acl.readonly", lambda: zk.set_acls(node, [make_acl("world", "anyone", read=True)], version=1), stat)
    attempt("acl.readonly.getacl", lambda: zk.get_acls(node), show_acl)
    attempt("acl.readonly.set", lambda: zk.set(node, b""))
    attempt("acl.readonly.setacl", lambda: zk.set_acls(node, [make_acl("world", "anyone", all=True)]))
    attempt("acl.child.delete", lambda: zk.delete(node))
    zk.create(root + "/redacted", b"", acl=[make_acl("world", "anyone", read=True), make_digest_acl("bob", "pw", all=True)])
    attempt("acl.redacted", lambda: zk.get_acls(root + "/redacted"), show_acl)
    zk.create(root + "/here", b"", acl=[make_acl("ip", "127.0.0.0/8", all=True)])
    attempt("acl.ip", lambda: zk.set(root + "/here", b"x"), stat)


def watches(zk, other):
    node, events = root + "/watched", Events()
    attempt("watch.exists.missing", lambda: zk.exists(node, watch=events))
    other.create(node, b"")
    say("watch.created", events.next())
    zk.get(node, watch=events)
    zk.get(node, watch=events)
    other.set_acls(node, [make_acl("world", "anyone", all=True)])
    other.set(node, b"x")
    say("watch.changed", events.next())
    other.set(node, b"unseen")
    zk.get_children(node, watch=events)
    other.create(node + "/child", b"")
    say("watch.child", events.next())
    zk.get(node, watch=events)
    zk.set(node, b"own")
    say("watch.own", events.next())
    zk.get_children(root, watch=events)
    zk.get_children(node, watch=events)
    other.delete(node + "/child")
    say("watch.child.deleted", events.next())
    zk.get(node, watch=events)
    other.delete(node)
    say("watch.deleted.data", events.next())
    say("watch.deleted.parent", events.next())
    attempt("watch.get.missing", lambda: zk.get(node, watch=events))
    t = other.transaction()
    t.create(node, b"")
    t.set_data(node, b"1")
    t.delete(node)
    zk.exists(node, watch=events)
    t.commit()
    say("watch.multi", events.next())
    say("watch.left", events.queue.qsize())


def ephemerals(zk, _):
    node, events = root + "/ephemeral", Events()
    mortal = connect(direct)
    mortal.create(node, b"", ephemeral=True)
    say("ephemeral.stat.other", stat(zk.exists(node, watch=events), zk.client_id[0]))
    say("ephemeral.stat.mine", stat(mortal.exists(node), mortal.client_id[0]))
    close(mortal)
    say("ephemeral.closed", events.next())
    attempt("ephemeral.gone", lambda: zk.exists(node))
    say("ephemeral.root", stat(zk.exists(root)))


class States:
    """The states kazoo tells a listener, in order."""

    def __init__(self, zk):
        self.queue = queue.Queue()
        zk.add_listener(self.queue.put)

    def until(self, state):
        seen = []
        while not seen or seen[-1] != state:
            try:
                seen.append(self.queue.get(timeout=LIMIT))
            except queue.Empty:
                seen.append("no further state")
                break
        return " ".join(seen)


def reconnects(other):
    zk = connect(proxy)
    states, events, node = States(zk), Events(), root + "/reconnect"
    session = zk.client_id
    zk.create(node, b"")
    zk.create(node + "/mine", b"", ephemeral=True)
    zk.get(node, watch=events)
    zk.get_children(node, watch=events)
    kept = queue.Queue()
    DataWatch(zk, node, func=lambda data, s: kept.put(data))
    say("cut.kept.first", kept.get(timeout=LIMIT))
    order("cut")
    say("cut.states", states.until(KazooState.CONNECTED))
    say("cut.session", "same" if zk.client_id == session else "new")
    attempt("cut.ephemeral", lambda: zk.exists(node + "/mine"), lambda s: stat(s, session[0]))
    say("cut.watches", f"{events.next()}, {events.next()}")  # kazoo drops its watches when cut off
    other.set(node, b"x")
    say("cut.kept", kept.get(timeout=LIMIT))

    order("hold")
    say("hold.states", states.until(KazooState.SUSPENDED))
    other.set(node, b"y")
    other.delete(node + "/mine")
    order("release")
    say("hold.release.states", states.until(KazooState.CONNECTED))
    say("hold.kept", kept.get(timeout=LIMIT))
    attempt("hold.ephemeral", lambda: zk.exists(node + "/mine"))

    attempt("toolarge", lambda: zk.set(node, b"x" * (1 << 20)))
    say("toolarge.states", states.until(KazooState.CONNECTED))
    say("toolarge.session", "same" if zk.client_id == session else "new")

    zk.create(node + "/mine", b"", ephemeral=True)
    gone = Events()
    other.exists(node + "/mine", watch=gone)
    order("expire %x" % (session[0] & (2**64 - 1)))
    say("expire.states", states.until(KazooState.CONNECTED))
    say("expire.session", "same" if zk.client_id == session else "new")
    say("expire.ephemeral", gone.next())
    other.set(node, b"z")
    say("expire.kept", kept.get(timeout=LIMIT))
    attempt("expire.usable", lambda: zk.get(node), lambda r: repr(r[0]))
    close(zk)


def recipes(zk, other):
    path = root + "/recipes"
    zk.ensure_path(path)
    first, second = zk.Lock(path + "/lock", "first"), other.Lock(path + "/lock", "second")
    first.acquire()
    waiting, got = threading.Event(), queue.Queue()
    zk.get_children(path + "/lock", watch=lambda _: waiting.set())
    thread = threading.Thread(target=lambda: got.put(second.acquire()), daemon=True)
    thread.start()
    waiting.wait(LIMIT)
    say("recipe.lock.contenders", first.contenders())
    say("recipe.lock.nodes", " ".join(sorted(n.split("__lock__")[1] for n in zk.get_children(path + "/lock"))))
    first.release()
    say("recipe.lock.second", got.get(timeout=LIMIT))
    second.release()
    counter = zk.Counter(path + "/counter")
    counter += 3
    counter -= 1
    say("recipe.counter", counter.value)
    fifo = zk.Queue(path + "/queue")
    fifo.put(b"low", priority=200)
    fifo.put(b"high", priority=1)
    say("recipe.queue", f"{len(fifo)} {fifo.get()} {fifo.get()} {fifo.get()}")
    seen = queue.Queue()
    DataWatch(zk, path + "/data", func=lambda data, s: seen.put(data))
    ChildrenWatch(zk, path + "/queue", func=lambda names: seen.put(names))
    say("recipe.watches.first", f"{seen.get(timeout=LIMIT)} {seen.get(timeout=LIMIT)}")
    other.create(path + "/data", b"here")
    say("recipe.watches.created", seen.get(timeout=LIMIT))
    other.create(path + "/queue/x", b"")
    say("recipe.watches.child", seen.get(timeout=LIMIT))
    party = zk.Party(path + "/party", "anna")
    party.join()
    say("recipe.party", f"{len(party)} {list(other.Party(path + '/party'))}")
    party.leave()


def main():
    timeouts()
    zk, other = connect(proxy), connect(direct)
    say("connect.version", zk.server_version()[:2])
    crud(zk)
    for part in errors, sequences, transactions, acls:
        rebase(zk)
        part(zk)
    for part in watches, ephemerals:
        rebase(zk)
        part(zk, other)
    close(zk)
    rebase(other)
    reconnects(other)
    zk = connect(proxy)
    recipes(zk, other)
    close(zk)
    other.delete(root, recursive=True)
    attempt("end", lambda: other.exists(root))
    close(other)


main()
