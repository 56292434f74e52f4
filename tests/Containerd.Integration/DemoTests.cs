using System.Diagnostics;
using Containerd.Conformance;

namespace Containerd.Integration;

/// <summary>The demo: what it shows, what it leaves, and that killing it harms nothing.</summary>
[RequiresRoot]
[RequiresProgram("runc")]
[RequiresProgram("busybox")]
[RequiresFileSystem("overlay")]
[NonParallelizable]
public sealed class DemoTests
{
    [Test]
    public async Task Runs_a_container_and_leaves_nothing()
    {
        Machine before = Machine.Look();
        using var ctr = new Ctr();
        CtrResult demo = await ctr.RunAsync("demo");
        Assert.That(demo.ExitCode, Is.Zero, demo.ToString());
        Assert.That(demo.Output, Does.Contain("Hello from a container that no daemon runs.").And.Contain("inet 10.77.0.2/30").And.Contain("1 packets received"));
        Assert.That(demo.Output, Does.Contain("nothing is left"));
        Assert.That(Machine.Look().Since(before), Is.Empty);
        Assert.That(Directory.Exists(ctr.Root) || Directory.Exists(ctr.State), Is.False);
    }

    [Test]
    public async Task Killed_in_any_step_it_runs_again([Values(0, 40)] int milliseconds)
    {
        Machine before = Machine.Look();
        using var ctr = new Ctr();
        // The demo prints each step before it takes it. Killing it some time later hits another place of the same step, or of the next.
        for (int step = 1; step <= 10; step++)
        {
            using (Process demo = ctr.Start(null, "demo"))
            {
                while (await demo.StandardOutput.ReadLineAsync() is { } line && !line.StartsWith($"{step}. ", StringComparison.Ordinal))
                    ;
                await Task.Delay(milliseconds);
                demo.Kill();
                await demo.WaitForExitAsync();
            }
            CtrResult again = await ctr.RunAsync("demo");
            Assert.That(again.ExitCode, Is.Zero, $"after a kill in step {step}: {again}");
            Assert.That(again.Output, Does.Contain("nothing is left"));
            Assert.That(Machine.Look().Since(before), Is.Empty, $"after a kill in step {step}");
        }
    }
}
