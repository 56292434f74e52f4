namespace Ctr.Demo;

/// <summary>What of a machine a container could leave behind: mounts, network links and namespaces, cgroups, runtime processes, files.</summary>
internal sealed class MachineState
{
    private readonly Dictionary<string, HashSet<string>> _things;

    private MachineState(Dictionary<string, HashSet<string>> things) => _things = things;

    /// <summary>Looks at the machine.</summary>
    /// <param name="marker">What the demo's directories and cgroups have in their names: a process is the demo's where its command line or its cgroup has it.</param>
    /// <param name="directories">The directories that the demo keeps its files in.</param>
    public static MachineState Take(string marker, params string[] directories) => new(new Dictionary<string, HashSet<string>>
    {
        ["mounts"] = [.. File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4])],
        ["network links"] = [.. Children("/sys/class/net")],
        ["network namespaces"] = [.. Children("/run/netns")],
        ["cgroups"] = [.. Directory.EnumerateDirectories("/sys/fs/cgroup", "*", new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true })],
        ["processes"] = [.. Processes(marker)],
        ["files"] = [.. directories.Where(Directory.Exists)],
    });

    /// <summary>What is there now and was not before, as <c>kind: name</c>.</summary>
    public IReadOnlyList<string> Since(MachineState before) =>
        [.. _things.SelectMany(kind => kind.Value.Except(before._things[kind.Key]).Order().Select(name => $"{kind.Key}: {name}"))];

    /// <summary>The kinds of things that are looked at.</summary>
    public IEnumerable<string> Kinds => _things.Keys;

    private static IEnumerable<string> Children(string directory) =>
        Directory.Exists(directory) ? Directory.EnumerateFileSystemEntries(directory).Select(Path.GetFileName).OfType<string>() : [];

    private static IEnumerable<string> Processes(string marker)
    {
        foreach (string directory in Directory.EnumerateDirectories("/proc").Where(d => int.TryParse(Path.GetFileName(d), out int pid) && pid != Environment.ProcessId))
        {
            string command, cgroups;
            try
            {
                command = File.ReadAllText(Path.Join(directory, "cmdline")).Replace('\0', ' ');
                cgroups = File.ReadAllText(Path.Join(directory, "cgroup"));
            }
            catch (IOException) // it has ended meanwhile
            {
                continue;
            }
            if (command.Contains(marker, StringComparison.Ordinal) || cgroups.Contains(marker, StringComparison.Ordinal))
                yield return $"{Path.GetFileName(directory)} {command.Trim()} ({marker})";
        }
    }
}
