import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.cache.ChildData;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.cache.TreeCache;
import org.apache.curator.framework.recipes.cache.TreeCacheEvent;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.AddWatchMode;

/** A worker with CuratorCache, and with ZooKeeper's own recursive watch. README.md describes its lines. */
final class CuratorCaches {
    private static final int TIMEOUT_SECONDS = 600;

    private final CuratorFramework client;
    private CuratorCache cache;
    private TreeCache tree;
    private List<String> paths = new ArrayList<>();
    private List<Long> times = new ArrayList<>();
    private long begun, begunCpu;

    private CuratorCaches(String hosts) throws Exception {
        client = CuratorFrameworkFactory.newClient(hosts, 30000, 15000, new RetryNTimes(3, 100));
        client.start();
        expect(client.blockUntilConnected(TIMEOUT_SECONDS, TimeUnit.SECONDS), "no connection");
    }

    private static void expect(boolean truth, String what) {
        if (!truth)
            throw new IllegalStateException(what);
    }

    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }

    private static String figures(int count, long begun, long begunCpu, String more) {
        return String.format(Locale.ROOT, "{\"count\": %d, \"seconds\": %.6f, \"cpu\": %.6f%s, \"checked\": true}",
            count, (System.nanoTime() - begun) / 1e9, (cpu() - begunCpu) / 1e9, more);
    }

    private static long heap() {
        for (int i = 0; i < 3; i++)
            System.gc();
        return ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
    }

    private synchronized void add(String path) {
        paths.add(path);
        times.add(System.nanoTime());
        notifyAll();
    }

    private String ready(int count, int size, boolean whole) throws Exception {
        long before = heap();
        begun = System.nanoTime();
        begunCpu = cpu();
        CountDownLatch initialized = new CountDownLatch(1);
        if (whole)
            readByTreeCache(initialized);
        else
            readByCuratorCache(initialized);
        expect(initialized.await(TIMEOUT_SECONDS, TimeUnit.SECONDS), "the cache was not initialized");
        String measured = figures(count, begun, begunCpu, ", \"bytes\": %.1f");
        int found = whole ? check("/bench/cache", size) : cache.size();
        expect(found == count, "a cache with " + found + " of " + count + " znodes");
        if (!whole)
            cache.stream().filter(data -> data.getPath().split("/").length == 6)
                .forEach(data -> expect(data.getData().length == size, data.getPath()));
        return String.format(Locale.ROOT, measured, (heap() - before) / (double) count);
    }

    private void readByCuratorCache(CountDownLatch initialized) {
        cache = CuratorCache.build(client, "/bench/cache/part");
        cache.listenable().addListener(CuratorCacheListener.builder()
            .forInitialized(initialized::countDown)
            .forChanges((old, changed) -> add(changed.getPath()))
            .build());
        cache.start();
    }

    private void readByTreeCache(CountDownLatch initialized) throws Exception {
        tree = new TreeCache(client, "/bench/cache");
        tree.getListenable().addListener((ignored, event) -> {
            if (event.getType() == TreeCacheEvent.Type.INITIALIZED)
                initialized.countDown();
        });
        tree.start();
    }

    /** Return the number of znodes that the tree cache has from a path downwards. */
    private int check(String path, int size) {
        int found = 1;
        for (Map.Entry<String, ChildData> child : tree.getCurrentChildren(path).entrySet()) {
            String below = path + "/" + child.getKey();
            expect(below.split("/").length != 6 || child.getValue().getData().length == size, below);
            found += check(below, size);
        }
        return found;
    }

    private String subscribe() throws Exception {
        client.getZookeeperClient().getZooKeeper().addWatch(
            "/bench/flood", event -> add(event.getPath()), AddWatchMode.PERSISTENT_RECURSIVE);
        return "{\"count\": 1, \"seconds\": 1.0, \"cpu\": 0.0, \"checked\": true}";
    }

    private synchronized String clear() {
        paths = new ArrayList<>();
        times = new ArrayList<>();
        begun = System.nanoTime();
        begunCpu = cpu();
        return "{\"count\": 1, \"seconds\": 1.0, \"cpu\": 0.0, \"checked\": true}";
    }

    private synchronized String changed(int count) throws Exception {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(TIMEOUT_SECONDS);
        while (paths.size() < count) {
            expect(System.nanoTime() < deadline, paths.size() + " of " + count + " changes");
            wait(100);
        }
        return figures(count, begun, begunCpu,
            ", \"paths\": [\"" + String.join("\", \"", paths) + "\"], \"times\": " + times);
    }

    private String run(String name, int count, int size, boolean whole) throws Exception {
        switch (name) {
            case "ready":
                return ready(count, size, whole);
            case "subscribe":
                return subscribe();
            case "clear":
                return clear();
            case "changed":
                return changed(count);
            default:
                throw new IllegalArgumentException(name);
        }
    }

    public static void main(String[] arguments) throws Exception {
        CuratorCaches caches = new CuratorCaches(arguments[0]);
        System.out.println("{\"ready\": true}");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            boolean whole = words.length > 3 && words[3].equals("1");
            System.out.println(caches.run(words[0], Integer.parseInt(words[1]), Integer.parseInt(words[2]), whole));
        }
        System.exit(0);
    }
}
