using System.Runtime.InteropServices;

namespace Containerd.Benchmarks;

/// <summary>What a result was measured on.</summary>
internal sealed record Machine(
    string Kernel, string Processor, int ProcessorCount, long MemoryBytes, string Runtime, IReadOnlyDictionary<string, string> Programs)
{
    public static async Task<Machine> DescribeAsync(CancellationToken cancellationToken)
    {
        var programs = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach ((string program, string argument) in Peers)
        {
            if (await Tool.FirstLineAsync(program, [argument], cancellationToken) is { } version)
                programs[program] = version;
        }
        string processor = (await File.ReadAllLinesAsync("/proc/cpuinfo", cancellationToken))
            .FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(": ", 2)[1]
            ?? RuntimeInformation.ProcessArchitecture.ToString();
        return new Machine(
            (await File.ReadAllTextAsync("/proc/sys/kernel/osrelease", cancellationToken)).Trim(), processor, Environment.ProcessorCount,
            GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, RuntimeInformation.FrameworkDescription, programs);
    }

    private static readonly (string Program, string Argument)[] Peers =
        [("containerd", "--version"), ("buildah", "--version"), ("docker-registry", "--version"), ("runc", "--version"),
        ("umoci", "--version"), ("igzip", "--version"), ("gzip", "--version"), ("tar", "--version"), ("cp", "--version")];
}
