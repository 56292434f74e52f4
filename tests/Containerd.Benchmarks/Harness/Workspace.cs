using System.Globalization;

namespace Containerd.Benchmarks;

/// <summary>A directory on tmpfs for one run. Disposing it checks that nothing of the run is left.</summary>
internal sealed class Workspace : IAsyncDisposable
{
    private int _count;

    public Workspace()
    {
        Root = $"/dev/shm/containerd-bench-{Environment.ProcessId}";
        Directory.CreateDirectory(Root, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public string Root { get; }

    /// <summary>An empty directory that nothing has used before.</summary>
    public string NewDirectory(string name) =>
        Directory.CreateDirectory(Path.Join(Root, $"{name}-{Interlocked.Increment(ref _count).ToString(CultureInfo.InvariantCulture)}")).FullName;

    /// <summary>Unmounts what is left below a directory of this workspace, and removes it.</summary>
    public static async Task RemoveAsync(string directory)
    {
        foreach (string mount in Mounts(directory))
            await Tool.RunAsync("umount", ["--lazy", mount], CancellationToken.None);
        // rm removes what is immutable in name only to the BCL: sockets, devices, names that are no valid UTF-8.
        await Tool.RunAsync("rm", ["-rf", "--one-file-system", directory], CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        string[] mounts = [.. Mounts(Root)];
        string[] processes = [.. Processes(Root)];
        await RemoveAsync(Root);
        if (mounts.Length + processes.Length > 0)
            throw new InvalidOperationException($"The benchmark left mounts ({string.Join(", ", mounts)}) or processes ({string.Join(", ", processes)}).");
    }

    // The innermost mount first.
    private static IEnumerable<string> Mounts(string directory) =>
        File.ReadLines("/proc/self/mountinfo")
            .Select(line => line.Split(' ')[4])
            .Where(target => target.StartsWith(directory + "/", StringComparison.Ordinal))
            .OrderByDescending(target => target.Length);

    private static IEnumerable<string> Processes(string directory)
    {
        foreach (string process in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            string command;
            try
            {
                command = File.ReadAllText(Path.Join(process, "cmdline"));
            }
            catch (IOException)
            {
                continue; // It has ended.
            }
            if (command.Contains(directory, StringComparison.Ordinal))
                yield return $"{Path.GetFileName(process)}: {command.Replace('\0', ' ')}";
        }
    }
}
