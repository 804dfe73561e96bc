import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZKUtil;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** What ZooKeeper's own Java client sees of a server. */
public final class JavaClient extends Program {
    private ZooKeeper zk;
    private ZooKeeper other;

    private JavaClient(String[] args) {
        super(args);
    }

    public static void main(String[] args) {
        new JavaClient(args).main();
    }

    @Override
    void run() throws Exception {
        timeouts();
        zk = new Session(proxy, 10000).zk;
        other = new Session(direct, 10000).zk;
        crud();
        Part[] parts = {this::children, this::errors, this::sequences, this::multi, this::acls,
            this::identity, this::watches, this::persistentWatches, this::removals, this::ephemerals,
            this::pipeline};
        for (Part part : parts) {
            rebase(zk);
            part.run();
        }
        zk.close();
        rebase(other);
        reconnects();
        if (reaper) {
            rebase(other);
            reaping();
        }
        ZKUtil.deleteRecursive(other, root);
        attempt("end", () -> other.exists(root, false));
        other.close();
    }

    private interface Part {
        void run() throws Exception;
    }

    private void timeouts() throws Exception {
        String[] names = {"low", "high", "middle"};
        int[] timeouts = {500, 1000000, 12345};
        for (int i = 0; i < names.length; i++) {
            Session session = new Session(proxy, timeouts[i]);
            say("connect.timeout." + names[i], session.zk.getSessionTimeout());
            session.zk.close();
        }
    }

    private String create(ZooKeeper zk, String path, String data, CreateMode mode) throws Exception {
        return zk.create(path, data == null ? null : bytes(data), Ids.OPEN_ACL_UNSAFE, mode);
    }

    private void crud() throws Exception {
        create(zk, root, "", CreateMode.PERSISTENT);
        Stat s = zk.exists(root, false);
        base = s.getCzxid();
        say("crud.root", stat(s, 0));
        String node = root + "/node";
        attempt("crud.create", () -> create(zk, node, "one", CreateMode.PERSISTENT));
        Stat made = new Stat();
        attempt("crud.create2", () -> zk.create(root + "/two", bytes("22"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, made));
        say("crud.create2.stat", stat(made, 0));
        attempt("crud.get", () -> Arrays.asList(zk.getData(node, false, made), made));
        attempt("crud.set", () -> zk.setData(node, bytes("longer"), -1));
        attempt("crud.set.version", () -> zk.setData(node, bytes("x"), 1));
        attempt("crud.set.empty", () -> zk.setData(node, new byte[0], 2));
        attempt("crud.set.null", () -> zk.setData(node, null, 3));
        attempt("crud.get.null", () -> zk.getData(node, false, null));
        attempt("crud.delete", () -> {
            zk.delete(root + "/two", 0);
            return "ok";
        });
        attempt("crud.exists.gone", () -> zk.exists(root + "/two", false));
        attempt("crud.root.after", () -> zk.exists(root, false));
        attempt("crud.unicode", () -> create(zk, root + "/gr\u00f6\u00dfe-\u6c34", "", CreateMode.PERSISTENT));
        attempt("crud.config", () -> Arrays.asList(zk.getConfig(false, made), made.getVersion()));
    }

    private void children() throws Exception {
        String node = root + "/node";
        for (int i = 0; i < 50; i++) {
            create(zk, node + "/" + Integer.toString(i * 31, 36), null, CreateMode.PERSISTENT);
        }
        for (String name : new String[] {"Aa", "BB", "AaAa", "BBBB", "AaBB", "BBAa"}) { // hash alike
            create(zk, node + "/" + name, null, CreateMode.PERSISTENT);
        }
        Stat s = new Stat();
        attempt("children.order", () -> zk.getChildren(node, false, s));
        say("children.stat", stat(s, 0));
        attempt("children.count", () -> zk.getAllChildrenNumber(root));
        attempt("children.count.leaf", () -> zk.getAllChildrenNumber(node + "/Aa"));
    }

    private void errors() throws Exception {
        String node = root + "/node";
        String missing = root + "/missing";
        attempt("error.get.nonode", () -> zk.getData(missing, false, null));
        attempt("error.set.nonode", () -> zk.setData(missing, null, -1));
        attempt("error.delete.nonode", () -> delete(missing, -1));
        attempt("error.children.nonode", () -> zk.getChildren(missing, false));
        attempt("error.count.nonode", () -> zk.getAllChildrenNumber(missing));
        attempt("error.getacl.nonode", () -> zk.getACL(missing, null));
        attempt("error.setacl.nonode", () -> zk.setACL(missing, Ids.OPEN_ACL_UNSAFE, -1));
        attempt("error.create.noparent", () -> create(zk, missing + "/child", "", CreateMode.PERSISTENT));
        attempt("error.create.exists", () -> create(zk, node, "", CreateMode.PERSISTENT));
        attempt("error.set.badversion", () -> zk.setData(node, null, 99));
        attempt("error.delete.badversion", () -> delete(node, 99));
        attempt("error.delete.notempty", () -> delete(node, -1));
        attempt("error.delete.system", () -> delete("/zookeeper/config", -1));
        attempt("error.create.root", () -> create(zk, "/", "", CreateMode.PERSISTENT));
        create(zk, root + "/fleeting", "", CreateMode.EPHEMERAL);
        attempt("error.create.underephemeral", () -> create(zk, root + "/fleeting/child", "", CreateMode.PERSISTENT));
        zk.delete(root + "/fleeting", -1);
        attempt("error.invalidacl.empty", () -> zk.create(missing, null, new ArrayList<>(), CreateMode.PERSISTENT));
        attempt("error.invalidacl.scheme", () -> zk.create(missing, null, acl(31, "nobody", "x"), CreateMode.PERSISTENT));
        attempt("error.invalidacl.world", () -> zk.create(missing, null, acl(31, "world", "all"), CreateMode.PERSISTENT));
        attempt("error.invalidacl.digest", () -> zk.create(missing, null, acl(31, "digest", "a:b:c"), CreateMode.PERSISTENT));
        attempt("error.invalidacl.ip6", () -> { // fine since 3.9.4
            zk.create(root + "/ip6", null, acl(Perms.ALL, "ip", "::1"), CreateMode.PERSISTENT);
            return delete(root + "/ip6", -1);
        });
        ZooKeeperAdmin admin = new ZooKeeperAdmin(direct, 10000, e -> { });
        attempt("error.reconfig", () -> admin.reconfigure("server.2=127.0.0.1:1:2;3", null, null, -1, null));
        admin.close();
    }

    private Object delete(String path, int version) throws Exception {
        zk.delete(path, version);
        return "ok";
    }

    private static List<ACL> acl(int perms, String scheme, String id) {
        return Collections.singletonList(new ACL(perms, new Id(scheme, id)));
    }

    private void sequences() throws Exception {
        String parent = root + "/sequence";
        create(zk, parent, "", CreateMode.PERSISTENT);
        attempt("sequence.first", () -> create(zk, parent + "/s-", "", CreateMode.PERSISTENT_SEQUENTIAL));
        attempt("sequence.ephemeral", () -> create(zk, parent + "/", "", CreateMode.EPHEMERAL_SEQUENTIAL));
        attempt("sequence.container", () -> create(zk, parent + "/c", "", CreateMode.CONTAINER));
        Stat s = new Stat();
        attempt("sequence.ttl", () -> zk.create(parent + "/t", null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, s, 3600000));
        say("sequence.ttl.stat", stat(s, 0));
        zk.delete(parent + "/c", -1);
        attempt("sequence.fifth", () -> create(zk, parent + "/s-", "", CreateMode.PERSISTENT_SEQUENTIAL));
        attempt("sequence.parent", () -> zk.exists(parent, false));
    }

    private String results(List<OpResult> results) {
        List<String> all = new ArrayList<>();
        for (OpResult r : results) {
            if (r instanceof OpResult.ErrorResult) {
                all.add(KeeperException.Code.get(((OpResult.ErrorResult) r).getErr()).toString());
            } else if (r instanceof OpResult.CreateResult) {
                OpResult.CreateResult c = (OpResult.CreateResult) r;
                all.add(c.getPath() + (c.getStat() == null ? "" : " " + stat(c.getStat(), zk.getSessionId())));
            } else if (r instanceof OpResult.SetDataResult) {
                all.add(stat(((OpResult.SetDataResult) r).getStat(), 0));
            } else if (r instanceof OpResult.GetDataResult) {
                OpResult.GetDataResult g = (OpResult.GetDataResult) r;
                all.add(text(g.getData()) + " " + stat(g.getStat(), 0));
            } else if (r instanceof OpResult.GetChildrenResult) {
                all.add(String.join(",", ((OpResult.GetChildrenResult) r).getChildren()));
            } else {
                all.add(r.getClass().getSimpleName());
            }
        }
        return String.join("; ", all);
    }

    private void attemptMulti(String name, Op... ops) throws Exception {
        try {
            say(name, results(zk.multi(Arrays.asList(ops))));
        } catch (KeeperException e) {
            say(name, e.code() + ": " + (e.getResults() == null ? "no results" : results(e.getResults())));
        }
    }

    private Op createOp(String path, CreateMode mode) {
        return Op.create(path, bytes("m"), Ids.OPEN_ACL_UNSAFE, mode);
    }

    private void multi() throws Exception {
        String parent = root + "/multi";
        create(zk, parent, "", CreateMode.PERSISTENT);
        attemptMulti("multi.all",
            createOp(parent + "/a", CreateMode.PERSISTENT),
            createOp(parent + "/a/b", CreateMode.EPHEMERAL),
            createOp(parent + "/s", CreateMode.PERSISTENT_SEQUENTIAL),
            createOp(parent + "/s", CreateMode.EPHEMERAL_SEQUENTIAL),
            createOp(parent + "/c", CreateMode.CONTAINER),
            Op.create(parent + "/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 3600000),
            Op.setData(parent + "/a", bytes("22"), 0),
            Op.check(parent + "/a", 1),
            Op.delete(parent + "/a/b", 0),
            Op.delete(parent + "/a", 1));
        attempt("multi.all.parent", () -> zk.exists(parent, false));
        attemptMulti("multi.empty");
        attemptMulti("multi.check", Op.check(parent, 0));
        multiFailures();
        multiReads();
    }

    private void multiFailures() throws Exception {
        String parent = root + "/multi";
        Op good = createOp(parent + "/g", CreateMode.PERSISTENT_SEQUENTIAL);
        attemptMulti("multi.failed.version", good, Op.check(parent, 7), good);
        attemptMulti("multi.failed.exists", good, createOp(parent, CreateMode.PERSISTENT));
        attemptMulti("multi.failed.nonode", Op.delete(parent + "/x", -1), good);
        attemptMulti("multi.failed.notempty", good, Op.delete(parent, -1));
        attemptMulti("multi.failed.underephemeral", createOp(parent + "/e", CreateMode.EPHEMERAL),
            createOp(parent + "/e/x", CreateMode.PERSISTENT));
        attempt("multi.failed.parent", () -> zk.exists(parent, false));
        attempt("multi.failed.sequence", () -> create(zk, parent + "/s", "", CreateMode.PERSISTENT_SEQUENTIAL));
    }

    private void multiReads() throws Exception {
        attemptMulti("multiread", Op.getData(root + "/sequence"), Op.getChildren(root + "/sequence"),
            Op.getData(root + "/missing"), Op.getChildren(root + "/missing"), Op.getChildren(root + "/node/Aa"));
    }

    private void acls() throws Exception {
        String node = root + "/acl";
        List<ACL> mine = new ArrayList<>(acl(Perms.ALL, "digest", "anna:OgzzOYOLDrpKJ2oz1HsdOuyz86Q="));
        mine.addAll(acl(Perms.READ, "ip", "10.0.0.0/8"));
        mine.addAll(acl(Perms.READ, "ip", "10.0.0.0/8"));
        zk.create(node, bytes("secret"), mine, CreateMode.PERSISTENT);
        attempt("acl.denied.get", () -> zk.getData(node, false, null));
        attempt("acl.denied.exists", () -> zk.exists(node, false));
        attempt("acl.denied.set", () -> zk.setData(node, null, -1));
        attempt("acl.denied.children", () -> zk.getChildren(node, false));
        attempt("acl.denied.create", () -> create(zk, node + "/x", null, CreateMode.PERSISTENT));
        attempt("acl.denied.getacl", () -> zk.getACL(node, null));
        attempt("acl.denied.setacl", () -> zk.setACL(node, Ids.OPEN_ACL_UNSAFE, -1));
        attemptMulti("acl.denied.multi", Op.check(node, 0));
        zk.addAuthInfo("digest", bytes("anna:pw"));
        attempt("acl.get", () -> zk.getData(node, false, null));
        Stat s = new Stat();
        attempt("acl.getacl", () -> zk.getACL(node, s));
        attempt("acl.creator", () -> zk.setACL(node, Ids.CREATOR_ALL_ACL, 0));
        attempt("acl.creator.acl", () -> Arrays.asList(zk.getACL(node, s), s));
        attempt("acl.badversion", () -> zk.setACL(node, Ids.OPEN_ACL_UNSAFE, 0));
        attempt("acl.other", () -> other.getACL(node, null));
        List<ACL> readable = new ArrayList<>(Ids.READ_ACL_UNSAFE);
        readable.addAll(Ids.CREATOR_ALL_ACL);
        attempt("acl.readable", () -> zk.setACL(node, readable, 1));
        attempt("acl.redacted", () -> other.getACL(node, null));
        attempt("acl.whole", () -> zk.getACL(node, null));
        attempt("acl.delete.other", () -> {
            other.delete(node, -1);
            return "ok";
        });
    }

    private void identity() throws Exception {
        List<String> ids = new ArrayList<>();
        zk.whoAmI().forEach(i -> ids.add(i.getAuthScheme() + ":" + i.getUser()));
        Collections.sort(ids);
        say("whoami", ids);
        Events synced = new Events();
        zk.sync(root, (rc, path, context) -> synced.put(KeeperException.Code.get(rc) + " " + path), null);
        say("sync", synced.next());
    }

    private void watches() throws Exception {
        String node = root + "/watched";
        Events events = new Events();
        Watcher watch = events.watcher();
        attempt("watch.exists.missing", () -> zk.exists(node, watch));
        create(other, node, "", CreateMode.PERSISTENT);
        say("watch.created", events.next());
        zk.getData(node, watch, null);
        zk.exists(node, watch);
        other.setACL(node, Ids.OPEN_ACL_UNSAFE, -1);
        other.setData(node, bytes("x"), -1);
        say("watch.changed", events.next());
        zk.getChildren(node, watch);
        create(other, node + "/child", "", CreateMode.PERSISTENT);
        say("watch.child", events.next());
        zk.getData(node, watch, null);
        zk.setData(node, bytes("own"), -1);
        say("watch.own", events.next());
        zk.getChildren(node, watch);
        zk.getChildren(root, watch);
        zk.exists(node + "/child", watch);
        other.delete(node + "/child", -1);
        say("watch.child.deleted", events.next(2));
        Events data = new Events();
        zk.getData(node, data.watcher(), null);
        zk.getChildren(node, watch);
        other.delete(node, -1);
        say("watch.deleted", data.next() + "; " + events.next(2));
        attempt("watch.get.missing", () -> zk.getData(node, watch, null));
        say("watch.left", events.queue.size());
    }

    private void persistentWatches() throws Exception {
        String node = root + "/persistent";
        Events one = new Events();
        Events all = new Events();
        zk.addWatch(node, one.watcher(), AddWatchMode.PERSISTENT);
        zk.addWatch(root + "/per", all.watcher(), AddWatchMode.PERSISTENT_RECURSIVE); // no prefix of names
        zk.addWatch(root, all.watcher(), AddWatchMode.PERSISTENT_RECURSIVE);
        create(other, node, "", CreateMode.PERSISTENT);
        other.setData(node, null, -1);
        create(other, node + "/a", "", CreateMode.PERSISTENT);
        create(other, node + "/a/b", "", CreateMode.PERSISTENT);
        other.setData(node + "/a/b", null, -1);
        other.setACL(node + "/a/b", Ids.OPEN_ACL_UNSAFE, -1);
        other.delete(node + "/a/b", -1);
        other.delete(node + "/a", -1);
        other.multi(Arrays.asList(Op.setData(node, bytes("m"), -1), Op.delete(node, -1)));
        say("watch.persistent", one.next(6));
        say("watch.recursive", all.next(9));
        create(other, node, "", CreateMode.PERSISTENT);
        say("watch.persistent.again", one.next() + "; " + all.next());
        zk.removeAllWatches(root, Watcher.WatcherType.Any, false);
        zk.removeAllWatches(root + "/per", Watcher.WatcherType.Any, false);
        Events once = new Events();
        zk.getData(node, once.watcher(), null);
        other.setData(node, bytes("1"), -1);
        say("watch.mixed.once", once.next());
        say("watch.mixed.persistent", one.next());
        other.setData(node, bytes("2"), -1);
        say("watch.mixed.persistent.still", one.next());
        zk.removeAllWatches(node, Watcher.WatcherType.Any, false);
        say("watch.recursive.removed", all.next());
    }

    private void removals() throws Exception {
        String node = root + "/removals";
        create(zk, node, "", CreateMode.PERSISTENT);
        Events data = new Events();
        Events child = new Events();
        Events recursive = new Events();
        Watcher dataWatch = data.watcher();
        Watcher childWatch = child.watcher();
        zk.getData(node, dataWatch, null);
        zk.getChildren(node, childWatch);
        attempt("remove.wrong", () -> remove(node, childWatch, Watcher.WatcherType.Data));
        attempt("remove.data", () -> remove(node, dataWatch, Watcher.WatcherType.Data));
        say("remove.data.event", data.next());
        attempt("remove.data.twice", () -> remove(node, dataWatch, Watcher.WatcherType.Data));
        other.setData(node, null, -1);
        create(other, node + "/x", "", CreateMode.PERSISTENT);
        say("remove.child.still", child.next());
        Watcher recursiveWatch = recursive.watcher();
        zk.addWatch(node, recursiveWatch, AddWatchMode.PERSISTENT_RECURSIVE);
        attempt("remove.recursive.aspersistent", () -> remove(node, recursiveWatch, Watcher.WatcherType.Persistent));
        attempt("remove.recursive", () -> remove(node, recursiveWatch, Watcher.WatcherType.PersistentRecursive));
        attempt("remove.missing", () -> remove(root + "/missing", dataWatch, Watcher.WatcherType.Any));
        say("remove.left", data.queue.size() + " " + child.queue.size());
    }

    private Object remove(String path, Watcher watch, Watcher.WatcherType type) throws Exception {
        zk.removeWatches(path, watch, type, false);
        return "ok";
    }

    private void ephemerals() throws Exception {
        String node = root + "/ephemeral";
        ZooKeeper mortal = new Session(direct, 10000).zk;
        for (String name : new String[] {"", "-b", "-a", "x"}) {
            create(mortal, node + name, "", CreateMode.EPHEMERAL);
        }
        Events events = new Events();
        Stat s = zk.exists(node, events.watcher());
        say("ephemeral.stat", stat(s, zk.getSessionId()));
        say("ephemeral.stat.mine", stat(s, mortal.getSessionId()));
        List<String> mine = mortal.getEphemerals(node);
        Collections.sort(mine);
        say("ephemeral.list", mine);
        List<String> some = mortal.getEphemerals(node + "-");
        Collections.sort(some);
        say("ephemeral.list.prefix", some);
        say("ephemeral.list.others", zk.getEphemerals(node));
        mortal.close();
        say("ephemeral.closed", events.next());
        attempt("ephemeral.gone", () -> zk.exists(node + "x", false));
        attempt("ephemeral.root", () -> zk.exists(root, false));
    }

    /** Many requests at once: replies come in the order of the requests, errors between results. */
    private void pipeline() throws Exception {
        String parent = root + "/pipeline";
        create(zk, parent, "", CreateMode.PERSISTENT);
        Events events = new Events();
        for (int i = 0; i < 200; i++) {
            zk.create(parent + "/n", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL,
                (rc, path, context, name) -> events.put(rc + " " + name.substring(name.length() - 3)), null);
            zk.setData(parent, null, i % 3 == 0 ? -1 : 1000000,
                (rc, path, context, stat) -> events.put(rc + (stat == null ? "" : " v" + stat.getVersion())), null);
            zk.exists(parent, false, (rc, path, context, stat) -> events.put(rc + " c" + stat.getCversion()), null);
        }
        StringBuilder all = new StringBuilder();
        for (int i = 0; i < 600; i++) {
            all.append(events.next()).append(';');
        }
        say("pipeline.start", all.substring(0, 60));
        say("pipeline.hash", Integer.toHexString(all.toString().hashCode()));
        attempt("pipeline.stat", () -> zk.exists(parent, false));
    }

    /**
     * Comes last, and does not tell zxids once something was reaped: a server that is slow to delete a
     * node tries again, which counts.
     */
    private void reaping() throws Exception {
        String container = root + "/container";
        String ttl = root + "/ttl";
        Events events = new Events();
        attempt("container.create", () -> create(other, container, "", CreateMode.CONTAINER));
        attempt("container.stat", () -> other.exists(container, events.watcher()));
        Stat s = new Stat();
        attempt("ttl.create", () -> other.create(ttl, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, s, 3600000));
        say("ttl.stat", stat(s, 0));
        create(other, container + "/child", "", CreateMode.PERSISTENT);
        other.delete(container + "/child", -1);
        say("container.reaped", events.next());
        attempt("ttl.create.short", () -> other.create(ttl + "2", null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT_WITH_TTL, s, 1000));
        other.exists(ttl + "2", events.watcher());
        say("ttl.reaped", events.next());
        attempt("ttl.stays", () -> other.exists(ttl, false) != null);
    }

    private void reconnects() throws Exception {
        Session session = new Session(proxy, 10000);
        ZooKeeper c = session.zk;
        long id = c.getSessionId();
        String node = root + "/reconnect";
        Events once = new Events();
        Events persistent = new Events();
        Events recursive = new Events();
        c.addAuthInfo("digest", bytes("anna:pw"));
        create(c, node, "", CreateMode.PERSISTENT);
        create(c, node + "/mine", "", CreateMode.EPHEMERAL);
        c.addWatch(node, persistent.watcher(), AddWatchMode.PERSISTENT);
        c.addWatch(root, recursive.watcher(), AddWatchMode.PERSISTENT_RECURSIVE);
        c.getData(node + "/mine", once.watcher(), null);
        c.getChildren(node, once.watcher());
        order("cut");
        say("cut.states", session.states.until("SyncConnected"));
        say("cut.session", c.getSessionId() == id ? "same" : "new");
        say("cut.ephemeral", stat(c.exists(node + "/mine", false), id));
        attempt("cut.auth", () -> c.create(node + "/private", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        say("cut.watches", once.next() + "; " + persistent.next() + "; " + recursive.next());
        other.setData(node + "/mine", null, -1);
        say("cut.watches.data", once.next() + "; " + recursive.next());

        c.getData(node, once.watcher(), null);
        c.getChildren(node, once.watcher());
        c.exists(node + "/new", once.watcher());
        c.getData(node + "/mine", once.watcher(), null);
        order("hold");
        say("hold.states", session.states.until("Disconnected"));
        other.setData(node, null, -1);
        create(other, node + "/new", "", CreateMode.PERSISTENT);
        other.delete(node + "/mine", -1);
        order("release");
        say("hold.release.states", session.states.until("SyncConnected"));
        String[] late = once.next(4).split(", ");
        Arrays.sort(late); // the client sends its watches in no order
        say("hold.watches", Arrays.toString(late));
        other.setData(node, null, -1); // what persistent watches missed is not told
        say("hold.persistent", persistent.next() + "; " + recursive.next());

        create(c, node + "/mine", "", CreateMode.EPHEMERAL);
        Events gone = new Events();
        other.exists(node + "/mine", gone.watcher());
        order("expire " + hex(id));
        say("expire.states", session.states.until("Expired"));
        say("expire.ephemeral", gone.next());
        attempt("expire.unusable", () -> c.exists(node, false));
        other.delete(node + "/private", -1);
        c.close();
    }
}
