import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryNTimes;
import org.apache.curator.x.discovery.ServiceCache;
import org.apache.curator.x.discovery.ServiceDiscovery;
import org.apache.curator.x.discovery.ServiceDiscoveryBuilder;
import org.apache.curator.x.discovery.ServiceInstance;
import org.apache.curator.x.discovery.ServiceInstanceBuilder;
import org.apache.curator.x.discovery.ServiceProvider;
import org.apache.curator.x.discovery.ServiceType;
import org.apache.curator.x.discovery.UriSpec;
import org.apache.curator.x.discovery.details.JsonInstanceSerializer;

/** The worker of Curator's service discovery. exchange.py describes its lines. */
final class DiscoveryWorker {
    private static final int SECONDS = 90;

    private final CuratorFramework client;
    private final Map<String, ServiceDiscovery<Object>> discoveries = new HashMap<>();
    private final Map<String, ServiceCache<Object>> caches = new HashMap<>();
    private final Map<String, ServiceInstance<Object>> registered = new HashMap<>();

    private DiscoveryWorker(String hosts) throws Exception {
        client = CuratorFrameworkFactory.newClient(hosts, 30000, 15000, new RetryNTimes(3, 100));
        client.start();
        if (!client.blockUntilConnected(SECONDS, TimeUnit.SECONDS))
            throw new IllegalStateException("no connection");
    }

    private static void say(Object line) {
        System.out.println(line);
        System.out.flush();
    }

    private ServiceDiscovery<Object> discovery(String base) throws Exception {
        ServiceDiscovery<Object> discovery = discoveries.get(base);
        if (discovery == null) {
            // With false it also writes the field "enabled".
            discovery = ServiceDiscoveryBuilder.builder(Object.class)
                    .client(client)
                    .basePath(base)
                    .serializer(new JsonInstanceSerializer<>(Object.class, base.endsWith("-old")))
                    .build();
            discovery.start();
            discoveries.put(base, discovery);
        }
        return discovery;
    }

    private ServiceCache<Object> cache(String base, String name) throws Exception {
        ServiceCache<Object> cache = caches.get(base + "/" + name);
        if (cache == null) {
            cache = discovery(base).serviceCacheBuilder().name(name).build();
            cache.start();
            caches.put(base + "/" + name, cache);
        }
        return cache;
    }

    private static Object payload(String kind) {
        if (kind.equals("text"))
            return "text";
        if (kind.equals("long"))
            return 5000000000L;
        if (kind.equals("none"))
            return null;
        Map<String, Object> payload = new HashMap<>();
        payload.put("weight", 3);
        return payload;
    }

    private static ServiceInstance<Object> instance(String name, String id, int port, String kind, boolean enabled)
            throws Exception {
        ServiceInstanceBuilder<Object> builder = ServiceInstance.builder();
        return builder.name(name)
                .id(id)
                .address("10.0.0.7")
                .port(port)
                .payload(payload(kind))
                .serviceType(ServiceType.DYNAMIC)
                .uriSpec(new UriSpec("{scheme}://{address}:{port}/{[}{id}{]}"))
                .enabled(enabled)
                .build();
    }

    private static ServiceInstance<Object> find(ServiceCache<Object> cache, String id) {
        for (ServiceInstance<Object> each : cache.getInstances()) {
            if (each.getId().equals(id))
                return each;
        }
        return null;
    }

    private void await(ServiceCache<Object> cache, String id, int port) throws Exception {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(SECONDS);
        for (;;) {
            ServiceInstance<Object> found = find(cache, id);
            if (port == 0 ? found == null : found != null && found.getPort() == port)
                return;
            if (System.nanoTime() > end)
                throw new IllegalStateException(id + " is " + found);
            Thread.sleep(1);
        }
    }

    private static void show(ServiceInstance<Object> each) {
        Object payload = each.getPayload();
        say(each.getName() + " " + each.getId() + " " + each.getAddress() + " " + each.getPort() + " "
                + each.getSslPort() + " " + each.getRegistrationTimeUTC() + " " + each.getServiceType() + " "
                + each.isEnabled() + " " + each.buildUriSpec() + " "
                + (payload == null ? "-" : payload.getClass().getName()) + " " + payload);
    }

    private void run(String[] words) throws Exception {
        String base = words[1];
        String name = words[2];
        ServiceDiscovery<Object> discovery = discovery(base);
        switch (words[0]) {
            case "register":
                registered.put(words[3], instance(name, words[3], Integer.parseInt(words[4]), words[5], true));
                discovery.registerService(registered.get(words[3]));
                break;
            case "update":
                registered.put(words[3], instance(name, words[3], Integer.parseInt(words[4]), words[5], false));
                discovery.updateService(registered.get(words[3]));
                break;
            case "unregister":
                discovery.unregisterService(registered.remove(words[3]));
                break;
            case "await":
                await(cache(base, name), words[3], Integer.parseInt(words[4]));
                break;
            case "show":
                show(discovery.queryForInstance(name, words[3]));
                break;
            case "names":
                discovery.queryForNames().forEach(DiscoveryWorker::say);
                break;
            case "choose":
                ServiceProvider<Object> provider =
                        discovery.serviceProviderBuilder().serviceName(name).build();
                provider.start();
                provider.getAllInstances().forEach(each -> say(each.getId()));
                provider.close();
                break;
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        DiscoveryWorker worker = new DiscoveryWorker(arguments[0]);
        say("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            try {
                worker.run(line.split(" "));
            } catch (Exception error) {
                error.printStackTrace();
                System.exit(1); // The client's threads would keep the process.
            }
            say("done");
        }
        System.exit(0);
    }
}
