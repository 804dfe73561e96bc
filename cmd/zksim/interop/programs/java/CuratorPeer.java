import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.AtomicValue;
import org.apache.curator.framework.recipes.atomic.CachedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicValue;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.leader.Participant;
import org.apache.curator.framework.recipes.locks.InterProcessLock;
import org.apache.curator.framework.recipes.locks.InterProcessMultiLock;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreMutex;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.SharedCountListener;
import org.apache.curator.framework.recipes.shared.SharedCountReader;
import org.apache.curator.framework.recipes.shared.SharedValue;
import org.apache.curator.framework.recipes.shared.SharedValueListener;
import org.apache.curator.framework.recipes.shared.SharedValueReader;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooKeeper;

/** Does with Curator's recipes what it is told to: see package pairs. */
public final class CuratorPeer extends Peer {
    private final CuratorFramework client;
    private final Map<String, Object> recipes = new ConcurrentHashMap<>();

    private CuratorPeer(String addr) {
        client = CuratorFrameworkFactory.newClient(addr, new RetryOneTime(100));
        client.start();
    }

    public static void main(String[] args) throws Exception {
        CuratorPeer peer = new CuratorPeer(args[0]);
        peer.serve();
        peer.client.close();
        System.exit(0);
    }

    @Override
    ZooKeeper zooKeeper() throws Exception {
        return client.getZookeeperClient().getZooKeeper();
    }

    @Override
    Target make(String name, String kind, List<String> args) throws Exception {
        switch (kind) {
            case "InterProcessMutex": return mutex(new InterProcessMutex(client, args.get(0)));
            case "InterProcessMultiLock": return lock(new InterProcessMultiLock(client, args));
            case "InterProcessSemaphoreMutex": return lock(new InterProcessSemaphoreMutex(client, args.get(0)));
            case "InterProcessReadWriteLock":
                recipes.put(name, new InterProcessReadWriteLock(client, args.get(0)));
                return unknown();
            case "readLock": return mutex(((InterProcessReadWriteLock) recipes.get(args.get(0))).readLock());
            case "writeLock": return mutex(((InterProcessReadWriteLock) recipes.get(args.get(0))).writeLock());
            case "InterProcessSemaphoreV2": return semaphore(args.get(0), Integer.parseInt(args.get(1)));
            case "LeaderSelector": return selector(args.get(0), args.get(1));
            case "LeaderLatch": return latch(args.get(0), args.get(1));
            case "DistributedBarrier": return barrier(new DistributedBarrier(client, args.get(0)));
            case "DistributedDoubleBarrier":
                return barrier(new DistributedDoubleBarrier(client, args.get(0), Integer.parseInt(args.get(1))));
            case "DistributedAtomicLong":
                return counter(new DistributedAtomicLong(client, args.get(0), new RetryOneTime(100)));
            case "DistributedAtomicInteger":
                return counter(new DistributedAtomicInteger(client, args.get(0), new RetryNTimes(1000, 1)));
            case "DistributedAtomicValue":
                return value(new DistributedAtomicValue(client, args.get(0), new RetryOneTime(100)));
            case "CachedAtomicLong":
                return numbers(new CachedAtomicLong(
                    new DistributedAtomicLong(client, args.get(0), new RetryNTimes(1000, 1)), Integer.parseInt(args.get(1))));
            case "SharedValue": return sharedValue(args.get(0), bytes(args.get(1)));
            case "SimpleDistributedQueue": return queue(new SimpleDistributedQueue(client, args.get(0)));
            case "PersistentNode":
                return node(new PersistentNode(client, CreateMode.EPHEMERAL, false, args.get(0), bytes(args.get(1))));
            case "PersistentTtlNode":
                return ttlNode(new PersistentTtlNode(client, args.get(0), Long.parseLong(args.get(1)), bytes(args.get(2))));
            case "GroupMember": return group(new GroupMember(client, args.get(0), args.get(1), bytes(args.get(2))));
            case "SharedCount": return sharedCount(args.get(0), Integer.parseInt(args.get(1)));
            case "DistributedQueue":
            case "DistributedPriorityQueue":
            case "DistributedDelayQueue":
            case "DistributedIdQueue":
                return new CuratorQueue(client, kind, args.get(0).equals("consumer"), args.get(1), args.get(2));
            case "QueueSharder":
                return new CuratorSharder(client, args.get(0).equals("consumer"), args.get(1), args.get(2),
                    Integer.parseInt(args.get(3)), Integer.parseInt(args.get(4)), Integer.parseInt(args.get(5)));
            case "ServiceDiscovery": return new CuratorDiscovery(client, args.get(0));
            case "NodeCache":
            case "PathChildrenCache":
            case "TreeCache":
            case "CuratorCache":
                return CuratorCaches.make(client, kind, args.get(0));
            case "Changer":
                return (method, change) -> {
                    churn(change.get(0), Integer.parseInt(change.get(1)));
                    return null;
                };
            default: throw new IllegalArgumentException(kind);
        }
    }

    static Target unknown() {
        return (method, args) -> { throw new IllegalArgumentException(method); };
    }

    Target lock(InterProcessLock lock) {
        return (method, args) -> {
            switch (method) {
                case "try": return lock.acquire(1, TimeUnit.SECONDS);
                case "acquire": return lock.acquire(LIMIT, TimeUnit.SECONDS);
                case "release": lock.release(); return null;
                case "contend": return contend(lock::acquire, lock::release, args);
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target mutex(InterProcessMutex lock) {
        CountDownLatch revoked = new CountDownLatch(1);
        return (method, args) -> {
            switch (method) {
                case "try": return lock.acquire(0, TimeUnit.SECONDS);
                case "acquire": return lock.acquire(LIMIT, TimeUnit.SECONDS);
                case "release": lock.release(); return null;
                case "contend": return contend(lock::acquire, lock::release, args);
                case "participants": return lock.getParticipantNodes();
                case "makeRevocable": lock.makeRevocable(l -> revoked.countDown()); return null;
                case "revoked": return revoked.await(LIMIT, TimeUnit.SECONDS);
                case "downgrade":
                    lock.acquire();
                    ((InterProcessReadWriteLock) recipes.get(args.get(0))).readLock().acquire();
                    lock.release();
                    lock.release(); // it was acquired before
                    return !lock.isOwnedByCurrentThread();
                case "endReading":
                    ((InterProcessReadWriteLock) recipes.get(args.get(0))).readLock().release();
                    return null;
                case "attemptRevoke": Revoker.attemptRevoke(client, args.get(0)); return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target semaphore(String path, int leases) {
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, leases);
        List<Lease> held = new ArrayList<>();
        return (method, args) -> {
            switch (method) {
                case "try":
                case "acquire":
                    Lease lease = semaphore.acquire(method.equals("try") ? 1 : LIMIT, TimeUnit.SECONDS);
                    if (lease != null) {
                        held.add(lease);
                    }
                    return lease != null;
                case "release": semaphore.returnLease(held.remove(0)); return null;
                case "participants": return semaphore.getParticipantNodes();
                case "contend":
                    return contend(() -> held.add(semaphore.acquire()), () -> semaphore.returnLease(held.remove(0)), args);
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target selector(String path, String id) {
        CountDownLatch leads = new CountDownLatch(1);
        CountDownLatch enough = new CountDownLatch(1);
        LeaderSelector selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework c) throws Exception {
                leads.countDown();
                enough.await();
            }
        });
        selector.setId(id);
        return (method, args) -> {
            switch (method) {
                case "start": selector.start(); return null;
                case "leads": return selector.hasLeadership();
                case "awaitLeadership": return leads.await(LIMIT, TimeUnit.SECONDS);
                case "participants": return ids(selector.getParticipants());
                case "contend": return contendBySelector(path, args);
                case "stop": enough.countDown(); selector.close(); return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    int contendBySelector(String path, List<String> args) throws Exception {
        Semaphore leads = new Semaphore(0);
        Semaphore enough = new Semaphore(0);
        LeaderSelector selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
            @Override
            public void takeLeadership(CuratorFramework c) throws Exception {
                leads.release();
                enough.acquire();
            }
        });
        selector.autoRequeue();
        selector.start();
        int met = contend(leads::acquire, enough::release, args);
        selector.close();
        return met;
    }

    int contendByLatch(String path, List<String> args) throws Exception {
        AtomicReference<LeaderLatch> latch = new AtomicReference<>();
        return contend(() -> {
            latch.set(new LeaderLatch(client, path));
            latch.get().start();
            latch.get().await();
        }, () -> latch.get().close(), args);
    }

    Target latch(String path, String id) {
        LeaderLatch latch = new LeaderLatch(client, path, id);
        return (method, args) -> {
            switch (method) {
                case "start": latch.start(); return null;
                case "leads": return latch.hasLeadership();
                case "awaitLeadership": return latch.await(LIMIT, TimeUnit.SECONDS);
                case "participants": return ids(latch.getParticipants());
                case "contend": return contendByLatch(path, args);
                case "stop": latch.close(); return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target barrier(DistributedBarrier barrier) {
        return (method, args) -> {
            switch (method) {
                case "create": barrier.setBarrier(); return null;
                case "remove": barrier.removeBarrier(); return null;
                case "wait": return barrier.waitOnBarrier(LIMIT, TimeUnit.SECONDS);
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target barrier(DistributedDoubleBarrier barrier) {
        return (method, args) -> {
            switch (method) {
                case "enter": return barrier.enter(LIMIT, TimeUnit.SECONDS);
                case "leave": return barrier.leave(LIMIT, TimeUnit.SECONDS);
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target counter(DistributedAtomicLong counter) {
        return (method, args) -> {
            switch (method) {
                case "add": return counter.add(Long.valueOf(args.get(0))).succeeded();
                case "value": return counter.get().postValue();
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target counter(DistributedAtomicInteger counter) {
        return (method, args) -> {
            switch (method) {
                case "add": return counter.add(Integer.valueOf(args.get(0))).succeeded();
                case "addMany":
                    int failed = 0;
                    for (int i = Integer.parseInt(args.get(0)); i > 0; i--) {
                        failed += counter.increment().succeeded() ? 0 : 1;
                    }
                    return failed;
                case "value": return counter.get().postValue();
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target value(DistributedAtomicValue value) {
        return (method, args) -> {
            switch (method) {
                case "compareAndSet": return value.compareAndSet(bytes(args.get(0)), bytes(args.get(1))).succeeded();
                case "initialize": return value.initialize(bytes(args.get(0)));
                case "forceSet": value.forceSet(bytes(args.get(0))); return null;
                case "value": return text(value.get().postValue());
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target numbers(CachedAtomicLong numbers) {
        return (method, args) -> {
            List<Long> all = new ArrayList<>();
            while (all.size() < Integer.parseInt(args.get(0))) {
                AtomicValue<Long> next = numbers.next();
                if (next.succeeded()) {
                    all.add(next.postValue());
                }
            }
            return all;
        };
    }

    Target queue(SimpleDistributedQueue queue) {
        return (method, args) -> {
            switch (method) {
                case "offer": return queue.offer(bytes(args.get(0)));
                case "peek": return text(queue.peek());
                case "take": return text(queue.take());
                case "drain": return drain(queue::poll);
                case "putMany":
                    for (int i = 0; i < Integer.parseInt(args.get(1)); i++) {
                        queue.offer(bytes(args.get(0) + i));
                    }
                    return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target node(PersistentNode node) {
        return (method, args) -> {
            switch (method) {
                case "start": node.start(); return node.waitForInitialCreate(LIMIT, TimeUnit.SECONDS);
                case "close": node.close(); return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target ttlNode(PersistentTtlNode node) {
        return (method, args) -> {
            switch (method) {
                case "start": node.start(); return node.waitForInitialCreate(LIMIT, TimeUnit.SECONDS);
                case "close": node.close(); return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target group(GroupMember group) {
        return (method, args) -> {
            switch (method) {
                case "start": group.start(); return null;
                case "close": group.close(); return null;
                case "members":
                    List<String> members = new ArrayList<>();
                    group.getCurrentMembers().forEach((id, data) ->
                        members.add(id + "=" + new String(data, StandardCharsets.UTF_8)));
                    Collections.sort(members);
                    return members;
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target sharedCount(String path, int seed) {
        SharedCount count = new SharedCount(client, path, seed);
        BlockingQueue<Integer> heard = new LinkedBlockingQueue<>();
        count.addListener(new SharedCountListener() {
            @Override
            public void countHasChanged(SharedCountReader reader, int value) {
                heard.add(value);
            }

            @Override
            public void stateChanged(CuratorFramework c, ConnectionState state) {
            }
        });
        return (method, args) -> {
            switch (method) {
                case "start": count.start(); return null;
                case "await":
                    for (int want = Integer.parseInt(args.get(0)); ; ) {
                        Integer got = heard.poll(LIMIT, TimeUnit.SECONDS);
                        if (got == null || got == want) {
                            return got != null;
                        }
                    }
                case "value": return count.getCount();
                case "set": count.setCount(Integer.parseInt(args.get(0))); return null;
                case "trySet": return count.trySetCount(count.getVersionedValue(), Integer.parseInt(args.get(0)));
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    Target sharedValue(String path, byte[] seed) {
        SharedValue value = new SharedValue(client, path, seed);
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        value.getListenable().addListener(new SharedValueListener() {
            @Override
            public void valueHasChanged(SharedValueReader reader, byte[] data) {
                heard.add(text(data));
            }

            @Override
            public void stateChanged(CuratorFramework c, ConnectionState state) {
            }
        });
        return (method, args) -> {
            switch (method) {
                case "start": value.start(); return null;
                case "await":
                    for (;;) {
                        String got = heard.poll(LIMIT, TimeUnit.SECONDS);
                        if (got == null || got.equals(args.get(0))) {
                            return got != null;
                        }
                    }
                case "value": return text(value.getValue());
                case "set": value.setValue(bytes(args.get(0))); return null;
                case "trySet": return value.trySetValue(value.getVersionedValue(), bytes(args.get(0)));
                default: throw new IllegalArgumentException(method);
            }
        };
    }

    static List<String> ids(Collection<Participant> participants) {
        List<String> ids = new ArrayList<>();
        participants.forEach(p -> ids.add(p.getId()));
        return ids;
    }
}
