import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.data.Stat;

/** What Apache Curator and its recipes see of a server. */
public final class CuratorClient extends Program {
    private final Events states = new Events();
    private CuratorFramework first;
    private CuratorFramework second;

    private CuratorClient(String[] args) {
        super(args);
    }

    public static void main(String[] args) {
        new CuratorClient(args).main();
    }

    @Override
    void run() throws Exception {
        first = connect(proxy, states);
        second = connect(direct, new Events());
        say("connect.state", states.next());
        say("connect.timeout", first.getZookeeperClient().getZooKeeper().getSessionTimeout());
        framework();
        transactions();
        watches();
        cache();
        mutex();
        readWriteLock();
        semaphore();
        latch();
        counters();
        barrier();
        group();
        reconnect();
        first.delete().deletingChildrenIfNeeded().forPath(root);
        attempt("end", () -> second.checkExists().forPath(root));
        first.close();
        second.close();
    }

    private static CuratorFramework connect(String addr, Events states) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(addr)
            .sessionTimeoutMs(10000)
            .connectionTimeoutMs(10000)
            .retryPolicy(new RetryForever(50))
            .ensembleTracker(false)
            .build();
        client.getConnectionStateListenable().addListener((c, state) -> states.put(state));
        client.start();
        client.blockUntilConnected(LIMIT, TimeUnit.SECONDS);
        return client;
    }

    private void framework() throws Exception {
        first.create().forPath(root, new byte[0]);
        Stat s = first.checkExists().forPath(root);
        base = s.getCzxid();
        say("framework.root", stat(s, 0));
        String deep = root + "/a/b/c";
        attempt("framework.create.parents", () -> first.create().creatingParentsIfNeeded().forPath(deep, bytes("x")));
        attempt("framework.create.containers", () -> first.create().creatingParentContainersIfNeeded()
            .forPath(root + "/k/l/m", null));
        attempt("framework.create.orset", () -> first.create().orSetData().storingStatIn(s).forPath(deep, bytes("yy")));
        say("framework.create.orset.stat", stat(s, 0));
        attempt("framework.protected", () -> first.create().withProtection()
            .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(root + "/p-").replaceAll("_c_[-0-9a-f]+", "_c_GUID"));
        attempt("framework.ttl", () -> first.create().withTtl(3600000).withMode(CreateMode.PERSISTENT_WITH_TTL)
            .forPath(root + "/ttl", bytes("t")));
        attempt("framework.get", () -> first.getData().storingStatIn(s).forPath(deep));
        say("framework.get.stat", stat(s, 0));
        attempt("framework.compressed", () -> {
            first.create().compressed().forPath(root + "/z", bytes("zzzzzzzzzzzz"));
            return first.getData().decompressed().forPath(root + "/z");
        });
        attempt("framework.children", () -> sorted(first.getChildren().storingStatIn(s).forPath(root)));
        say("framework.children.stat", stat(s, 0));
        attempt("framework.set.badversion", () -> first.setData().withVersion(7).forPath(deep, null));
        attempt("framework.delete.notempty", () -> first.delete().forPath(root + "/a"));
        attempt("framework.delete.nonode", () -> first.delete().forPath(root + "/missing"));
        attempt("framework.delete.quietly", () -> first.delete().quietly().forPath(root + "/missing"));
        attempt("framework.delete.children", () -> first.delete().deletingChildrenIfNeeded().forPath(root + "/a"));
        attempt("framework.acl", () -> first.create().withACL(ZooDefs.Ids.READ_ACL_UNSAFE).forPath(root + "/r"));
        attempt("framework.acl.get", () -> first.getACL().forPath(root + "/r"));
        Events background = new Events();
        first.getData().inBackground((c, e) -> background.put(e.getType() + " "
            + KeeperException.Code.get(e.getResultCode()))).forPath(root + "/missing");
        first.sync().inBackground((c, e) -> background.put(e.getType() + " " + e.getPath())).forPath(root);
        say("framework.background", background.next(2));
    }

    private static List<String> sorted(Collection<String> names) {
        List<String> all = new ArrayList<>();
        for (String name : names) {
            all.add(name.replaceAll("_c_[-0-9a-f]{36}", "_c_GUID"));
        }
        Collections.sort(all);
        return all;
    }

    private void transactions() throws Exception {
        CuratorOp create = first.transactionOp().create().forPath(root + "/t", bytes("1"));
        CuratorOp check = first.transactionOp().check().withVersion(0).forPath(root + "/t");
        CuratorOp set = first.transactionOp().setData().forPath(root + "/t", bytes("22"));
        CuratorOp delete = first.transactionOp().delete().withVersion(1).forPath(root + "/t");
        List<String> results = new ArrayList<>();
        for (CuratorTransactionResult r : first.transaction().forOperations(create, check, set, delete)) {
            results.add(r.getType() + " " + r.getForPath() + " " + text(r.getResultPath())
                + (r.getResultStat() == null || r.getType().name().equals("CREATE") ? "" : " " + stat(r.getResultStat(), 0)));
        }
        say("transaction", String.join("; ", results));
        attempt("transaction.failed", () -> first.transaction().forOperations(create, set, check));
        attempt("transaction.failed.nothing", () -> first.checkExists().forPath(root + "/t"));
    }

    private void watches() throws Exception {
        Events events = new Events();
        String node = root + "/watched";
        first.checkExists().usingWatcher(events.watcher()).forPath(node);
        second.create().forPath(node, null);
        say("watch.created", events.next());
        Events recursive = new Events();
        first.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE)
            .usingWatcher(recursive.watcher()).forPath(node);
        second.create().forPath(node + "/a", null);
        second.setData().forPath(node, bytes("1"));
        second.delete().forPath(node + "/a");
        say("watch.recursive", recursive.next(3));
        first.watchers().removeAll().forPath(node);
        say("watch.removed", recursive.next());
        attempt("watch.removed.twice", () -> {
            first.watchers().removeAll().forPath(node);
            return "ok";
        });
    }

    private void cache() throws Exception {
        String node = root + "/cache";
        second.create().forPath(node, bytes("0"));
        second.create().forPath(node + "/a", bytes("1"));
        Events events = new Events();
        CuratorCache cache = CuratorCache.build(first, node);
        cache.listenable().addListener(CuratorCacheListener.builder()
            .forAll((type, before, after) -> events.put(type + " " + (after == null ? before : after).getPath()))
            .forInitialized(() -> events.put("initialized"))
            .build());
        cache.start();
        String[] start = {events.next(), events.next(), events.next()};
        Arrays.sort(start); // it asks for all at once
        say("cache.start", String.join(", ", start));
        second.create().forPath(node + "/b", bytes("2"));
        say("cache.created", events.next());
        second.setData().forPath(node + "/b", bytes("3"));
        say("cache.changed", events.next());
        second.delete().forPath(node + "/a");
        say("cache.deleted", events.next());
        say("cache.get", text(cache.get(node + "/b").get().getData()));
        cache.close();
    }

    private void mutex() throws Exception {
        String path = root + "/mutex";
        InterProcessMutex held = new InterProcessMutex(first, path);
        InterProcessMutex waiting = new InterProcessMutex(second, path);
        say("mutex.first", held.acquire(LIMIT, TimeUnit.SECONDS));
        say("mutex.again", held.acquire(LIMIT, TimeUnit.SECONDS));
        say("mutex.zero", waiting.acquire(0, TimeUnit.SECONDS));
        say("mutex.nodes", sorted(first.getChildren().forPath(path)));
        Events got = new Events();
        Events queued = new Events();
        first.getChildren().usingWatcher(queued.watcher()).forPath(path);
        thread(() -> {
            got.put(waiting.acquire(LIMIT, TimeUnit.SECONDS));
            waiting.release();
            got.put("released");
        });
        say("mutex.queued", queued.next());
        held.release();
        say("mutex.still", held.isAcquiredInThisProcess());
        held.release();
        say("mutex.second", got.next(2));
    }

    private interface Work {
        void run() throws Exception;
    }

    private static void thread(Work work) {
        Thread t = new Thread(() -> {
            try {
                work.run();
            } catch (Exception e) {
                e.printStackTrace();
            }
        });
        t.setDaemon(true);
        t.start();
    }

    private void readWriteLock() throws Exception {
        String path = root + "/rw";
        InterProcessReadWriteLock one = new InterProcessReadWriteLock(first, path);
        InterProcessReadWriteLock two = new InterProcessReadWriteLock(second, path);
        say("rw.read.both", one.readLock().acquire(LIMIT, TimeUnit.SECONDS) + " "
            + two.readLock().acquire(LIMIT, TimeUnit.SECONDS));
        say("rw.write.refused", two.writeLock().acquire(0, TimeUnit.SECONDS));
        one.readLock().release();
        two.readLock().release();
        say("rw.write", one.writeLock().acquire(LIMIT, TimeUnit.SECONDS));
        say("rw.read.within", one.readLock().acquire(LIMIT, TimeUnit.SECONDS));
        say("rw.read.refused", two.readLock().acquire(0, TimeUnit.SECONDS));
        one.readLock().release();
        one.writeLock().release();
    }

    private void semaphore() throws Exception {
        String path = root + "/semaphore";
        InterProcessSemaphoreV2 one = new InterProcessSemaphoreV2(first, path, 2);
        InterProcessSemaphoreV2 two = new InterProcessSemaphoreV2(second, path, 2);
        Collection<Lease> both = one.acquire(2);
        say("semaphore.leases", both.size());
        say("semaphore.third", two.acquire(0, TimeUnit.SECONDS) == null ? "refused" : "granted");
        Events got = new Events();
        thread(() -> {
            Lease lease = two.acquire(LIMIT, TimeUnit.SECONDS);
            got.put(lease == null ? "refused" : "granted");
            two.returnLease(lease);
            got.put("returned");
        });
        one.returnAll(both);
        say("semaphore.second", got.next(2));
    }

    private void latch() throws Exception {
        String path = root + "/latch";
        Events events = new Events();
        LeaderLatch one = new LeaderLatch(first, path, "one");
        LeaderLatch two = new LeaderLatch(second, path, "two");
        one.start();
        say("latch.one", one.await(LIMIT, TimeUnit.SECONDS));
        two.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                events.put("two leads");
            }

            @Override
            public void notLeader() {
                events.put("two does not lead");
            }
        });
        Events queued = new Events();
        first.getChildren().usingWatcher(queued.watcher()).forPath(path);
        two.start();
        say("latch.queued", queued.next());
        say("latch.leader", two.getLeader().getId());
        one.close();
        say("latch.two", events.next());
        two.close();
    }

    private void counters() throws Exception {
        DistributedAtomicLong one = new DistributedAtomicLong(first, root + "/atomic", new RetryNTimes(5, 10));
        DistributedAtomicLong two = new DistributedAtomicLong(second, root + "/atomic", new RetryNTimes(5, 10));
        one.add(40L);
        AtomicValue<Long> value = two.increment();
        say("atomic", value.succeeded() + " " + value.preValue() + " " + value.postValue());
        say("atomic.compareandset", one.compareAndSet(7L, 8L).succeeded() + " " + one.compareAndSet(41L, 8L).succeeded());
        Events seen = new Events();
        SharedCount count = new SharedCount(first, root + "/count", 5);
        SharedCount same = new SharedCount(second, root + "/count", 9);
        count.start();
        same.start();
        same.addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader reader, int value) {
                seen.put(value);
            }

            @Override
            public void stateChanged(CuratorFramework client, ConnectionState state) {
            }
        });
        say("count.first", same.getCount());
        count.setCount(6);
        say("count.changed", seen.next());
        count.close();
        same.close();
    }

    private void barrier() throws Exception {
        DistributedBarrier one = new DistributedBarrier(first, root + "/barrier");
        DistributedBarrier two = new DistributedBarrier(second, root + "/barrier");
        one.setBarrier();
        Events passed = new Events();
        thread(() -> passed.put(two.waitOnBarrier(LIMIT, TimeUnit.SECONDS)));
        one.removeBarrier();
        say("barrier", passed.next());
    }

    private void group() throws Exception {
        GroupMember one = new GroupMember(first, root + "/group", "one", bytes("1"));
        GroupMember two = new GroupMember(second, root + "/group", "two", bytes("2"));
        one.start();
        two.start(); // both join in the background
        awaitNode(root + "/group/one");
        awaitNode(root + "/group/two");
        say("group.members", new TreeSet<>(second.getChildren().forPath(root + "/group")));
        one.close();
        two.close();
    }

    private void awaitNode(String path) throws Exception {
        Events created = new Events();
        if (first.checkExists().usingWatcher(created.watcher()).forPath(path) == null) {
            created.next();
        }
    }

    private void reconnect() throws Exception {
        String node = root + "/reconnect";
        first.create().forPath(node, null);
        PersistentNode kept = new PersistentNode(first, CreateMode.EPHEMERAL, false, node + "/kept", bytes("k"));
        kept.start();
        say("reconnect.kept", kept.waitForInitialCreate(LIMIT, TimeUnit.SECONDS));
        Events recursive = new Events();
        first.watchers().add().withMode(AddWatchMode.PERSISTENT_RECURSIVE).usingWatcher(recursive.watcher()).forPath(node);
        long session = first.getZookeeperClient().getZooKeeper().getSessionId();
        order("cut");
        say("cut.states", states.until("RECONNECTED"));
        say("cut.session", first.getZookeeperClient().getZooKeeper().getSessionId() == session ? "same" : "new");
        say("cut.kept", second.checkExists().forPath(node + "/kept").getEphemeralOwner() == session ? "same" : "new");
        first.checkExists().forPath(node); // by then the server has the watches that were sent again
        String changed = "NodeDataChanged " + node; // and the kept node may be written again, too
        second.setData().forPath(node, bytes("x"));
        say("cut.watch", recursive.until(changed).endsWith(changed));

        Events back = new Events();
        second.watchers().add().withMode(AddWatchMode.PERSISTENT).usingWatcher(back.watcher()).forPath(node + "/kept");
        order("expire " + hex(session));
        say("expire.states", states.until("RECONNECTED"));
        say("expire.session", first.getZookeeperClient().getZooKeeper().getSessionId() == session ? "same" : "new");
        String gone = "NodeDeleted " + node + "/kept";
        String again = "NodeCreated " + node + "/kept";
        say("expire.kept", back.until(gone).endsWith(gone) + " " + back.until(again).endsWith(again));
        kept.close();
    }
}
