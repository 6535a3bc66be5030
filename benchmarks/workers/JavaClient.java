import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.zookeeper.AsyncCallback.DataCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.Stat;

/** A worker with the Java client: runs and times operations. README.md describes the lines of input and output. */
final class JavaClient {
    private static final int WINDOW = 1000, THREADS = 8, PATHS = 1000, TIMEOUT_MS = 30000, PATIENCE_SECONDS = 60;

    private final String hosts;
    private final ZooKeeper client;
    private double[] times;
    private long begun, begunCpu;

    private JavaClient(String hosts) throws Exception {
        this.hosts = hosts;
        this.client = open();
    }

    private interface Action {
        void run() throws Exception;
    }

    private ZooKeeper open() throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        ZooKeeper opened = new ZooKeeper(hosts, TIMEOUT_MS, event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected)
                connected.countDown();
        });
        await(connected);
        return opened;
    }

    private static void await(CountDownLatch latch) throws Exception {
        expect(latch.await(PATIENCE_SECONDS, TimeUnit.SECONDS));
    }

    private static void expect(boolean truth) {
        if (!truth)
            throw new IllegalStateException("a wrong answer, or none");
    }

    private static byte[] data(String path, int size) {
        byte[] data = new byte[size];
        Arrays.fill(data, (byte) 'x');
        byte[] start = path.getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(start, 0, data, 0, Math.min(start.length, size));
        return data;
    }

    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }

    /** Start timing, after the preparation. */
    private void begin() {
        begunCpu = cpu();
        begun = System.nanoTime();
    }

    private void each(int count, Action action) throws Exception {
        times = new double[count];
        begin();
        for (int i = 0; i < count; i++) {
            long start = System.nanoTime();
            action.run();
            times[i] = (System.nanoTime() - start) / 1e3;
        }
    }

    private void get(int count, int size) throws Exception {
        String path = "/data-" + size;
        byte[] wanted = data(path, size);
        each(count, () -> checkedGet(path, wanted));
    }

    private void checkedGet(String path, byte[] wanted) throws Exception {
        Stat stat = new Stat();
        byte[] found = client.getData(path, false, stat);
        expect(Arrays.equals(found, wanted) && stat.getDataLength() == wanted.length && stat.getVersion() == 0);
    }

    private void set(int count, int size) throws Exception {
        byte[] data = data("", size);
        AtomicInteger version = new AtomicInteger(client.exists("/set", false).getVersion());
        each(count, () -> expect(client.setData("/set", data, -1).getVersion() == version.incrementAndGet()));
    }

    private void create(int count, int size) throws Exception {
        byte[] data = data("", size);
        each(count, () -> {
            expect(client.create("/made", data, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT).equals("/made"));
            client.delete("/made", -1);
        });
    }

    private void connect(int count) throws Exception {
        each(count, () -> open().close());
    }

    /** The callbacks send the next requests, so that the window stays full. */
    private void pipelined(int count, int size) throws Exception {
        String[] paths = new String[PATHS];
        byte[][] wanted = new byte[PATHS][];
        for (int i = 0; i < PATHS; i++) {
            paths[i] = String.format(Locale.ROOT, "/data-%d.%04d", size, i);
            wanted[i] = data(paths[i], size);
        }
        CountDownLatch ended = new CountDownLatch(1);
        int[] done = new int[3]; // sent, answered, wrong
        DataCallback[] take = new DataCallback[1];
        take[0] = (rc, path, context, found, stat) -> {
            if (rc != 0 || !Arrays.equals(found, wanted[done[1] % PATHS]))
                done[2]++;
            done[1]++;
            if (done[0] < count)
                client.getData(paths[done[0]++ % PATHS], false, take[0], null);
            else if (done[1] == count)
                ended.countDown();
        };
        begin();
        // Begin on the thread that runs the callbacks, so that no other thread sends.
        client.getData(paths[0], false, (DataCallback) (rc, path, context, found, stat) -> {
            while (done[0] < Math.min(count, WINDOW))
                client.getData(paths[done[0]++ % PATHS], false, take[0], null);
        }, null);
        await(ended);
        expect(done[2] == 0);
    }

    private void threads(int count, int size) throws Exception {
        String path = "/data-" + size;
        byte[] wanted = data(path, size);
        AtomicReference<Exception> failure = new AtomicReference<>();
        Thread[] running = new Thread[THREADS];
        begin();
        for (int i = 0; i < THREADS; i++) {
            running[i] = new Thread(() -> {
                try {
                    for (int call = 0; call < count / THREADS; call++)
                        checkedGet(path, wanted);
                } catch (Exception error) {
                    failure.set(error);
                }
            });
            running[i].start();
        }
        for (Thread thread : running)
            thread.join();
        if (failure.get() != null)
            throw failure.get();
    }

    private void watch(int count, int size) throws Exception {
        ZooKeeper setter = open();
        byte[] data = data("", size);
        times = new double[count];
        begin();
        for (int i = 0; i < count; i++) {
            CountDownLatch fired = new CountDownLatch(1);
            long[] at = new long[1];
            client.getData("/watched", event -> {
                at[0] = System.nanoTime();
                fired.countDown();
            }, null);
            long start = System.nanoTime();
            setter.setData("/watched", data, -1);
            await(fired);
            times[i] = (at[0] - start) / 1e3;
        }
        setter.close();
    }

    private void run(String operation, int count, int size) throws Exception {
        times = null;
        begin();
        switch (operation) {
            case "get": get(count, size); break;
            case "set": set(count, size); break;
            case "create": create(count, size); break;
            case "connect": connect(count); break;
            case "pipelined": pipelined(count, size); break;
            case "threads": threads(count, size); break;
            case "watch": watch(count, size); break;
            default: throw new IllegalArgumentException("there is no operation " + operation);
        }
        double seconds = (System.nanoTime() - begun) / 1e9, used = (cpu() - begunCpu) / 1e9;
        String more = "";
        if (times != null) {
            Arrays.sort(times);
            more = String.format(
                Locale.ROOT, ", \"p50\": %.3f, \"p99\": %.3f", times[count / 2], times[(int) (count * 99L / 100)]);
        }
        System.out.printf(Locale.ROOT, "{\"count\": %d, \"seconds\": %.9f, \"cpu\": %.6f%s, \"checked\": true}%n",
            count, seconds, used, more);
    }

    public static void main(String[] arguments) throws Exception {
        JavaClient worker = new JavaClient(arguments[0]);
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        System.out.println("{\"ready\": true}");
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ");
            try {
                worker.run(words[0], Integer.parseInt(words[1]), Integer.parseInt(words[2]));
            } catch (Exception error) {
                error.printStackTrace();
                System.exit(1); // other threads would keep the process alive
            }
        }
        worker.client.close();
    }
}
