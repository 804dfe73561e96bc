import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Makes one request of each kind with ZooKeeper's own client, for the golden frames: see
 * capture_test.go, which starts it. The one argument is the server's address.
 */
public class GoldenClient {
    interface Call {
        void run() throws Exception;
    }

    static final Semaphore connected = new Semaphore(0);

    public static void main(String[] args) throws Exception {
        Watcher watcher = event -> {
            if (event.getType() == Watcher.Event.EventType.None
                && event.getState() == Watcher.Event.KeeperState.SyncConnected) {
                connected.release();
            }
        };
        ZooKeeperAdmin zk = new ZooKeeperAdmin(args[0], 30000, watcher);
        connected.acquire();
        nodes(zk);
        multis(zk);
        watches(zk);
        refused(() -> zk.reconfigure("server.9=h:1:2:participant;3", null, (String) null, -1, new Stat()));
        refused(() -> zk.reconfigure(Arrays.asList("server.9=h:1:2;3"), Arrays.asList("1"), null, 5, new Stat()));
        zk.addAuthInfo("digest", "user:password".getBytes());
        zk.whoAmI();
        zk.create("/java/mine", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        zk.close();
        System.exit(0);
    }

    static void refused(Call call) throws Exception {
        try {
            call.run();
        } catch (KeeperException expected) {
            return;
        }
        throw new Exception("was not refused");
    }

    static void nodes(ZooKeeper zk) throws Exception {
        byte[] some = "some data".getBytes();
        List<ACL> two = Arrays.asList(
            new ACL(Perms.ALL, Ids.ANYONE_ID_UNSAFE), new ACL(Perms.READ, new Id("ip", "127.0.0.1/8")));
        zk.create("/java", some, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/java/e", null, two, CreateMode.EPHEMERAL);
        zk.create("/java/s-", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
        zk.create("/java/two", some, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL, new Stat());
        zk.create("/java/caf\u00e9 \u4e2d", some, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        zk.create("/java/t", some, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, new Stat(), 60000);
        zk.create("/java/t-", some, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, new Stat(), 1);
        refused(() -> zk.create("/java", some, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        zk.exists("/java", false);
        zk.exists("/nope", false);
        zk.getData("/java", false, new Stat());
        zk.getData("/java/e", false, new Stat());
        zk.setData("/java", "new".getBytes(), 0);
        refused(() -> zk.setData("/java", null, 0));
        zk.getACL("/java/e", new Stat());
        zk.setACL("/java/t", two, -1);
        zk.getChildren("/java", false);
        zk.getChildren("/java", false, new Stat());
        zk.getAllChildrenNumber("/java");
        zk.getEphemerals("/java");
        zk.getEphemerals();
        CountDownLatch synced = new CountDownLatch(1);
        zk.sync("/java", (AsyncCallback.VoidCallback) (rc, path, ctx) -> synced.countDown(), null);
        synced.await();
        zk.delete("/java/t", -1);
        refused(() -> zk.delete("/java", -1));
    }

    static void multis(ZooKeeper zk) throws Exception {
        zk.multi(Arrays.asList(
            Op.create("/java/m", "m".getBytes(StandardCharsets.UTF_8), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.create("/java/m/c", null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
            Op.create("/java/m/t", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 60000),
            Op.setData("/java/m", "n".getBytes(), 0),
            Op.check("/java/m", 1),
            Op.delete("/java/m/c", -1)));
        refused(() -> zk.multi(Arrays.asList(Op.check("/java/m", 1), Op.delete("/java/nope", -1),
            Op.setData("/java/m", null, -1))));
        zk.multi(Arrays.asList(Op.getData("/java/m"), Op.getChildren("/java/m"), Op.getChildren("/nope")));
    }

    static void watches(ZooKeeper zk) throws Exception {
        Watcher nobody = event -> { };
        zk.exists("/java/w", nobody);
        zk.getData("/java", nobody, new Stat());
        zk.getChildren("/java", nobody);
        zk.addWatch("/java/p", nobody, AddWatchMode.PERSISTENT);
        zk.addWatch("/java/r", nobody, AddWatchMode.PERSISTENT_RECURSIVE);
        zk.removeWatches("/java/p", nobody, Watcher.WatcherType.Any, false);
        cut(zk); // there is a recursive watch: setWatches2
        zk.removeAllWatches("/java/r", Watcher.WatcherType.Any, false);
        cut(zk); // only one-shot watches are left: setWatches
        zk.create("/java/w", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.setData("/java", null, -1);
        zk.delete("/java/w", -1);
    }

    /** Asks the proxy to break the connection and waits for the next one. */
    static void cut(ZooKeeper zk) throws Exception {
        refused(() -> zk.exists("/cut", false));
        connected.acquire();
    }
}
