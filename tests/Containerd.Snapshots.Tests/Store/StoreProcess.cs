using System.Diagnostics;

namespace Containerd.Snapshots;

/// <summary>This assembly as a process beside the test.</summary>
internal static class StoreProcess
{
    public static Process Start(params string[] arguments) => Process.Start(new ProcessStartInfo("dotnet", [typeof(Program).Assembly.Location, .. arguments])
    {
        RedirectStandardError = true,
        RedirectStandardOutput = true,
        // Most of such a process' life is its start.
        Environment = { ["DOTNET_TieredPGO"] = "0" },
    })!;
}
