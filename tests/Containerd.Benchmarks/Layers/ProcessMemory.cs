using System.Globalization;
using System.Runtime;

namespace Containerd.Benchmarks;

/// <summary>The memory of this process that is in the machine's: before a piece of work, and at most during it. proc_pid_status(5), proc_pid_clear_refs(5).</summary>
internal static class ProcessMemory
{
    /// <summary>Gives back what is not needed, and starts to look for the peak anew.</summary>
    /// <returns>What the idle process takes, in bytes.</returns>
    public static long StartOver()
    {
        GCSettings.LargeObjectHeapCompactionMode = GCLargeObjectHeapCompactionMode.CompactOnce;
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        GC.WaitForPendingFinalizers();
        File.WriteAllText("/proc/self/clear_refs", "5");
        return Read("VmRSS:");
    }

    /// <summary>The most since <see cref="StartOver"/>, in bytes.</summary>
    public static long Peak() => Read("VmHWM:");

    private static long Read(string field)
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return long.Parse(line[field.Length..].Replace("kB", "", StringComparison.Ordinal), CultureInfo.InvariantCulture) << 10;
    }
}
