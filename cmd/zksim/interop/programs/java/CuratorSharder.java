import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueAllocator;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueSharder;
import org.apache.curator.framework.recipes.queue.QueueSharderPolicies;

/** Curator's QueueSharder, which puts items in or gets them out of all shards. */
final class CuratorSharder implements Peer.Target {
    private final CuratorItems items = new CuratorItems();
    private final QueueSharder<String, DistributedQueue<String>> sharder;

    CuratorSharder(CuratorFramework client, boolean consumes, String path, String leaders, int full, int every, int most) {
        QueueAllocator<String, DistributedQueue<String>> allocator = (c, shard) ->
            QueueBuilder.builder(c, consumes ? items : null, items, shard).buildQueue();
        sharder = new QueueSharder<>(client, allocator, path, leaders, QueueSharderPolicies.builder()
            .newQueueThreshold(full).thresholdCheckMs(every).maxQueues(most).build());
    }

    private boolean put(String item) throws Exception {
        DistributedQueue<String> queue = sharder.getQueue();
        queue.put(item);
        return queue.flushPuts(Peer.LIMIT, TimeUnit.SECONDS);
    }

    @Override
    public Object call(String method, List<String> args) throws Exception {
        switch (method) {
            case "start": sharder.start(); return null;
            case "put": return put(args.get(0));
            case "putMany":
                for (int i = 0; i < Integer.parseInt(args.get(1)); i++) {
                    put(args.get(0) + i);
                }
                return null;
            case "paths": return sharder.getQueuePaths();
            case "close": sharder.close(); return null;
            default: return items.call(method, args);
        }
    }
}
