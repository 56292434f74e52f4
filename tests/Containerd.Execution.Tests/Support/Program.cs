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
}
