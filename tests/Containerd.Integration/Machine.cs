namespace Containerd.Integration;

/// <summary>What of the machine a test could leave behind. Of cgroups, which a machine makes all the time, only those that could be a test's.</summary>
internal sealed record Machine(
    IReadOnlySet<string> Mounts, IReadOnlySet<string> Links, IReadOnlySet<string> Namespaces, IReadOnlySet<string> Cgroups)
{
    private static readonly string[] CgroupMarks = ["ctr-net", "containerd-net", "job-", "demo-"];

    public static Machine Look() => new(
        File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).ToHashSet(),
        Names("/sys/class/net"),
        Names("/run/netns"),
        Directory.EnumerateDirectories("/sys/fs/cgroup", "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true })
            .Where(path => CgroupMarks.Any(mark => path.Contains(mark, StringComparison.Ordinal))).ToHashSet());

    /// <summary>What is there that was not, by kind and name.</summary>
    public IReadOnlyList<string> Since(Machine before) =>
    [
        .. Mounts.Except(before.Mounts).Select(name => $"mount {name}"),
        .. Links.Except(before.Links).Select(name => $"link {name}"),
        .. Namespaces.Except(before.Namespaces).Select(name => $"namespace {name}"),
        .. Cgroups.Except(before.Cgroups).Select(name => $"cgroup {name}"),
    ];

    private static HashSet<string> Names(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)).ToHashSet() : [];
}
