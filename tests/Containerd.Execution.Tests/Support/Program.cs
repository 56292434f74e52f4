namespace Containerd.Execution.Tests;

/// <summary>A host program to be killed: makes a container, starts it, says so, and waits.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] args)
    {
        if (args is not [var stateRoot, var runtimeRoot, var cgroupParent, var lower, var upper, var mode])
        {
            await Console.Error.WriteLineAsync("This program is started by the crash tests.");
            return 2;
        }
        if (mode == "subreaper")
            return await RunAsSubreaperAsync(TestHosts.Create(stateRoot, runtimeRoot, cgroupParent, subreaper: true), lower, upper);
        ContainerHost host = TestHosts.Create(stateRoot, runtimeRoot, cgroupParent);
        Container container = await host.CreateAsync(
            "victim",
            TestHosts.Overlay(lower, upper),
            spec => spec.WithArgs("/bin/sleep", "1000"),
            new ContainerOptions { RootfsMode = mode == "host" ? RootfsMode.HostMount : RootfsMode.PrivateNamespace, KeepRunning = mode == "keep" });
        if (mode == "foreground")
            _ = container.RunAsync();
        else
            await container.StartAsync();
        while (await host.FindAsync("victim") is not { Status: ContainerStatus.Running })
            await Task.Delay(10);
        Console.WriteLine("up");
        await Task.Delay(Timeout.Infinite);
        return 0;
    }

    private static async Task<int> RunAsSubreaperAsync(ContainerHost host, string lower, string upper)
    {
        await using Container started = await host.CreateAsync("started", TestHosts.Overlay(lower, upper), spec => spec.WithArgs("sh", "-c", "exit 7"));
        await started.StartAsync();
        ExitStatus exit = await started.WaitAsync();
        Console.WriteLine($"{exit.Code} {(TimeProvider.System.GetUtcNow() - exit.ExitedAt).TotalMilliseconds < 500}");
        await using Container run = await host.CreateAsync("run", TestHosts.Overlay(lower, Path.Join(upper, "run")), spec => spec.WithArgs("sleep", "1000"));
        Task<ExitStatus> running = run.RunAsync();
        while (run.Status != ContainerStatus.Running)
            await Task.Delay(10);
        await run.KillAsync();
        Console.WriteLine($"{(await running).Code} {(await running).Signal}");
        return 0;
    }
}
