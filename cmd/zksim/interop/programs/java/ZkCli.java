import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.ZooKeeperMain;

/** What a person sees who types commands into zkCli.sh, ZooKeeper's own shell. */
public final class ZkCli extends Program {
    private static final Pattern ZXID = Pattern.compile("^([cmp]Zxid) = 0x([0-9a-f]+)");
    private static final Pattern TIME = Pattern.compile("^[cm]time = .*");
    private static final Pattern OWNER = Pattern.compile("^ephemeralOwner = 0x([0-9a-f]+)");

    private final Events events = new Events();
    private Capture capture;
    private Shell shell;

    private ZkCli(String[] args) {
        super(args);
    }

    public static void main(String[] args) {
        new ZkCli(args).main();
    }

    /** The shell, with its session in reach. */
    private static final class Shell extends ZooKeeperMain {
        Shell(String addr) throws Exception {
            super(new String[] {"-server", addr, "-waitforconnection", "-timeout", "10000"});
        }

        long session() {
            return zk.getSessionId();
        }
    }

    /**
     * What the shell prints. It tells of watches and of the session on another thread, in lines of their
     * own: those are events.
     */
    private final class Capture extends ByteArrayOutputStream {
        private final ByteArrayOutputStream line = new ByteArrayOutputStream();
        private final List<String> lines = new ArrayList<>();

        @Override
        public synchronized void write(int b) {
            if (b != '\n') {
                line.write(b);
                return;
            }
            String text = new String(line.toByteArray(), StandardCharsets.UTF_8).trim();
            line.reset();
            if (text.startsWith("WatchedEvent")) {
                events.put(text.replaceAll(" zxid: .*", "")); // 3.8 servers do not tell it
            } else if (!text.isEmpty() && !text.equals("WATCHER::")) {
                lines.add(text);
            }
        }

        @Override
        public synchronized void write(byte[] bytes, int from, int count) {
            for (int i = from; i < from + count; i++) {
                write(bytes[i]);
            }
        }

        synchronized List<String> take() {
            List<String> taken = new ArrayList<>(lines);
            lines.clear();
            return taken;
        }
    }

    @Override
    void run() throws Exception {
        capture = new Capture();
        PrintStream all = new PrintStream(capture, true, StandardCharsets.UTF_8);
        System.setOut(all);
        System.setErr(all);
        shell = new Shell(proxy);
        say("connect", events.next());
        capture.take();
        nodes();
        errors();
        acls();
        quotas();
        watches();
        administration();
        reconnect();
        command("addauth", "addauth digest anna:pw"); // the new session has not said who it is
        command("deleteall", "deleteall " + root);
        command("end", "stat " + root);
        command("close", "close");
    }

    /** Types a command and returns what the shell prints, normalized. */
    private List<String> execute(String line) throws Exception {
        shell.executeLine(line);
        List<String> normal = new ArrayList<>();
        for (String text : capture.take()) {
            if (!TIME.matcher(text).matches()) {
                normal.add(normal(text));
            }
        }
        return normal;
    }

    private void command(String name, String line) throws Exception {
        say(name, String.join(" | ", execute(line)));
    }

    /** For commands that print what the server has in no order. */
    private void unordered(String name, String line) throws Exception {
        List<String> items = new ArrayList<>();
        for (String text : execute(line)) {
            items.addAll(Arrays.asList(text.replaceAll("[\\[\\]]", "").split(", ")));
        }
        Collections.sort(items);
        say(name, String.join(" | ", items));
    }

    private String normal(String text) {
        Matcher zxid = ZXID.matcher(text);
        if (zxid.find()) {
            long value = Long.parseLong(zxid.group(2), 16);
            base = base == 0 ? value : base;
            return zxid.group(1) + " = " + zxid(value);
        }
        Matcher owner = OWNER.matcher(text);
        if (owner.find()) {
            long value = Long.parseUnsignedLong(owner.group(1), 16);
            return "ephemeralOwner = " + (value == 0 ? "none" : value == shell.session() ? "mine" : "other");
        }
        return text;
    }

    private void nodes() throws Exception {
        command("create", "create " + root);
        command("stat", "stat " + root);
        command("create.data", "create " + root + "/node data");
        command("create.sequential", "create -s " + root + "/seq- x");
        command("create.ephemeral", "create -e " + root + "/eph x");
        command("create.ephemeral.sequential", "create -e -s " + root + "/es x");
        command("create.container", "create -c " + root + "/container");
        command("create.ttl", "create -t 3600000 " + root + "/ttl x");
        command("get", "get " + root + "/node");
        command("get.stat", "get -s " + root + "/eph");
        command("get.null", "get " + root + "/container");
        command("set", "set " + root + "/node more");
        command("set.version", "set -s -v 1 " + root + "/node evenmore");
        command("ls", "ls " + root);
        command("ls.stat", "ls -s " + root);
        command("ls.recursive", "ls -R " + root);
        command("count", "getAllChildrenNumber " + root);
        unordered("ephemerals", "getEphemerals " + root);
        command("delete", "delete " + root + "/container");
        command("delete.version", "delete -v 2 " + root + "/node");
        command("sync", "sync " + root);
    }

    private void errors() throws Exception {
        command("error.get", "get " + root + "/missing");
        command("error.set", "set " + root + "/missing x");
        command("error.ls", "ls " + root + "/missing");
        command("error.stat", "stat " + root + "/missing");
        command("error.delete", "delete " + root + "/missing");
        command("error.create", "create " + root + " x");
        command("error.create.parent", "create " + root + "/missing/child x");
        command("error.create.ephemeral", "create " + root + "/eph/child x");
        command("error.notempty", "delete " + root);
        command("error.badversion", "set -v 9 " + root + "/eph x");
        command("error.path", "create nowhere x");
        command("error.reconfig", "reconfig -add server.2=127.0.0.1:1:2;3");
    }

    private void acls() throws Exception {
        String node = root + "/acl";
        command("acl.create", "create " + node + " x world:anyone:cdr");
        command("acl.get", "getAcl -s " + node);
        command("acl.denied", "set " + node + " y");
        command("acl.denied.set", "setAcl " + node + " world:anyone:cdrwa");
        command("acl.addauth", "addauth digest anna:pw");
        unordered("acl.whoami", "whoami");
        command("acl.auth", "create " + node + "/private x auth::cdrwa");
        command("acl.auth.get", "getAcl " + node + "/private");
        command("acl.set", "setAcl -s " + node + "/private digest:bob:xyz=:cdrwa,auth::r");
        command("acl.set.get", "getAcl " + node + "/private");
        command("acl.set.denied", "set " + node + "/private y");
        command("acl.bad", "setAcl " + root + " nobody:x:r");
    }

    private void quotas() throws Exception {
        String node = root + "/quota";
        command("quota.create", "create " + node + " 12345");
        command("quota.none", "listquota " + node);
        command("quota.set.count", "setquota -n 3 " + node);
        command("quota.set.bytes", "setquota -b 100 " + node);
        command("quota.list", "listquota " + node);
        command("quota.child", "create " + node + "/a 123");
        command("quota.child.grow", "set " + node + "/a 1234567");
        command("quota.list.grown", "listquota " + node);
        command("quota.over", "create " + node + "/b x");
        command("quota.over.soft", "create " + node + "/c x");
        command("quota.stats", "get -s /zookeeper/quota" + node + "/zookeeper_stats");
        command("quota.nested", "setquota -n 1 " + node + "/a");
        command("quota.list.over", "listquota " + node);
        command("quota.delete", "delquota " + node);
        command("quota.list.after", "listquota " + node);
    }

    private void watches() throws Exception {
        String node = root + "/watched";
        ZooKeeper other = new Session(direct, 10000).zk;
        command("watch.stat.missing", "stat -w " + node);
        other.create(node, bytes("x"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        say("watch.created", events.next());
        command("watch.get", "get -w " + node);
        other.setData(node, bytes("y"), -1);
        say("watch.changed", events.next());
        command("watch.ls", "ls -w " + node);
        command("watch.own", "create " + node + "/child");
        say("watch.child", events.next());
        command("watch.recursive", "addWatch -m PERSISTENT_RECURSIVE " + root);
        other.delete(node + "/child", -1);
        say("watch.recursive.deleted", events.next());
        command("watch.remove", "removewatches " + root);
        say("watch.removed", events.next());
        command("watch.remove.twice", "removewatches " + root);
        other.close();
    }

    private void administration() throws Exception {
        command("config", "config");
        command("config.node", "get -s /zookeeper/config");
        command("system", "ls -R /zookeeper/config");
    }

    private void reconnect() throws Exception {
        long before = shell.session();
        command("reconnect.create", "create -e " + root + "/mine");
        order("cut");
        say("reconnect.states", events.next(2));
        say("reconnect.session", shell.session() == before ? "same" : "new");
        command("reconnect.ephemeral", "stat " + root + "/mine");
        order("expire " + hex(before));
        say("expire.states", events.next(2));
        command("expire.error", "stat " + root);
        command("expire.connect", "connect " + proxy);
        say("expire.connected", events.next());
        command("expire.ephemeral", "stat " + root + "/mine");
    }
}
