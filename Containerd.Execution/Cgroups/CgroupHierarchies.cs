namespace Containerd.Execution;

/// <summary>Where the cgroup hierarchies of this machine are mounted: one of version 2, or one for each controller of version 1, or both.</summary>
internal static class CgroupHierarchies
{
    /// <summary>The mount points that this process sees.</summary>
    public static IReadOnlyList<string> MountPoints() =>
        [.. File.ReadLines("/proc/self/mountinfo").Select(MountPoint).OfType<string>()];

    /// <summary>The directories of a cgroup that exist, one for each hierarchy.</summary>
    /// <param name="path">The cgroup, from the root of its hierarchy.</param>
    public static IReadOnlyList<string> Directories(string path) =>
        [.. MountPoints().Select(mountPoint => Path.Join(mountPoint, path)).Where(Directory.Exists)];

    // Source: proc_pid_mountinfo(5): the file system type is the first field behind " - ", the mount point the fifth of all.
    private static string? MountPoint(string line)
    {
        string[] halves = line.Split(" - ", 2);
        string[] fields = halves[0].Split(' ');
        return halves.Length == 2 && fields.Length > 4 && halves[1].Split(' ')[0] is "cgroup" or "cgroup2" ? fields[4].Replace(@"\040", " ", StringComparison.Ordinal) : null;
    }
}
