import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.state.ConnectionState;

/** The items that have come out of one of Curator's queues. */
final class CuratorItems implements Peer.Target, QueueConsumer<String>, QueueSerializer<String> {
    private final BlockingQueue<String> got = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> stumbled = new LinkedBlockingQueue<>();
    private final CountDownLatch fail = new CountDownLatch(1);
    /** The item that it fails with, once. */
    private volatile String stumble;

    @Override
    public Object call(String method, List<String> args) throws Exception {
        switch (method) {
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
