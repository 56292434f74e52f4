using System.Diagnostics;

namespace Containerd.Execution.Tests;

// What others do to a container's runtime, files and processes must not take its ID, or its host, with it.
public sealed class FailureSpecs : ContainerFixture
{
    [Test]
    public async Task KilledForegroundRuntimeLeavesNoContainer()
    {
        var runtime = new OciRuntime(new OciRuntimeOptions { StateRoot = RuntimeRoot });
        Container container = await CreateAsync("job", null, "sleep", "1000");
        Task<ExitStatus> run = container.RunAsync();
        await UntilRunningAsync("job");
        KillRuntime("run");
        OciRuntimeException? e = Assert.CatchAsync<OciRuntimeException>(() => run);
        Assert.That(e!.Message, Does.Contain("SIGKILL").And.Not.Contain("may remain"));
        Assert.That(await runtime.FindAsync("job"), Is.Null, "the runtime's contract: after a failure there is no container");
        await container.DisposeAsync();
        await using Container again = await CreateAsync("job", null, "true");
        Assert.That((await again.RunAsync()).Code, Is.Zero);
    }

    [Test]
    public async Task ContainerIsRemovedThoughItsRuntimeAnsweredNothingWhenItFailed([Values] bool cancelled)
    {
        ContainerHost host = HostOfABrokenRuntime(out string broken);
        Container container = await host.CreateAsync("job", Overlay(), spec => spec.WithArgs("sleep", "1000"));
        using var cancel = new CancellationTokenSource();
        Task<ExitStatus> run = container.RunAsync(cancel.Token);
        await UntilRunningAsync("job");
        await File.WriteAllTextAsync(broken, "");
        if (cancelled)
        {
            await cancel.CancelAsync();
            Assert.That(async () => await run, Throws.InstanceOf<OperationCanceledException>());
            Assert.That(RuntimeProcesses("run"), Is.Empty, "the runtime was ended nevertheless");
        }
        else
        {
            KillRuntime("run");
            Assert.That(async () => await run, Throws.InstanceOf<OciRuntimeException>().With.Message.Contains("may remain"));
        }
        File.Delete(broken);
        await container.DisposeAsync();
        await using Container again = await CreateAsync("job", null, "true");
        Assert.That((await again.RunAsync()).Code, Is.Zero);
    }

    [Test]
    public async Task FrozenContainerThatSomebodyElseThawedCanBeKilled()
    {
        await using Container container = await CreateAsync("service", null, "sleep", "1000");
        await container.StartAsync();
        await container.PauseAsync();
        await new OciRuntime(new OciRuntimeOptions { StateRoot = RuntimeRoot }).ResumeAsync("service");
        await container.KillAsync();
        Assert.That((await container.WaitAsync().WaitAsync(TimeSpan.FromSeconds(20))).Code, Is.EqualTo(137).Or.Null);
    }

    [TestCase(null)]
    [TestCase("{")]
    [TestCase("null")]
    public async Task OneDamagedStateDoesNotDisableTheRoot(string? state)
    {
        foreach (string id in new[] { "b", "c", "d" })
            Damage(id, state);
        await using Container sound = await CreateAsync("a", null, "sleep", "1000");
        Assert.That((await Host.ListAsync()).Select(container => container.Id), Is.EqualTo(new[] { "a" }));
        await Host.RemoveAsync("b");
        await using (Container again = await CreateAsync("c", null, "true"))
            Assert.That((await again.RunAsync()).Code, Is.Zero);
        Assert.That(await Host.CleanupAsync(), Is.EqualTo(new[] { "d" }));
        Assert.That(await Host.CleanupAsync(), Is.Empty);
    }

    [Test]
    public async Task CleanupGoesOnBehindWhatItCannotRemove()
    {
        foreach (string id in new[] { "a", "b", "c" })
            Damage(id, "{");
        string stuck = Path.Join(StateRoot, "containers/b/rootfs/file");
        await File.WriteAllTextAsync(stuck, "");
        Assert.That(async () => await Host.CleanupAsync(), Throws.InstanceOf<ContainerdException>().With.Message.Contains("containers/b/rootfs"));
        Assert.That(Directory.GetDirectories(Path.Join(StateRoot, "containers")).Select(Path.GetFileName), Is.EqualTo(new[] { "b" }));
        File.Delete(stuck);
        Assert.That(await Host.CleanupAsync(), Is.EqualTo(new[] { "b" }));
    }

    [Test]
    public async Task ContainerOfAnotherRuntimeIsNotRemoved()
    {
        await using (Container container = await CreateAsync("job", new ContainerOptions { KeepRunning = true }, "sleep", "1000"))
            await container.StartAsync();
        var other = new ContainerHost(
            new ContainerHostOptions { StateRoot = StateRoot, CgroupParent = CgroupParent },
            new OciRuntime(new OciRuntimeOptions { Dialect = RuntimeDialect.Runc with { Name = "other" }, StateRoot = RuntimeRoot }),
            new TestMounter());
        Assert.That(
            async () => await other.RemoveAsync("job"),
            Throws.InstanceOf<ContainerdException>().With.Property("Kind").EqualTo(ErrorKind.FailedPrecondition).And.Message.Contains("runc"));
        Assert.That((await Host.GetAsync("job")).Status, Is.EqualTo(ContainerStatus.Running));
        await Host.RemoveAsync("job");
    }

    [Test]
    public async Task FailureBeforeTheLaunchEndsTheContainer([Values] bool foreground)
    {
        await using Container container = await CreateAsync("job", new ContainerOptions { Stdio = ContainerStdio.OutputPipes }, "true");
        // A directory where the next state is to be written.
        Directory.CreateDirectory(Path.Join(container.Bundle, "state.json.next"));
        ContainerdException? e = Assert.CatchAsync<ContainerdException>(() => foreground ? container.RunAsync() : container.StartAsync());
        Assert.That(e!.Subject, Does.Contain(container.Bundle));
        Assert.That(async () => await container.WaitAsync().WaitAsync(TimeSpan.FromSeconds(20)), Throws.Exception.SameAs(e));
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        Assert.That(await container.StandardOutput!.ReadAsync(new byte[1], patience.Token), Is.Zero, "nobody holds the other end");
        Assert.That(container.Status, Is.EqualTo(ContainerStatus.Stopped));
        await container.DeleteAsync();
    }

    [Test]
    public async Task ContainerWhoseStartCannotBeNotedIsKilled()
    {
        await using Container container = await CreateAsync("job", null, "sleep", "1000");
        await container.InitializeAsync();
        Directory.CreateDirectory(Path.Join(container.Bundle, "state.json.next"));
        Assert.That(() => container.StartAsync(), Throws.InstanceOf<ContainerdException>());
        await container.WaitAsync().WaitAsync(TimeSpan.FromSeconds(20));
        await container.DeleteAsync();
    }

    [Test]
    public void RuntimeThatCannotBeExecutedIsNamed()
    {
        string program = Path.Join(Temporary, "runtime");
        File.WriteAllText(program, "\u007fELF but no program");
        var runtime = new OciRuntime(new OciRuntimeOptions { Program = program });
        Assert.That(() => runtime.GetInfoAsync(), Throws.InstanceOf<OciRuntimeException>().With.Property("Kind").EqualTo(ErrorKind.PermissionDenied).And.Message.Contains(program));
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Assert.That(() => runtime.GetInfoAsync(), Throws.InstanceOf<OciRuntimeException>().With.Message.Contains(program));
    }

    [Test]
    public void StateRootThatIsAFileIsAnErrorOfTheSuite()
    {
        string file = Path.Join(Temporary, "file");
        File.WriteAllText(file, "");
        Assert.That(() => TestHosts.Create(file, RuntimeRoot, CgroupParent), Throws.InstanceOf<ContainerdException>());
        Assert.That(() => TestHosts.Create(Path.Join(file, "below"), RuntimeRoot, CgroupParent), Throws.InstanceOf<ContainerdException>());
    }

    private void Damage(string id, string? state)
    {
        string directory = Path.Join(StateRoot, "containers", id);
        Directory.CreateDirectory(Path.Join(directory, "rootfs"));
        File.WriteAllText(Path.Join(directory, "config.json"), "{}");
        if (state is not null)
            File.WriteAllText(Path.Join(directory, "state.json"), state);
    }

    private async Task UntilRunningAsync(string id) =>
        await Until(async () => await Host.FindAsync(id) is { Status: ContainerStatus.Running }, "running");

    /// <summary>A host of runc that answers nothing but runs while a file is there.</summary>
    private ContainerHost HostOfABrokenRuntime(out string broken)
    {
        broken = Path.Join(Temporary, "broken");
        string program = Path.Join(Temporary, "wrapper");
        File.WriteAllText(program, $"""
            #!/bin/sh
            [ -e {broken} ] && exit 1
            exec runc "$@"
            """);
        File.SetUnixFileMode(program, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new ContainerHost(
            new ContainerHostOptions { StateRoot = StateRoot, CgroupParent = CgroupParent },
            new OciRuntime(new OciRuntimeOptions { Program = program, StateRoot = RuntimeRoot }),
            new TestMounter());
    }

    private void KillRuntime(string verb)
    {
        foreach (int pid in RuntimeProcesses(verb))
        {
            using Process process = Process.GetProcessById(pid);
            process.Kill();
        }
    }

    private int[] RuntimeProcesses(string verb) => [.. ProcessesUnder(Temporary).Where(pid => CommandLine(pid).Contains($"\0{verb}\0", StringComparison.Ordinal))];

    private static string CommandLine(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline");
        }
        catch (IOException)
        {
            return ""; // It has ended.
        }
    }
}
