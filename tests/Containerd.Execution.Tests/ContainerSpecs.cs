using Containerd.Conformance;

namespace Containerd.Execution.Tests;

public sealed class ContainerSpecs : ContainerFixture
{
    private static readonly ContainerOptions Pipes = new() { Stdio = ContainerStdio.Pipes };

    [TestCase(0)]
    [TestCase(7)]
    [TestCase(255)]
    public async Task RunGivesTheExitCode(int code)
    {
        await using Container container = await CreateAsync("job", null, "sh", "-c", $"exit {code}");
        ExitStatus exit = await container.RunAsync();
        Assert.That(exit.Code, Is.EqualTo(code));
        Assert.That(exit.IsSuccess, Is.EqualTo(code == 0));
        Assert.That(await container.WaitAsync(), Is.EqualTo(exit));
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Stopped));
    }

    [Test]
    public async Task KilledRunGives137()
    {
        await using Container container = await CreateAsync("job", null, "sleep", "1000");
        Task<ExitStatus> run = container.RunAsync();
        await container.KillAsync();
        Assert.That((await run).Code, Is.EqualTo(137));
        await container.KillAsync(); // Once more is no error.
        Assert.That(Kind(() => container.SignalAsync(Signal.Terminate)), Is.EqualTo(ErrorKind.NotFound));
    }

    [Test, RequiresKernel(6, 15)]
    public async Task StartedContainerGivesItsExitCode()
    {
        await using Container container = await CreateAsync("service", null, "sh", "-c", "exit 7");
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Created));
        await container.InitializeAsync();
        Assert.That(container.ProcessId, Is.Positive);
        Assert.That((await Host.GetAsync("service")).ProcessId, Is.EqualTo(container.ProcessId));
        await container.StartAsync();
        ExitStatus exit = await container.WaitAsync();
        await TestContext.Out.WriteLineAsync($"code {(TimeProvider.System.GetUtcNow() - exit.ExitedAt).TotalMilliseconds:F0} ms after the end");
        Assert.That(exit, Is.EqualTo(new ExitStatus(7, null, exit.ExitedAt)));
        await container.DeleteAsync();
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Deleted));
        Assert.That(await Host.FindAsync("service"), Is.Null);
    }

    [Test, RequiresKernel(6, 15)]
    public async Task StartedContainerGivesItsSignal()
    {
        await using Container container = await CreateAsync("service", null, "sleep", "1000");
        await container.StartAsync();
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Running));
        Assert.That(Kind(() => container.DeleteAsync()), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(Kind(() => container.StartAsync()), Is.EqualTo(ErrorKind.FailedPrecondition));
        await container.KillAsync();
        ExitStatus exit = await container.WaitAsync();
        Assert.That(exit, Is.EqualTo(new ExitStatus(137, Signal.Kill, exit.ExitedAt)));
    }

    [Test]
    public async Task StopAsksFirst()
    {
        await using Container container = await CreateAsync("service", Pipes, "sh", "-c", "trap 'exit 3' TERM; echo up; while :; do sleep 0.05; done");
        Task<ExitStatus> run = container.RunAsync();
        await container.StandardOutput!.ReadExactlyAsync(new byte[3]);
        Assert.That((await container.StopAsync(TimeSpan.FromSeconds(20))).Code, Is.EqualTo(3));
        Assert.That((await run).Code, Is.EqualTo(3));
    }

    [Test]
    public async Task StopKillsWhatDoesNotListen()
    {
        await using Container container = await CreateAsync("service", Pipes, "sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done");
        Task<ExitStatus> run = container.RunAsync();
        await container.StandardOutput!.ReadExactlyAsync(new byte[3]);
        Assert.That((await container.StopAsync(TimeSpan.FromMilliseconds(200))).Code, Is.EqualTo(137));
        await run;
    }

    [Test]
    public async Task MissingProgramIsNamedAndNothingIsLeft([Values] bool foreground)
    {
        await using Container container = await CreateAsync("job", null, "/no/such/program");
        OciRuntimeException? e = Assert.ThrowsAsync<OciRuntimeException>(() => foreground ? container.RunAsync() : container.StartAsync());
        Assert.That(e!.Kind, Is.EqualTo(ErrorKind.NotFound));
        Assert.That(e.Message, Does.Contain("/no/such/program").And.Contain("job"));
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Stopped));
        Assert.That(Kind(() => container.StartAsync()), Is.EqualTo(ErrorKind.FailedPrecondition));
        await container.DeleteAsync();
        Assert.That(Cgroups(), Is.Empty);
    }

    [Test]
    public async Task SecondContainerOfAnIdIsRefused()
    {
        await using Container first = await CreateAsync("job", null, "sleep", "1000");
        Assert.That(Kind(() => CreateAsync("job", null, "true")), Is.EqualTo(ErrorKind.AlreadyExists));
        ContainerHost other = TestHosts.Create(StateRoot, RuntimeRoot, CgroupParent);
        Assert.That(Kind(() => other.CreateAsync("job", Overlay(), spec => spec.WithArgs("true"))), Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That(Kind(() => other.RemoveAsync("job")), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(await other.CleanupAsync(), Is.Empty);
        await first.DisposeAsync();
        await using Container second = await CreateAsync("job", null, "true");
        Assert.That((await second.RunAsync()).Code, Is.Zero);
    }

    [Test]
    public async Task OutputIsComplete()
    {
        await using Container container = await CreateAsync("job", Pipes, "sh", "-c", "head -c 10485760 /dev/zero; echo bad >&2");
        CapturedOutput captured = await container.RunAndCaptureAsync(maxBytes: 20 * 1024 * 1024);
        Assert.That(captured.Exit.Code, Is.Zero);
        Assert.That(captured.StandardOutput, Has.Length.EqualTo(10 * 1024 * 1024));
        Assert.That(captured.StandardError, Is.EqualTo("bad\n"));
        Assert.That(captured.IsTruncated, Is.False);
    }

    [Test]
    public async Task CaptureIsBounded()
    {
        await using Container container = await CreateAsync("job", Pipes, "sh", "-c", "head -c 1000000 /dev/zero");
        CapturedOutput captured = await container.RunAndCaptureAsync(maxBytes: 1000);
        Assert.That(captured.StandardOutput, Has.Length.EqualTo(1000));
        Assert.That(captured.IsTruncated);
    }

    [Test]
    public async Task InputEndsWhenItsStreamIsDisposed([Values] bool foreground)
    {
        await using Container container = await CreateAsync("echo", Pipes, "sh", "-c", "cat; echo end");
        Task<CapturedOutput> run = foreground ? container.RunAndCaptureAsync() : StartAndCapture();
        byte[] sent = new byte[300_000];
        Array.Fill(sent, (byte)'x');
        await container.StandardInput!.WriteAsync(sent);
        await container.StandardInput.DisposeAsync();
        Assert.That((await run).StandardOutput, Is.EqualTo(new string('x', sent.Length) + "end\n"));

        async Task<CapturedOutput> StartAndCapture()
        {
            await container.StartAsync();
            return await OutputCapture.ReadAsync(container.StandardOutput, container.StandardError, container.WaitAsync(), 1 << 20, TimeProvider.System, default);
        }
    }

    [Test]
    public async Task OutputGoesToFiles()
    {
        string log = Path.Join(Temporary, "log");
        await File.WriteAllTextAsync(log, "before\n");
        var stdio = new ContainerStdio { Output = StdioStream.File(log), Error = StdioStream.File(log) };
        await using Container container = await CreateAsync("job", new ContainerOptions { Stdio = stdio }, "sh", "-c", "echo out; echo err >&2");
        await container.RunAsync();
        Assert.That(await File.ReadAllLinesAsync(log), Is.EquivalentTo(new[] { "before", "out", "err" }));
    }

    [Test]
    public async Task SignalsAreAtTheirDefaults([Values] bool foreground)
    {
        await using Container container = await CreateAsync("job", Pipes, "grep", "Sig[BI]", "/proc/self/status");
        Task<CapturedOutput> run = foreground ? container.RunAndCaptureAsync() : StartAndCapture();
        // glibc keeps 32 and 33 to itself, and leaves them ignored.
        string[] lines = (await run).StandardOutput.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        ulong ignored = Convert.ToUInt64(lines.Single(line => line.StartsWith("SigIgn", StringComparison.Ordinal)).Split('\t')[1], 16);
        Assert.That(ignored & ~(3UL << 31), Is.Zero);
        Assert.That(lines.Single(line => line.StartsWith("SigBlk", StringComparison.Ordinal)), Does.EndWith("\t0000000000000000"));

        async Task<CapturedOutput> StartAndCapture()
        {
            await container.StartAsync();
            return await OutputCapture.ReadAsync(container.StandardOutput, container.StandardError, container.WaitAsync(), 1 << 20, TimeProvider.System, default);
        }
    }

    [Test]
    public async Task HostSeesNoMount()
    {
        string[] before = await File.ReadAllLinesAsync("/proc/self/mountinfo");
        await using Container container = await CreateAsync("job", Pipes, "sh", "-c", "touch /made; echo up; sleep 1000");
        Task<ExitStatus> run = container.RunAsync();
        await container.StandardOutput!.ReadExactlyAsync(new byte[3]);
        Assert.That((await File.ReadAllLinesAsync("/proc/self/mountinfo")).Where(line => line.Contains(Temporary, StringComparison.Ordinal)), Is.Empty);
        Assert.That(before.Where(line => line.Contains(Temporary, StringComparison.Ordinal)), Is.Empty);
        Assert.That(File.Exists(Path.Join(Temporary, "upper1/up/made")), "it is the overlay all the same");
        await container.DisposeAsync();
        Assert.That((await run).Code, Is.Null);
    }

    [Test]
    public async Task HostMountIsUnmounted()
    {
        await using Container container = await CreateAsync("job", new ContainerOptions { RootfsMode = RootfsMode.HostMount }, "true");
        Assert.That((await container.RunAsync()).Code, Is.Zero);
        Assert.That(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(container.Bundle, StringComparison.Ordinal)), Has.Exactly(1).Items);
        await container.DeleteAsync();
        Assert.That(File.ReadLines("/proc/self/mountinfo").Where(line => line.Contains(Temporary, StringComparison.Ordinal)), Is.Empty);
        Assert.That(File.Exists(Path.Join(Lower, "bin/busybox")), "and nothing beneath it was deleted");
    }

    [Test]
    public async Task BindNeedsNoMount()
    {
        await using Container container = await Host.CreateAsync(
            "job", [Mount.Bind(Lower, readOnly: true)], spec => spec.WithArgs("sh", "-c", "touch /made"), new ContainerOptions { Stdio = ContainerStdio.OutputPipes });
        CapturedOutput captured = await container.RunAndCaptureAsync();
        Assert.That(captured.Exit.Code, Is.EqualTo(1));
        Assert.That(captured.StandardError, Does.Contain("Read-only file system"));
    }

    [Test]
    public async Task DisposeKillsAndRemoves([Values] bool foreground)
    {
        Container container = await CreateAsync("job", null, "sleep", "1000");
        Task<ExitStatus>? run = foreground ? container.RunAsync() : null;
        if (!foreground)
            await container.StartAsync();
        await Until(async () => await Host.FindAsync("job") is { Status: ContainerStatus.Running }, "running");
        int pid = (await Host.GetAsync("job")).ProcessId!.Value;
        await container.DisposeAsync();
        Assert.That(await Host.FindAsync("job"), Is.Null);
        Assert.That(Directory.Exists(container.Bundle), Is.False);
        Assert.That(Cgroups(), Is.Empty);
        Assert.That(IsRunning(pid), Is.False);
        if (run is not null)
            Assert.That((await run).Code, Is.Null, "killed with the runtime: not known, not invented");
        await container.DisposeAsync();
    }

    [Test]
    public async Task KeptContainerOutlivesItsObject()
    {
        Container container = await CreateAsync("service", new ContainerOptions { KeepRunning = true }, "sleep", "1000");
        await container.StartAsync();
        await container.DisposeAsync();
        Assert.That((await Host.GetAsync("service")).Status, Is.EqualTo(ContainerStatus.Running));
        Assert.That(await Host.CleanupAsync(), Is.Empty);
        Assert.That(Kind(() => CreateAsync("service", null, "true")), Is.EqualTo(ErrorKind.AlreadyExists));
        await Host.RemoveAsync("service");
        Assert.That(await Host.ListAsync(), Is.Empty);
        Assert.That(Kind(() => Host.RemoveAsync("service")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(async () => await CreateAsync("service", Pipes with { KeepRunning = true }, "true"), Throws.ArgumentException);
    }

    [TestCase(0)]
    [TestCase(15)]
    [TestCase(40)]
    [TestCase(90)]
    public async Task CancelledStartLeavesNothing(int milliseconds)
    {
        await using Container container = await CreateAsync("job", null, "sleep", "1000");
        using var cancel = new CancellationTokenSource(milliseconds);
        try
        {
            await container.StartAsync(cancel.Token);
        }
        catch (OperationCanceledException)
        {
            Assert.That(container.Status, Is.EqualTo(ContainerStatus.Stopped).Or.EqualTo(ContainerStatus.Created));
        }
        await container.DisposeAsync();
        Assert.That(Cgroups(), Is.Empty);
        Assert.That(ProcessesUnder(Temporary), Is.Empty);
    }

    [Test]
    public async Task CancelledRunKills()
    {
        await using Container container = await CreateAsync("job", Pipes, "sh", "-c", "echo up; sleep 1000");
        using var cancel = new CancellationTokenSource();
        Task<ExitStatus> run = container.RunAsync(cancel.Token);
        await container.StandardOutput!.ReadExactlyAsync(new byte[3]);
        await cancel.CancelAsync();
        Assert.That(async () => await run, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Stopped));
        Assert.That(ProcessesUnder(Temporary), Is.Empty);
    }

    [Test]
    public async Task ExecRunsBeside()
    {
        await using Container container = await Host.CreateAsync(
            "service", Overlay(), spec => spec.WithArgs("sleep", "1000").WithEnv("A", "1").WithCwd("/tmp"));
        await container.StartAsync();
        await using (ContainerProcess process = await container.ExecAsync(new ExecOptions
        {
            Args = ["sh", "-c", "echo $A$B $(pwd) $(id -u); exit 5"],
            Env = ["B=2"],
            User = "1000:1000",
            Stdio = ContainerStdio.OutputPipes,
        }))
        {
            CapturedOutput captured = await process.CaptureAsync();
            Assert.That(captured.StandardOutput, Is.EqualTo("12 /tmp 1000\n"));
            Assert.That(captured.Exit.Code, Is.EqualTo(5));
        }
        await using (ContainerProcess missing = await container.ExecAsync(new ExecOptions { Args = ["/no/such/program"] }))
            Assert.That(Kind(() => missing.WaitAsync()), Is.EqualTo(ErrorKind.NotFound));
        await using (ContainerProcess killed = await container.ExecAsync(new ExecOptions { Args = ["sleep", "1000"] }))
        {
            await killed.KillAsync();
            Assert.That((await killed.WaitAsync()).Code, Is.Null);
        }
        Assert.That(Directory.GetFiles(container.Bundle, "exec-*"), Is.Empty);
        await using ContainerProcess last = await container.ExecAsync(new ExecOptions { Args = ["sh", "-c", "echo up; sleep 1000"], Stdio = ContainerStdio.OutputPipes });
        await last.StandardOutput!.ReadExactlyAsync(new byte[3]);
        await container.KillAsync();
        Assert.That((await last.WaitAsync()).Code, Is.EqualTo(137), "it ends with the container");
        await container.WaitAsync();
        Assert.That(Kind(() => container.ExecAsync(new ExecOptions { Args = ["true"] })), Is.EqualTo(ErrorKind.FailedPrecondition));
    }

    [Test]
    public async Task FrozenContainerCanBeKilled()
    {
        await using Container container = await CreateAsync("service", null, "sleep", "1000");
        await container.StartAsync();
        await container.PauseAsync();
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Paused));
        await container.KillAsync();
        await container.WaitAsync().WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Test]
    public async Task LimitsHold()
    {
        await using Container container = await Host.CreateAsync(
            "job", Overlay(), spec => spec.WithArgs("sleep", "1000").WithMemoryLimit(64 << 20).WithPidsLimit(50).WithCpuLimit(0.5));
        await container.StartAsync();
        string pids = Directory.Exists("/sys/fs/cgroup/pids") ? $"/sys/fs/cgroup/pids{CgroupParent}/job/pids.max" : $"/sys/fs/cgroup{CgroupParent}/job/pids.max";
        Assert.That((await File.ReadAllTextAsync(pids)).Trim(), Is.EqualTo("50"));
        await container.UpdateAsync(new LinuxResources { Pids = new LinuxPids { Limit = 60 } });
        Assert.That((await File.ReadAllTextAsync(pids)).Trim(), Is.EqualTo("60"));
    }

    [Test]
    public async Task ProcessesThatShareTheHostsNamespaceAreKilledToo()
    {
        await using Container container = await Host.CreateAsync("job", Overlay(), spec => spec
            .WithHostNamespace("pid")
            .WithArgs("sh", "-c", "sleep 1000 & exit 4"));
        Assert.That((await container.RunAsync()).Code, Is.EqualTo(4));
        await container.DeleteAsync();
        Assert.That(ProcessesUnder(Temporary), Is.Empty);
        Assert.That(Cgroups(), Is.Empty);
    }

    [Test]
    public async Task ManyRunsLeakNothing()
    {
        for (int i = 0; i < 5; i++)
            Assert.That((await RunAsync("true")).Exit.Code, Is.Zero); // Warms up whatever is made once.
        int files = Descriptors().Length, threads = Threads(), zombies = Zombies();
        for (int i = 0; i < 50; i++)
            Assert.That(await Task.WhenAll(Enumerable.Range(0, 4).Select(async n => (await RunAsync("sh", "-c", $"exit {n}")).Exit.Code)), Is.EqualTo(new int?[] { 0, 1, 2, 3 }));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.That(Descriptors(), Has.Length.LessThanOrEqualTo(files + 8), string.Join('\n', Descriptors()));
        Assert.That(Threads(), Is.LessThanOrEqualTo(threads + 12), "pool threads come and go");
        Assert.That(Zombies(), Is.LessThanOrEqualTo(zombies));
        Assert.That(Directory.GetFiles("/proc/self/task").Length, Is.Zero);
        string own = new FileInfo("/proc/self/ns/mnt").LinkTarget!;
        Assert.That(ForeignThreads(own), Is.Empty, "no thread of this process is left in a container's mount namespace");
    }

    [Test]
    public void RuntimeThatIsNotInstalledIsNamed()
    {
        var host = new ContainerHost(
            new ContainerHostOptions { StateRoot = StateRoot, CgroupParent = CgroupParent },
            new OciRuntime(new OciRuntimeOptions { Program = "no-such-runtime" }),
            new TestMounter());
        Assert.That(
            async () =>
            {
                await using Container container = await host.CreateAsync("job", Overlay(), spec => spec.WithArgs("true"));
                await container.RunAsync();
            },
            Throws.InstanceOf<OciRuntimeException>().With.Property("Kind").EqualTo(ErrorKind.NotFound).And.Message.Contains("no-such-runtime").And.Message.Contains("/usr/sbin"));
    }

    [Test]
    public void ContradictionIsFoundEarly()
    {
        Assert.That(Kind(() => Host.CreateAsync("job", Overlay(), spec => spec)), Is.EqualTo(ErrorKind.InvalidArgument), "nothing to run");
        Assert.That(Kind(() => Host.CreateAsync("job", Overlay(), spec => spec.WithArgs("x").WithCwd("relative"))), Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(Directory.GetDirectories(Path.Join(StateRoot, "containers")), Is.Empty);
    }

    [Test]
    public async Task HalfADirectoryIsRemoved()
    {
        Directory.CreateDirectory(Path.Join(StateRoot, "containers/.half/rootfs"));
        Directory.CreateDirectory(Path.Join(StateRoot, "containers/.made"));
        await File.WriteAllTextAsync(Path.Join(StateRoot, "containers/.made/config.json"), "{}");
        Assert.That(await Host.CleanupAsync(), Is.Empty);
        Assert.That(Directory.GetFileSystemEntries(Path.Join(StateRoot, "containers")), Is.Empty);
    }

    [Test]
    public async Task DisposalSparesWhatRunsInACgroupItNeverUsed()
    {
        await using Container victim = await CreateAsync("job", null, "sleep", "1000");
        await victim.StartAsync();
        ContainerHost other = TestHosts.Create(Path.Join(Temporary, "other-state"), Path.Join(Temporary, "other-runtime"), CgroupParent);
        Container same = await other.CreateAsync("job", Overlay(), spec => spec.WithArgs("true"));
        await same.DisposeAsync();
        Assert.That(IsRunning(victim.ProcessId!.Value));
        foreach (bool foreground in new[] { true, false })
        {
            await using Container again = await other.CreateAsync("job", Overlay(), spec => spec.WithArgs("true"));
            Assert.That(Kind(() => foreground ? again.RunAsync() : again.StartAsync()), Is.EqualTo(ErrorKind.FailedPrecondition));
        }
        Assert.That(IsRunning(victim.ProcessId!.Value));
        Assert.That(victim.Status, Is.EqualTo(ContainerStatus.Running));
    }

    [Test]
    public async Task EachStateRootHasACgroupParentOfItsOwn()
    {
        Assert.That(new ContainerHostOptions().CgroupParent, Is.Null);
        var paths = new List<string>();
        foreach (string name in new[] { "a", "b" })
        {
            var host = new ContainerHost(
                new ContainerHostOptions { StateRoot = Path.Join(Temporary, name) }, new OciRuntime(new OciRuntimeOptions { StateRoot = RuntimeRoot }), new TestMounter());
            await using Container container = await host.CreateAsync("job", Overlay(), spec => spec.WithArgs("true"));
            paths.Add(container.Spec.Spec.Linux!.CgroupsPath!);
        }
        Assert.That(paths, Is.Unique.And.All.Match("^/containerd-net-[0-9a-f]{12}/job$"));
    }

    [TestCase("/x/..")]
    [TestCase("/../x")]
    [TestCase("/x/./y")]
    public void CgroupThatClimbsIsRefused(string path)
    {
        Assert.That(
            Kind(() => Host.CreateAsync("job", Overlay(), spec => spec.WithArgs("true") with { Spec = Spec.Default with { Linux = Spec.Default.Linux! with { CgroupsPath = path } } })),
            Is.EqualTo(ErrorKind.InvalidArgument));
        Assert.That(() => new ContainerHostOptions { CgroupParent = path }, Throws.ArgumentException);
    }

    [Test]
    public async Task OneOfManyGetsAnId()
    {
        Container?[] containers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(async () =>
        {
            try
            {
                return await TestHosts.Create(StateRoot, RuntimeRoot, CgroupParent).CreateAsync("job", Overlay(), spec => spec.WithArgs("true"));
            }
            catch (ContainerdException e) when (e.Kind == ErrorKind.AlreadyExists)
            {
                return null;
            }
        })));
        Assert.That(containers.OfType<Container>().ToArray(), Has.Length.EqualTo(1));
        await containers.OfType<Container>().Single().DisposeAsync();
    }

    [Test]
    public void RootOfAnotherFormatIsRefused()
    {
        File.WriteAllText(Path.Join(StateRoot, "format"), """{"component":"execution","format":99,"writer":"9.9.0"}""");
        Assert.That(
            () => TestHosts.Create(StateRoot, RuntimeRoot, CgroupParent),
            Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.NotSupported).And.Message.Contains("9.9.0"));
        Assert.That(File.GetUnixFileMode(StateRoot), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute));
    }

    [TestCase("", UnixFileMode.GroupWrite, 0, ErrorKind.PermissionDenied)]
    [TestCase("", UnixFileMode.OtherWrite, 0, ErrorKind.PermissionDenied)]
    [TestCase("", UnixFileMode.None, 1000, ErrorKind.PermissionDenied)]
    [TestCase("other.pid", UnixFileMode.OtherRead, 0, ErrorKind.FailedPrecondition)]
    public void DirectoryThatIsNotOursStaysAsItIs(string file, UnixFileMode extra, int owner, ErrorKind kind)
    {
        string path = Directory.CreateDirectory(Path.Join(Temporary, "somewhere")).FullName;
        if (file.Length > 0)
            File.WriteAllText(Path.Join(path, file), "1");
        UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | extra;
        File.SetUnixFileMode(path, mode);
        TestInterop.ChangeOwner(path, (uint)owner);
        Assert.That(() => TestHosts.Create(path, RuntimeRoot, CgroupParent), Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(kind));
        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(mode));
        Assert.That(Directory.GetFileSystemEntries(path).Select(Path.GetFileName), Is.EqualTo(file.Length > 0 ? new[] { file } : []));
    }

    private static ErrorKind Kind(Func<Task> call) => (Assert.CatchAsync<ContainerdException>(() => call()))!.Kind;

    private static bool IsRunning(int pid) => File.Exists($"/proc/{pid}/stat") && !File.ReadAllText($"/proc/{pid}/stat").Contains(") Z ", StringComparison.Ordinal);

    private static string[] Descriptors() => [.. Directory.GetFileSystemEntries("/proc/self/fd").Select(fd => new FileInfo(fd).LinkTarget ?? "gone")];

    private static int Threads() => Directory.GetDirectories("/proc/self/task").Length;

    private static string[] ForeignThreads(string own) =>
    [
        .. Directory.GetDirectories("/proc/self/task").Where(task => new FileInfo(Path.Join(task, "ns/mnt")).LinkTarget is { } ns && ns != own)
            .Select(task => File.ReadAllText(Path.Join(task, "comm")).Trim()),
    ];

    private static int Zombies() => Directory.GetDirectories("/proc").Select(process => Path.Join(process, "stat")).Where(File.Exists).Count(stat =>
    {
        try
        {
            string[] fields = File.ReadAllText(stat).Split(") ")[^1].Split(' ');
            return fields[0] == "Z" && fields[1] == Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return false;
        }
    });
}
