import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.recipes.leader.LeaderElectionSupport;
import org.apache.zookeeper.recipes.lock.LockListener;
import org.apache.zookeeper.recipes.lock.WriteLock;
import org.apache.zookeeper.recipes.queue.DistributedQueue;

/** Does what it is told to with the recipes that come with ZooKeeper: see package pairs. */
public final class JavaPeer extends Peer {
    private final String addr;
    private ZooKeeper zk;

    private JavaPeer(String addr) throws Exception {
        this.addr = addr;
        zk = new Program.Session(addr, 10000).zk;
    }

    public static void main(String[] args) throws Exception {
        JavaPeer peer = new JavaPeer(args[0]);
        peer.serve();
        peer.zk.close();
        System.exit(0);
    }

    @Override
    synchronized ZooKeeper zooKeeper() throws Exception {
        for (;;) {
            try {
                zk.exists("/", false);
                return zk;
            } catch (KeeperException.SessionExpiredException e) {
                zk = new Program.Session(addr, 10000).zk;
            } catch (KeeperException.ConnectionLossException e) {
                // it comes back, in the same session or not
            }
        }
    }

    @Override
    Target make(String name, String kind, List<String> args) throws Exception {
        ZooKeeper zk = zooKeeper();
        switch (kind) {
            case "WriteLock": return new Lock(zk, args.get(0));
            case "DistributedQueue": return queue(new DistributedQueue(zk, args.get(0), null));
            case "LeaderElectionSupport": return election(zk, args.get(0), args.get(1));
            default: throw new IllegalArgumentException(kind);
        }
    }

    /**
     * A WriteLock. Its lock says whether it has got it; if not, a listener is told later. But if the one
     * before it leaves between two of its requests, nobody tells it anything: then it has to ask again.
     */
    private final class Lock implements Target, LockListener {
        private final ZooKeeper zk;
        private final String path;
        private final WriteLock lock;
        private final BlockingQueue<String> acquired = new LinkedBlockingQueue<>();

        Lock(ZooKeeper zk, String path) {
            this.zk = zk;
            this.path = path;
            lock = new WriteLock(zk, path, null, this);
        }

        @Override
        public void lockAcquired() {
            acquired.add("acquired");
        }

        @Override
        public void lockReleased() {
        }

        void stand() throws Exception {
            acquired.clear();
            lock.lock();
        }

        boolean await() throws Exception {
            for (int i = 0; i < 10 * LIMIT; i++) {
                if (acquired.poll(100, TimeUnit.MILLISECONDS) != null) {
                    return true;
                }
                if (isFirst() && acquired.isEmpty()) {
                    lock.lock();
                }
            }
            return false;
        }

        /** Tells whether nobody is before it, after all events that have come were dealt with. */
        private boolean isFirst() throws Exception {
            CompletableFuture<Boolean> first = new CompletableFuture<>();
            String own = lock.getId();
            zk.getChildren(path, false, (rc, p, context, names) -> {
                first.complete(own != null && names != null
                    && names.stream().allMatch(name -> counter(name) >= counter(own)));
            }, null);
            try {
                return first.get(LIMIT, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                return false;
            }
        }

        private int counter(String name) {
            return Integer.parseInt(name.substring(name.lastIndexOf('-') + 1));
        }

        @Override
        public Object call(String method, List<String> args) throws Exception {
            switch (method) {
                case "stand": stand(); return null;
                case "wait": return await();
                case "release": lock.unlock(); return null;
                case "contend":
                    return contend(() -> {
                        stand();
                        await();
                    }, lock::unlock, args);
                default: throw new IllegalArgumentException(method);
            }
        }
    }

    private static Target queue(DistributedQueue queue) {
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

    private Target election(ZooKeeper zk, String path, String host) {
        LeaderElectionSupport election = new LeaderElectionSupport();
        election.setZooKeeper(zk);
        election.setRootNodeName(path);
        election.setHostName(host);
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        AtomicBoolean leads = new AtomicBoolean();
        election.addListener(event -> {
            if (event == LeaderElectionSupport.EventType.ELECTED_COMPLETE) {
                leads.set(true);
                heard.add(host);
            }
        });
        return (method, args) -> {
            switch (method) {
                case "start": election.start(); return null;
                case "stop": election.stop(); return null;
                case "leads": return leads.get();
                case "awaitLeadership": return heard.poll(LIMIT, TimeUnit.SECONDS) != null;
                case "leader":
                    try {
                        return election.getLeaderHostName();
                    } catch (NumberFormatException e) {
                        return "NumberFormatException";
                    }
                default: throw new IllegalArgumentException(method);
            }
        };
    }
}
