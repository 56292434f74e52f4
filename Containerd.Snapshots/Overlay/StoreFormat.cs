using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The file <c>format</c> of a root: whose it is, and in which version. Nothing else in a root is looked at before it.</summary>
internal static class StoreFormat
{
    public const string NewFileName = RootFormat.FileName + ".new";

    private const string Component = "snapshots.overlay";
    private const int Version = 1;

    /// <summary>Checks the format of a root.</summary>
    /// <returns>False where the root has none.</returns>
    public static bool Check(string root)
    {
        byte[] json = new byte[RootFormat.MaxBytes + 1];
        int length;
        try
        {
            using FileStream file = File.OpenRead(Path.Join(root, RootFormat.FileName));
            length = file.ReadAtLeast(json, json.Length, throwOnEndOfStream: false);
        }
        catch (FileNotFoundException)
        {
            return false;
        }
        RootFormat.Check(json.AsSpan(0, length), root, Component, Version, Version);
        return true;
    }

    /// <summary>Marks an empty root as a store: the file is whole or not there, also after power loss.</summary>
    public static void Write(string root, SafeFileHandle rootHandle)
    {
        using (var file = new FileStream(Path.Join(root, NewFileName), FileMode.Create, FileAccess.Write, FileShare.None))
        {
            file.Write(RootFormat.Write(Component, Version));
            file.Flush(flushToDisk: true);
        }
        int errno = Sys.Rename(rootHandle, NewFileName, rootHandle, RootFormat.FileName);
        if (errno == 0)
            errno = Sys.SyncFileSystem(rootHandle);
        if (errno != 0)
            throw Failure("Making a store in", root, errno);
    }
}
