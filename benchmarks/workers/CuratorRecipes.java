import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.queue.SimpleDistributedQueue;
import org.apache.curator.retry.RetryNTimes;

/** A worker with Curator's recipes. README.md describes the lines of input and output. */
final class CuratorRecipes {
    private static final int TIMEOUT_SECONDS = 60;
    private static final int SESSION_MS = 10000;

    private final String hosts;
    private final CuratorFramework client;
    private final List<CuratorFramework> contenders = new ArrayList<>();
    private final List<InterProcessMutex> mutexes = new ArrayList<>();
    private final CompletableFuture<Long> ledAt = new CompletableFuture<>();
    private LeaderLatch latch;
    private int runs;

    private CuratorRecipes(String hosts) throws Exception {
        this.hosts = hosts;
        this.client = open(SESSION_MS);
    }

    private interface Action {
        void run() throws Exception;
    }

    private CuratorFramework start(int sessionMs) {
        CuratorFramework started = CuratorFrameworkFactory.newClient(hosts, sessionMs, 15000, new RetryNTimes(3, 100));
        started.start();
        return started;
    }

    private CuratorFramework open(int sessionMs) throws Exception {
        CuratorFramework opened = start(sessionMs);
        expect(opened.blockUntilConnected(TIMEOUT_SECONDS, TimeUnit.SECONDS));
        return opened;
    }

    private static void expect(boolean truth) {
        if (!truth)
            throw new IllegalStateException("a wrong answer, or none");
    }

    private String path(String name) {
        return "/bench/curator-" + name + "-" + ProcessHandle.current().pid() + "-" + ++runs;
    }

    private static long cpu() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
            .getProcessCpuTime();
    }

    private static String figures(int count, long begun, long begunCpu, double[] times) {
        return figures(count, begun, begunCpu, times, "");
    }

    private static String figures(int count, long begun, long begunCpu, double[] times, String rest) {
        double seconds = (System.nanoTime() - begun) / 1e9, used = (cpu() - begunCpu) / 1e9;
        String more = rest;
        if (times != null) {
            Arrays.sort(times);
            more += String.format(Locale.ROOT, ", \"p50\": %.2f, \"p99\": %.2f", times[times.length / 2],
                times[times.length * 99 / 100]);
        }
        return String.format(Locale.ROOT, "{\"count\": %d, \"seconds\": %.6f, \"cpu\": %.6f%s, \"checked\": true}",
            count, seconds, used, more);
    }

    private static String each(int count, Action action) throws Exception {
        double[] times = new double[count];
        long begunCpu = cpu(), begun = System.nanoTime();
        for (int i = 0; i < count; i++) {
            long start = System.nanoTime();
            action.run();
            times[i] = (System.nanoTime() - start) / 1e3;
        }
        return figures(count, begun, begunCpu, times);
    }

    private static void together(List<Action> actions) throws Exception {
        AtomicReference<Exception> failure = new AtomicReference<>();
        List<Thread> threads = new ArrayList<>();
        for (Action action : actions) {
            Thread thread = new Thread(() -> {
                try {
                    action.run();
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

    private String lock(int count) throws Exception {
        InterProcessMutex mutex = new InterProcessMutex(client, path("lock"));
        return each(count, () -> {
            expect(mutex.acquire(TIMEOUT_SECONDS, TimeUnit.SECONDS));
            mutex.release();
        });
    }

    private String join(int count, int number) throws Exception {
        for (int i = 0; i < count; i++)
            contenders.add(start(SESSION_MS));
        for (CuratorFramework opened : contenders) {
            expect(opened.blockUntilConnected(TIMEOUT_SECONDS, TimeUnit.SECONDS));
            mutexes.add(new InterProcessMutex(opened, "/bench/curator-handover-" + number));
        }
        return nothing(count, "");
    }

    private String handover(int cycles, int pause) throws Exception {
        List<Long> granted = Collections.synchronizedList(new ArrayList<>());
        List<Long> released = Collections.synchronizedList(new ArrayList<>());
        List<Action> actions = new ArrayList<>();
        for (InterProcessMutex mutex : mutexes)
            actions.add(() -> {
                for (int cycle = 0; cycle < cycles; cycle++) {
                    expect(mutex.acquire(TIMEOUT_SECONDS, TimeUnit.SECONDS));
                    granted.add(System.nanoTime());
                    if (pause > 0)
                        TimeUnit.MICROSECONDS.sleep(pause);
                    released.add(System.nanoTime());
                    mutex.release();
                }
            });
        long begunCpu = cpu(), begun = System.nanoTime();
        together(actions);
        return figures(cycles * mutexes.size(), begun, begunCpu, null,
            ", \"granted\": " + granted + ", \"released\": " + released);
    }

    private String part(int count) {
        for (CuratorFramework opened : contenders)
            opened.close();
        contenders.clear();
        mutexes.clear();
        return nothing(count, "");
    }

    /** Take part in an election from now on, with a session of its own. */
    private String campaign(int number, int milliseconds) throws Exception {
        latch = new LeaderLatch(open(milliseconds), "/bench/curator-election-" + number);
        latch.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                ledAt.complete(System.nanoTime());
            }

            @Override
            public void notLeader() {}
        });
        latch.start();
        return nothing(1, "");
    }

    private String lead() throws Exception {
        return nothing(1, ", \"at\": " + ledAt.get(TIMEOUT_SECONDS, TimeUnit.SECONDS));
    }

    private static String nothing(int count, String more) {
        return String.format(Locale.ROOT, "{\"count\": %d, \"seconds\": 1.0, \"cpu\": 0.0%s, \"checked\": true}",
            count, more);
    }

    private String counter(int count) throws Exception {
        DistributedAtomicLong counter = new DistributedAtomicLong(client, path("counter"), new RetryNTimes(10, 1));
        String found = each(count, () -> expect(counter.increment().succeeded()));
        expect(counter.get().postValue() == count);
        return found;
    }

    private String queue(int count, int consumers) throws Exception {
        SimpleDistributedQueue queue = new SimpleDistributedQueue(client, path("queue"));
        byte[] data = new byte[100];
        Arrays.fill(data, (byte) 'x');
        AtomicInteger left = new AtomicInteger(count);
        List<Action> actions = new ArrayList<>();
        for (int i = 0; i < consumers; i++)
            actions.add(() -> {
                while (left.getAndDecrement() > 0)
                    expect(Arrays.equals(queue.take(), data));
            });
        long begunCpu = cpu(), begun = System.nanoTime();
        for (int i = 0; i < count; i++)
            queue.offer(data);
        long put = System.nanoTime();
        together(actions);
        String rates = String.format(Locale.ROOT, ", \"put_rate\": %.1f, \"get_rate\": %.1f",
            count * 1e9 / (put - begun), count * 1e9 / (System.nanoTime() - put));
        return figures(count, begun, begunCpu, null, rates);
    }

    private String run(String name, int count, int size) throws Exception {
        switch (name) {
            case "lock":
                return lock(count);
            case "join":
                return join(count, size);
            case "handover":
                return handover(count, size);
            case "part":
                return part(count);
            case "campaign":
                return campaign(count, size);
            case "lead":
                return lead();
            case "counter":
                return counter(count);
            case "queue":
                return queue(count, size);
            default:
                throw new IllegalArgumentException(name);
        }
    }

    public static void main(String[] arguments) throws Exception {
        CuratorRecipes recipes = new CuratorRecipes(arguments[0]);
        System.out.println("{\"ready\": true}");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] words = line.split(" ");
            System.out.println(recipes.run(words[0], Integer.parseInt(words[1]), Integer.parseInt(words[2])));
        }
        System.exit(0);
    }
}
