import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedDelayQueue;
import org.apache.curator.framework.recipes.queue.DistributedIdQueue;
import org.apache.curator.framework.recipes.queue.DistributedPriorityQueue;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBase;
import org.apache.curator.framework.recipes.queue.QueueBuilder;

/** One of Curator's queues, which puts items in or gets them out. */
final class CuratorQueue implements Peer.Target {
    private final CuratorItems items = new CuratorItems();

    private interface Put {
        void put(String item, String more) throws Exception;
    }

    private final QueueBase<String> queue;
    private Put put;

    CuratorQueue(CuratorFramework client, String kind, boolean consumes, String path, String locks) throws Exception {
        QueueBuilder<String> builder = QueueBuilder.builder(client, consumes ? items : null, items, path);
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
                Iterator<String> all = args.iterator();
                ((DistributedQueue<String>) queue).putMulti(() -> all.hasNext() ? all.next() : null);
                return queue.flushPuts(Peer.LIMIT, TimeUnit.SECONDS);
            case "putMany":
                for (int i = 0; i < Integer.parseInt(args.get(1)); i++) {
                    put.put(args.get(0) + i, null);
                }
                return queue.flushPuts(Peer.LIMIT, TimeUnit.SECONDS);
            case "remove": return ((DistributedIdQueue<String>) queue).remove(args.get(0));
            default: return items.call(method, args);
        }
    }
}
