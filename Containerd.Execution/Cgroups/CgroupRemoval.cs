using System.Globalization;

namespace Containerd.Execution;

/// <summary>Removes what a runtime left of a container's cgroup: it does when it is killed halfway, or when the container shared the host's process namespace.</summary>
internal static class CgroupRemoval
{
    private const int Attempts = 50;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Kills every process in a cgroup and those beneath it, and removes them.</summary>
    /// <param name="path">The cgroup, from the root of its hierarchy; what is no absolute path is systemd's and left to it.</param>
    /// <param name="timeProvider">The clock.</param>
    /// <returns>How many processes were killed.</returns>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.Unavailable"/>: a process in it does not die.</exception>
    public static async Task<int> RemoveAsync(string path, TimeProvider timeProvider)
    {
        int killed = 0;
        if (!Path.IsPathRooted(path) || path.Trim('/').Length == 0)
            return killed;
        for (int attempt = 0; ; attempt++)
        {
            IReadOnlyList<string> directories = CgroupHierarchies.Directories(path);
            if (directories.Count == 0)
                return killed;
            killed += StorageError.Guard("Ending the processes in cgroup", path, () => directories.Sum(KillAll));
            if (StorageError.Guard("Removing cgroup", path, () => directories.All(TryRemoveTree)))
                return killed;
            if (attempt == Attempts)
                throw new ContainerdException(ErrorKind.Unavailable, $"Cgroup '{path}' cannot be removed: processes in it do not end.") { Subject = path };
            await Task.Delay(Pause, timeProvider).ConfigureAwait(false);
        }
    }

    /// <summary>Refuses a cgroup in which something runs: removing it would kill what is not the container's.</summary>
    /// <param name="path">The cgroup, from the root of its hierarchy.</param>
    /// <param name="id">The container that is to have it.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.FailedPrecondition"/>: processes are in it, or beneath it.</exception>
    public static void ThrowIfInUse(string path, string id)
    {
        if (!Path.IsPathRooted(path) || path.Trim('/').Length == 0)
            return;
        if (StorageError.Guard("Looking into cgroup", path, () => CgroupHierarchies.Directories(path).SelectMany(Tree).Any(cgroup => Processes(cgroup).Length > 0)))
        {
            throw new ContainerdException(
                ErrorKind.FailedPrecondition,
                $"Container '{id}' cannot have cgroup '{Excerpt.Of(path)}': processes that are not its own run there, and would be killed with it. Give it another Linux.CgroupsPath or ContainerHostOptions.CgroupParent.")
            {
                Subject = id,
            };
        }
    }

    /// <summary>Removes a cgroup that is empty in every hierarchy where it is; one with children or processes stays.</summary>
    public static void RemoveIfEmpty(string path)
    {
        foreach (string directory in CgroupHierarchies.Directories(path))
            TryRemove(directory);
    }

    private static int KillAll(string directory)
    {
        int killed = 0;
        foreach (string cgroup in Tree(directory))
        {
            foreach (int pid in Processes(cgroup))
            {
                using var process = Interop.OpenProcess(pid);
                // Read again behind the handle: had the number been another process's by then, it would not be listed.
                if (process is not null && Processes(cgroup).Contains(pid) && Interop.SendSignal(process, Signal.Kill.Number))
                    killed++;
            }
        }
        return killed;
    }

    private static string[] Tree(string directory)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(directory, "*", SearchOption.AllDirectories), directory];
        }
        catch (DirectoryNotFoundException)
        {
            // The runtime, or another cleaner, is removing it as well: the next look shows what is left.
            return [directory];
        }
    }

    private static int[] Processes(string cgroup)
    {
        try
        {
            return [.. File.ReadLines(Path.Join(cgroup, "cgroup.procs")).Select(line => int.Parse(line, CultureInfo.InvariantCulture)).Where(pid => pid > 0)];
        }
        catch (IOException)
        {
            // Removed meanwhile: nothing is in it.
            return [];
        }
    }

    private static bool TryRemoveTree(string directory)
    {
        foreach (string child in Tree(directory).Where(child => child != directory).OrderByDescending(child => child.Length))
            TryRemove(child);
        return TryRemove(directory);
    }

    private static bool TryRemove(string directory)
    {
        try
        {
            Directory.Delete(directory);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            // EBUSY: processes or children are in it. The caller decides what that means.
            return false;
        }
    }
}
