import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryForever;
import org.apache.zookeeper.CreateMode;

/** What can go wrong for a Curator client, and what it makes of it. For zksim --members 3. */
public class CuratorSurvives {
    private final Sim sim;
    private final Client one;
    private final Client two;

    private CuratorSurvives(String clients, String http) throws Exception {
        sim = new Sim(http);
        one = new Client(clients);
        two = new Client(clients);
    }

    public static void main(String[] args) throws Exception {
        try {
            CuratorSurvives test = new CuratorSurvives(args[0], args[1]);
            test.stoppedMember();
            test.lostConnection();
            test.lostLeadership();
            test.lostLock();
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.exit(0); // libraries leave threads behind
    }

    /** Its member crashes: another one has the session, and the node in it. */
    private void stoppedMember() throws Exception {
        one.curator.create().withMode(CreateMode.EPHEMERAL).forPath("/worker");
        long session = one.session();
        int member = sim.memberOf(session);
        sim.stop(member);
        one.sees(ConnectionState.SUSPENDED, ConnectionState.RECONNECTED);
        check(one.session() == session, "it is another session");
        check(one.curator.checkExists().forPath("/worker").getEphemeralOwner() == session, "the node is another one");
        check(sim.memberOf(session) != member, "it is connected to a member that is down");
        sim.start(member);
        System.out.println("a stopped member: the same session");
    }

    /** The connection breaks and nothing else does. */
    private void lostConnection() throws Exception {
        long session = one.session();
        sim.disconnect(session);
        one.sees(ConnectionState.SUSPENDED, ConnectionState.RECONNECTED);
        check(one.session() == session, "it is another session");
        System.out.println("a lost connection: suspended, reconnected");
    }

    /** The session of the leader ends: it knows that it leads no more, and another one leads. */
    private void lostLeadership() throws Exception {
        LeaderLatch first = new LeaderLatch(one.curator, "/leader", "one");
        LeaderLatch second = new LeaderLatch(two.curator, "/leader", "two");
        first.start();
        check(first.await(30, TimeUnit.SECONDS), "nobody leads");
        CountDownLatch places = new CountDownLatch(2); // which they take in the background
        CuratorCache watch = CuratorCache.build(two.curator, "/leader");
        watch.listenable().addListener(CuratorCacheListener.builder().forCreates(node -> {
            if (!node.getPath().equals("/leader")) {
                places.countDown();
            }
        }).build());
        watch.start();
        second.start();
        check(places.await(30, TimeUnit.SECONDS), "the other one does not stand in line");
        watch.close();
        sim.expire(one.session());
        check(second.await(30, TimeUnit.SECONDS), "the other one does not lead");
        one.comesTo(ConnectionState.LOST);
        one.comesTo(ConnectionState.RECONNECTED);
        check(!first.hasLeadership(), "both lead");
        second.close();
        check(first.await(30, TimeUnit.SECONDS), "it does not lead again");
        first.close();
        System.out.println("a lost session: another leader, and the first one again");
    }

    /** The session of a lock's holder ends: somebody else has the lock, and then the holder again. */
    private void lostLock() throws Exception {
        InterProcessMutex mine = new InterProcessMutex(one.curator, "/lock");
        InterProcessMutex theirs = new InterProcessMutex(two.curator, "/lock");
        mine.acquire();
        check(!theirs.acquire(0, TimeUnit.SECONDS), "both have the lock");
        sim.expire(one.session());
        one.comesTo(ConnectionState.LOST);
        one.comesTo(ConnectionState.RECONNECTED);
        check(theirs.acquire(30, TimeUnit.SECONDS), "the lock is held by nobody");
        mine.release(); // it knows by LOST that it has none; this forgets the old one
        check(!mine.acquire(0, TimeUnit.SECONDS), "both have the lock");
        theirs.release();
        check(mine.acquire(30, TimeUnit.SECONDS), "it does not get it again");
        mine.release();
        System.out.println("a lost lock: theirs, and mine again");
    }

    private static void check(boolean is, String otherwise) {
        if (!is) {
            throw new AssertionError(otherwise);
        }
    }

    /** A client that knows all members, with what it has been told of its connection. */
    private static final class Client {
        final CuratorFramework curator;
        final BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();

        Client(String clients) throws Exception {
            curator = CuratorFrameworkFactory.builder().connectString(clients)
                .sessionTimeoutMs(30_000).retryPolicy(new RetryForever(50)).build();
            curator.getConnectionStateListenable().addListener((c, state) -> states.add(state));
            curator.start();
            sees(ConnectionState.CONNECTED);
        }

        long session() throws Exception {
            return curator.getZookeeperClient().getZooKeeper().getSessionId();
        }

        /** Waits for these states, in this order and without others. */
        void sees(ConnectionState... all) throws InterruptedException {
            for (ConnectionState want : all) {
                ConnectionState got = states.poll(30, TimeUnit.SECONDS);
                check(got == want, "it is " + got + " rather than " + want);
            }
        }

        /** Waits for a state. Around the end of a session Curator may tell of one twice, or leave one out. */
        void comesTo(ConnectionState want) throws InterruptedException {
            ConnectionState got;
            do {
                got = states.poll(30, TimeUnit.SECONDS);
                check(got != null, "it does not come to " + want);
            } while (got != want);
        }
    }
}
