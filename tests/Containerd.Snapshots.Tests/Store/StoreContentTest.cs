using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;
using Tmds.Linux;

namespace Containerd.Snapshots;

/// <summary>A test of what the snapshots of stores show, and of what lies on disk for them.</summary>
public abstract class StoreContentTest : StoreTest
{
    protected static Digest LayerDiffId { get; } = Digest.Sha256("layer"u8);

    protected static SnapshotCommitOptions SharedLayer { get; } = new() { DiffId = LayerDiffId, IsIndependentOfParent = true };

    /// <summary>A store that flushes and deletes nothing unasked.</summary>
    protected static OverlaySnapshotterOptions Plain(string root) => new() { Root = root, Durability = Durability.Relaxed, CleansInBackground = false };

    /// <summary>Everything that mounts show, as paths.</summary>
    protected string[] Shown(IReadOnlyList<Mount> mounts)
    {
        using IDetachedMount tree = Mounter.MountDetached(mounts);
        return
        [
            .. Directory.EnumerateFileSystemEntries(tree.Path, "*", SearchOption.AllDirectories)
                .Select(path => Path.GetRelativePath(tree.Path, path)).Order(StringComparer.Ordinal),
        ];
    }

    protected string TextShown(IReadOnlyList<Mount> mounts, string file)
    {
        using IDetachedMount tree = Mounter.MountDetached(mounts);
        return File.ReadAllText(Path.Join(tree.Path, file));
    }

    /// <summary>The directory that a writable snapshot's changes go to.</summary>
    protected static string UpperOf(IReadOnlyList<Mount> mounts)
    {
        ArgumentNullException.ThrowIfNull(mounts);
        return OverlayMount.TryParse(mounts[0], out OverlayMount? overlay) ? overlay.UpperDirectory! : mounts[0].Source;
    }

    protected static async Task<List<SnapshotInfo>> ListAsync(ISnapshotter snapshotter, SnapshotFilter? filter = null)
    {
        ArgumentNullException.ThrowIfNull(snapshotter);
        var all = new List<SnapshotInfo>();
        await foreach (SnapshotInfo info in snapshotter.ListAsync(filter))
            all.Add(info);
        return all;
    }

    protected static async Task<string[]> NamesAsync(ISnapshotter snapshotter) =>
        [.. (await ListAsync(snapshotter)).Select(info => info.Name).Order(StringComparer.Ordinal)];

    /// <summary>Everything there is beneath a directory: paths, times, sizes and contents.</summary>
    protected static string[] OnDisk(string directory)
    {
        var entries = new List<string> { $". {Directory.GetLastWriteTimeUtc(directory):O}" };
        foreach (FileSystemInfo entry in new DirectoryInfo(directory).EnumerateFileSystemInfos("*", SearchOption.AllDirectories))
        {
            string content = entry is FileInfo { LinkTarget: null } file && file.UnixFileMode != UnixFileMode.None && file.Length > 0
                ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file.FullName)))
                : "";
            entries.Add($"{Path.GetRelativePath(directory, entry.FullName)} {entry.LastWriteTimeUtc:O} {(entry as FileInfo)?.Length} {content}");
        }
        return [.. entries.Order(StringComparer.Ordinal)];
    }

    protected static string Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.That(process.ExitCode, Is.Zero, $"{program}: {errors}");
        return output.Trim();
    }

    protected static void MakeWhiteout(string path) => Run("mknod", path, "c", "0", "0");

    protected static void SetAttribute(string path, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        using SafeFileHandle file = Interop.Sys.TryOpen(null, path, LibC.O_RDONLY, out _)!;
        Assert.That(Interop.Xattr.Set(file, name, value).Ok);
    }

    protected static string AttributeOf(string path, ReadOnlySpan<byte> name)
    {
        using SafeFileHandle file = Interop.Sys.TryOpen(null, path, LibC.O_RDONLY, out _)!;
        byte[] value = new byte[64];
        Assert.That(Interop.Xattr.Get(file, name, value, out int length).Ok);
        return System.Text.Encoding.UTF8.GetString(value, 0, length);
    }

    protected string MountTmpfs(string name, string size = "8m")
    {
        string directory = Directory.CreateDirectory(Path.Join(DirectoryPath, name)).FullName;
        Mounter.Mount([new Mount { Type = "tmpfs", Source = "tmpfs", Options = [$"size={size}", "mode=0700"] }], directory);
        return directory;
    }

    /// <summary>Fills what is left of a file system.</summary>
    protected static void Fill(string file)
    {
        using FileStream fill = File.Create(file);
        byte[] block = new byte[4096];
        Assert.That(
            () =>
            {
                while (true)
                {
                    fill.Write(block);
                    fill.Flush();
                }
            },
            Throws.InstanceOf<IOException>());
    }

    /// <summary>Waits for what happens in the background.</summary>
    protected static async Task UntilAsync(Func<bool> condition, string what)
    {
        ArgumentNullException.ThrowIfNull(condition);
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.That(Stopwatch.GetElapsedTime(start), Is.LessThan(TimeSpan.FromSeconds(20)), what);
            await Task.Delay(5);
        }
    }
}
