import java.io.Closeable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.NodeCache;
import org.apache.curator.framework.recipes.cache.PathChildrenCache;
import org.apache.curator.framework.recipes.cache.TreeCache;

/** Curator's caches, which show what is in them. */
@SuppressWarnings("deprecation")
final class CuratorCaches {
    private interface Contents {
        Collection<ChildData> get();
    }

    private CuratorCaches() {
    }

    static Peer.Target make(CuratorFramework client, String kind, String path) throws Exception {
        switch (kind) {
            case "NodeCache":
                NodeCache node = new NodeCache(client, path);
                node.start(true);
                return target(path, node, () -> node.getCurrentData() == null
                    ? Collections.emptyList() : Collections.singletonList(node.getCurrentData()));
            case "PathChildrenCache":
                PathChildrenCache children = new PathChildrenCache(client, path, true);
                children.start();
                return target(path, children, children::getCurrentData);
            case "TreeCache":
                TreeCache tree = new TreeCache(client, path);
                tree.start();
                return target(path, tree, () -> {
                    List<ChildData> all = new ArrayList<>();
                    walk(tree, path, all); // its iterator fails when a node goes while it is on the way
                    return all;
                });
            default:
                CuratorCache cache = CuratorCache.build(client, path);
                cache.start();
                return target(path, cache, () -> cache.stream().collect(Collectors.toList()));
        }
    }

    private static void walk(TreeCache tree, String path, List<ChildData> all) {
        ChildData node = tree.getCurrentData(path);
        Map<String, ChildData> children = tree.getCurrentChildren(path);
        if (node != null) {
            all.add(node);
        }
        if (children != null) {
            children.keySet().forEach(name -> walk(tree, path + "/" + name, all));
        }
    }

    private static Peer.Target target(String path, Closeable cache, Contents contents) {
        return (method, args) -> {
            switch (method) {
                case "contents":
                    List<String> all = new ArrayList<>();
                    contents.get().forEach(n -> all.add(n.getPath().substring(path.length()) + "=" + Peer.text(n.getData())));
                    Collections.sort(all);
                    return all;
                case "close": cache.close(); return null;
                default: throw new IllegalArgumentException(method);
            }
        };
    }
}
