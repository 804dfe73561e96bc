import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBase;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.state.ConnectionState;

/** One of Curator's queues, which puts items in or gets them out. */
final class CuratorQueue implements Peer.Target, QueueConsumer<String>, QueueSerializer<String> {
    private final BlockingQueue<String> got = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> stumbled = new LinkedBlockingQueue<>();
    private final CountDownLatch fail = new CountDownLatch(1);
    /** The item that it fails with, once. */
    private volatile String stumble;

    private interface Put {
        void put(String item, String more) throws Exception;
    }

    private final QueueBase<String> queue;
    private Put put;

    CuratorQueue(CuratorFramework client, String kind, boolean consumes, String path, String locks) throws Exception {
        QueueBuilder<String> builder = QueueBuilder.builder(client, consumes ? this : null, this, path);
        if (!locks.isEmpty()) {
            builder.lockPath(locks);
        }
        queue = build(builder, kind);
        queue.start();
    }

    private QueueBase<String> build(QueueBuilder<String> builder, String kind) {
        switch (kind) {
            case "DistributedPriorityQueue":
                DistributedPriorityQueue<String> byPriority = builder.buildPriorityQueue(0);
                put = (item, priority) -> byPriority.put(item, Integer.parseInt(priority));
                return byPriority;
            case "DistributedDelayQueue":
                DistributedDelayQueue<String> byTime = builder.buildDelayQueue();
                put = (item, time) -> byTime.put(item, Long.parseLong(time));
                return byTime;
            case "DistributedIdQueue":
                DistributedIdQueue<String> withIds = builder.buildIdQueue();
                put = withIds::put;
                return withIds;
            default:
                DistributedQueue<String> plain = builder.buildQueue();
                put = (item, nothing) -> plain.put(item);
                return plain;
        }
    }

    @Override
    public Object call(String method, List<String> args) throws Exception {
        switch (method) {
            case "put":
                put.put(args.get(0), args.size() > 1 ? args.get(1) : null);
                return queue.flushPuts(Peer.LIMIT, TimeUnit.SECONDS);
            case "putMulti":
                Iterator<String> items = args.iterator();
                ((DistributedQueue<String>) queue).putMulti(() -> items.hasNext() ? items.next() : null);
                return queue.flushPuts(Peer.LIMIT, TimeUnit.SECONDS);
            case "putMany":
                for (int i = 0; i < Integer.parseInt(args.get(1)); i++) {
                    put.put(args.get(0) + i, null);
                }
                return queue.flushPuts(Peer.LIMIT, TimeUnit.SECONDS);
            case "remove": return ((DistributedIdQueue<String>) queue).remove(args.get(0));
            case "take": return take(Integer.parseInt(args.get(0)));
            case "left":
                List<String> left = new ArrayList<>();
                got.drainTo(left);
                return left;
            case "stumble": stumble = args.get(0); return null;
            case "stumbled": return stumbled.poll(Peer.LIMIT, TimeUnit.SECONDS);
            case "fail": fail.countDown(); return null;
            default: throw new IllegalArgumentException(method);
        }
    }

    private List<String> take(int n) throws InterruptedException {
        List<String> all = new ArrayList<>();
        while (all.size() < n) {
            String item = got.poll(Peer.LIMIT, TimeUnit.SECONDS);
            if (item == null) {
                break;
            }
            all.add(item);
        }
        return all;
    }

    @Override
    public void consumeMessage(String item) throws Exception {
        if (item.equals(stumble)) {
            stumble = null;
            stumbled.add(item);
            fail.await();
            throw new Exception("as it was told");
        }
        got.add(item);
    }

    @Override
    public void stateChanged(CuratorFramework client, ConnectionState state) {
    }

    @Override
    public byte[] serialize(String item) {
        return Peer.bytes(item);
    }

    @Override
    public String deserialize(byte[] data) {
        return Peer.text(data);
    }
}
