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
        Assert.That(demo.Output, Does.Contain("Hello from a container that no daemon runs.").And.Contain("nothing is left"));
        Assert.That(Machine.Look().Since(before), Is.Empty);
        Assert.That(Directory.Exists(ctr.Root) || Directory.Exists(ctr.State), Is.False);
    }

    [Test]
    public async Task Killed_at_any_step_it_runs_again()
    {
        Machine before = Machine.Look();
        using var ctr = new Ctr();
        // The demo prints each step before it takes it: killing it after the N-th line stops it in the N-th step.
        for (int lines = 1; lines <= 9; lines++)
        {
            using (Process demo = ctr.Start(null, "demo"))
            {
                for (int line = 0; line < lines; line++)
                    await demo.StandardOutput.ReadLineAsync();
                demo.Kill();
                await demo.WaitForExitAsync();
            }
            CtrResult again = await ctr.RunAsync("demo");
            Assert.That(again.ExitCode, Is.Zero, $"after a kill at line {lines}: {again}");
            Assert.That(again.Output, Does.Contain("nothing is left"));
            Assert.That(Machine.Look().Since(before), Is.Empty, $"after a kill at line {lines}");
        }
    }
}
