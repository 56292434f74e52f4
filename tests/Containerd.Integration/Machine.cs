namespace Containerd.Integration;

/// <summary>What of the machine a test could leave behind. Of cgroups and processes, which come and go all the time, only those that could be a test's.</summary>
internal sealed record Machine(
    IReadOnlySet<string> Mounts, IReadOnlySet<string> Links, IReadOnlySet<string> Namespaces, IReadOnlySet<string> Cgroups, IReadOnlySet<string> Processes)
{
    private static readonly string[] Marks = ["ctr-net", "containerd-net", "containerd-main-job", "job-", "demo-"];

    public static Machine Look() => new(
        // The directory of named namespaces becomes a shared mount with the first of them, as ip-netns(8) has it, and stays one: others may use it.
        File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4]).Where(path => path != "/run/netns").ToHashSet(),
        Names("/sys/class/net"),
        Names("/run/netns"),
        Directory.EnumerateDirectories("/sys/fs/cgroup", "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true })
            .Where(IsMarked).ToHashSet(),
        Directory.EnumerateDirectories("/proc").Where(path => int.TryParse(Path.GetFileName(path), out int id) && id != Environment.ProcessId)
            .Select(Describe).Where(IsMarked).ToHashSet());

    /// <summary>What is there that was not, by kind and name.</summary>
    public IReadOnlyList<string> Since(Machine before) =>
    [
        .. Mounts.Except(before.Mounts).Select(name => $"mount {name}"),
        .. Links.Except(before.Links).Select(name => $"link {name}"),
        .. Namespaces.Except(before.Namespaces).Select(name => $"namespace {name}"),
        .. Cgroups.Except(before.Cgroups).Select(name => $"cgroup {name}"),
        .. Processes.Except(before.Processes).Select(name => $"process {name}"),
    ];

    private static bool IsMarked(string text) => Marks.Any(mark => text.Contains(mark, StringComparison.Ordinal));

    private static string Describe(string process)
    {
        try
        {
            return $"{Path.GetFileName(process)} {File.ReadAllText($"{process}/cmdline").Replace('\0', ' ')} {File.ReadAllText($"{process}/cgroup").Split('\n')[0]}";
        }
        catch (IOException)
        {
            return ""; // it has ended meanwhile
        }
    }

    private static HashSet<string> Names(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)).ToHashSet() : [];
}
