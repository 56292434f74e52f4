using System.Diagnostics;

namespace Containerd.Network.Tests;

/// <summary>Two anonymous namespaces with a client each: nothing of a test is ever in the namespace of the machine.</summary>
internal sealed class NetworkSandbox : IAsyncDisposable
{
    private NetworkSandbox(NetworkNamespace left, NetworkNamespace right)
    {
        Left = left;
        Right = right;
        LeftClient = new RouteNetlinkClient(left);
        RightClient = new RouteNetlinkClient(right);
    }

    public NetworkNamespace Left { get; }

    public NetworkNamespace Right { get; }

    public RouteNetlinkClient LeftClient { get; }

    public RouteNetlinkClient RightClient { get; }

    public static async Task<NetworkSandbox> CreateAsync() =>
        new(await NetworkNamespace.CreateAnonymousAsync(), await NetworkNamespace.CreateAnonymousAsync());

    public async ValueTask DisposeAsync()
    {
        await LeftClient.DisposeAsync();
        await RightClient.DisposeAsync();
        await Left.DisposeAsync();
        await Right.DisposeAsync();
    }

    /// <summary>Runs a program inside a namespace.</summary>
    public static Task<(int ExitCode, string Output)> RunInAsync(NetworkNamespace inside, params string[] command) =>
        RunAsync(["nsenter", $"--net={inside.Path}", .. command]);

    public static async Task<(int ExitCode, string Output)> RunAsync(params string[] command)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
