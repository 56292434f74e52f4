namespace Containerd.Integration;

/// <summary>What of the machine a test could leave behind.</summary>
internal sealed record Machine(
    IReadOnlySet<string> Mounts, IReadOnlySet<string> Links, IReadOnlySet<string> Namespaces, IReadOnlySet<string> Cgroups)
{
    public static Machine Look() => new(
        File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).ToHashSet(),
        Names("/sys/class/net"),
        Names("/run/netns"),
        Directory.EnumerateDirectories("/sys/fs/cgroup", "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true }).ToHashSet());

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
