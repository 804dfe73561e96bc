import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/** Does what it is told to, line by line: see package pairs. */
abstract class Peer {
    /** Seconds that anything may take. */
    static final int LIMIT = 15;

    interface Target {
        Object call(String method, List<String> args) throws Exception;
    }

    interface Action {
        void run() throws Exception;
    }

    final Map<String, Target> objects = new ConcurrentHashMap<>();
    /** A lock belongs to a thread, so each object has one. */
    final Map<String, ExecutorService> threads = new ConcurrentHashMap<>();

    abstract Target make(String name, String kind, List<String> args) throws Exception;

    abstract ZooKeeper zooKeeper() throws Exception;

    final void serve() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            List<String> fields = Arrays.asList(line.split("\t", -1));
            obey(fields.get(0), fields.get(1), fields.get(2), fields.subList(3, fields.size()));
        }
    }

    void obey(String number, String name, String method, List<String> args) {
        threads.computeIfAbsent(name, n -> Executors.newSingleThreadExecutor()).execute(() -> {
            List<String> answer = new ArrayList<>();
            answer.add(number);
            try {
                Object result = null;
                if (method.equals("new")) {
                    objects.put(name, make(name, args.get(0), args.subList(1, args.size())));
                } else {
                    result = objects.get(name).call(method, args);
                }
                answer.add("ok");
                answer.addAll(values(result));
            } catch (Throwable e) {
                answer.add("error");
                answer.add(String.valueOf(e).replaceAll("\\s", " "));
            }
            synchronized (System.out) {
                System.out.println(String.join("\t", answer));
                System.out.flush();
            }
        });
    }

    static Collection<String> values(Object result) {
        if (result == null) {
            return Collections.emptyList();
        }
        List<String> all = new ArrayList<>();
        if (result instanceof Collection) {
            ((Collection<?>) result).forEach(v -> all.add(String.valueOf(v)));
        } else {
            all.add(String.valueOf(result));
        }
        return all;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] data) {
        return data == null ? "" : new String(data, StandardCharsets.UTF_8);
    }

    /** Takes a lock n times and works; returns how often somebody was there who may not be. */
    int contend(Action acquire, Action release, List<String> args) throws Exception {
        int met = 0;
        for (int i = 0; i < Integer.parseInt(args.get(1)); i++) {
            acquire.run();
            met += toil(args.get(0), args.get(2)) ? 0 : 1;
            release.run();
        }
        return met;
    }

    /** Works, and tells whether all is as it should be. Who is alone adds one to a number. */
    boolean toil(String work, String kind) throws Exception {
        ZooKeeper zk = zooKeeper();
        if (!kind.equals("alone")) {
            String own = zk.create(work + "/reader-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL);
            List<String> names = zk.getChildren(work, false);
            zk.delete(own, -1);
            return !names.contains("inside") && (kind.equals("reader") || readers(names) <= 2);
        }
        try {
            zk.create(work + "/inside", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        } catch (KeeperException.NodeExistsException e) {
            return false;
        }
        List<String> names = zk.getChildren(work, false);
        int number = Integer.parseInt(text(zk.getData(work + "/number", false, null)));
        zk.setData(work + "/number", bytes(String.valueOf(number + 1)), -1);
        zk.delete(work + "/inside", -1);
        return readers(names) == 0;
    }

    private static long readers(List<String> names) {
        return names.stream().filter(name -> name.startsWith("reader-")).count();
    }

    /** Changes the tree below a node at random. */
    void churn(String root, int n) throws Exception {
        ZooKeeper zk = zooKeeper();
        Random random = new Random(7);
        for (int i = 0; i < n; i++) {
            StringBuilder path = new StringBuilder(root);
            for (int depth = random.nextInt(3); depth >= 0; depth--) {
                path.append('/').append((char) ('a' + random.nextInt(3)));
            }
            try {
                switch (random.nextInt(4)) {
                    case 0: zk.delete(path.toString(), -1); break;
                    case 1: zk.setData(path.toString(), bytes("theirs" + i), -1); break;
                    default: zk.create(path.toString(), bytes("their" + i), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
                }
            } catch (KeeperException.NoNodeException | KeeperException.NodeExistsException
                | KeeperException.NotEmptyException e) {
                // as it happens
            }
        }
    }

    interface Source {
        /** Returns null if there is nothing. */
        byte[] poll() throws Exception;
    }

    static List<String> drain(Source source) throws Exception {
        List<String> all = new ArrayList<>();
        for (byte[] item; (item = source.poll()) != null; ) {
            all.add(text(item));
        }
        return all;
    }
}
