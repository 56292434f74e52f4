using System.IO.Pipes;
using Microsoft.Win32.SafeHandles;

namespace Containerd.Conformance;

/// <summary>What every <see cref="IOciRuntime"/> does: subclass it, give it a runtime, and run it as root.</summary>
/// <remarks>
/// The bundles hold a static busybox. Each test makes its own containers and deletes them.
/// <example>
/// <code>
/// [RequiresRoot, RequiresProgram("runc")]
/// public sealed class RuncConformance : OciRuntimeConformance
/// {
///     protected override IOciRuntime CreateRuntime(string stateRoot) =&gt; new OciRuntime(new OciRuntimeOptions { StateRoot = stateRoot });
/// }
/// </code>
/// </example>
/// </remarks>
public abstract class OciRuntimeConformance : OciRuntimeRunConformance
{
    /// <summary>A container goes through created, running and stopped, and can then be deleted.</summary>
    [Test]
    public async Task LifeOfAContainer()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        int pid = await Runtime.CreateAsync(id, bundle.Path);
        RuntimeState? state = await Runtime.FindAsync(id);
        Assert.That(state, Is.Not.Null);
        Assert.That(state!.Status, Is.EqualTo(RuntimeStatus.Created));
        Assert.That(state.ProcessId, Is.EqualTo(pid));
        Assert.That(Path.GetFullPath(state.Bundle), Is.EqualTo(bundle.Path));

        await Runtime.StartAsync(id);
        Assert.That((await Runtime.FindAsync(id))!.Status, Is.EqualTo(RuntimeStatus.Running));
        Assert.That((await Runtime.ListAsync()).Select(other => other.Id), Is.EqualTo(new[] { id }));
        Assert.That(await Runtime.ListProcessesAsync(id), Does.Contain(pid));
        Assert.That(Kind(() => Runtime.StartAsync(id)), Is.EqualTo(ErrorKind.FailedPrecondition));
        Assert.That(Kind(() => Runtime.DeleteAsync(id)), Is.EqualTo(ErrorKind.FailedPrecondition));

        await Runtime.KillAsync(id, Signal.Kill);
        await UntilStoppedAsync(id);
        Assert.That(Kind(() => Runtime.KillAsync(id, Signal.Kill)), Is.EqualTo(ErrorKind.NotFound));
        await Runtime.DeleteAsync(id);
        Assert.That(await Runtime.FindAsync(id), Is.Null);
    }

    /// <summary>An ID can be used once.</summary>
    [Test]
    public async Task SecondContainerOfAnIdIsRefused()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        int pid = await Runtime.CreateAsync(id, bundle.Path);
        Assert.That(Kind(() => Runtime.CreateAsync(id, bundle.Path)), Is.EqualTo(ErrorKind.AlreadyExists));
        Assert.That((await Runtime.FindAsync(id))!.ProcessId, Is.EqualTo(pid), "the first is untouched");
    }

    /// <summary>What is asked of a container that is not there is not found; forced deletion does not mind.</summary>
    [Test]
    public async Task UnknownContainerIsNotFound()
    {
        Assert.That(await Runtime.FindAsync("unknown"), Is.Null);
        Assert.That(Kind(() => Runtime.StartAsync("unknown")), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(Kind(() => Runtime.KillAsync("unknown", Signal.Kill)), Is.EqualTo(ErrorKind.NotFound));
        Assert.That(Kind(() => Runtime.DeleteAsync("unknown")), Is.EqualTo(ErrorKind.NotFound));
        await Runtime.DeleteAsync("unknown", force: true);
    }

    /// <summary>Forced deletion kills.</summary>
    [Test]
    public async Task ForcedDeletionKills()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        await Runtime.CreateAsync(id, bundle.Path);
        await Runtime.StartAsync(id);
        await Runtime.DeleteAsync(id, force: true);
        Assert.That(await Runtime.FindAsync(id), Is.Null);
    }

    /// <summary>A cancelled creation leaves nothing, whenever it is cancelled.</summary>
    /// <param name="milliseconds">After how long.</param>
    [TestCase(1)]
    [TestCase(10)]
    [TestCase(25)]
    [TestCase(60)]
    public async Task CancelledCreationLeavesNothing(int milliseconds)
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        using var cancel = new CancellationTokenSource(milliseconds);
        try
        {
            await Runtime.CreateAsync(id, bundle.Path, null, cancel.Token);
            await Runtime.DeleteAsync(id, force: true); // It was faster.
        }
        catch (OperationCanceledException)
        {
            Assert.That(cancel.IsCancellationRequested);
        }
        Assert.That(await Runtime.FindAsync(id), Is.Null);
        Assert.That(await Runtime.CreateAsync(id, bundle.Path), Is.Positive, "the ID is free");
    }

    /// <summary>A further process gives its exit code, and its failure to start is no exit code.</summary>
    [Test]
    public async Task ExecGivesTheExitCode()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        await Runtime.CreateAsync(id, bundle.Path);
        await Runtime.StartAsync(id);
        Assert.That(await Runtime.RunExecAsync(id, bundle.WriteProcess("/bin/sh", "-c", "exit 9")), Is.EqualTo(9));
        Assert.That(await Runtime.RunExecAsync(id, bundle.WriteProcess("/bin/sh", "-c", "exit 255")), Is.EqualTo(255));
        Assert.That(Kind(() => Runtime.RunExecAsync(id, bundle.WriteProcess("/no/such/program"))), Is.EqualTo(ErrorKind.NotFound));
        int pid = await Runtime.ExecAsync(id, bundle.WriteProcess("/bin/sleep", "1000"));
        Assert.That(await Runtime.ListProcessesAsync(id), Does.Contain(pid));
    }

    /// <summary>A cancelled exec kills its process.</summary>
    [Test]
    public async Task CancelledExecKillsTheProcess()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        int init = await Runtime.CreateAsync(id, bundle.Path);
        await Runtime.StartAsync(id);
        using var cancel = new CancellationTokenSource();
        (AnonymousPipeServerStream read, SafeFileHandle write) = OutputPipe();
        using (read)
        {
            Task<int> exec = Runtime.RunExecAsync(id, bundle.WriteProcess("/bin/sh", "-c", "echo up; exec sleep 1000"), new RuntimeLaunchOptions { Stdio = new RuntimeStdio { Output = write } }, cancel.Token);
            await read.ReadExactlyAsync(new byte[3]);
            await cancel.CancelAsync();
            Assert.That(async () => await exec, Throws.InstanceOf<OperationCanceledException>());
            write.Dispose();
        }
        await Until(async () => (await Runtime.ListProcessesAsync(id)) is [var only] && only == init);
    }

    /// <summary>A frozen container thaws.</summary>
    [Test]
    public async Task PauseAndResume()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        await Runtime.CreateAsync(id, bundle.Path);
        await Runtime.StartAsync(id);
        await Runtime.PauseAsync(id);
        Assert.That((await Runtime.FindAsync(id))!.Status, Is.EqualTo(RuntimeStatus.Paused));
        await Runtime.ResumeAsync(id);
        Assert.That((await Runtime.FindAsync(id))!.Status, Is.EqualTo(RuntimeStatus.Running));
        Assert.That(Kind(() => Runtime.ResumeAsync(id)), Is.EqualTo(ErrorKind.FailedPrecondition));
    }

    /// <summary>Resource limits can be changed.</summary>
    [Test]
    public async Task UpdateChangesLimits()
    {
        using OciBundle bundle = OciBundle.Create("/bin/sleep", "1000");
        string id = NewId();
        await Runtime.CreateAsync(id, bundle.Path);
        await Runtime.StartAsync(id);
        await Runtime.UpdateAsync(id, """{"pids":{"limit":123}}"""u8.ToArray());
        string cgroup = Directory.Exists("/sys/fs/cgroup/pids") ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";
        Assert.That((await File.ReadAllTextAsync(Path.Join(cgroup, Path.GetFileName(bundle.Path), "pids.max"))).Trim(), Is.EqualTo("123"));
    }

    private async Task UntilStoppedAsync(string id) =>
        await Until(async () => await Runtime.FindAsync(id) is { Status: RuntimeStatus.Stopped });

    private static async Task Until(Func<Task<bool>> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!await condition())
            await Task.Delay(10, patience.Token);
    }
}
