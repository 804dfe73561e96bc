import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.ServiceType;
import org.apache.curator.x.discovery.UriSpec;
import org.apache.curator.x.discovery.details.JsonInstanceSerializer;

/** Curator's service discovery. */
final class CuratorDiscovery implements Peer.Target {
    private final JsonInstanceSerializer<String> serializer = new JsonInstanceSerializer<>(String.class);
    private final ServiceDiscovery<String> discovery;
    private final Map<String, ServiceInstance<String>> registered = new HashMap<>();
    private final Map<String, ServiceProvider<String>> providers = new HashMap<>();

    CuratorDiscovery(CuratorFramework client, String path) throws Exception {
        discovery = ServiceDiscoveryBuilder.builder(String.class).client(client).basePath(path).serializer(serializer).build();
        discovery.start();
    }

    @Override
    public Object call(String method, List<String> args) throws Exception {
        String name = args.isEmpty() ? "" : args.get(0);
        switch (method) {
            case "register":
                ServiceInstance<String> instance = instance(args);
                registered.put(name + "/" + args.get(1), instance);
                discovery.registerService(instance);
                return null;
            case "unregister": discovery.unregisterService(registered.remove(name + "/" + args.get(1))); return null;
            case "names": return discovery.queryForNames();
            case "instances": return ids(discovery.queryForInstances(name));
            case "instance": return show(discovery.queryForInstance(name, args.get(1)));
            case "json": return Peer.text(serializer.serialize(discovery.queryForInstance(name, args.get(1))));
            case "provide":
                ServiceProvider<String> provider = discovery.serviceProviderBuilder().serviceName(name).build();
                provider.start();
                providers.put(name, provider);
                return null;
            case "provided": return ids(providers.get(name).getAllInstances());
            case "ports":
                Collection<Integer> ports = new TreeSet<>();
                providers.get(name).getAllInstances().forEach(i -> ports.add(i.getPort()));
                return ports;
            case "close":
                for (ServiceProvider<String> p : providers.values()) {
                    p.close();
                }
                discovery.close();
                return null;
            default: throw new IllegalArgumentException(method);
        }
    }

    private static ServiceInstance<String> instance(List<String> args) throws Exception {
        return ServiceInstance.<String>builder().name(args.get(0)).id(args.get(1)).address(args.get(2))
            .port(Integer.parseInt(args.get(3))).payload(args.get(4)).uriSpec(new UriSpec(args.get(5)))
            .serviceType(args.size() > 6 ? ServiceType.valueOf(args.get(6)) : ServiceType.DYNAMIC).build();
    }

    private static Collection<String> ids(Collection<ServiceInstance<String>> instances) {
        List<String> ids = new ArrayList<>();
        instances.forEach(i -> ids.add(i.getId()));
        Collections.sort(ids);
        return ids;
    }

    private static List<String> show(ServiceInstance<String> i) {
        List<String> all = new ArrayList<>();
        if (i != null) {
            all.add(i.getAddress());
            all.add(String.valueOf(i.getPort()));
            all.add(i.getPayload());
            all.add(String.valueOf(i.getServiceType()));
            all.add(i.buildUriSpec());
        }
        return all;
    }
}
