namespace Containerd.Execution;

// Resource limits.
public sealed partial record ContainerSpec
{
    /// <summary>Limits memory.</summary>
    /// <param name="bytes">The most that the container can use; beyond it the kernel kills.</param>
    public ContainerSpec WithMemoryLimit(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bytes);
        return WithResources(resources => resources with { Memory = (resources.Memory ?? new LinuxMemory()) with { Limit = bytes } });
    }

    /// <summary>Limits processor time.</summary>
    /// <param name="processors">How many processors' time the container can use, as 0.5 or 2; by quota in periods of 100 ms.</param>
    public ContainerSpec WithCpuLimit(double processors)
    {
        const ulong period = 100_000;
        ArgumentOutOfRangeException.ThrowIfLessThan(processors, 0.01);
        return WithResources(resources => resources with
        {
            Cpu = (resources.Cpu ?? new LinuxCpu()) with { Period = period, Quota = checked((long)(processors * period)) },
        });
    }

    /// <summary>Limits the number of processes and threads.</summary>
    /// <param name="limit">How many there can be.</param>
    public ContainerSpec WithPidsLimit(long limit)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(limit);
        return WithResources(resources => resources with { Pids = new LinuxPids { Limit = limit } });
    }

    /// <summary>Sets a limit of setrlimit(2), in place of one of the same type.</summary>
    /// <param name="type">As <c>RLIMIT_NOFILE</c>.</param>
    /// <param name="soft">The limit that holds.</param>
    /// <param name="hard">Its ceiling.</param>
    public ContainerSpec WithRlimit(string type, ulong soft, ulong hard)
    {
        ArgumentException.ThrowIfNullOrEmpty(type);
        return WithProcess(process => process with
        {
            Rlimits = [.. (process.Rlimits ?? []).Where(other => other.Type != type), new SpecRlimit { Type = type, Soft = soft, Hard = hard }],
        });
    }

    private ContainerSpec WithResources(Func<LinuxResources, LinuxResources> change) =>
        WithLinux(linux => linux with { Resources = change(linux.Resources ?? new LinuxResources()) });
}
