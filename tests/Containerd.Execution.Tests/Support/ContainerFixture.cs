using Containerd.Conformance;

namespace Containerd.Execution.Tests;

/// <summary>A fixture with a root file system, a host of its own, and a look at the end whether anything is left.</summary>
[RequiresRoot, RequiresProgram("runc"), RequiresProgram("busybox"), RequiresFileSystem("overlay")]
public abstract class ContainerFixture
{
    private string directory = "";
    private int uppers;

    protected string Lower { get; private set; } = "";

    protected string StateRoot => Path.Join(directory, "state");

    protected string RuntimeRoot => Path.Join(directory, "runtime");

    protected string CgroupParent { get; private set; } = "";

    protected ContainerHost Host { get; private set; } = null!;

    protected string Temporary => directory;

    [SetUp]
    public void MakeHost()
    {
        uppers = 0;
        directory = Directory.CreateTempSubdirectory("containers-").FullName;
        CgroupParent = $"/{Path.GetFileName(directory)}";
        Lower = Path.Join(directory, "lower");
        OciBundle.CreateRootfs(Lower);
        Host = TestHosts.Create(StateRoot, RuntimeRoot, CgroupParent);
    }

    [TearDown]
    public async Task NothingIsLeft()
    {
        string[] mounts = [.. File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(directory, StringComparison.Ordinal))];
        string[] containers = [.. (await Host.ListAsync()).Select(container => container.Id)];
        foreach (string id in containers)
            await Host.RemoveAsync(id);
        await Host.CleanupAsync();
        string[] cgroups = Cgroups();
        int[] processes = ProcessesUnder(directory);
        foreach (string line in mounts)
            TestInterop.Unmount(line.Split(' ')[4]);
        Directory.Delete(directory, recursive: true);
        Assert.Multiple(() =>
        {
            Assert.That(mounts, Is.Empty, "mounts");
            Assert.That(containers, Is.Empty, "containers");
            Assert.That(cgroups, Is.Empty, "cgroups");
            Assert.That(processes, Is.Empty, "processes");
        });
    }

    protected string[] Cgroups() => [.. Directory.EnumerateDirectories("/sys/fs/cgroup", $"{CgroupParent[1..]}*").Concat(
        Directory.EnumerateDirectories("/sys/fs/cgroup").SelectMany(hierarchy => Directory.EnumerateDirectories(hierarchy, $"{CgroupParent[1..]}*")))];

    protected IReadOnlyList<Mount> Overlay() => TestHosts.Overlay(Lower, Path.Join(directory, $"upper{Interlocked.Increment(ref uppers)}"));

    protected Task<Container> CreateAsync(string id, ContainerOptions? options, params string[] args) =>
        Host.CreateAsync(id, Overlay(), spec => spec.WithArgs(args), options);

    protected async Task<CapturedOutput> RunAsync(params string[] args)
    {
        await using Container container = await CreateAsync($"run-{Guid.NewGuid():N}", new ContainerOptions { Stdio = ContainerStdio.OutputPipes }, args);
        return await container.RunAndCaptureAsync();
    }

    protected static async Task Until(Func<Task<bool>> condition, string what)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (!await condition())
        {
            Assert.That(patience.IsCancellationRequested, Is.False, what);
            await Task.Delay(10);
        }
    }

    /// <summary>Processes of runtimes whose command line names a directory, and processes with it in their cgroup.</summary>
    protected static int[] ProcessesUnder(string directory) =>
    [
        .. Directory.EnumerateDirectories("/proc").Select(Path.GetFileName).Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!))
            .Where(pid => pid != Environment.ProcessId && (Read(pid, "cmdline") + Read(pid, "cgroup")).Contains(Path.GetFileName(directory), StringComparison.Ordinal))
            .Where(pid => !Read(pid, "stat").Contains(") Z ", StringComparison.Ordinal)),
    ];

    private static string Read(int pid, string file)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/{file}");
        }
        catch (IOException)
        {
            return ""; // It has ended.
        }
    }
}
