using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The file <c>format</c> of a root: whose it is, and in which version. Nothing else in a root is looked at before it.</summary>
internal static class StoreFormat
{
    public const string NewFileName = RootFormat.FileName + ".new";

    /// <summary>What this version writes.</summary>
    public const int Version = 2;

    private const int OldestVersion = 1;
    private const string Prefix = "snapshots.";

    /// <summary>Checks the format of a root.</summary>
    /// <returns>The version it has; null where the root has no format.</returns>
    public static int? Check(string root, string snapshotter) =>
        Read(root) is { } json ? RootFormat.Check(json, root, Prefix + snapshotter, OldestVersion, Version) : null;

    /// <summary>The name of the snapshotter whose root it is; null where it is none's.</summary>
    public static string? SnapshotterOf(string root) =>
        Read(root) is { } json && RootFormat.ComponentOf(json) is { } component && component.StartsWith(Prefix, StringComparison.Ordinal) ? component[Prefix.Length..] : null;

    private static byte[]? Read(string root)
    {
        byte[] json = new byte[RootFormat.MaxBytes + 1];
        int length;
        try
        {
            using FileStream file = File.OpenRead(Path.Join(root, RootFormat.FileName));
            length = file.ReadAtLeast(json, json.Length, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
        return json[..length];
    }

    /// <summary>Marks a root as a store of this version: the file is whole or as it was, also after power loss.</summary>
    public static void Write(string root, SafeFileHandle rootHandle, string snapshotter)
    {
        using (var file = new FileStream(Path.Join(root, NewFileName), FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(RootFormat.Write(Prefix + snapshotter, Version));
            file.Flush(flushToDisk: true);
        }
        int errno = Sys.Rename(rootHandle, NewFileName, rootHandle, RootFormat.FileName);
        if (errno == 0)
            errno = Sys.SyncFileSystem(rootHandle);
        if (errno != 0)
            throw Failure("Making a store in", root, errno);
    }
}
