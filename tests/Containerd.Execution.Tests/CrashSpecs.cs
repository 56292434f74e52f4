using System.Diagnostics;

namespace Containerd.Execution.Tests;

// A host process dies: another one finds what it left.
public sealed class CrashSpecs : ContainerFixture
{
    [TestCase("detached")]
    [TestCase("foreground")]
    [TestCase("host")]
    public async Task CleanupRemovesWhatAKilledHostLeft(string mode)
    {
        await KillHostAsync(mode);
        Assert.That((await Host.ListAsync()).Select(container => container.Status), Is.EqualTo(new[] { ContainerStatus.Running }));
        int pid = (await Host.GetAsync("victim")).ProcessId!.Value;
        Assert.That(await Host.CleanupAsync(), Is.EqualTo(new[] { "victim" }));
        Assert.That(await Host.ListAsync(), Is.Empty);
        Assert.That(Cgroups(), Is.Empty);
        await Until(() => Task.FromResult(ProcessesUnder(Temporary).Length == 0), $"process {pid} and its runtime are gone");
        Assert.That(await Host.CleanupAsync(), Is.Empty);
    }

    [Test]
    public async Task KeptContainerSurvivesItsHost()
    {
        await KillHostAsync("keep");
        Assert.That(await Host.CleanupAsync(), Is.Empty);
        Assert.That((await Host.GetAsync("victim")).Status, Is.EqualTo(ContainerStatus.Running));
        await Host.RemoveAsync("victim");
        Assert.That(await Host.FindAsync("victim"), Is.Null);
    }

    [Test]
    public async Task IdOfAKilledHostsContainerCanBeUsedAgain()
    {
        await KillHostAsync("detached");
        await using Container again = await CreateAsync("victim", null, "sh", "-c", "exit 6");
        Assert.That((await again.RunAsync()).Code, Is.EqualTo(6));
    }

    // Not a crash, but a process for the sake of its own: there is no way back from being a subreaper.
    [Test]
    public async Task SubreaperGivesEveryCodeAtOnce()
    {
        using Process host = StartHost("subreaper");
        Assert.That(await host.StandardOutput.ReadToEndAsync(), Is.EqualTo("7 True\n137 SIGKILL\n"));
        await host.WaitForExitAsync();
        Assert.That(host.ExitCode, Is.Zero);
    }

    private async Task KillHostAsync(string mode)
    {
        using Process host = StartHost(mode);
        try
        {
            Assert.That(await host.StandardOutput.ReadLineAsync(), Is.EqualTo("up"));
        }
        finally
        {
            host.Kill(entireProcessTree: false);
            await host.WaitForExitAsync();
        }
    }

    private Process StartHost(string mode) => Process.Start(new ProcessStartInfo(
        Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") ?? "dotnet",
        [typeof(CrashSpecs).Assembly.Location, StateRoot, RuntimeRoot, CgroupParent, Lower, Path.Join(Temporary, "victim"), mode])
    {
        RedirectStandardOutput = true,
    })!;
}
