import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicInteger;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedBarrier;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.locks.Revoker;
import org.apache.curator.framework.recipes.nodes.GroupMember;
import org.apache.curator.framework.recipes.queue.DistributedQueue;
import org.apache.curator.framework.recipes.queue.QueueBuilder;
import org.apache.curator.framework.recipes.queue.QueueConsumer;
import org.apache.curator.framework.recipes.queue.QueueSerializer;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.framework.recipes.shared.VersionedValue;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;

/** The worker of Curator's recipes. exchange.py describes its lines. */
final class CuratorWorker {
    private static final int SECONDS = 90;
    private static final Pattern COUNTER = Pattern.compile("(-?\\d{9,10})$");
    private static final QueueSerializer<String> TEXT = new QueueSerializer<>() {
        @Override
        public byte[] serialize(String text) {
            return text.getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public String deserialize(byte[] data) {
            return new String(data, StandardCharsets.UTF_8);
        }
    };

    private final CuratorFramework client;
    private final Map<String, GroupMember> groups = new HashMap<>();
    private final Collection<String> found = new ConcurrentLinkedQueue<>();

    private interface Work {
        void run(int number) throws Exception;
    }

    private interface Cycle {
        void run(String kind) throws Exception;
    }

    private CuratorWorker(String hosts) throws Exception {
        client = CuratorFrameworkFactory.newClient(hosts, 30000, 15000, new RetryNTimes(3, 100));
        client.start();
        expect(client.blockUntilConnected(SECONDS, TimeUnit.SECONDS), "no connection");
    }

    private static synchronized void say(String line) {
        System.out.println(line);
        System.out.flush();
    }

    private static void expect(boolean truth, String what) {
        if (!truth)
            throw new IllegalStateException(what);
    }

    private static void inThreads(Work work, int count) throws Exception {
        AtomicReference<Exception> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            Thread thread = new Thread(() -> {
                try {
                    work.run(number);
                } catch (Exception error) {
                    failure.set(error);
                }
            });
            threads.add(thread);
            thread.start();
        }
        for (Thread thread : threads)
            thread.join();
        if (failure.get() != null)
            throw failure.get();
    }

    // Only subclasses may call it, and those of the read-write lock are not for subclasses.
    private static String nodeOf(InterProcessMutex mutex) throws Exception {
        Method method = InterProcessMutex.class.getDeclaredMethod("getLockPath");
        method.setAccessible(true);
        return (String) method.invoke(mutex);
    }

    private void hold(String path, String kind, String node) throws Exception {
        long begun = System.nanoTime(); // CLOCK_MONOTONIC, as Python's time.monotonic_ns()
        if (kind.equals("lease") || kind.equals("read")) {
            Thread.sleep(10);
        } else {
            client.create().withMode(CreateMode.EPHEMERAL).forPath(path + "-inside");
            client.delete().forPath(path + "-inside");
        }
        Matcher match = COUNTER.matcher(node);
        String sequence = match.find() ? match.group(1) : "-1";
        found.add("hold " + kind + " " + Integer.parseInt(sequence) + " " + begun + " " + System.nanoTime());
    }

    private void contest(Cycle cycle, int contenders, int cycles, String... kinds) throws Exception {
        found.clear();
        inThreads(number -> {
            Random dice = new Random(number);
            for (int i = 0; i < cycles; i++)
                cycle.run(kinds[dice.nextInt(kinds.length)]);
        }, contenders);
        found.forEach(CuratorWorker::say);
    }

    private void cycle(InterProcessMutex mutex, String path, String kind) throws Exception {
        expect(mutex.acquire(SECONDS, TimeUnit.SECONDS), "a timeout of " + kind);
        hold(path, kind, nodeOf(mutex));
        mutex.release();
    }

    private void lead(String path, String layout, int contenders, int cycles) throws Exception {
        if (layout.equals("curator")) {
            contest(kind -> {
                try (LeaderLatch latch = new LeaderLatch(client, path, "curator")) {
                    latch.start();
                    expect(latch.await(SECONDS, TimeUnit.SECONDS), "a timeout of the latch");
                    hold(path, kind, "");
                }
            }, contenders, cycles, "lock");
        } else {
            contest(kind -> {
                CountDownLatch over = new CountDownLatch(1);
                LeaderSelector selector = new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
                    @Override
                    public void takeLeadership(CuratorFramework ignored) throws Exception {
                        hold(path, kind, "");
                        over.countDown();
                    }

                    @Override
                    public void stateChanged(CuratorFramework ignored, ConnectionState state) {
                    }
                });
                selector.start();
                expect(over.await(SECONDS, TimeUnit.SECONDS), "a timeout of the selector");
                while (selector.hasLeadership())
                    Thread.sleep(1);
                selector.close();
            }, contenders, cycles, "lock");
        }
    }

    private void holdUntil(String path, int seconds) throws Exception {
        CountDownLatch revoked = new CountDownLatch(1);
        InterProcessMutex mutex = new InterProcessMutex(client, path);
        mutex.makeRevocable(ignored -> revoked.countDown());
        expect(mutex.acquire(SECONDS, TimeUnit.SECONDS), "a timeout of the lock");
        say("holds");
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        while (!revoked.await(10, TimeUnit.MILLISECONDS) && System.nanoTime() < until
            && client.checkExists().forPath(path + "-end") == null)
            continue;
        mutex.release();
        say(revoked.getCount() == 0 ? "revoked" : "kept");
    }

    private void put(String path, int count, String prefix) throws Exception {
        try (DistributedQueue<String> queue = QueueBuilder.builder(client, null, TEXT, path).buildQueue()) {
            queue.start();
            for (int i = 0; i < count; i++)
                queue.put(prefix + i);
            expect(queue.flushPuts(SECONDS, TimeUnit.SECONDS), "items that were not sent");
        }
    }

    // Without a count, until the znode PATH-end exists and no item is left.
    private void take(String path, int count) throws Exception {
        CountDownLatch left = new CountDownLatch(count);
        QueueConsumer<String> consumer = new QueueConsumer<>() {
            @Override
            public void consumeMessage(String text) {
                say("item " + System.nanoTime() + " " + text);
                left.countDown();
            }

            @Override
            public void stateChanged(CuratorFramework ignored, ConnectionState state) {
            }
        };
        // The path of the claims is the default of zkc.
        try (DistributedQueue<String> queue =
                 QueueBuilder.builder(client, consumer, TEXT, path).lockPath(path + "-locks").buildQueue()) {
            queue.start();
            expect(left.await(SECONDS, TimeUnit.SECONDS), "items that did not arrive");
            while (count == 0 && client.checkExists().forPath(path + "-end") == null)
                Thread.sleep(5);
            while (!client.getChildren().forPath(path).isEmpty())
                Thread.sleep(5);
        }
    }

    private void add(String path, String form, int contenders, int cycles) throws Exception {
        RetryNTimes retries = new RetryNTimes(1000, 1);
        inThreads(number -> {
            if (form.equals("shared")) {
                try (SharedCount count = new SharedCount(client, path, 0)) {
                    count.start();
                    for (int i = 0; i < cycles;) {
                        VersionedValue<Integer> value = count.getVersionedValue();
                        if (count.trySetCount(value, value.getValue() + 1))
                            i++;
                    }
                }
                return;
            }
            DistributedAtomicLong number64 = new DistributedAtomicLong(client, path, retries);
            DistributedAtomicInteger number32 = new DistributedAtomicInteger(client, path, retries);
            for (int i = 0; i < cycles; i++)
                expect(form.equals("int64") ? number64.increment().succeeded() : number32.increment().succeeded(),
                    "an increment that failed");
        }, contenders);
    }

    private void read(String path, String form) throws Exception {
        RetryNTimes retries = new RetryNTimes(10, 1);
        if (form.equals("int64"))
            say("" + new DistributedAtomicLong(client, path, retries).get().postValue());
        else
            say("" + new DistributedAtomicInteger(client, path, retries).get().postValue());
    }

    private void members(String path) throws Exception {
        try (GroupMember observer = new GroupMember(client, path, "observer")) {
            observer.start();
            Thread.sleep(200); // The cache of a member fills in the background.
            TreeSet<String> ids = new TreeSet<>(observer.getCurrentMembers().keySet());
            ids.remove("observer");
            say(String.join(" ", ids));
        }
    }

    private void run(String[] words) throws Exception {
        String path = words[1], layout = words.length > 2 ? words[2] : "";
        int[] numbers = new int[words.length];
        for (int i = 0; i < words.length; i++)
            numbers[i] = words[i].matches("\\d+") ? Integer.parseInt(words[i]) : 0;
        switch (words[0]) {
            case "lock":
                contest(kind -> cycle(new InterProcessMutex(client, path), path, kind), numbers[3], numbers[4], "lock");
                break;
            case "rwlock":
                contest(kind -> {
                    InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, path);
                    cycle(kind.equals("read") ? lock.readLock() : lock.writeLock(), path, kind);
                }, numbers[3], numbers[4], "read", "read", "write");
                break;
            case "semaphore":
                contest(kind -> {
                    InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, path, numbers[5]);
                    Lease lease = semaphore.acquire(SECONDS, TimeUnit.SECONDS);
                    expect(lease != null, "a timeout of the semaphore");
                    hold(path, kind, "");
                    semaphore.returnLease(lease);
                }, numbers[3], numbers[4], "lease");
                break;
            case "lead":
                lead(path, layout, numbers[3], numbers[4]);
                break;
            case "hold":
                holdUntil(path, numbers[3]);
                break;
            case "revoke":
                for (String child : client.getChildren().forPath(path))
                    Revoker.attemptRevoke(client, path + "/" + child);
                break;
            case "put":
                put(path, numbers[3], words[4]);
                break;
            case "take":
                take(path, numbers[3]);
                break;
            case "drain":
                take(path, 0);
                break;
            case "add":
                add(path, layout, numbers[3], numbers[4]);
                break;
            case "read":
                read(path, layout);
                break;
            case "barrier-set":
                new DistributedBarrier(client, path).setBarrier();
                break;
            case "barrier-remove":
                new DistributedBarrier(client, path).removeBarrier();
                break;
            case "barrier-wait":
                say("waits");
                expect(new DistributedBarrier(client, path).waitOnBarrier(SECONDS, TimeUnit.SECONDS), "a set barrier");
                break;
            case "join":
                groups.put(path, new GroupMember(client, path, words[3]));
                groups.get(path).start();
                break;
            case "leave":
                groups.remove(path).close();
                break;
            case "members":
                members(path);
                break;
            default:
                throw new IllegalArgumentException(words[0]);
        }
    }

    public static void main(String[] arguments) throws Exception {
        CuratorWorker worker = new CuratorWorker(arguments[0]);
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
