using Microsoft.Win32.SafeHandles;
using Tmds.Linux;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The file <c>format</c> of a root: whose it is, and in which version. Nothing else in a root is looked at before it.</summary>
internal static class StoreFormat
{
    public const string NewFileName = RootFormat.FileName + ".new";

    /// <summary>What this version writes.</summary>
    public const int Version = 4;

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
        string path = Path.Join(root, RootFormat.FileName);
        using SafeFileHandle? file = Sys.TryOpen(null, path, Sys.ReadFileOnly, out int errno);
        if (file is null)
            return errno is ENOENT or ENOTDIR ? null : throw Failure("Reading", path, errno);
        errno = Sys.Status(file, "", out EntryStatus status);
        if (errno != 0)
            throw Failure("Reading the status of", path, errno);
        if (!status.IsRegular)
            return []; // which says nothing: damaged
        byte[] json = new byte[RootFormat.MaxBytes + 1];
        int length = 0, read;
        do
        {
            FileResult result = Files.Read(file, json.AsSpan(length), length, out read);
            if (!result.Ok)
                throw result.ToException("read", path);
            length += read;
        }
        while (read > 0 && length < json.Length);
        return json[..length];
    }

    /// <summary>Marks a root as a store of this version: the file is whole or as it was, also after power loss.</summary>
    public static void Write(string root, SafeFileHandle rootHandle, string snapshotter)
    {
        using (SafeFileHandle? file = Sys.TryOpen(rootHandle, NewFileName, LibC.O_WRONLY | LibC.O_CREAT | LibC.O_TRUNC | LibC.O_NOFOLLOW, out int errno))
        {
            Check(errno);
            FileResult result = Files.Write(file!, RootFormat.Write(Prefix + snapshotter, Version), 0);
            if (!result.Ok)
                throw result.ToException("make a store in", root);
        }
        // Flushed before it has its name, and again with it.
        Check(Sys.SyncFileSystem(rootHandle));
        Check(Sys.Rename(rootHandle, NewFileName, rootHandle, RootFormat.FileName));
        Check(Sys.SyncFileSystem(rootHandle));

        void Check(int errno)
        {
            if (errno != 0)
                throw Failure("Making a store in", root, errno);
        }
    }
}
