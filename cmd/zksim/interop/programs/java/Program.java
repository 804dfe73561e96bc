import java.io.BufferedReader;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Stat;

/** What the Java programs have in common. See doc.go for what a program prints and is called with. */
abstract class Program {
    /** Seconds that anything may take. */
    static final int LIMIT = 10;

    final PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
    final BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    final String proxy;
    final String direct;
    final String root;
    final boolean reaper;

    /** Zxids are told as distances from this one. */
    long base;

    Program(String[] args) {
        proxy = args[0];
        direct = args[1];
        root = args[2];
        reaper = args.length > 3;
    }

    abstract void run() throws Exception;

    /** Runs the program and ends the process: libraries leave threads behind. */
    final void main() {
        try {
            run();
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.exit(0);
    }

    void say(String name, Object result) {
        out.println(name + ": " + result);
        out.flush();
    }

    /** Gives the runner an order and returns its answer. */
    String order(String text) throws IOException {
        out.println("@" + text);
        out.flush();
        return in.readLine();
    }

    interface Call {
        Object call() throws Exception;
    }

    /** Says what a call returns, or the error that it throws. */
    void attempt(String name, Call call) throws Exception {
        try {
            say(name, text(call.call()));
        } catch (KeeperException e) {
            say(name, e.code());
        }
    }

    String text(Object value) {
        if (value instanceof Stat) {
            return stat((Stat) value, 0);
        }
        if (value instanceof byte[]) {
            return '"' + new String((byte[]) value, StandardCharsets.UTF_8) + '"';
        }
        if (value instanceof ACL) {
            ACL acl = (ACL) value;
            return acl.getId().getScheme() + ":" + acl.getId().getId() + ":" + acl.getPerms();
        }
        if (value instanceof List) {
            return ((List<?>) value).stream().map(this::text).collect(Collectors.joining(" "));
        }
        return String.valueOf(value);
    }

    String stat(Stat s, long session) {
        String owner = s.getEphemeralOwner() == 0 ? "none" : s.getEphemeralOwner() == session ? "mine" : "other";
        String modified = s.getCzxid() != s.getMzxid() ? "later" : s.getCtime() == s.getMtime() ? "never" : "BAD";
        return "version=" + s.getVersion() + " cversion=" + s.getCversion() + " aversion=" + s.getAversion()
            + " ephemeral=" + owner + " length=" + s.getDataLength() + " children=" + s.getNumChildren()
            + " czxid=" + zxid(s.getCzxid()) + " mzxid=" + zxid(s.getMzxid())
            + " pzxid=" + zxid(s.getPzxid()) + " modified=" + modified;
    }

    String zxid(long value) {
        return value < base ? "earlier" : "+" + (value - base);
    }

    /** Begins a new part: what one does to zxids does not show in the next. */
    void rebase(ZooKeeper zk) throws Exception {
        base = zk.setData(root, new byte[0], -1).getMzxid();
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String hex(long session) {
        return Long.toHexString(session);
    }

    /** Things that happen on other threads, in the order in which they happen. */
    static final class Events {
        final BlockingQueue<String> queue = new LinkedBlockingQueue<>();

        void put(Object event) {
            queue.add(String.valueOf(event));
        }

        String next() throws InterruptedException {
            String event = queue.poll(LIMIT, TimeUnit.SECONDS);
            return event == null ? "nothing" : event;
        }

        String next(int count) throws InterruptedException {
            StringBuilder all = new StringBuilder(next());
            for (int i = 1; i < count; i++) {
                all.append(", ").append(next());
            }
            return all.toString();
        }

        /** Returns the events up to and including this one. */
        String until(String last) throws InterruptedException {
            StringBuilder all = new StringBuilder();
            for (;;) {
                String event = next();
                all.append(all.length() == 0 ? "" : " ").append(event);
                if (event.equals(last) || event.equals("nothing")) {
                    return all.toString();
                }
            }
        }

        /** A watch whose events are put here. The library tells every watch of the session, too. */
        Watcher watcher() {
            return e -> {
                if (e.getType() != Watcher.Event.EventType.None) {
                    put(e.getType() + " " + e.getPath());
                }
            };
        }
    }

    /** A session with what it has been told of its state. */
    static final class Session {
        final Events states = new Events();
        final ZooKeeper zk;

        Session(String addr, int timeout) throws Exception {
            zk = new ZooKeeper(addr, timeout, (WatchedEvent e) -> states.put(e.getState()));
            states.until("SyncConnected");
        }
    }
}
